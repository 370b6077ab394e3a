"""Frequency scales of hearing, bark and ERB, and filter banks evenly spaced on them (mel: `audiozoo.signal.mel`)."""

import functools
from typing import Literal

import numpy as np
from jaxtyping import Float

from audiozoo.signal.precision import read_only

BarkScale = Literal["zwicker", "traunmuller", "schroeder", "wang"]
ErbScale = Literal["glasberg", "slaney"]

_ERB_AT_ZERO, _ERB_SLOPE = 24.7, 4.37e-3  # Glasberg & Moore (1990): hertz, and per hertz
_EAR_Q = 9.26449  # 1 / (24.7 * 0.00437), in Slaney's digits
_STEEPEST_HZ = 1e6  # where the search for the inverse of Zwicker's scale ends; beyond it there is less than 0.2 bark


def triangular_filters(
    positions: Float[np.ndarray, " bins"], edges: Float[np.ndarray, " corners"]
) -> Float[np.ndarray, "bins n_filters"]:
    """Triangles with a peak of one: each rises from one of the `edges` to the next and falls to the one after it."""
    low, centre, high = (edges[i : len(edges) - 2 + i] for i in range(3))
    rising = (positions[:, None] - low) / (centre - low)
    falling = (high - positions[:, None]) / (high - centre)
    return np.maximum(0, np.minimum(rising, falling))


def check_bank(sample_rate: float, n_fft: int, n_filters: int, low_hz: float, high_hz: float | None) -> float:
    """The upper limit of a filter bank in hertz, half the sample rate if it is None.

    Raises:
        ValueError: the settings make no bank.
    """
    highest = sample_rate / 2 if high_hz is None else high_hz
    if not sample_rate > 0 or n_fft < 1 or n_filters < 1:
        raise ValueError(
            f"sample rate, n_fft and the number of filters must be positive, not {sample_rate}, {n_fft}, {n_filters}"
        )
    if not 0 <= low_hz < highest:
        raise ValueError(f"a filter bank reaches from low_hz to a higher high_hz, not from {low_hz} to {highest} Hz")
    return highest


def hz_to_bark(hz: Float[np.ndarray, "*shape"] | float, scale: BarkScale = "zwicker") -> Float[np.ndarray, "*shape"]:
    """Frequencies in hertz on the scale of critical bands, 0 to about 24 bark.

    Args:
        hz: frequencies, zero or above.
        scale: whose formula. "zwicker": Zwicker & Terhardt (1980), two arctangents; "traunmuller": Traunmüller (1990)
            with his corrections at both ends; "schroeder": Schroeder, Atal & Hall (1979); "wang": Wang, Sekey & Gersho
            (1992), which PLP analysis uses (Hermansky, 1990).
    """
    hz = np.asarray(hz, np.float64)
    if scale == "zwicker":
        return 13 * np.arctan(7.6e-4 * hz) + 3.5 * np.arctan((hz / 7500) ** 2)
    if scale == "schroeder":
        return 7 * np.arcsinh(hz / 650)
    if scale == "wang":
        return 6 * np.arcsinh(hz / 600)
    if scale == "traunmuller":
        bark = 26.81 * hz / (1960 + hz) - 0.53
        return np.where(bark < 2, bark + 0.15 * (2 - bark), bark + 0.22 * np.maximum(bark - 20.1, 0))
    raise ValueError(f"a bark scale is zwicker, traunmuller, schroeder or wang, not {scale!r}")


