"""Window functions: NumPy constants in float64, cached, so that `jit` folds them in.

Periodic windows (for spectra: one period over `size` samples) are the default; symmetric ones are for filter design.
`window("hann", 400)` finds any of them by name, `window(("kaiser", 8.6), 400)` with its parameter. Cached arrays are
read-only.
"""

import functools
import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

WindowSpec = str | tuple[str | float, ...]


def _cached(formula: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """A window of `size` samples from a formula for symmetric ones: a periodic one is one longer and loses its last."""

    @functools.lru_cache(maxsize=256)
    @functools.wraps(formula)
    def build(size: int, *parameters: float, periodic: bool = True) -> np.ndarray:
        if size < 1:
            raise ValueError(f"a window has at least one sample, not {size}")
        values = np.ones(1) if size == 1 else formula(size + periodic, *parameters)[:size]
        values.flags.writeable = False
        return values

    return build


def _from_centre(size: int) -> np.ndarray:
    return np.arange(size) - (size - 1) / 2


@_cached
def _cosines(size: int, *levels: float) -> np.ndarray:
    phase = 2 * np.pi * np.arange(size) / (size - 1)
    return sum(((-1) ** k * level * np.cos(k * phase) for k, level in enumerate(levels)), np.zeros(size))


def general_cosine(size: int, *levels: float, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """Sum of cosines `levels[k] * (-1)^k * cos(2 pi k n / size)` (Nuttall, 1981)."""
    return _cosines(size, *levels, periodic=periodic)


def hann(size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """Hann's raised cosine. Periodic (for spectra): one period over `size` samples; else symmetric, both ends zero."""
    return _cosines(size, 0.5, 0.5, periodic=periodic)


def hamming(size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """Hamming's raised cosine on a pedestal of 0.08."""
    return _cosines(size, 0.54, 0.46, periodic=periodic)


def general_hamming(size: int, level: float, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """A raised cosine on a pedestal of `2 * level - 1`: Hann's at 0.5, Hamming's at 0.54."""
    return _cosines(size, level, 1 - level, periodic=periodic)


def blackman(size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """Blackman's three cosines; side lobes below -58 dB."""
    return _cosines(size, 0.42, 0.5, 0.08, periodic=periodic)


def nuttall(size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """Nuttall's minimal four cosines (1981); side lobes below -98 dB."""
    return _cosines(size, 0.3635819, 0.4891775, 0.1365995, 0.0106411, periodic=periodic)


def blackman_harris(size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """Harris' four cosines (1978); side lobes below -92 dB."""
    return _cosines(size, 0.35875, 0.48829, 0.14128, 0.01168, periodic=periodic)


def flat_top(size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """Five cosines that read the height of a peak between bins to 0.01 dB (D'Antona and Ferrero, 2006)."""
    levels = (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368)
    return _cosines(size, *levels, periodic=periodic)


@_cached
def _povey(size: int) -> np.ndarray:
    return _cosines(size, 0.5, 0.5, periodic=False) ** 0.85


def povey(size: int, *, periodic: bool = False) -> Float[np.ndarray, " size"]:
    """Kaldi's default: Hann's to the power of 0.85; Kaldi's own is symmetric."""
    return _povey(size, periodic=periodic)


@_cached
def _boxcar(size: int) -> np.ndarray:
    return np.ones(size)


def boxcar(size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """All ones."""
    return _boxcar(size, periodic=periodic)


@_cached
def _bartlett(size: int) -> np.ndarray:
    return 1 - np.abs(_from_centre(size)) * 2 / (size - 1)


def bartlett(size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """A triangle that touches zero at both ends."""
    return _bartlett(size, periodic=periodic)


@_cached
def _triangle(size: int) -> np.ndarray:
    return 1 - np.abs(_from_centre(size)) * 2 / (size + size % 2)


def triangle(size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """A triangle whose ends are not zero (scipy's `triang`)."""
    return _triangle(size, periodic=periodic)


@_cached
def _bartlett_hann(size: int) -> np.ndarray:
    place = np.abs(np.arange(size) / (size - 1) - 0.5)
    return 0.62 - 0.48 * place + 0.38 * np.cos(2 * np.pi * place)


def bartlett_hann(size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """Half triangle, half Hann (Ha and Pearce, 1989)."""
    return _bartlett_hann(size, periodic=periodic)


@_cached
def _parzen(size: int) -> np.ndarray:
    place = np.abs(_from_centre(size)) * 2 / size
    return np.where(place <= 0.5, 1 - 6 * place**2 + 6 * place**3, 2 * (1 - place) ** 3)


def parzen(size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """A cubic spline (de la Vallée Poussin), whose spectrum is nowhere negative."""
    return _parzen(size, periodic=periodic)


@_cached
def _bohman(size: int) -> np.ndarray:
    place = np.abs(np.linspace(-1, 1, size))
    values = (1 - place) * np.cos(np.pi * place) + np.sin(np.pi * place) / np.pi
    values[[0, -1]] = 0
    return values


def bohman(size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """A half cosine convolved with itself."""
    return _bohman(size, periodic=periodic)


@_cached
def _cosine(size: int) -> np.ndarray:
    return np.sin(np.pi * (np.arange(size) + 0.5) / size)


def cosine(size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """Half a period of a sine, ends not zero."""
    return _cosine(size, periodic=periodic)


@_cached
def _lanczos(size: int) -> np.ndarray:
    return np.sinc(_from_centre(size) * 2 / (size - 1))


def lanczos(size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """The main lobe of a sinc."""
    return _lanczos(size, periodic=periodic)


@_cached
def _vorbis(size: int) -> np.ndarray:
    return np.sin(np.pi / 2 * _cosine(size, periodic=False) ** 2)


def vorbis(size: int, *, periodic: bool = False) -> Float[np.ndarray, " size"]:
    """The power-complementary window of the Vorbis codec (I specification, section 4.3.1); its own is symmetric."""
    return _vorbis(size, periodic=periodic)


@_cached
def _kaiser(size: int, beta: float) -> np.ndarray:
    place = np.linspace(-1, 1, size)
    return np.i0(beta * np.sqrt(np.maximum(0, 1 - place**2))) / np.i0(beta)


def kaiser(size: int, beta: float, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """Kaiser's (1974), near the best trade of main lobe for side lobes; `beta` 0 is flat, 8.6 gives about -90 dB."""
    return _kaiser(size, float(beta), periodic=periodic)


@_cached
def _kaiser_bessel_derived(size: int, beta: float) -> np.ndarray:
    sums = np.cumsum(_kaiser(size // 2 + 1, beta, periodic=False))
    half = np.sqrt(sums[:-1] / sums[-1])
    return np.concatenate([half, half[::-1]])


def kaiser_bessel_derived(size: int, beta: float, *, periodic: bool = False) -> Float[np.ndarray, " size"]:
    """Power-complementary window of AAC's MDCT, of even `size`, symmetric only.

    Raises:
        ValueError: `size` is odd, or `periodic` is asked for.
    """
    if size % 2 or periodic:
        raise ValueError(f"a Kaiser-Bessel-derived window is symmetric and of even size, not {size=} {periodic=}")
    return _kaiser_bessel_derived(size, float(beta), periodic=False)


@_cached
def _gaussian(size: int, deviation: float, power: float) -> np.ndarray:
    return np.exp(-0.5 * np.abs(_from_centre(size) / deviation) ** (2 * power))


def gaussian(size: int, deviation: float, *, power: float = 1.0, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """A Gaussian of standard deviation `deviation` samples; its exponent to `power` flattens the top."""
    return _gaussian(size, float(deviation), float(power), periodic=periodic)


def general_gaussian(size: int, power: float, deviation: float, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """`gaussian` with its `power`, the arguments in scipy's order."""
    return gaussian(size, deviation, power=power, periodic=periodic)


@_cached
def _exponential(size: int, decay: float) -> np.ndarray:
    return np.exp(-np.abs(_from_centre(size)) / decay)


def exponential(size: int, decay: float = 1.0, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """A two-sided exponential (Poisson window): a factor of e every `decay` samples from the centre."""
    return _exponential(size, float(decay), periodic=periodic)


@_cached
def _tukey(size: int, taper: float) -> np.ndarray:
    if taper <= 0:
        return np.ones(size)
    place = np.arange(size) / (size - 1)
    from_edge = np.minimum(place, place[::-1]) * 2 / min(taper, 1.0)
    return np.where(from_edge < 1, 0.5 - 0.5 * np.cos(np.pi * from_edge), 1.0)


def tukey(size: int, taper: float = 0.5, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """Flat with cosine tapers over the share `taper` of its length: 0 is a boxcar, 1 is Hann's."""
    return _tukey(size, float(taper), periodic=periodic)


@_cached
def _taylor(size: int, near: float, attenuation: float) -> np.ndarray:
    count = int(near)
    a = np.arccosh(10 ** (attenuation / 20)) / np.pi
    spread = count**2 / (a**2 + (count - 0.5) ** 2)
    m = np.arange(1, count)
    levels = np.empty(count - 1)
    for i, k in enumerate(m):
        numerator = (-1) ** (k + 1) * np.prod(1 - k**2 / spread / (a**2 + (m - 0.5) ** 2))
        levels[i] = numerator / (2 * np.prod(1 - k**2 / m[m != k] ** 2))
    shape = lambda n: 1 + 2 * levels @ np.cos(2 * np.pi * m[:, None] * n / size)
    return shape(_from_centre(size)) / shape(np.zeros(1))


def taylor(size: int, *, near: int = 4, attenuation: float = 30.0, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """Taylor's (1955): `near` side lobes next to the main one stay at `-attenuation` dB. Its peak is one."""
    return _taylor(size, near, float(attenuation), periodic=periodic)


@_cached
def _chebyshev(size: int, attenuation: float) -> np.ndarray:
    order = size - 1
    x = np.cosh(np.arccosh(10 ** (abs(attenuation) / 20)) / order) * np.cos(np.pi * np.arange(size) / size)
    inside = np.cos(order * np.arccos(np.clip(x, -1, 1)))
    outside = np.sign(x) ** order * np.cosh(order * np.arccosh(np.maximum(1, np.abs(x))))
    spectrum = np.where(np.abs(x) <= 1, inside, outside).astype(complex)
    if size % 2:
        half = np.fft.fft(spectrum).real[: (size + 1) // 2]
        values = np.concatenate([half[:0:-1], half])
    else:
        half = np.fft.fft(spectrum * np.exp(1j * np.pi / size * np.arange(size))).real[1 : size // 2 + 1]
        values = np.concatenate([half[::-1], half])
    return values / values.max()


def chebyshev(size: int, attenuation: float = 100.0, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """Dolph's (1946): the narrowest main lobe when every side lobe is at `-attenuation` dB (45 or more)."""
    return _chebyshev(size, float(attenuation), periodic=periodic)


@_cached
def _slepian(size: int, half_bandwidth: float) -> np.ndarray:
    n = np.arange(size)
    diagonal = ((size - 1 - 2 * n) / 2) ** 2 * np.cos(2 * np.pi * half_bandwidth / size)
    beside = n[1:] * (size - n[1:]) / 2
    _, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
    values = vectors[:, -1] * np.sign(vectors[:, -1].sum())
    below_one = 1 if size % 2 else size**2 / (size**2 + half_bandwidth)
    return values / values.max() * below_one


def slepian(size: int, half_bandwidth: float, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """The first discrete prolate spheroidal sequence (Slepian, 1978): most energy within `half_bandwidth` bins.

    Scaled as scipy's `dpss` does by default: a peak of one, slightly less when the symmetric size is even. Solves a
    dense eigenproblem of `size`.

    Raises:
        ValueError: `half_bandwidth` is not positive or not below size / 2.
    """
    if not 0 < half_bandwidth < max(size, 1) / 2:
        raise ValueError(f"the half bandwidth of {size} samples lies in (0, {size / 2}), not at {half_bandwidth}")
    return _slepian(size, float(half_bandwidth), periodic=periodic)


_NAMED: dict[str, Callable[..., np.ndarray]] = {
    **{f.__name__: f for f in (bartlett, bartlett_hann, blackman, blackman_harris, bohman, boxcar, chebyshev, cosine)},
    **{f.__name__: f for f in (exponential, flat_top, gaussian, general_cosine, general_gaussian, hamming, hann)},
    **{f.__name__: f for f in (kaiser, kaiser_bessel_derived, lanczos, nuttall, parzen, povey, slepian, taylor)},
    **{f.__name__: f for f in (general_hamming, triangle, tukey, vorbis)},
    # as scipy spells them
    "barthann": bartlett_hann,
    "blackmanharris": blackman_harris,
    "chebwin": chebyshev,
    "dpss": slepian,
    "flattop": flat_top,
    "rectangular": boxcar,
    "triang": triangle,
}


def window(spec: WindowSpec, size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """A window by name, or by a name and its parameters: `"hann"`, `("kaiser", 8.6)`, `("tukey", 0.25)`.

    Raises:
        ValueError: no such window, a parameter is missing, or a size below one.
    """
    name, *parameters = (spec,) if isinstance(spec, str) else spec
    if name not in _NAMED:
        raise ValueError(f"no window {name!r}; there are {', '.join(sorted(_NAMED))}")
    try:
        return _NAMED[str(name)](size, *parameters, periodic=periodic)
    except TypeError as error:
        raise ValueError(f"window {name!r} and parameters {tuple(parameters)} do not fit: {error}") from error


def kaiser_beta(attenuation: float) -> float:
    """Kaiser's empirical `beta` for a stop band at `-attenuation` dB (Oppenheim and Schafer, equation 7.75)."""
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    return 0.5842 * max(0.0, attenuation - 21) ** 0.4 + 0.07886 * max(0.0, attenuation - 21)


def kaiser_length(attenuation: float, transition: float) -> int:
    """Taps for a stop band at `-attenuation` dB and a transition of `transition` (1: half the sample rate); odd.

    Raises:
        ValueError: the transition is not in (0, 1].
    """
    if not 0 < transition <= 1:
        raise ValueError(f"a transition is a share of half the sample rate in (0, 1], not {transition}")
    return max(1, math.ceil((attenuation - 7.95) / (2.285 * math.pi * transition))) // 2 * 2 + 1
