"""The filters of constant-Q transforms: frequencies, lengths, kernels and the plan by which octaves share them.

Schörkhuber and Klapuri (2010): all octaves use the kernels of the highest, on a signal whose rate is halved from octave
to octave. Numbers are NumPy's in float64, built once and cached.
"""

import dataclasses
import functools
import itertools
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from audiozoo.signal import windows

# Glasberg and Moore (1990): an auditory filter is 24.7 Hz wider than 0.108 of its frequency.
_ERB_HZ, _ERB_SHARE = 24.7, 0.108


@dataclasses.dataclass(frozen=True)
class Bank:
    """A set of filters, as a hashable value; the meaning of each field is that of the argument of `vqt`."""

    sample_rate: float
    hop_length: int
    fmin: float
    n_bins: int
    intervals: tuple[float, ...]
    gamma: float | None
    filter_scale: float
    norm: float | None
    sparsity: float
    window: windows.WindowSpec
    scale: bool
    recursive: bool

    def __post_init__(self) -> None:
        for name in ("sample_rate", "hop_length", "fmin", "n_bins", "filter_scale"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if not self.intervals or any(a >= b for a, b in itertools.pairwise(self.intervals)):
            raise ValueError(f"intervals are rising ratios, at least one in an octave, not {self.intervals}")
        if not (self.intervals[0] > 0 and self.intervals[-1] < 2 * self.intervals[0]):
            raise ValueError(f"intervals lie within one octave, not {self.intervals}")
        if self.gamma is not None and not self.gamma >= 0:
            raise ValueError(f"gamma must be at least zero or None, not {self.gamma}")
        if not 0 <= self.sparsity < 1:
            raise ValueError(f"sparsity is a share in [0, 1), not {self.sparsity}")
        if self.norm is not None and not self.norm > 0:
            raise ValueError(f"norm must be positive, infinite or None, not {self.norm}")
        if (reach := float(self.cutoffs.max())) > self.sample_rate / 2:
            raise ValueError(
                f"the highest of {self.n_bins} filters from {self.fmin:g} Hz reaches up to {reach:.0f} Hz, above half "
                f"the sample rate, {self.sample_rate / 2:g} Hz; ask for fewer bins or a lower fmin"
            )

    @property
    def octaves(self) -> int:
        """How many there are, an incomplete one included."""
        return -(-self.n_bins // len(self.intervals))

    @functools.cached_property
    def frequencies(self) -> Float[np.ndarray, " bins"]:
        """Centre frequencies in hertz."""
        return (self.fmin * np.outer(2.0 ** np.arange(self.octaves), self.intervals)).ravel()[: self.n_bins]

    @functools.cached_property
    def bandwidths(self) -> Float[np.ndarray, " bins"]:
        """Relative bandwidth of each filter, from the distance of its neighbours (librosa's convention)."""
        if self.n_bins == 1:
            steps = np.array([1 / len(self.intervals)])
        else:
            logarithms = np.log2(self.frequencies)
            steps = np.gradient(logarithms)
        ratios = 4.0**steps
        return (ratios - 1) / (ratios + 1)

    @functools.cached_property
    def _offsets(self) -> Float[np.ndarray, " bins"]:
        """What `gamma` adds to the bandwidth, in hertz."""
        return self.bandwidths * (_ERB_HZ / _ERB_SHARE) if self.gamma is None else np.full(self.n_bins, self.gamma)

    @functools.cached_property
    def lengths(self) -> Float[np.ndarray, " bins"]:
        """Lengths of the filters in samples, not rounded."""
        quality = self.filter_scale / self.bandwidths
        return quality * self.sample_rate / (self.frequencies + self._offsets / self.bandwidths)

    @functools.cached_property
    def cutoffs(self) -> Float[np.ndarray, " bins"]:
        """Highest frequency that each filter lets through, by the bandwidth of its window, in hertz."""
        taps = windows.window(self.window, 1000)
        width = len(taps) * np.sum(taps**2) / np.sum(taps) ** 2
        return self.frequencies * (1 + 0.5 * width * self.bandwidths / self.filter_scale) + 0.5 * self._offsets

    @functools.cached_property
    def scales(self) -> Float[np.ndarray, " bins"]:
        """What a sum over a kernel is multiplied by: the square root of its length, or its length without `scale`."""
        return np.sqrt(self.lengths) if self.scale else self.lengths


class Octave(NamedTuple):
    """Bins that share a sample rate."""

    bins: slice
    halvings: int  # of the sample rate
    hop_length: int
    kernels: Float[np.ndarray, "size two_bins"]  # real parts, then imaginary ones


def wavelets(bank: Bank, bins: slice, rate: float, size: int) -> Complex[np.ndarray, "bins size"]:
    """Windowed complex exponentials, their phase zero at sample `size // 2`, before any scaling."""
    rows = np.zeros((bins.stop - bins.start, size), np.complex128)
    for row, frequency, length in zip(rows, bank.frequencies[bins], bank.lengths[bins], strict=True):
        length = length * rate / bank.sample_rate
        time = np.arange(-length // 2, length // 2)
        wave = np.exp(2j * np.pi * frequency / rate * time) * windows.window(bank.window, len(time))
        if bank.norm is not None:
            size_of = np.abs(wave)
            level = size_of.max() if math.isinf(bank.norm) else np.sum(size_of**bank.norm) ** (1 / bank.norm)
            wave = wave / (level if level > 0 else 1)
        first = (size - len(time)) // 2
        row[first : first + len(time)] = wave
    return rows


def _spectra(bank: Bank, bins: slice, rate: float) -> Complex[np.ndarray, "bins frequencies"]:
    """librosa's basis: the wavelets' transforms over a power of two, without negative frequencies and small values."""
    size = 2 ** math.ceil(math.log2(bank.lengths[bins].max() * rate / bank.sample_rate))
    spectra = np.fft.fft(wavelets(bank, bins, rate, size))[:, : size // 2 + 1]
    sizes = np.abs(spectra)
    rising = np.sort(sizes, axis=1)
    below = np.cumsum(rising / sizes.sum(1, keepdims=True), axis=1) < bank.sparsity
    threshold = np.take_along_axis(rising, np.argmin(below, axis=1)[:, None], 1)
    return np.where(sizes >= threshold, spectra, 0)


def _parts(kernels: Complex[np.ndarray, "size bins"]) -> Float[np.ndarray, "size two_bins"]:
    return np.ascontiguousarray(np.concatenate([np.real(kernels), np.imag(kernels)], 1))


def _transform_size(spectra: np.ndarray) -> int:
    return max(1, 2 * (spectra.shape[1] - 1))


def _analysis(bank: Bank, bins: slice, rate: float) -> Complex[np.ndarray, "size bins"]:
    """What a frame is multiplied by: the spectra's products with its transform, written as sums over its samples."""
    spectra = _spectra(bank, bins, rate)
    size = _transform_size(spectra)
    return np.fft.fft(spectra, size).T * (bank.scales[bins] / size)


def _direct(bank: Bank, bins: slice) -> Complex[np.ndarray, "size bins"]:
    """Conjugate wavelets at the full rate, as the transform is defined (Brown, 1991)."""
    size = 2 * math.ceil(bank.lengths[bins].max() / 2 + 1)
    return wavelets(bank, bins, bank.sample_rate, size).conj().T * bank.scales[bins]


def _rate_halvings(bank: Bank, early: int) -> list[int]:
    """For each octave from the top, how often the rate has been halved: never more often than the hop can be."""
    twos = (bank.hop_length & -bank.hop_length).bit_length() - 1
    return [min(early + i, twos) for i in range(bank.octaves)]


@functools.lru_cache(maxsize=64)
def analysis_plan(bank: Bank) -> tuple[Octave, ...]:
    """Octaves from the top; if one is incomplete, it is the lowest."""
    width = len(bank.intervals)
    edges = [max(0, bank.n_bins - width * i) for i in range(bank.octaves + 1)]
    pieces = [slice(low, high) for high, low in itertools.pairwise(edges)]
    if not bank.recursive:
        return tuple(Octave(bins, 0, bank.hop_length, _parts(_direct(bank, bins))) for bins in pieces)
    # Before the first octave the rate may be halved as often as the highest filter allows, with an octave to spare.
    twos = (bank.hop_length & -bank.hop_length).bit_length() - 1
    spare = math.ceil(math.log2(bank.sample_rate / 2 / bank.cutoffs.max())) - 2
    early = min(max(0, spare), max(0, twos - bank.octaves + 1))
    return tuple(
        Octave(bins, n, bank.hop_length >> n, _parts(_analysis(bank, bins, bank.sample_rate / 2**n)))
        for bins, n in zip(pieces, _rate_halvings(bank, early), strict=True)
    )


@functools.lru_cache(maxsize=64)
def synthesis_plan(bank: Bank) -> tuple[Octave, ...]:
    """Octaves from the bottom, the highest perhaps incomplete; a frame is the coefficients' parts @ kernels.T."""
    width = len(bank.intervals)
    pieces = [slice(i, min(i + width, bank.n_bins)) for i in range(0, bank.n_bins, width)]
    octaves = []
    for bins, n in zip(pieces, _rate_halvings(bank, 0)[::-1], strict=True):
        basis = _spectra(bank, bins, bank.sample_rate / 2**n).conj()
        size = _transform_size(basis)
        lengths = bank.lengths[bins]
        basis = basis * (lengths / 2**n / size)[:, None]
        gains = size / lengths / np.sum(np.abs(basis) ** 2, axis=1) * (np.sqrt(lengths) if bank.scale else 1)
        basis[:, 1 : size // 2] *= 2  # the negative frequencies, whose values are conjugate
        kernels = np.fft.ifft(basis * gains[:, None], size)
        octaves.append(Octave(bins, n, bank.hop_length >> n, _parts(kernels.T.conj())))
    return tuple(octaves)
