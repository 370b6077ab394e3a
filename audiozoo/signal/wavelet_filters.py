"""Filters of the discrete wavelet transform, computed from their definitions and rounded once, to float64.

Roots and products are taken in decimal numbers of 80 digits, as a product of 38 pairs of roots leaves nothing of
float64. Names, orientation and padding are PyWavelets', whose tables of symlets are off by up to 2e-11.
"""

import decimal
import functools
import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

_CONTEXT = decimal.Context(prec=80)
_CLOSE = Decimal(10) ** -25  # a relative step of Newton's method after which the next would be below 50 digits
_SPLINES = {1: (1, 3, 5), 2: (2, 4, 6, 8), 3: (1, 3, 5, 7, 9)}  # reconstruction: decomposition
_FAMILIES = {
    "haar": ("haar",),
    "db": tuple(f"db{n}" for n in range(1, 39)),
    "sym": tuple(f"sym{n}" for n in range(2, 21)),
    "coif": tuple(f"coif{n}" for n in range(1, 18)),
    "bior": (*(f"bior{r}.{d}" for r, ds in _SPLINES.items() for d in ds), "bior4.4", "bior5.5", "bior6.8"),
}
_FAMILIES["rbio"] = tuple(name.replace("bior", "rbio") for name in _FAMILIES["bior"])
# Which factors of a symlet, counted from the roots of smallest real part, have their zeros outside the unit circle:
# of all choices the ones nearest to linear phase, as published (Daubechies, Ten Lectures on Wavelets, table 6.3, and
# Wavelab for the longer ones); one bit a factor.
_SYMLETS = {2: 0, 3: 0, 4: 1, 5: 1, 6: 6, 7: 1, 8: 5, 9: 6, 10: 26, 11: 6, 12: 42, 13: 28, 14: 22, 15: 28}
_SYMLETS |= {16: 172, 17: 142, 18: 422, 19: 116, 20: 690}
# Biorthogonal pairs of nearly equal length: zeros at half the sample rate and factors that the reconstruction takes.
_SHARED = {"4.4": (4, (1,)), "5.5": (6, (0,)), "6.8": (6, (1,))}
_COIFLET_START = (15, 2, -4, -1)  # hundredths of 4^order; Newton's method leads from here to all of them

Polynomial = np.ndarray  # of Decimals (dtype object), any order: all that are multiplied here are real


class Wavelet(NamedTuple):
    """Four filters of one length, even, in float64: PyWavelets' `filter_bank`.

    A transform convolves with `dec_lo` and `dec_hi` and keeps every second sample; its inverse fills zeros in between
    and convolves with `rec_lo` and `rec_hi`.
    """

    dec_lo: Float[np.ndarray, " taps"]
    dec_hi: Float[np.ndarray, " taps"]
    rec_lo: Float[np.ndarray, " taps"]
    rec_hi: Float[np.ndarray, " taps"]


def wavelet_names(family: str | None = None) -> tuple[str, ...]:
    """All names that `wavelet` knows, or those of one family: haar, db, sym, coif, bior or rbio.

    Raises:
        ValueError: no such family.
    """
    if family is None:
        return sum(_FAMILIES.values(), ())
    if family not in _FAMILIES:
        raise ValueError(f"want a family of wavelets out of {', '.join(_FAMILIES)}, not {family!r}")
    return _FAMILIES[family]


def wavelet(name: str | Wavelet) -> Wavelet:
    """The filters of a wavelet; filters are given back as they are.

    Args:
        name: "haar"; "db1" to "db38", Daubechies' of extremal phase (Daubechies, 1988), n vanishing moments and 2n
            taps; "sym2" to "sym20", the same with nearly linear phase; "coif1" to "coif17", coiflets (Daubechies,
            1993), 2n vanishing moments of the wavelet, 2n - 1 of the scaling function, 6n taps; "bior1.1" to "bior6.8",
            symmetric biorthogonal ones (Cohen, Daubechies & Feauveau, 1992), zeros of reconstruction and of
            decomposition; "rbio…", the same with the two exchanged.

    Raises:
        ValueError: no such wavelet.
    """
    if isinstance(name, Wavelet):
        return name
    if name not in wavelet_names():
        ranges = [f"{names[0]} to {names[-1]}" for names in _FAMILIES.values()]
        raise ValueError(f"want a wavelet out of {', '.join(ranges)}, not {name!r}")
    return _named(name)


@functools.cache
def _named(name: str) -> Wavelet:
    family, order = re.fullmatch(r"([a-z]+)([\d.]*)", name).groups()  # pyright: ignore[reportOptionalMemberAccess]
    with decimal.localcontext(_CONTEXT):
        if family in ("bior", "rbio"):
            return _biorthogonal(*_biorthogonal_pair(order), exchanged=family == "rbio")
        if family == "coif":
            low = _coiflet(int(order))
        else:
            low = _daubechies(int(order or 1), _SYMLETS[int(order)] if family == "sym" else 0)
        rec_lo = _rounded(low)
    return _bank(rec_lo[::-1], rec_lo)


