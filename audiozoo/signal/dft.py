"""The short-time Fourier transform as real matrix products: for export to runtimes without an FFT, and accelerators.

The same settings and the same numbers as `spectral`, as a pair of real arrays, since such runtimes have no complex
ones. A frame is folded about its middle first, x[i] ± x[n-i], which cosines and sines cannot tell apart: half the
multiplications, and fewer roundings.
"""

import functools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal import spectral
from audiozoo.signal.framing import PadMode, Uncovered
from audiozoo.signal.precision import product
from audiozoo.signal.spectral import Normalisation, Window, WindowPosition


class Parts(NamedTuple):
    """A spectrum as its real and imaginary parts, `*batch frames bins` each."""

    real: Float[Array, "*batch frames bins"]
    imag: Float[Array, "*batch frames bins"]


@functools.lru_cache(maxsize=16)
def _waves(n_fft: int) -> tuple[Float[np.ndarray, "half bins"], Float[np.ndarray, "half bins"]]:
    """Cosines of samples 0 to n_fft // 2 and sines of samples 1 to (n_fft - 1) // 2, a column for each bin."""
    samples, bins = np.arange(n_fft // 2 + 1), np.arange(n_fft // 2 + 1)
    angle = 2 * np.pi * (samples[:, None] * bins % n_fft) / n_fft  # whole turns taken off while they are integers
    return np.cos(angle), np.sin(angle)[1 : (n_fft + 1) // 2]


def rdft(frames: Float[Array, "*batch size"]) -> Parts:
    """`numpy.fft.rfft` of the last axis by two matrix products; cost grows with the square of the size."""
    n_fft = frames.shape[-1]
    if n_fft < 1:
        raise ValueError("a transform needs at least one sample")
    cosines, sines = _waves(n_fft)
    inner = (n_fft + 1) // 2  # samples 1 to inner - 1 have a mirror image, n_fft - 1 down to n_fft - inner + 1
    left, right = frames[..., 1:inner], frames[..., n_fft - inner + 1 :][..., ::-1]
    even = jnp.concatenate([frames[..., :1], left + right, frames[..., inner : n_fft // 2 + 1]], axis=-1)
    return Parts(product(even, cosines), -product(left - right, sines))


def irdft(spectrum: Parts, n_fft: int) -> Float[Array, "*batch n_fft"]:
    """`numpy.fft.irfft`: the inverse of `rdft`, by two matrix products."""
    if n_fft < 1 or spectrum.real.shape[-1] != n_fft // 2 + 1:
        raise ValueError(f"n_fft={n_fft} has {n_fft // 2 + 1} bins; the spectrum has {spectrum.real.shape[-1]}")
    cosines, sines = _waves(n_fft)
    weight = np.full((n_fft // 2 + 1, 1), 2 / n_fft)  # a bin stands for its mirror image too, but for the first and,
    weight[:: max(1, n_fft // 2) if n_fft % 2 == 0 else n_fft] = 1 / n_fft  # of an even number, the last
    even, odd = product(spectrum.real, weight * cosines.T), -product(spectrum.imag, weight * sines.T)
    inner = (n_fft + 1) // 2
    left, right = even[..., 1:inner] + odd, even[..., 1:inner] - odd
    return jnp.concatenate([even[..., :1], left, even[..., inner : n_fft // 2 + 1], right[..., ::-1]], axis=-1)


def stft_parts(
    signal: Float[Array, "*batch time"],
    *,
    n_fft: int,
    hop_length: int,
    window: Window | None = None,
    center: bool = True,
    pad_mode: PadMode = "reflect",
    pad_end: bool = False,
    window_position: WindowPosition = "centre",
    normalise: Normalisation = "none",
) -> Parts:
    """`spectral.stft` without an FFT or a complex number; settings and errors are the same."""
    frames = spectral.windowed_frames(
        signal,
        n_fft=n_fft,
        hop_length=hop_length,
        window=window,
        center=center,
        pad_mode=pad_mode,
        pad_end=pad_end,
        window_position=window_position,
        normalise=normalise,
    )
    return rdft(jnp.pad(frames, [(0, 0)] * (frames.ndim - 1) + [(0, n_fft - frames.shape[-1])]))


def spectrogram_parts(
    signal: Float[Array, "*batch time"],
    *,
    n_fft: int,
    hop_length: int,
    power: float = 2.0,
    window: Window | None = None,
    center: bool = True,
    pad_mode: PadMode = "reflect",
    window_position: WindowPosition = "centre",
    normalise: Normalisation = "none",
) -> Float[Array, "*batch frames bins"]:
    """`spectral.spectrogram` without an FFT or a complex number; settings and errors are the same."""
    if not power > 0:
        raise ValueError(f"the power of a spectrogram must be above zero, not {power}")
    real, imag = stft_parts(
        signal,
        n_fft=n_fft,
        hop_length=hop_length,
        window=window,
        center=center,
        pad_mode=pad_mode,
        window_position=window_position,
        normalise=normalise,
    )
    return spectral.raised(real, imag, power).astype(jnp.asarray(signal).dtype)


def istft_parts(
    spectrum: Parts,
    *,
    n_fft: int,
    hop_length: int,
    window: Window | None = None,
    center: bool = True,
    length: int | None = None,
    uncovered: Uncovered = "error",
) -> Float[Array, "*batch time"]:
    """`spectral.istft` without an FFT or a complex number; settings and errors are the same."""
    return spectral.join_frames(
        irdft(Parts(*spectrum), n_fft),
        spectral.full_window(n_fft, window),
        hop_length,
        center=center,
        length=length,
        uncovered=uncovered,
    )
