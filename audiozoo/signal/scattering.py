"""The scattering transform of sound (Andén & Mallat, 2014): moduli of wavelet transforms, averaged, twice over.

Filters (Lostanlen, 2017), padding, subsampling and the order of paths are those of kymatio's `Scattering1D`.
"""

import functools
import math
from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from audiozoo.signal.framing import pad
from audiozoo.signal.precision import widened
from audiozoo.signal.spectral import magnitude

Gain = Literal["unit", "kymatio"]

_NARROWEST = 0.1  # bandwidth of the low-pass filter of one sample's support, of the sample rate
_OVERLAP = math.sqrt(0.5)  # where one wavelet's response meets the next one's
_ALIAS = 5.0  # bandwidths beyond its centre at which a wavelet counts as silent
_MOST_PERIODS = 5


class Paths(NamedTuple):
    """What each coefficient of a scattering transform has come through; nan (or -1) for an order it has not reached."""

    order: Int[np.ndarray, " paths"]
    frequency: Float[np.ndarray, "paths orders"]  # centres of the wavelets, of the sample rate
    bandwidth: Float[np.ndarray, "paths orders"]
    octave: Int[np.ndarray, "paths orders"]  # how many times the wavelet's output can be halved in rate
    wavelet: Int[np.ndarray, "paths orders"]  # which one of its order


class _Bank(NamedTuple):
    frequency: tuple[float, ...]
    bandwidth: tuple[float, ...]
    octave: tuple[int, ...]


def scattering_transform(
    signal: Float[Array, "*batch time"],
    *,
    octaves: int,
    per_octave: int | tuple[int, int] = 1,
    support: int | None = None,
    max_order: int = 2,
    oversampling: int = 0,
    gain: Gain = "unit",
) -> Float[Array, "*batch frames paths"]:
    """Averaged scattering coefficients of order 0, 1 and 2, a frame every 2**⌊log2(support)⌋ samples.

    S₀ = x ⋆ φ, S₁ = |x ⋆ ψ₁| ⋆ φ, S₂ = ||x ⋆ ψ₁| ⋆ ψ₂| ⋆ φ, the paths in this order (`scattering_paths` names them);
    the signal is mirrored at its ends. Filters are constants as long as the padded signal: cut long sounds.

    Args:
        octaves: J; the longest wavelet is about 2**J samples.
        per_octave: Q, wavelets an octave of the first order and of the second (1 if not given).
        support: T, samples over which the low-pass filter φ averages; None: 2**J.
        max_order: 1 or 2.
        oversampling: log2 of how many times as many frames.
        gain: of filters at lower rates. "unit": what it is at the full rate, as in the formulas above. "kymatio": as
            kymatio 0.3 has it (its issue 984), halved whenever the rate is: slow paths are quieter and depend on
            `oversampling`.

    Raises:
        ValueError: a setting that is out of range, or more support than samples.
    """
    settings = _checked(octaves, per_octave, support, max_order, oversampling)
    scattering = _Scattering(jnp.asarray(signal), *settings, gain=gain, average=True)
    return jnp.stack(scattering.coefficients(max_order), axis=-1).astype(signal.dtype)


def scattering_moduli(
    signal: Float[Array, "*batch time"],
    *,
    octaves: int,
    per_octave: int | tuple[int, int] = 1,
    max_order: int = 2,
    oversampling: int = 0,
    gain: Gain = "unit",
) -> list[Float[Array, "*batch _"]]:
    """The same before the average: the signal, |x ⋆ ψ₁| and ||x ⋆ ψ₁| ⋆ ψ₂|, each at the lowest rate that holds it."""
    settings = _checked(octaves, per_octave, None, max_order, oversampling)
    scattering = _Scattering(jnp.asarray(signal), *settings, gain=gain, average=False)
    return [coefficient.astype(signal.dtype) for coefficient in scattering.coefficients(max_order)]


def scattering_paths(
    *, octaves: int, per_octave: int | tuple[int, int] = 1, max_order: int = 2, sample_rate: float = 1.0
) -> Paths:
    """The wavelets of each path, in the order of `scattering_transform`; frequencies and bandwidths in hertz."""
    octaves, qualities, *_ = _checked(octaves, per_octave, None, max_order, 0)
    banks = [_bank(octaves, quality) for quality in qualities][:max_order]
    paths = _path_indices(octaves, qualities, max_order)
    index = np.array([path + (-1,) * (max_order - len(path)) for path in paths])
    known = index >= 0

    def looked_up(field: str, missing: float) -> np.ndarray:
        columns = [np.asarray(getattr(bank, field))[index[:, i]] for i, bank in enumerate(banks)]
        return np.where(known, np.stack(columns, axis=-1), missing)

    return Paths(
        order=known.sum(axis=-1),
        frequency=sample_rate * looked_up("frequency", math.nan),
        bandwidth=sample_rate * looked_up("bandwidth", math.nan),
        octave=looked_up("octave", -1),
        wavelet=index,
    )