def _bank(dec_lo: np.ndarray, rec_lo: np.ndarray) -> Wavelet:
    """The high-pass filters that make two low-pass filters a bank with perfect reconstruction."""
    signs = (-1.0) ** np.arange(len(rec_lo))
    filters = (dec_lo, -signs * rec_lo, rec_lo, signs * dec_lo)
    for taps in filters:
        taps.setflags(write=False)  # they are shared by everybody who asks
    return Wavelet(*filters)


def _rounded(low: Polynomial) -> Float[np.ndarray, " taps"]:
    """Float64 taps whose sum is the square root of two."""
    return np.array([float(tap) for tap in low * (Decimal(2).sqrt() / low.sum())])


def _daubechies(zeros: int, outside: int) -> Polynomial:
    """(1 + z)^zeros times the factors of P(y) that lie inside the unit circle, or outside where the bit is set."""
    low = _binomial(zeros)
    for i, factor in enumerate(_factors(zeros)):
        q = _inside(factor)
        low = np.convolve(low, q[::-1] if outside >> i & 1 else q)
    return low


def _biorthogonal_pair(order: str) -> tuple[Polynomial, Polynomial]:
    """Decomposition and reconstruction low-pass, symmetric, without padding."""
    r, d = (int(n) for n in order.split("."))
    zeros = (r + d) // 2
    if order not in _SHARED:
        return np.convolve(_binomial(d), _product(map(_symmetric, _factors(zeros)))), _binomial(r)
    r, taken = _SHARED[order]
    factors = [_symmetric(factor) for factor in _factors(zeros)]
    rest = [q for i, q in enumerate(factors) if i not in taken]
    ours = [factors[i] for i in taken]
    return np.convolve(_binomial(2 * zeros - r), _product(rest)), np.convolve(_binomial(r), _product(ours))


def _biorthogonal(dec_lo: Polynomial, rec_lo: Polynomial, *, exchanged: bool) -> Wavelet:
    """Both in filters of one even length; of odd ones, the decomposition's middle comes a sample later."""
    longest = max(len(dec_lo), len(rec_lo))
    taps = longest + longest % 2
    padded = []
    for low, late in ((dec_lo, True), (rec_lo, False)):
        before = (taps - len(low) + late) // 2
        padded.append(np.pad(_rounded(low), (before, taps - len(low) - before)))
    return _bank(padded[1][::-1], padded[0][::-1]) if exchanged else _bank(*padded)


def _binomial(n: int) -> Polynomial:
    return np.array([Decimal(math.comb(n, k)) for k in range(n + 1)], dtype=object)


def _product(polynomials: Iterable[Polynomial]) -> Polynomial:
    return functools.reduce(np.convolve, polynomials, _binomial(0))


@functools.cache
def _factors(zeros: int) -> tuple[tuple[Decimal, ...], ...]:
    """Real factors (a, b) of y² + ay + b and (b,) of y + b of Daubechies' P(y) = Σₖ C(zeros - 1 + k, k) yᵏ.

    Those of complex roots come first, the smallest real part first; one real root is left for even `zeros`. Roots in
    float64 only say where Bairstow's method begins; what is found is divided out, so that nothing is found twice.
    """
    rest = [Decimal(math.comb(zeros - 1 + k, k)) for k in range(zeros)][::-1]  # highest power first
    found = []
    while len(rest) > 2:
        roots = np.roots([float(c) for c in rest])
        root = max(roots, key=lambda y: y.imag)
        a, b, rest = _bairstow(rest, Decimal(-2 * root.real), Decimal(abs(root) ** 2))
        found.append((a, b))
    found.sort(key=lambda factor: -factor[0])
    return (*found, (rest[1] / rest[0],)) if len(rest) == 2 else tuple(found)


def _bairstow(polynomial: Sequence[Decimal], a: Decimal, b: Decimal) -> tuple[Decimal, Decimal, list[Decimal]]:
    """The factor y² + ay + b nearest to the one given, and the polynomial without it."""

    def divide(dividend: Sequence[Decimal]) -> list[Decimal]:
        quotient = [Decimal(0), Decimal(0)]
        for coefficient in dividend:
            quotient.append(coefficient - a * quotient[-1] - b * quotient[-2])
        return quotient[2:]

    for _ in range(200):
        quotient = divide(polynomial)
        p, q, r = [Decimal(0), Decimal(0), *divide(quotient[:-1])][-3:]
        slope = q * q - p * r
        step_a = (quotient[-2] * q - quotient[-1] * p) / slope
        step_b = (quotient[-1] * q - quotient[-2] * r) / slope
        a, b = a + step_a, b + step_b
        if max(abs(step_a / a), abs(step_b / b)) < _CLOSE:
            return a, b, divide(polynomial)[:-2]
    raise ArithmeticError(f"Bairstow's method did not converge for a polynomial of degree {len(polynomial) - 1}")