def bark_to_hz(bark: Float[np.ndarray, "*shape"] | float, scale: BarkScale = "zwicker") -> Float[np.ndarray, "*shape"]:
    """The inverse of `hz_to_bark`; Zwicker's, which has no formula, by bisection up to 1 MHz."""
    bark = np.asarray(bark, np.float64)
    if scale == "schroeder":
        return 650 * np.sinh(bark / 7)
    if scale == "wang":
        return 600 * np.sinh(bark / 6)
    if scale == "traunmuller":
        plain = np.where(bark < 2, (bark - 0.3) / 0.85, np.where(bark > 20.1, (bark + 4.422) / 1.22, bark))
        return 1960 * (plain + 0.53) / (26.28 - plain)
    low, high = np.zeros_like(bark), np.full_like(bark, _STEEPEST_HZ)
    for _ in range(80):  # halves 1 MHz until float64 has no number between
        middle = (low + high) / 2
        below = hz_to_bark(middle, scale) < bark
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def erb_bandwidth(hz: Float[np.ndarray, "*shape"] | float, scale: ErbScale = "glasberg") -> Float[np.ndarray, "*shape"]:
    """Equivalent rectangular bandwidth in hertz of the ear's filter at a frequency (Glasberg & Moore, 1990, eq. 3).

    `scale`: 24.7 (1 + 0.00437 f), or as Slaney (1993) writes it, f / 9.26449 + 24.7; they agree to six digits.
    """
    _erb_steps(scale)
    slope = _ERB_AT_ZERO * _ERB_SLOPE if scale == "glasberg" else 1 / _EAR_Q
    return slope * np.asarray(hz, np.float64) + _ERB_AT_ZERO


def hz_to_erb(hz: Float[np.ndarray, "*shape"] | float, scale: ErbScale = "glasberg") -> Float[np.ndarray, "*shape"]:
    """Frequencies in hertz as a number of ERBs.

    Args:
        hz: frequencies, zero or above.
        scale: "glasberg": 21.4 log10(1 + 0.00437 f), as Glasberg & Moore (1990, eq. 4) rounded it; "slaney": the
            integral of 1 / `erb_bandwidth`, by which Slaney (1993) spaces his filters. They differ by a factor.
    """
    steps, corner = _erb_steps(scale)
    return steps * np.log1p(np.asarray(hz, np.float64) / corner)


def erb_to_hz(erb: Float[np.ndarray, "*shape"] | float, scale: ErbScale = "glasberg") -> Float[np.ndarray, "*shape"]:
    """The inverse of `hz_to_erb`."""
    steps, corner = _erb_steps(scale)
    return corner * np.expm1(np.asarray(erb, np.float64) / steps)


def _erb_steps(scale: ErbScale) -> tuple[float, float]:
    if scale not in ("glasberg", "slaney"):
        raise ValueError(f"an ERB scale is glasberg or slaney, not {scale!r}")
    return (21.4 / np.log(10), 1 / _ERB_SLOPE) if scale == "glasberg" else (_EAR_Q, _EAR_Q * _ERB_AT_ZERO)


@functools.cache
def bark_filters(
    sample_rate: float,
    n_fft: int,
    n_barks: int,
    *,
    low_hz: float = 0.0,
    high_hz: float | None = None,
    scale: BarkScale = "zwicker",
) -> Float[np.ndarray, "bins n_barks"]:
    """Triangles with a peak of one, straight in hertz, whose corners are evenly spaced on a bark scale.

    torchaudio's `barkscale_fbanks` for "traunmuller", "schroeder" and "wang". `high_hz` of None is half the sample
    rate. A float64 NumPy constant.
    """
    highest = check_bank(sample_rate, n_fft, n_barks, low_hz, high_hz)
    lowest, highest = hz_to_bark(low_hz, scale), hz_to_bark(highest, scale)
    edges = bark_to_hz(np.linspace(lowest, highest, n_barks + 2), scale)
    return read_only(triangular_filters(np.fft.rfftfreq(n_fft, 1 / sample_rate), edges))


@functools.cache
def linear_filters(
    sample_rate: float, n_fft: int, n_filters: int, *, low_hz: float = 0.0, high_hz: float | None = None
) -> Float[np.ndarray, "bins n_filters"]:
    """Triangles with a peak of one, evenly spaced in hertz (`torchaudio.functional.linear_fbanks`)."""
    highest = check_bank(sample_rate, n_fft, n_filters, low_hz, high_hz)
    edges = np.linspace(low_hz, highest, n_filters + 2)
    return read_only(triangular_filters(np.fft.rfftfreq(n_fft, 1 / sample_rate), edges))
