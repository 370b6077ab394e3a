"""Time-frequency transforms: pure functions of arrays, no parameters, any leading axes."""

from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from audiozoo.signal import windows
from audiozoo.signal.framing import frame

PadMode = Literal["reflect", "constant", "edge"]


def stft(
    signal: Float[Array, "*batch time"],
    *,
    n_fft: int,
    hop_length: int,
    window: Float[Array | np.ndarray, " win_length"] | None = None,
    center: bool = True,
    pad_mode: PadMode = "reflect",
) -> Complex[Array, "*batch frames bins"]:
    """Short-time Fourier transform in the convention of librosa and PyTorch.

    Args:
        signal: samples.
        n_fft: length of the transform in samples; `bins` is n_fft // 2 + 1.
        hop_length: samples between frames.
        window: at most `n_fft` long; a shorter one sits in the middle of the frame. None: a periodic Hann window.
        center: frame `i` is centred on sample `i * hop_length` of the signal, whose ends are padded by
            n_fft // 2 samples in `pad_mode`. False: frame `i` begins at that sample and nothing is padded.
        pad_mode: what lies beyond the ends when centred.
    """
    window = windows.hann(n_fft) if window is None else window
    short = n_fft - window.shape[-1]
    if short < 0:
        raise ValueError(f"a window of {window.shape[-1]} samples does not fit n_fft={n_fft}")
    window = jnp.pad(jnp.asarray(window, signal.dtype), (short // 2, short - short // 2))
    if center:
        edges = [(0, 0)] * (signal.ndim - 1) + [(n_fft // 2, n_fft // 2)]
        signal = jnp.pad(signal, edges, mode=pad_mode)
    return jnp.fft.rfft(frame(signal, n_fft, hop_length) * window)


def power(spectrum: Complex[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Squared magnitude, without the square root whose gradient at silence is not a number."""
    return spectrum.real**2 + spectrum.imag**2
