"""Pitch classes: chroma from spectrograms and constant-Q transforms, their smoothed statistics, and the Tonnetz."""

import functools
import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal import windows
from audiozoo.signal.constant_q import Resampler, cqt
from audiozoo.signal.framing import PadMode
from audiozoo.signal.notes import hz_to_midi, hz_to_octaves, note_to_hz
from audiozoo.signal.precision import read_only, widened
from audiozoo.signal.spectral import magnitude, spectrogram
from audiozoo.signal.windows import WindowSpec

_CENS_STEPS = (0.4, 0.2, 0.1, 0.05)  # each that a share exceeds counts a quarter (Müller and Ewert, 2011)


@functools.cache
def chroma_filters(
    sample_rate: float,
    n_fft: int,
    *,
    n_chroma: int = 12,
    tuning: float = 0.0,
    centre_octave: float = 5.0,
    octave_width: float | None = 2.0,
    norm: float | None = 2.0,
    base_c: bool = True,
) -> Float[np.ndarray, "bins n_chroma"]:
    """How much each bin of a Fourier transform counts for each pitch class: Gaussians (Ellis, 2007); librosa's.

    Args:
        sample_rate: in hertz.
        n_fft: length of the transform.
        n_chroma: classes in an octave.
        tuning: of the reference in classes.
        centre_octave: octave above 27.5 Hz that counts most.
        octave_width: width of the Gaussian around it in octaves; None: all count the same.
        norm: order of the norm that a bin's weights have before that; None: left as they are.
        base_c: the first class is C, else A.

    Raises:
        ValueError: a setting makes no sense.
    """
    if n_chroma < 1 or n_fft < 2 or not sample_rate > 0 or (octave_width is not None and not octave_width > 0):
        raise ValueError(
            f"want positive n_chroma, sample_rate and octave_width and an n_fft above one, not {n_chroma}, "
            f"{sample_rate}, {octave_width} and {n_fft}"
        )
    hertz = np.arange(1, n_fft) * (sample_rate / n_fft)
    position = n_chroma * np.asarray(hz_to_octaves(hertz, tuning=tuning, bins_per_octave=n_chroma))
    position = np.concatenate(
        [position[:1] - 1.5 * n_chroma, position]
    )  # 0 Hz: broad, and between the classes of bin 1
    width = np.append(np.maximum(np.diff(position), 1), 1)[: n_fft // 2 + 1, None]
    position = position[: n_fft // 2 + 1, None]
    half = np.round(n_chroma / 2)
    distance = np.remainder(position - np.arange(n_chroma) + half + 10 * n_chroma, n_chroma) - half
    weights = _numpy_normalised(np.exp(-0.5 * (2 * distance / width) ** 2), norm)
    if octave_width is not None:
        weights = weights * np.exp(-0.5 * ((position / n_chroma - centre_octave) / octave_width) ** 2)
    weights = np.roll(weights, -3 * (n_chroma // 12), axis=1) if base_c else weights
    return read_only(weights)


@functools.cache
def cq_to_chroma(
    n_bins: int,
    *,
    bins_per_octave: int = 12,
    n_chroma: int = 12,
    fmin: float | None = None,
    window: tuple[float, ...] | None = None,
    base_c: bool = True,
) -> Float[np.ndarray, "n_bins n_chroma"]:
    """Which pitch class each bin of a constant-Q transform from `fmin` (None: C1) belongs to: ones; librosa's.

    Args:
        window: weights by which a bin counts for its neighbours' classes too, in its middle for its own; None: it
            does not.
        base_c: the first class is C, else A.

    Raises:
        ValueError: classes do not divide the bins of an octave, or a setting is not positive.
    """
    if min(n_bins, n_chroma, bins_per_octave) < 1 or bins_per_octave % n_chroma:
        raise ValueError(
            f"bins_per_octave must be a multiple of n_chroma, all positive, not {bins_per_octave} and {n_chroma}"
            f" for {n_bins} bins"
        )
    merged = bins_per_octave // n_chroma
    lowest = float(hz_to_midi(note_to_hz("C1") if fmin is None else fmin)) % 12 - (0 if base_c else 9)
    first = int(np.round(lowest * n_chroma / 12))
    classes = ((np.arange(n_bins) + merged // 2) % bins_per_octave // merged + first) % n_chroma
    weights = np.eye(n_chroma)[classes]
    if window is not None:
        first = (len(window) - 1) // 2
        weights = np.stack([np.convolve(column, window)[first : first + n_bins] for column in weights.T], 1)
    return read_only(weights)


def chroma_stft(
    signal: Float[Array, "*batch time"],
    sample_rate: float,
    *,
    n_fft: int = 2048,
    hop_length: int = 512,
    window: Float[np.ndarray, " win_length"] | None = None,
    center: bool = True,
    pad_mode: PadMode = "constant",
    n_chroma: int = 12,
    tuning: float = 0.0,
    centre_octave: float = 5.0,
    octave_width: float | None = 2.0,
    base_c: bool = True,
    norm: float | None = math.inf,
) -> Float[Array, "*batch frames n_chroma"]:
    """Energy of each pitch class, by `chroma_filters` of a power spectrogram, every frame over its `norm`.

    `librosa.feature.chroma_stft`, which estimates the tuning first: `estimate_tuning` does. Silent frames are zero.

    Raises:
        ValueError: a setting makes no sense.
    """
    energy = spectrogram(
        signal, n_fft=n_fft, hop_length=hop_length, power=2.0, window=window, center=center, pad_mode=pad_mode
    )
    weights = chroma_filters(
        sample_rate,
        n_fft,
        n_chroma=n_chroma,
        tuning=tuning,
        centre_octave=centre_octave,
        octave_width=octave_width,
        base_c=base_c,
    )
    wide = widened(energy)
    return _normalised(wide @ jnp.asarray(weights, wide.dtype), norm).astype(energy.dtype)


def chroma_cqt(
    signal: Float[Array, "*batch time"],
    sample_rate: float,
    *,
    hop_length: int = 512,
    fmin: float | None = None,
    n_octaves: int = 7,
    bins_per_octave: int = 36,
    n_chroma: int = 12,
    tuning: float = 0.0,
    threshold: float = 0.0,
    window: tuple[float, ...] | None = None,
    norm: float | None = math.inf,
    resampler: Resampler | None = None,
) -> Float[Array, "*batch frames n_chroma"]:
    """Amplitude of each pitch class: a constant-Q transform's bins added up over the octaves, over the frame's `norm`.

    `librosa.feature.chroma_cqt`, which estimates the tuning first: `estimate_tuning` does. Silent frames are zero.

    Args:
        threshold: smaller sums are zero.
        window: as in `cq_to_chroma`.
        norm: order; None: as they are.
        resampler: as in `cqt`.

    Raises:
        ValueError: a setting makes no sense.
    """
    spectrum = cqt(
        signal,
        sample_rate,
        hop_length=hop_length,
        fmin=fmin,
        n_bins=n_octaves * bins_per_octave,
        bins_per_octave=bins_per_octave,
        tuning=tuning,
        resampler=resampler,
    )
    weights = cq_to_chroma(
        n_octaves * bins_per_octave,
        bins_per_octave=bins_per_octave,
        n_chroma=n_chroma,
        fmin=fmin,
        window=window,
    )
    amplitude = magnitude(spectrum)
    sums = amplitude @ jnp.asarray(weights, amplitude.dtype)
    return _normalised(jnp.where(sums < threshold, 0, sums), norm).astype(jnp.asarray(signal).dtype)


def chroma_cens(
    chroma: Float[Array, "*batch frames n_chroma"],
    *,
    smoothing: int | None = 41,
    window: WindowSpec = "hann",
    norm: float | None = 2.0,
) -> Float[Array, "*batch frames n_chroma"]:
    """Chroma energy normalised statistics (Müller and Ewert, 2011): shares in four steps, smoothed over frames.

    `librosa.feature.chroma_cens` is that of `chroma_cqt(..., norm=None)`. The steps have no gradient.

    Args:
        chroma: of any norm.
        smoothing: frames of the window; None: none.
        window: that smooths.
        norm: of each frame of the answer.

    Raises:
        ValueError: `smoothing` is not positive.
    """
    if smoothing is not None and smoothing < 1:
        raise ValueError(f"smoothing takes at least one frame, not {smoothing}")
    wide = widened(chroma)
    shares = _normalised(wide, 1.0)
    steps = jnp.mean(jnp.stack([(shares > step).astype(wide.dtype) for step in _CENS_STEPS]), 0)
    if smoothing is not None:
        taps = windows.window(window, smoothing + 2, periodic=False)
        taps = taps / taps.sum()
        frames, before = chroma.shape[-2], len(taps) - 1 - len(taps) // 2
        padded = jnp.pad(steps, [(0, 0)] * (steps.ndim - 2) + [(before, len(taps) - 1 - before), (0, 0)])
        flipped = taps[::-1].astype(wide.dtype)
        steps = sum(tap * padded[..., i : i + frames, :] for i, tap in enumerate(flipped))
    return _normalised(jnp.asarray(steps), norm).astype(chroma.dtype)


def tonnetz(chroma: Float[Array, "*batch frames n_chroma"]) -> Float[Array, "*batch frames 6"]:
    """Tonal centroids (Harte, Sandler and Gasser, 2006): where each frame lies on the circles of fifths and of thirds.

    The sine and the cosine of fifths, minor thirds and major thirds; of shares, so that the norm of `chroma` is of no
    account.

    `librosa.feature.tonnetz(chroma=...)`. Silent frames lie in the middle.
    """
    wide = widened(chroma)
    turns = np.outer(np.linspace(0, 12, wide.shape[-1], endpoint=False), [7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3])
    turns[:, ::2] -= 0.5  # the sines
    basis = np.cos(np.pi * turns) * [1, 1, 1, 1, 0.5, 0.5]
    return (_normalised(wide, 1.0) @ jnp.asarray(basis, wide.dtype)).astype(chroma.dtype)


def _normalised(values: Float[Array, "*batch classes"], norm: float | None) -> Float[Array, "*batch classes"]:
    """Each row over its norm; a row whose norm is next to nothing as it is. Finite gradients."""
    _check(norm)
    if norm is None:
        return values
    size = jnp.abs(values)
    tiny = jnp.finfo(values.dtype).tiny
    if norm == math.inf:
        level = size.max(-1, keepdims=True)
    elif norm == 1:
        level = size.sum(-1, keepdims=True)
    else:
        total = jnp.sum(jnp.where(size > 0, size, 1) ** norm * (size > 0), -1, keepdims=True)
        level = jnp.where(total > tiny, jnp.where(total > tiny, total, 1) ** (1 / norm), 0)
    return values / jnp.where(level < tiny, 1, level)


def _numpy_normalised(values: np.ndarray, norm: float | None) -> np.ndarray:
    _check(norm)
    level = 1 if norm is None else np.linalg.norm(values, norm, axis=1, keepdims=True)
    return values / np.where(level, level, 1)


def _check(norm: float | None) -> None:
    if norm is not None and not norm > 0:
        raise ValueError(f"norm must be positive, infinite or None, not {norm}")