def _checked(
    octaves: int, per_octave: int | tuple[int, int], support: int | None, max_order: int, oversampling: int
) -> tuple[int, tuple[int, int], int, int]:
    qualities = (per_octave, 1) if isinstance(per_octave, int) else per_octave
    if octaves < 1 or len(qualities) != 2 or min(qualities) < 1 or max_order not in (1, 2) or oversampling < 0:
        raise ValueError(
            "want octaves >= 1, per_octave >= 1, max_order 1 or 2 and oversampling >= 0, not "
            f"{octaves=}, {per_octave=}, {max_order=}, {oversampling=}"
        )
    support = 1 << octaves if support is None else support
    if support < 1:
        raise ValueError(f"the low-pass filter needs a support of at least one sample, not {support}")
    return octaves, qualities, support, oversampling


def _path_indices(octaves: int, qualities: tuple[int, int], max_order: int) -> list[tuple[int, ...]]:
    first, second = (_bank(octaves, quality).octave for quality in qualities)
    pairs = [(i, k) for i, j in enumerate(first) for k, slower in enumerate(second) if slower > j]
    return [(), *((i,) for i in range(len(first))), *(pairs if max_order == 2 else ())]


class _Scattering:
    """One signal's transform: what all of its paths share."""

    def __init__(
        self,
        signal: Float[Array, "*batch time"],
        octaves: int,
        qualities: tuple[int, int],
        support: int,
        oversampling: int,
        *,
        gain: Gain,
        average: bool,
    ) -> None:
        self.octaves, self.qualities, self.support, self.oversampling = octaves, qualities, support, oversampling
        self.gain, self.average, self.time = gain, average, signal.shape[-1]
        if gain not in ("unit", "kymatio"):
            raise ValueError(f"the gain is unit or kymatio's, not {gain!r}")
        if average and support > self.time:
            raise ValueError(f"a low-pass filter over {support} samples needs as many, not {self.time}")
        if self.time < 2:
            raise ValueError(f"a scattering transform needs at least two samples, not {self.time}")
        self.signal = widened(signal)
        self.padded = _padded_length(self.time, support)
        self.before = (self.padded - self.time) // 2
        self.slowest = int(math.log2(support))  # halvings of the rate that the average admits

    def coefficients(self, max_order: int) -> list[Float[Array, "*batch _"]]:
        after = self.padded - self.time - self.before
        spectrum = jnp.fft.fft(pad(self.signal, self.before, after, "reflect"))
        found: dict[tuple[int, ...], Array] = {(): self._averaged(spectrum, 0) if self.average else self.signal}
        first, second = (_bank(self.octaves, quality).octave for quality in self.qualities)
        for octave in sorted(set(first)):  # all wavelets of an octave at once: their rates are the same
            chosen = _places(first, octave)
            halvings, moduli = self._moduli(spectrum[..., None, :], chosen, 0, octave, order=0)
            moduli_spectra = jnp.fft.fft(moduli)
            outputs = self._output(moduli, moduli_spectra, halvings)
            found |= {(i,): outputs[..., n, :] for n, i in enumerate(chosen)}
            for slower in sorted({j for j in second if j > octave} if max_order == 2 else ()):
                others = _places(second, slower)
                deeper, moduli_2 = self._moduli(moduli_spectra[..., None, :], others, halvings, slower, order=1)
                outputs = self._output(moduli_2, None, deeper)
                found |= {(i, k): outputs[..., n, m, :] for n, i in enumerate(chosen) for m, k in enumerate(others)}
        return [found[path] for path in _path_indices(self.octaves, self.qualities, max_order)]

    def _moduli(
        self,
        spectrum: Complex[Array, "*batch #filters bins"],
        chosen: list[int],
        halvings: int,
        octave: int,
        order: int,
    ) -> tuple[int, Float[Array, "*batch filters _"]]:
        """How often the rate is halved after some wavelets of one octave, and the moduli of what comes through them."""
        slowest = min(octave, self.slowest) if self.average else octave
        more = max(slowest - halvings - self.oversampling, 0)
        filters = _wavelets(self.padded, self.octaves, self.qualities[order])[chosen]
        product = spectrum * self._slowed(filters, halvings)
        return halvings + more, magnitude(jnp.fft.ifft(_folded(product, more)))

    def _output(self, moduli: Array, spectrum: Array | None, halvings: int) -> Array:
        if not self.average:
            return self._cut(moduli, halvings)
        return self._averaged(jnp.fft.fft(moduli) if spectrum is None else spectrum, halvings)

    def _averaged(self, spectrum: Complex[Array, "*batch bins"], halvings: int) -> Float[Array, "*batch frames"]:
        more = max(self.slowest - halvings - self.oversampling, 0)
        low_pass = self._slowed(_low_pass(self.padded, self.support), halvings)
        averaged = jnp.fft.ifft(_folded(spectrum * low_pass, more)).real
        return self._cut(averaged, halvings + more)

    def _slowed(self, filters: Float[np.ndarray, "*filters size"], halvings: int) -> Float[Array, "*filters bins"]:
        """Filters for a rate that has been halved a number of times."""
        loss = 1 << halvings if self.gain == "unit" else 1  # of taking every 2**halvings-th tap only
        return jnp.asarray(loss * _folded(filters, halvings), self.signal.dtype)

    def _cut(self, padded: Float[Array, "*batch time"], halvings: int) -> Float[Array, "*batch _"]:
        """What belongs to the signal, after the rate has been halved a number of times."""
        return padded[..., -(-self.before >> halvings) : -(-(self.before + self.time) >> halvings)]


