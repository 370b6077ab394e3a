"""Gammatone filters, a model of the cochlea (Patterson et al., 1992), as Slaney (1993) made them of biquads.

t³ e^(−2π·1.019·ERB(f)·t) cos(2πft), sampled: four second-order sections with common poles, and a gain of one at f.
"""

import functools
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal import fir, scales
from audiozoo.signal.precision import product, read_only, widened
from audiozoo.signal.spectral import Window, spectrogram

_BANDWIDTH = 1.019  # of a fourth-order gammatone of one ERB (Patterson et al., 1992)
_DECAYED = 30  # time constants after which a response is below 1e-8 of its peak, which float32 does not tell from zero


def gammatone_centres(n_filters: int, *, low_hz: float, high_hz: float) -> Float[np.ndarray, " n_filters"]:
    """Frequencies from `low_hz` upwards, evenly spaced in ERBs; the next one would be `high_hz` (Slaney's ERBSpace)."""
    if n_filters < 1 or not 0 <= low_hz < high_hz:
        raise ValueError(f"want filters from low_hz to a higher high_hz, not {n_filters} from {low_hz} to {high_hz} Hz")
    lowest, highest = scales.hz_to_erb(low_hz, "slaney"), scales.hz_to_erb(high_hz, "slaney")
    return scales.erb_to_hz(np.linspace(lowest, highest, n_filters, endpoint=False), "slaney")


def gammatone_sections(
    centres: Sequence[float] | Float[np.ndarray, " n_filters"], *, sample_rate: float, width: float = 1.0
) -> Float[np.ndarray, "n_filters 4 6"]:
    """For each filter four second-order sections b0 b1 b2 1 a1 a2, for `filters.sosfilt`. Their product is scipy's.

    Args:
        centres: frequencies of the filters in hertz, above zero and below half the sample rate.
        sample_rate: samples a second.
        width: of each filter, in ERBs.

    Raises:
        ValueError: frequencies are out of range.
    """
    hz = np.asarray(centres, np.float64)
    if hz.ndim != 1 or not width > 0 or np.any(hz <= 0) or np.any(hz >= sample_rate / 2):
        raise ValueError(
            f"centres lie between 0 and {sample_rate / 2} Hz, and width is above 0, not {centres}, {width}"
        )
    angle = 2 * np.pi * hz / sample_rate
    decay = np.exp(-2 * np.pi * _BANDWIDTH * width * scales.erb_bandwidth(hz, "slaney") / sample_rate)
    turns = np.array([1, -1, 1, -1]) * np.sqrt(3 + np.array([1, 1, -1, -1]) * 2**1.5)
    zeros = decay[:, None] * (np.cos(angle)[:, None] + turns * np.sin(angle)[:, None])
    sections = np.zeros((len(hz), 4, 6))
    sections[..., 0], sections[..., 1], sections[..., 3] = 1, -zeros, 1
    sections[..., 4], sections[..., 5] = (-2 * decay * np.cos(angle))[:, None], (decay**2)[:, None]
    # The gain at the centre, of each section, is shared out evenly, so that none of them overflows or vanishes.
    gain = np.prod(_gains(sections, angle[:, None]), 1)
    sections[..., :3] /= gain[:, :, None] ** 0.25
    return sections


def _gains(
    sections: Float[np.ndarray, "n_filters 4 6"], angles: Float[np.ndarray, "#n_filters bins"]
) -> Float[np.ndarray, "n_filters 4 bins"]:
    """Magnitudes of the sections' responses at angular frequencies."""
    delays = np.exp(-1j * angles[:, None, :, None] * np.arange(3))
    above, below = (np.abs((delays * part[:, :, None, :]).sum(-1)) for part in (sections[..., :3], sections[..., 3:]))
    return above / below


def _bank(
    sample_rate: float, n_filters: int, low_hz: float, high_hz: float, width: float
) -> Float[np.ndarray, "n_filters 4 6"]:
    centres = gammatone_centres(n_filters, low_hz=low_hz, high_hz=high_hz)
    return gammatone_sections(centres, sample_rate=sample_rate, width=width)


