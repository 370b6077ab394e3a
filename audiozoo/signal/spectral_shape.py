"""The shape of a spectrum in a few numbers: centroid, bandwidth, roll-off, flatness, contrast, and zero crossings.

All but the zero crossings take a spectrogram, of magnitudes as librosa does, and the frequencies of its bins in hertz:
those of `stft` are `numpy.fft.rfftfreq(n_fft, 1 / sample_rate)`.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal.decibels import power_to_db
from audiozoo.signal.framing import frame, pad
from audiozoo.signal.precision import wide_dtype, widened

Frequencies = Float[Array | np.ndarray, "*batch bins"]


def spectral_centroid(
    spectrogram: Float[Array, "*batch frames bins"], frequencies: Frequencies
) -> Float[Array, "*batch frames"]:
    """The mean frequency in hertz, weighted by the spectrogram: Σ f S / Σ S; zero in silence.

    Args:
        spectrogram: not negative.
        frequencies: hertz, of every bin; or of every bin of every frame, as reassignment gives them.
    """
    values, hertz = _wide(spectrogram, frequencies)
    return jnp.sum(hertz * _shares(values), axis=-1).astype(spectrogram.dtype)


def spectral_bandwidth(
    spectrogram: Float[Array, "*batch frames bins"],
    frequencies: Frequencies,
    *,
    centroid: Float[Array, "*batch frames"] | None = None,
    order: float = 2.0,
    normalise: bool = True,
) -> Float[Array, "*batch frames"]:
    """(Σ S |f - centroid|ᵖ)^(1/p) in hertz, where S sums to one; p = 2 is a standard deviation.

    Args:
        spectrogram: not negative.
        frequencies: as in `spectral_centroid`.
        centroid: hertz, the distance from which counts. None: the spectrogram's.
        order: p.
        normalise: False takes S as it is.

    Raises:
        ValueError: `order` is not positive.
    """
    if not order > 0:
        raise ValueError(f"the order of a bandwidth must be positive, not {order}")
    values, hertz = _wide(spectrogram, frequencies)
    middle = jnp.sum(hertz * _shares(values), axis=-1) if centroid is None else centroid.astype(values.dtype)
    weights = _shares(values) if normalise else values
    moment = jnp.sum(weights * _power(jnp.abs(hertz - middle[..., None]), order), axis=-1)
    return _power(moment, 1 / order).astype(spectrogram.dtype)


def spectral_rolloff(
    spectrogram: Float[Array, "*batch frames bins"], frequencies: Frequencies, *, share: float = 0.85
) -> Float[Array, "*batch frames"]:
    """The frequency in hertz up to which `share` of the spectrogram lies, that of a bin; the lowest in silence.

    Raises:
        ValueError: the share is not in (0, 1).
    """
    if not 0 < share < 1:
        raise ValueError(f"a share lies in (0, 1), not at {share}")
    values, hertz = _wide(spectrogram, frequencies)
    total = jnp.cumsum(values, axis=-1)
    enough = total >= share * total[..., -1:]
    return jnp.min(jnp.where(enough, hertz, jnp.inf), axis=-1).astype(spectrogram.dtype)


def spectral_flatness(
    spectrogram: Float[Array, "*batch frames bins"], *, power: float = 2.0, floor: float = 1e-10
) -> Float[Array, "*batch frames"]:
    """Geometric over arithmetic mean of S^`power`, no bin below `floor`: one for white noise and silence, 0 for tones.

    Raises:
        ValueError: `power` or `floor` is not positive.
    """
    if not (power > 0 and floor > 0):
        raise ValueError(f"power and floor must be positive, not {power} and {floor}")
    values = jnp.maximum(_power(widened(spectrogram), power), floor)
    return (jnp.exp(jnp.mean(jnp.log(values), axis=-1)) / jnp.mean(values, axis=-1)).astype(spectrogram.dtype)


def spectral_contrast(
    spectrogram: Float[Array, "*batch frames bins"],
    frequencies: Float[np.ndarray, " bins"],
    *,
    low_hz: float = 200.0,
    n_bands: int = 6,
    quantile: float = 0.02,
    linear: bool = False,
) -> Float[Array, "*batch frames bands"]:
    """How far peaks rise above valleys in octave bands (Jiang et al., 2002): the lowest below `low_hz`, 1 + `n_bands`.

    Peak and valley are means of the highest and lowest `quantile` of a band's bins (at least one), as librosa's, which
    reads a spectrogram of magnitudes as one of power: 10 log10 of each, no lower than 80 dB below the loudest of the
    clip (librosa: of the whole batch).

    Args:
        spectrogram: not negative.
        frequencies: hertz, of every bin, ascending.
        low_hz: upper end of the lowest band.
        n_bands: octaves above it; the last reaches up to the end.
        quantile: share of a band's bins that makes its peak and its valley.
        linear: peak less valley, instead of decibels.

    Raises:
        ValueError: the settings make no sense, or a band has no bins.
    """
    if n_bands < 1 or not 0 < quantile < 1 or not low_hz > 0:
        raise ValueError(
            "want a positive number of bands and low_hz and a quantile in (0, 1), "
            f"not {n_bands}, {low_hz} Hz and {quantile}"
        )
    values, _ = _wide(spectrogram, frequencies)
    bands = _octave_bands(np.asarray(frequencies, np.float64).tobytes(), low_hz, n_bands)
    valleys, peaks = [], []
    for start, stop, size in bands:
        band = values[..., start:stop]
        count = min(stop - start, max(1, round(quantile * size)))
        peaks.append(jax.lax.top_k(band, count)[0].mean(-1))
        valleys.append(-jax.lax.top_k(-band, count)[0].mean(-1))
    peak, valley = jnp.stack(peaks, axis=-1), jnp.stack(valleys, axis=-1)
    contrast = peak - valley if linear else power_to_db(peak, top_db=80.0) - power_to_db(valley, top_db=80.0)
    return contrast.astype(spectrogram.dtype)


@functools.cache
def _octave_bands(frequencies: bytes, low_hz: float, n_bands: int) -> list[tuple[int, int, int]]:
    """First bin of each band, the one after its last, and how many its quantile is of (librosa's, one more inside)."""
    hertz = np.frombuffer(frequencies)
    edges = [0.0, *(low_hz * 2.0 ** np.arange(n_bands + 1))]
    bands = []
    for k, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = np.flatnonzero((hertz >= low) & (hertz <= high))
        if not len(inside):
            raise ValueError(f"no bin lies from {low} to {high} Hz: fewer bands, another low_hz or a larger n_fft")
        start = inside[0] - (k > 0)
        stop = len(hertz) if k == n_bands else inside[-1] + 1
        bands.append((int(start), int(stop - (k < n_bands)), int(stop - start)))
        if bands[-1][0] >= bands[-1][1]:
            raise ValueError(f"only one bin lies from {low} to {high} Hz: a larger n_fft has more")
    return bands


def poly_features(
    spectrogram: Float[Array, "*batch frames bins"], frequencies: Float[np.ndarray, " bins"], *, order: int = 1
) -> Float[Array, "*batch frames coefficients"]:
    """Coefficients of the polynomial of hertz nearest to each spectrum, by least squares; the highest power first.

    Raises:
        ValueError: the order is negative, or there are fewer bins than coefficients.
    """
    if not 0 <= order < len(frequencies):
        raise ValueError(f"order {order} is not from 0 to {len(frequencies) - 1}, one less than there are bins")
    values, _ = _wide(spectrogram, frequencies)
    powers = np.vander(np.asarray(frequencies, np.float64), order + 1)
    scale = np.linalg.norm(powers, axis=0)  # of very different sizes
    fit = np.linalg.pinv(powers / scale).T
    return ((values @ fit.astype(values.dtype)) / scale.astype(values.dtype)).astype(spectrogram.dtype)


def zero_crossing_rate(
    signal: Float[Array, "*batch time"],
    *,
    frame_length: int = 2048,
    hop_length: int = 512,
    center: bool = True,
    threshold: float = 1e-10,
) -> Float[Array, "*batch frames"]:
    """The share of a frame's samples whose sign is not that of the one before; values within `threshold` are positive.

    Centred frames repeat the first and last samples beyond the ends. Its gradient is zero.
    """
    negative = jax.lax.stop_gradient(signal) < -threshold
    if center:
        negative = pad(negative, frame_length // 2, frame_length // 2, "edge")
    changes = jnp.concatenate([jnp.zeros_like(negative[..., :1]), negative[..., 1:] != negative[..., :-1]], axis=-1)
    counts = frame(changes.astype(wide_dtype(signal)), frame_length, hop_length)
    return (counts[..., 1:].sum(-1) / frame_length).astype(signal.dtype)


def _wide(spectrogram: Float[Array, "*batch frames bins"], frequencies: Frequencies) -> tuple[Array, Array]:
    values = widened(spectrogram)
    if frequencies.shape[-1] != values.shape[-1]:
        raise ValueError(f"{frequencies.shape[-1]} frequencies are not those of {values.shape[-1]} bins")
    return values, jnp.asarray(frequencies, values.dtype)


def _shares(values: Float[Array, "*shape bins"]) -> Float[Array, "*shape bins"]:
    """Values over their sum; as they are where that is nothing."""
    total = values.sum(-1, keepdims=True)
    return values / jnp.where(total < jnp.finfo(values.dtype).tiny, 1, total)


def _power(values: Float[Array, "*shape"], exponent: float) -> Float[Array, "*shape"]:
    """A power of what is not negative, whose gradient at zero is zero."""
    if exponent in (1, 2):
        return values**exponent
    heard = values > 0
    return jnp.where(heard, jnp.where(heard, values, 1) ** exponent, 0)