def _places(octaves: tuple[int, ...], wanted: int) -> list[int]:
    return [i for i, octave in enumerate(octaves) if octave == wanted]


def _folded(spectrum: Array | np.ndarray, halvings: int) -> Array | np.ndarray:
    """The spectrum of every 2**halvings-th sample."""
    return spectrum.reshape(*spectrum.shape[:-1], 1 << halvings, -1).mean(axis=-2) if halvings else spectrum


def _padded_length(time: int, support: int) -> int:
    """A power of two with room for three times the low-pass filter's length on either side, below 3 * time."""
    residual = np.cumsum(np.abs(np.fft.ifft(_low_pass(time, support)))[: time // 2][::-1])[::-1]
    small = np.flatnonzero(residual <= 1e-3)  # of the filter's sum lies further out
    reach = 3 * (int(small[0]) + 1 if small.size else time // 2)
    return 1 << min(math.ceil(math.log2(time + 2 * reach)), int(math.log2(3 * time - 2)))


@functools.cache
def _bank(octaves: int, per_octave: int) -> _Bank:
    """Centres in geometric, then, where bandwidths would fall below the narrowest, in arithmetic progression."""
    ratio = 2 ** (1 / per_octave)
    narrowest = _NARROWEST / 2**octaves
    highest = max(1 / (1 + 2 ** (3 / per_octave)), 0.35)
    widest = highest * (1 - 1 / ratio) / (1 + 1 / ratio) / math.sqrt(2 * math.log(1 / _OVERLAP))
    frequencies, bandwidths, elbow = [], [], widest
    if widest > narrowest:
        frequencies, bandwidths = [highest], [widest]
        while bandwidths[-1] > narrowest * ratio:
            frequencies.append(frequencies[-1] / ratio)
            bandwidths.append(bandwidths[-1] / ratio)
        elbow = frequencies[-1]
    frequencies += [elbow - q / per_octave * elbow for q in range(1, per_octave)]
    bandwidths += [narrowest] * (per_octave - 1)
    edges = [min(f + _ALIAS * b, 0.5) for f, b in zip(frequencies, bandwidths, strict=True)]
    return _Bank(tuple(frequencies), tuple(bandwidths), tuple(math.floor(-math.log2(edge)) - 1 for edge in edges))


@functools.lru_cache(maxsize=8)
def _wavelets(size: int, octaves: int, per_octave: int) -> Float[np.ndarray, "filters size"]:
    """Fourier transforms of Morlet wavelets without a mean, each of unit sum of magnitudes over time."""
    bank = _bank(octaves, per_octave)
    spectra = []
    for frequency, bandwidth in zip(bank.frequency, bank.bandwidth, strict=True):
        wave, low = _gaussian(size, frequency, bandwidth), _gaussian(size, 0.0, bandwidth)
        spectra.append(_unit(wave - wave[0] / low[0] * low))
    return np.stack(spectra)


@functools.lru_cache(maxsize=16)
def _low_pass(size: int, support: int) -> Float[np.ndarray, " size"]:
    return _unit(_gaussian(size, 0.0, _NARROWEST / support))


def _unit(spectrum: Float[np.ndarray, " size"]) -> Float[np.ndarray, " size"]:
    return spectrum / np.abs(np.fft.ifft(spectrum)).sum()


def _gaussian(size: int, centre: float, bandwidth: float) -> Float[np.ndarray, " size"]:
    """A Gaussian over frequency, folded into one period."""
    periods = min(math.ceil(bandwidth * math.sqrt(-2 * math.log(1e-7)) + 1), _MOST_PERIODS)
    if periods == 1 and not centre:
        return np.exp(-(np.fft.fftfreq(size) ** 2) / (2 * bandwidth**2))
    frequency = np.arange((1 - periods) * size, periods * size) / size
    return np.exp(-((frequency - centre) ** 2) / (2 * bandwidth**2)).reshape(-1, size).mean(axis=0)