def _symmetric(factor: tuple[Decimal, ...]) -> Polynomial:
    """A factor of P(y) as a symmetric polynomial of z, where y = (2 - z - 1/z) / 4, its zeros inside and outside."""
    inside = _inside(factor)
    return np.convolve(inside, inside[::-1])


def _inside(factor: tuple[Decimal, ...]) -> Polynomial:
    """The part of a factor of P(y) whose zeros lie inside the unit circle: z² + sz + p or z + p.

    With w = z + 1/z the factor is w² + cw + d. Of its two halves z² + sz + p and 1 + sz + pz², c = s(1 + p) / p and
    d + 2 = (1 + s² + p²) / p; t = p + 1/p solves a quadratic equation.
    """
    if len(factor) == 1:
        w = 2 + 4 * factor[0]
        root = (w * w - 4).sqrt()
        return np.array([Decimal(1), (root - w) / 2 if w > 0 else -(root + w) / 2], dtype=object)
    a, b = factor
    c, d = -4 - 4 * a, 4 + 8 * a + 16 * b
    t = (d + ((d + 4) ** 2 - 4 * c * c).sqrt()) / 2
    p = (t - (t * t - 4).sqrt()) / 2
    return np.array([Decimal(1), c * p / (1 + p), p], dtype=object)


def _coiflet(order: int) -> Polynomial:
    """The low-pass filter of 6 * order taps (Daubechies, 1993, section 3).

    With c = (2 + z + 1/z) / 4 and s = 1 - c it is c^K (Σ_{k<K} C(K - 1 + k, k) sᵏ + s^K f), K = order, which has the
    moments for any f; the 2K coefficients of f are the ones that make it orthogonal to its even shifts, by Newton's
    method on the 2K longest of these (the shorter ones follow, as the error has a factor (cs)^K).
    """
    fixed, moving = _coiflet_parts(order)
    taps, unknowns = len(fixed), 2 * order
    start = (*_COIFLET_START, *[0] * unknowns)[:unknowns]
    f = np.array([Decimal(n) * 4**order / 100 for n in start], dtype=object)
    for _ in range(50):
        low = fixed + moving @ f
        errors, slopes = [], []
        for shift in range(2 * order, taps, 2):
            errors.append(low[shift:] @ low[: taps - shift])
            slopes.append(low[shift:] @ moving[: taps - shift] + low[: taps - shift] @ moving[shift:])
        step = _solved(np.array(slopes), np.array(errors))
        f = f - step
        if max(abs(step)) < _CLOSE * max(abs(f)):
            return fixed + moving @ f
    raise ArithmeticError(f"Newton's method did not converge for the coiflet of order {order}")


def _coiflet_parts(order: int) -> tuple[Polynomial, np.ndarray]:
    """What does not depend on f, and what f is multiplied with: [taps] and [taps, unknowns]."""
    quarter = Decimal("0.25")
    cosine, sine = quarter * np.array([1, 2, 1], dtype=object), quarter * np.array([-1, 2, -1], dtype=object)
    powers = [_binomial(0)]
    for _ in range(order):
        powers.append(np.convolve(powers[-1], sine))
    outer = _product([cosine] * order)
    inner = np.full(2 * order - 1, Decimal(0), dtype=object)
    for k in range(order):
        inner[order - 1 - k : order + k] += math.comb(order - 1 + k, k) * powers[k]
    fixed, kernel = np.convolve(outer, inner), np.convolve(outer, powers[order])
    moving = np.full((6 * order, 2 * order), Decimal(0), dtype=object)
    for i in range(2 * order):
        moving[i : i + len(kernel), i] = kernel
    return np.pad(fixed, (1, 2 * order), constant_values=Decimal(0)), moving  # pyright: ignore[reportCallIssue, reportArgumentType]


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Gauss's elimination with pivots, in Decimals."""
    rows: Any = np.concatenate([matrix, right[:, None]], axis=1)
    for i in range(len(rows)):
        pivot = i + int(np.argmax(abs(rows[i:, i])))
        rows[[i, pivot]] = rows[[pivot, i]]
        rows[i] = rows[i] / rows[i, i]
        for j in range(len(rows)):
            if j != i:
                rows[j, i:] = rows[j, i:] - rows[j, i] * rows[i, i:]
    return rows[:, -1]