@functools.lru_cache(maxsize=16)
def _responses(
    sample_rate: float, n_filters: int, low_hz: float, high_hz: float, width: float
) -> Float[np.ndarray, "n_filters taps"]:
    """Impulse responses, by sampling the frequency responses so densely that what lies beyond has died away."""
    sections = _bank(sample_rate, n_filters, low_hz, high_hz, width)
    slowest = -np.log(sections[..., 5].max()) / 2
    taps = int(np.ceil(_DECAYED / slowest))
    size = 1 << (2 * taps - 1).bit_length()
    delays = np.exp(-2j * np.pi * np.arange(size // 2 + 1)[:, None] * np.arange(3) / size)
    spectra = np.ones((n_filters, size // 2 + 1), complex)
    for i in range(4):
        spectra *= (sections[:, i, :3] @ delays.T) / (sections[:, i, 3:] @ delays.T)
    return np.fft.irfft(spectra, size)[:, :taps]


@functools.cache
def gammatone_filters(
    sample_rate: float,
    n_fft: int,
    n_filters: int,
    *,
    low_hz: float = 50.0,
    high_hz: float | None = None,
    width: float = 1.0,
) -> Float[np.ndarray, "bins n_filters"]:
    """The gains of a gammatone filter bank at the bins of a transform, to weight magnitudes with (Ellis, 2009).

    Centres as of `gammatone_centres`, up to `high_hz` (None: half the sample rate). A float64 NumPy constant.
    """
    highest = scales.check_bank(sample_rate, n_fft, n_filters, low_hz, high_hz)
    sections = _bank(sample_rate, n_filters, low_hz, highest, width)
    angles = 2 * np.pi * np.arange(n_fft // 2 + 1) / n_fft
    gains = np.prod(_gains(sections, angles[None]), 1).T
    return read_only(gains)


def gammatone_spectrogram(
    signal: Float[Array, "*batch time"],
    sample_rate: float,
    *,
    n_fft: int,
    hop_length: int,
    n_filters: int = 64,
    low_hz: float = 50.0,
    high_hz: float | None = None,
    width: float = 1.0,
    power: float = 1.0,
    window: Window | None = None,
    center: bool = True,
) -> Float[Array, "*batch frames n_filters"]:
    """What a gammatone filter bank lets through, frame by frame: magnitudes (`power` of 1) or energies (2) of bins,
    weighted by the filters' gains to that power and added up."""
    signal = jnp.asarray(signal)
    wide = widened(signal)
    spectrum = spectrogram(wide, n_fft=n_fft, hop_length=hop_length, power=power, window=window, center=center)
    gains = gammatone_filters(sample_rate, n_fft, n_filters, low_hz=low_hz, high_hz=high_hz, width=width) ** power
    return product(spectrum, gains).astype(signal.dtype)


def gammatone_filterbank(
    signal: Float[Array, "*batch time"],
    sample_rate: float,
    *,
    n_filters: int = 64,
    low_hz: float = 50.0,
    high_hz: float | None = None,
    width: float = 1.0,
) -> Float[Array, "*batch time n_filters"]:
    """The signal through every filter of a gammatone bank, from rest: what `gammatone_sections` would make of it.

    By convolution with the filters' impulse responses, computed in float64 up to where they are inaudible: for low
    frequencies in float32 that is more exact than the recursion, and no sample waits for the one before.
    """
    signal = jnp.asarray(signal)
    highest = scales.check_bank(sample_rate, 1, n_filters, low_hz, high_hz)
    wide = widened(signal)
    kernels = _responses(sample_rate, n_filters, low_hz, highest, width)
    outputs = fir.convolve(wide[..., None, :], kernels)[..., : signal.shape[-1]]
    return jnp.swapaxes(outputs, -1, -2).astype(signal.dtype)
