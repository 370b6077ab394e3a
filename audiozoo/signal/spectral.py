"""The short-time Fourier transform, its inverse and spectrograms: pure functions, any leading axes.

The conventions of the field are explicit settings; these are their owners:

| owner | settings of `stft` |
|---|---|
| librosa, PyTorch | none: the defaults (librosa pads with `pad_mode="constant"`) |
| PyTorch, `normalized=True` | `normalise="frame_length"` |
| torchaudio, `normalized=True` | `normalise="window"` |
| scipy.signal.stft | `window_position="start", pad_mode="constant", pad_end=True, normalise="magnitude"` |
| scipy.signal.ShortTimeFFT | `window_position="start", pad_mode="constant", phase="centre"` |
| Kaldi, TensorFlow | `window_position="start", center=False` (Kaldi's mirrored edges: `framing.kaldi_frames`) |
"""

import functools
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from audiozoo.signal import windows
from audiozoo.signal.framing import PadMode, Uncovered, check_framing, frame, pad, weighted_overlap_add
from audiozoo.signal.precision import widened

WindowPosition = Literal["centre", "start"]
Normalisation = Literal["none", "frame_length", "window", "magnitude"]
Phase = Literal["start", "centre"]
Window = Float[Array | np.ndarray, " win_length"]


def stft(
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
    phase: Phase = "start",
) -> Complex[Array, "*batch frames bins"]:
    """Short-time Fourier transform; as it stands in the convention of librosa and PyTorch (others: see the module).

    Args:
        signal: samples; half precision is computed in float32.
        n_fft: length of the transform in samples; `bins` is n_fft // 2 + 1.
        hop_length: samples between frames.
        window: at most `n_fft` long. None: a periodic Hann window of `n_fft`.
        center: frame `i` is centred on sample `i * hop_length` of the signal, whose ends are padded by half a frame
            in `pad_mode`. False: frame `i` begins at that sample and nothing is padded.
        pad_mode: what lies beyond the ends when centred.
        pad_end: zeros complete a last frame that would else be dropped.
        window_position: where a window shorter than `n_fft` sits. "centre": in the middle of a frame of `n_fft`
            samples; "start": a frame is as long as the window, and zeros follow it in the transform.
        normalise: divide by nothing; by sqrt(n_fft); by the window's norm sqrt(Σw²), a power spectral density over
            the sample rate; or by |Σw|, so that a full-scale sinusoid reads 0.5 at any size.
        phase: phases count from the frame's first sample, or from its middle, `size // 2`.

    Raises:
        ValueError: a setting makes no sense, or the samples are not real floating-point numbers.
    """
    size, _ = _sizes(n_fft, window, window_position)
    frames = windowed_frames(
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
    spectrum = jnp.fft.rfft(frames, n_fft)
    return spectrum * _rotation(n_fft, size // 2).astype(spectrum.dtype) if phase == "centre" else spectrum


def istft(
    spectrum: Complex[Array, "*batch frames bins"],
    *,
    n_fft: int,
    hop_length: int,
    window: Window | None = None,
    center: bool = True,
    length: int | None = None,
    window_position: WindowPosition = "centre",
    normalise: Normalisation = "none",
    phase: Phase = "start",
    uncovered: Uncovered = "error",
) -> Float[Array, "*batch time"]:
    """The signal whose short-time Fourier transform is nearest, in the least-squares sense, to `spectrum`.

    It is the signal itself, exactly, when the spectrum came from `stft` with the same settings (Griffin & Lim, 1984,
    equation 6). Equal to `torch.istft`, and with `uncovered="zero"` to `librosa.istft`.

    Args:
        length: samples to return. None: as many as the frames reach, less half a frame at both ends when centred;
            that is a multiple of the hop and may be shorter than the signal was.
        uncovered: samples under no window are an error (PyTorch's policy) or zero (librosa's); see
            `framing.weighted_overlap_add`. Without `center`, most windows leave the very first sample uncovered.

    Raises:
        ValueError: the settings do not fit the spectrum or each other, or samples are uncovered (NOLA).
    """
    if spectrum.ndim < 2 or spectrum.shape[-1] != n_fft // 2 + 1:
        raise ValueError(f"n_fft={n_fft} has {n_fft // 2 + 1} bins, last axis; the spectrum is {spectrum.shape}")
    size, window = _sizes(n_fft, window, window_position)
    check_framing(size, hop_length)
    if phase == "centre":
        spectrum = spectrum * _rotation(n_fft, -(size // 2)).astype(spectrum.dtype)
    frames = jnp.fft.irfft(spectrum, n_fft)[..., :size]
    if normalise != "none":
        frames = frames * jnp.asarray(1 / _scale(window, n_fft, normalise), frames.dtype)
    return join_frames(frames, window, hop_length, center=center, length=length, uncovered=uncovered)


def join_frames(
    frames: Float[Array, "*batch frames size"],
    window: Float[Array | np.ndarray, " size"],
    hop_length: int,
    *,
    center: bool,
    length: int | None,
    uncovered: Uncovered,
) -> Float[Array, "*batch time"]:
    """What follows the inverse transforms of `istft`: window, overlap, divide, cut."""
    count, size = frames.shape[-2:]
    start = size // 2 if center else 0
    if length is None:
        length = max(0, (count - 1) * hop_length + size - 2 * start) if count else 0
    used = min(count, -(-(start + length) // hop_length))  # later frames begin after the last sample
    return weighted_overlap_add(
        frames[..., :used, :], window, hop_length, start=start, length=length, uncovered=uncovered
    )


def windowed_frames(
    signal: Float[Array, "*batch time"],
    *,
    n_fft: int,
    hop_length: int,
    window: Window | None,
    center: bool,
    pad_mode: PadMode,
    pad_end: bool = False,
    window_position: WindowPosition = "centre",
    normalise: Normalisation = "none",
) -> Float[Array, "*batch frames size"]:
    """What precedes the transforms of `stft`: pad, cut, window, scale. In float32 at least."""
    signal = jnp.asarray(signal)
    if not jnp.issubdtype(signal.dtype, jnp.floating) or not signal.ndim:
        raise ValueError(f"samples must be real floating-point numbers along an axis, not {signal.dtype}{signal.shape}")
    size, window = _sizes(n_fft, window, window_position)
    check_framing(size, hop_length)
    signal = widened(signal)
    reach = size // 2 if center else 0
    if reach:
        signal = pad(signal, reach, reach, pad_mode)
    if pad_end:
        time = signal.shape[-1]
        signal = pad(signal, 0, size - time if time < size else -(time - size) % hop_length)
    if normalise != "none":
        window = window * _scale(window, n_fft, normalise)
    return frame(signal, size, hop_length) * jnp.asarray(window, signal.dtype)


def frame_count(
    length: int | Int[Array | np.ndarray, "*shape"], *, n_fft: int, hop_length: int, center: bool = True
) -> Int[Array | np.ndarray, "*shape"] | int:
    """How many frames `stft` makes of so many samples; of arrays of lengths too."""
    check_framing(n_fft, hop_length)
    count = 1 + (length + (2 * (n_fft // 2) if center else 0) - n_fft) // hop_length
    return count * (count > 0)


def power(spectrum: Complex[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Squared magnitude, without the square root whose gradient at silence is not a number."""
    return spectrum.real**2 + spectrum.imag**2


def magnitude(spectrum: Complex[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Absolute value whose gradient is zero at silence, where that of a plain square root is not a number."""
    return _root(power(spectrum), 0.5)


def unit_phasor(spectrum: Complex[Array, "*shape"]) -> Complex[Array, "*shape"]:
    """e^{i angle}: each value over its magnitude; one where there is silence, as an angle of zero. Finite gradients."""
    squared = power(spectrum)
    heard = squared > 0
    return jnp.where(heard, spectrum / jnp.sqrt(jnp.where(heard, squared, 1)), 1)


def spectrogram(
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
    """Magnitudes of the short-time Fourier transform to a `power`: 2 for energy, 1 for amplitude, any above zero.

    Values and gradients are finite at silence. In the signal's dtype; float16 overflows above 65504.
    """
    if not power > 0:
        raise ValueError(f"the power of a spectrogram must be above zero, not {power}")
    spectrum = stft(
        signal,
        n_fft=n_fft,
        hop_length=hop_length,
        window=window,
        center=center,
        pad_mode=pad_mode,
        window_position=window_position,
        normalise=normalise,
    )
    return raised(spectrum.real, spectrum.imag, power).astype(jnp.asarray(signal).dtype)


def raised(real: Float[Array, "*shape"], imag: Float[Array, "*shape"], power: float) -> Float[Array, "*shape"]:
    """The magnitude of a complex number, given by its parts, to a `power`; its gradient at zero is zero."""
    squared = real**2 + imag**2
    return squared if power == 2 else _root(squared, power / 2)


def _root(squared: Float[Array, "*shape"], exponent: float) -> Float[Array, "*shape"]:
    heard = squared > 0
    safe = jnp.where(heard, squared, 1)
    return jnp.where(heard, jnp.sqrt(safe) if exponent == 0.5 else safe**exponent, 0)


def full_window(n_fft: int, window: Window | None) -> Float[Array | np.ndarray, " n_fft"]:
    """A window in the middle of `n_fft` samples; None: a periodic Hann window of that length."""
    return _sizes(n_fft, window, "centre")[1]


def _sizes(n_fft: int, window: Window | None, position: WindowPosition) -> tuple[int, Float[Array | np.ndarray, " _"]]:
    """The length of a frame, and a window just as long; NumPy's in float64 if it was NumPy's."""
    if n_fft < 1:
        raise ValueError(f"n_fft must be positive, not {n_fft}")
    if window is None:
        return n_fft, windows.hann(n_fft)
    if not hasattr(window, "shape"):
        window = np.asarray(window)
    short = n_fft - window.shape[-1]
    if window.ndim != 1 or not window.shape[0] or short < 0:
        raise ValueError(f"a window of shape {window.shape} does not fit n_fft={n_fft}")
    if isinstance(window, np.ndarray):
        window = window.astype(np.float64)
    if position == "start" or not short:
        return window.shape[0], window
    library = np if isinstance(window, np.ndarray) else jnp
    return n_fft, library.pad(window, (short // 2, short - short // 2))


def _scale(
    window: Float[Array | np.ndarray, " size"], n_fft: int, normalise: Normalisation
) -> Float[Array | np.ndarray, ""] | float:
    library = np if isinstance(window, np.ndarray) else jnp
    if normalise == "frame_length":
        return 1 / np.sqrt(n_fft)
    if normalise == "window":
        return 1 / library.sqrt(library.sum(library.square(window)))
    if normalise == "magnitude":
        return 1 / library.abs(library.sum(window))
    raise ValueError(f"normalise must be none, frame_length, window or magnitude, not {normalise!r}")


@functools.lru_cache(maxsize=64)
def _rotation(n_fft: int, shift: int) -> Complex[np.ndarray, " bins"]:
    """What turns phases counted from sample 0 into phases counted from sample `shift`."""
    return np.exp(2j * np.pi * (np.arange(n_fft // 2 + 1) * shift % n_fft) / n_fft)
