"""The continuous wavelet transform, by Torrence & Compo (1998) or as PyWavelets samples it, and its inverse."""

import dataclasses
import functools
import math
import re
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from audiozoo.signal import fir
from audiozoo.signal.precision import widened

Normalisation = Literal["energy", "amplitude"]
_REACH = 6.0  # scales, over which a Gaussian falls to 1e-8 of its height
_POINTS = 1 << 12  # of the table that PyWavelets samples (`precision=12`)
_HALF_WIDTH = 8.0  # of that table


@dataclasses.dataclass(frozen=True)
class Morlet:
    """A plane wave of `omega` radians a scale under a Gaussian: π^(-1/4) exp(i omega t - t² / 2).

    Below an `omega` of five its mean is no longer as good as zero.
    """

    omega: float = 6.0
    analytic = True
    efolding = math.sqrt(2)  # scales over which the power of a spike falls to e^-2

    def spectrum(self, angular: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """The Fourier transform at scale 1, radians a sample."""
        return np.pi**-0.25 * np.where(angular > 0, np.exp(-((angular - self.omega) ** 2) / 2), 0)

    @property
    def wavelength(self) -> float:  # of the sinusoid to which scale 1 answers most
        return 4 * np.pi / (self.omega + math.sqrt(2 + self.omega**2))


@dataclasses.dataclass(frozen=True)
class Paul:
    """2^m m! / √(π (2m)!) (1 - it)^-(m + 1), m = `order`: sharper in time than Morlet's, with long tails.

    Torrence & Compo give it a factor of i^m over time, but none over frequency, where the transform is computed.
    """

    order: int = 4
    analytic = True
    efolding = 1 / math.sqrt(2)

    def spectrum(self, angular: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """The Fourier transform at scale 1, radians a sample."""
        positive = np.maximum(angular, 0)
        return (
            2**self.order
            / math.sqrt(self.order * math.factorial(2 * self.order - 1))
            * (positive**self.order * np.exp(-positive))
        )

    @property
    def wavelength(self) -> float:  # of the sinusoid to which scale 1 answers most
        return 4 * np.pi / (2 * self.order + 1)


@dataclasses.dataclass(frozen=True)
class MexicanHat:
    """The negative second derivative of a Gaussian, (1 - t²) exp(-t² / 2) / √Γ(5/2): real, and so is its transform."""

    analytic = False
    efolding = math.sqrt(2)

    def spectrum(self, angular: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """The Fourier transform at scale 1, radians a sample."""
        return angular**2 * np.exp(-(angular**2) / 2) / math.sqrt(math.gamma(2.5))

    @property
    def wavelength(self) -> float:  # of the sinusoid to which scale 1 answers most
        return 2 * np.pi / math.sqrt(2.5)


@dataclasses.dataclass(frozen=True)
class Sampled:
    """PyWavelets' convention: steps of the wavelet's running sum, tabulated at 4096 points from -8 to 8.

    Args:
        name: "morl", a real Morlet of omega 5; "mexh"; or "cmorB-C", a complex one of bandwidth B and centre C, as
            "cmor1.5-1.0".
    """

    name: str

    def table(self) -> Inexact[np.ndarray, " points"]:
        """The wavelet from -8 to 8.

        Raises:
            ValueError: no such wavelet.
        """
        t = np.linspace(-_HALF_WIDTH, _HALF_WIDTH, _POINTS)
        if self.name == "morl":
            return np.cos(5 * t) * np.exp(-(t**2) / 2)
        if self.name == "mexh":
            return 2 / (math.sqrt(3) * np.pi**0.25) * (1 - t**2) * np.exp(-(t**2) / 2)
        match = re.fullmatch(r"cmor(\d+\.?\d*)-(\d+\.?\d*)", self.name)
        if match is None or not float(match[1]):
            raise ValueError(f"want morl, mexh or cmorB-C with numbers for B and C, not {self.name!r}")
        bandwidth, centre = float(match[1]), float(match[2])
        return np.exp(2j * np.pi * centre * t - t**2 / bandwidth) / math.sqrt(np.pi * bandwidth)

    @property
    def wavelength(self) -> float:  # of the largest line of the table's spectrum: a fraction of the table's width
        line = 1 + int(np.argmax(np.abs(np.fft.fft(self.table()))[1 : _POINTS // 2]))
        return 2 * _HALF_WIDTH / line


AnalyticWavelet = Morlet | Paul | MexicanHat
Scales = Float[np.ndarray, " scales"] | list[float] | tuple[float, ...]


def cwt(
    signal: Float[Array, "*batch time"],
    scales: Scales,
    *,
    wavelet: AnalyticWavelet | Sampled = Morlet(),
    normalise: Normalisation = "energy",
) -> Inexact[Array, "*batch time scales"]:
    """The continuous wavelet transform, zeros beyond the ends of the signal: six times the largest scale of them.

    W(n, s) = 1/N Σₖ X(k) ψ̂*(s ωₖ) e^(i ωₖ n) (Torrence & Compo, 1998, equation 4), computed so; or, with a `Sampled`
    wavelet, what `pywt.cwt` gives. Magnitudes: `signal.magnitude`, whose gradient is zero at silence.

    Args:
        signal: at least one sample.
        scales: positive constants in samples; `frequency_scales` makes them from hertz.
        wavelet: `Morlet`, `Paul` and `MexicanHat` by their Fourier transforms; `Sampled` by PyWavelets' convention.
        normalise: "energy": ψ̂ = √(2πs) ψ̂₀(sω), the same energy at every scale (equation 6; PyWavelets' too).
            "amplitude": the largest value of ψ̂ is 2, of a real wavelet 1, so that the transform of a sinusoid of
            amplitude a is a at its largest.

    Returns:
        Complex, or real for a real wavelet; half precision is computed in single.

    Raises:
        ValueError: scales that are no positive numbers or, for `Sampled`, too small; no sample, no such normalisation.
    """
    signal = jnp.asarray(signal)
    scales = _checked(scales)
    if not signal.shape[-1] or normalise not in ("energy", "amplitude"):
        raise ValueError(f"want a sample and energy or amplitude, not {signal.shape[-1]} and {normalise!r}")
    signal = widened(signal)
    if isinstance(wavelet, Sampled):
        if normalise != "energy":
            raise ValueError("a wavelet in PyWavelets' convention has the normalisation energy")
        return _by_steps(signal, scales, wavelet)
    time = signal.shape[-1]
    size = _fast_length(time + math.ceil(_REACH * scales.max()))
    peak = None if normalise == "energy" else 2.0 if wavelet.analytic else 1.0
    daughters = jnp.asarray(_daughters(wavelet, tuple(scales), size, peak), signal.dtype)
    if wavelet.analytic:  # nothing at negative frequencies
        half = jnp.fft.rfft(signal, size)[..., None, :] * daughters
        full = jnp.pad(half, [(0, 0)] * (half.ndim - 1) + [(0, size - half.shape[-1])])
        transform = jnp.fft.ifft(full)
    else:
        transform = jnp.fft.irfft(jnp.fft.rfft(signal, size)[..., None, :] * daughters, size)
    return jnp.moveaxis(transform[..., :time], -2, -1)


def icwt(
    transform: Inexact[Array, "*batch time scales"],
    scales: Scales,
    *,
    wavelet: AnalyticWavelet = Morlet(),
) -> Float[Array, "*batch time"]:
    """The signal whose `cwt` this is, by the sum over scales (Torrence & Compo, 1998, equation 11).

    It holds what the scales hold: these must be a geometric series, ever denser ones come ever nearer (four an octave
    and more), and frequencies outside of them are missing. The factor, C_δ ψ₀(0), is the limit of equation 13 for all
    scales rather than the table's, which is for scales from two samples on.

    Raises:
        ValueError: fewer than two scales, not a rising geometric series, or not as many as the transform has.
    """
    scales = _checked(scales)
    octaves = np.diff(np.log2(scales))
    if len(octaves) < 1 or not octaves[0] > 0 or not np.allclose(octaves, octaves[0], rtol=1e-3):
        raise ValueError("the inverse needs at least two scales that rise by the same factor each")
    if transform.shape[-1] != len(scales):
        raise ValueError(f"{len(scales)} scales do not belong to a transform of {transform.shape[-1]}")
    weights = octaves[0] / (_admissibility(wavelet) * np.sqrt(scales))
    return transform.real @ jnp.asarray(weights, transform.real.dtype)


def scale_frequencies(
    scales: Scales,
    *,
    wavelet: AnalyticWavelet | Sampled = Morlet(),
    sample_rate: float = 1.0,
) -> Float[np.ndarray, " scales"]:
    """The frequency in hertz to which each scale (in samples) answers most.

    By Torrence & Compo's table 1; for `Sampled`, `pywt.scale2frequency`, which is rounded to a sixteenth of 1 / scale.
    """
    return sample_rate / (wavelet.wavelength * _checked(scales))


def frequency_scales(
    frequencies: Scales,
    *,
    wavelet: AnalyticWavelet | Sampled = Morlet(),
    sample_rate: float = 1.0,
) -> Float[np.ndarray, " scales"]:
    """The scales, in samples, that answer most to frequencies in hertz: the inverse of `scale_frequencies`."""
    return sample_rate / (wavelet.wavelength * _checked(frequencies))


def cone_of_influence(time: int, *, wavelet: AnalyticWavelet = Morlet()) -> Float[np.ndarray, " time"]:
    """The largest scale, in samples, that the ends of the signal hardly touch at each sample.

    There the power of a step at the nearer end has fallen to e^-2 (Torrence & Compo, 1998, section 3g).
    """
    place = np.arange(time)
    return (np.minimum(place, place[::-1]) + 0.5) / wavelet.efolding


def _checked(scales: Scales) -> Float[np.ndarray, " scales"]:
    values = np.asarray(scales, np.float64)
    if values.ndim != 1 or not values.size or not np.all((values > 0) & np.isfinite(values)):
        raise ValueError(f"scales and frequencies must be positive numbers along one axis, not {scales}")
    return values


def _fast_length(length: int) -> int:
    """The first number from `length` on that is a small odd number times a power of two."""
    return min(odd << max(0, (-(-length // odd) - 1).bit_length()) for odd in (1, 3, 5, 9, 15))


@functools.lru_cache(maxsize=16)
def _daughters(
    wavelet: AnalyticWavelet, scales: tuple[float, ...], size: int, peak: float | None
) -> Float[np.ndarray, "scales bins"]:
    """Fourier transforms at all scales, at the frequencies of an `rfft`."""
    angular = 2 * np.pi * np.arange(size // 2 + 1) / size
    s = np.asarray(scales)[:, None]
    spectra = wavelet.spectrum(s * angular)
    if peak is None:
        return np.sqrt(2 * np.pi * s) * spectra
    return peak * spectra / wavelet.spectrum(np.linspace(0, 40, 40_001)).max()


@functools.cache
def _admissibility(wavelet: AnalyticWavelet) -> float:
    """C_δ ψ₀(0): √(2π) / ln 2 times the integral of ψ̂₀(η) / η, half of it if only one half of the frequencies sees it.

    Over log η the integrand is smooth and dies out at both ends, so that the trapezoidal rule is exact to rounding.
    """
    log = np.linspace(math.log(1e-9), math.log(200), 20_001)
    integral = wavelet.spectrum(np.exp(log)).sum() * (log[1] - log[0])
    return math.sqrt(2 * np.pi) / math.log(2) * integral * (0.5 if wavelet.analytic else 1.0)


def _by_steps(
    signal: Float[Array, "*batch time"], scales: Float[np.ndarray, " scales"], wavelet: Sampled
) -> Inexact[Array, "*batch time scales"]:
    kernels, late = _steps(wavelet, tuple(scales))
    parts = [np.real(kernels), np.imag(kernels)] if np.iscomplexobj(kernels) else [kernels]
    full = [fir.convolve(signal[..., None, :], part)[..., late : late + signal.shape[-1]] for part in parts]
    transform: Array = full[0] if len(full) == 1 else jax.lax.complex(*full)
    return jnp.moveaxis(transform, -2, -1)


@functools.lru_cache(maxsize=16)
def _steps(wavelet: Sampled, scales: tuple[float, ...]) -> tuple[Inexact[np.ndarray, "scales taps"], int]:
    """One kernel for each scale, middles aligned: a sample of the answer comes `late` samples into the convolution."""
    t = np.linspace(-_HALF_WIDTH, _HALF_WIDTH, _POINTS)
    step = t[1] - t[0]
    integral = np.conj(np.cumsum(wavelet.table()) * step)
    kernels = []
    for scale in scales:
        at = (np.arange(scale * (t[-1] - t[0]) + 1) / (scale * step)).astype(int)
        stretched = integral[at[at < _POINTS]][::-1]
        if len(stretched) < 2:
            raise ValueError(f"a scale of {scale} is too small: PyWavelets' table has one point for it")
        kernels.append(-math.sqrt(scale) * np.diff(stretched, prepend=0, append=0))
    late = max((len(kernel) - 3) // 2 for kernel in kernels) + 1
    before = [late - 1 - (len(kernel) - 3) // 2 for kernel in kernels]
    taps = max(b + len(kernel) for b, kernel in zip(before, kernels, strict=True))
    return np.stack([np.pad(k, (b, taps - b - len(k))) for b, k in zip(before, kernels, strict=True)]), late
