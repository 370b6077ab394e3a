"""Second-order filters by name: the Audio EQ Cookbook of R. Bristow-Johnson, and Butterworth cascades.

Each returns one row (1, 6) of b0 b1 b2 a0 a1 a2, normalised, ready for `sosfilt`; rows stack into equalisers.
Frequency, quality and gain may be JAX scalars, and then gradients flow to them; plain numbers give float64 constants.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal.state_space import Numbers, library, numbers

Scalar = float | Float[Array, ""]
Sections = Float[Numbers, "sections 6"]
BUTTERWORTH = 1 / math.sqrt(2)  # quality of a second-order filter with a maximally flat passband


def lowpass(frequency: Scalar, *, sample_rate: float, quality: Scalar = BUTTERWORTH) -> Sections:
    """12 dB an octave above `frequency` hertz; `quality` is the gain there."""
    cos, alpha = _angle(frequency, sample_rate, quality)
    return _row((1 - cos) / 2, 1 - cos, (1 - cos) / 2, 1 + alpha, -2 * cos, 1 - alpha)


def highpass(frequency: Scalar, *, sample_rate: float, quality: Scalar = BUTTERWORTH) -> Sections:
    """12 dB an octave below `frequency` hertz; `quality` is the gain there."""
    cos, alpha = _angle(frequency, sample_rate, quality)
    return _row((1 + cos) / 2, -1 - cos, (1 + cos) / 2, 1 + alpha, -2 * cos, 1 - alpha)


def bandpass(
    frequency: Scalar, *, sample_rate: float, quality: Scalar = BUTTERWORTH, constant_skirt: bool = False
) -> Sections:
    """A band of width frequency / quality; its peak is one, or `quality` with skirts that do not depend on it."""
    cos, alpha = _angle(frequency, sample_rate, quality)
    peak = alpha * quality if constant_skirt else alpha
    return _row(peak, 0.0, -peak, 1 + alpha, -2 * cos, 1 - alpha)


def notch(frequency: Scalar, *, sample_rate: float, quality: Scalar = BUTTERWORTH) -> Sections:
    """Nothing passes at `frequency` hertz, 3 dB less than all at the edges of a band frequency / quality wide."""
    cos, alpha = _angle(frequency, sample_rate, quality)
    return _row(1.0, -2 * cos, 1.0, 1 + alpha, -2 * cos, 1 - alpha)


def allpass(frequency: Scalar, *, sample_rate: float, quality: Scalar = BUTTERWORTH) -> Sections:
    """All passes, half a turn late at `frequency` hertz."""
    cos, alpha = _angle(frequency, sample_rate, quality)
    return _row(1 - alpha, -2 * cos, 1 + alpha, 1 + alpha, -2 * cos, 1 - alpha)


def peaking(frequency: Scalar, *, sample_rate: float, gain_db: Scalar, quality: Scalar = BUTTERWORTH) -> Sections:
    """A bell of `gain_db` at `frequency` hertz."""
    cos, alpha = _angle(frequency, sample_rate, quality)
    a = 10 ** (gain_db / 40)
    return _row(1 + alpha * a, -2 * cos, 1 - alpha * a, 1 + alpha / a, -2 * cos, 1 - alpha / a)


def low_shelf(frequency: Scalar, *, sample_rate: float, gain_db: Scalar, quality: Scalar = BUTTERWORTH) -> Sections:
    """`gain_db` far below `frequency` hertz, half of it there."""
    cos, alpha = _angle(frequency, sample_rate, quality)
    return _shelf(-cos, alpha, gain_db, -1)


def high_shelf(frequency: Scalar, *, sample_rate: float, gain_db: Scalar, quality: Scalar = BUTTERWORTH) -> Sections:
    """`gain_db` far above `frequency` hertz, half of it there."""
    cos, alpha = _angle(frequency, sample_rate, quality)
    return _shelf(cos, alpha, gain_db, 1)


def butterworth(
    order: int,
    cutoff: float | Sequence[float],
    *,
    sample_rate: float,
    band: Literal["lowpass", "highpass", "bandpass", "bandstop"] = "lowpass",
) -> Float[np.ndarray, "sections 6"]:
    """A maximally flat filter (Butterworth, 1930) by the bilinear transform, as a cascade; NumPy constants.

    The response is that of `scipy.signal.butter`; zeros and poles are paired in an order of our own.

    Args:
        order: of the low-pass prototype; a band has twice as many poles.
        cutoff: in hertz, at -3 dB: one, or the two of a band.
        sample_rate: in hertz.
        band: what passes (or, "bandstop", does not).

    Raises:
        ValueError: an order below one, or frequencies out of order or range.
    """
    edges = np.atleast_1d(np.asarray(cutoff, np.float64))
    wanted = 1 if band in ("lowpass", "highpass") else 2
    if order < 1 or len(edges) != wanted or np.any(np.diff([0, *edges, sample_rate / 2]) <= 0):
        raise ValueError(f"want an order and {wanted} rising frequencies within (0, {sample_rate / 2}), not {cutoff}")
    warped = np.tan(np.pi * edges / sample_rate)
    poles = np.exp(1j * np.pi * (2 * np.arange(order) + order + 1) / (2 * order))  # in the left half plane
    if band in ("highpass", "bandstop"):
        poles = 1 / poles
    if wanted == 1:
        poles = warped[0] * poles
    else:
        width, middle = warped[1] - warped[0], np.sqrt(warped[0] * warped[1])
        half = poles * width / 2
        root = np.sqrt(half**2 - middle**2 + 0j)
        poles = np.concatenate([half + root, half - root])
    poles = (1 + poles) / (1 - poles)
    angle = 2 * np.arctan(np.sqrt(np.prod(warped))) if wanted == 2 else 0.0
    numerators = {
        "lowpass": [1.0, 2.0, 1.0],
        "highpass": [1.0, -2.0, 1.0],
        "bandpass": [1.0, 0.0, -1.0],
        "bandstop": [1.0, -2 * np.cos(angle), 1.0],
    }
    passed = {"lowpass": 1.0, "highpass": -1.0, "bandpass": np.exp(1j * angle), "bandstop": 1.0}[band]
    return _paired(poles, np.array(numerators[band]), complex(passed))


def _paired(poles: Any, numerator: np.ndarray, passed: complex) -> np.ndarray:
    """Sections of conjugate or real pairs, each of gain one where everything passes, the sharpest resonance last."""
    above = poles[poles.imag > 1e-12]
    real = np.sort(poles[np.abs(poles.imag) <= 1e-12].real)
    pairs = [(pole, pole.conj()) for pole in above] + list(zip(real[::2], real[1::2], strict=False))
    pairs.sort(key=lambda pair: abs(pair[0]))
    rows = [(numerator, np.real([1, -(p + q), p * q])) for p, q in pairs]
    if len(real) % 2:  # one pole and one zero
        rows.insert(0, (np.array([1.0, numerator[1] / 2, 0.0]), np.array([1, -real[-1], 0.0])))
    at = passed ** -np.arange(3)
    return np.stack([np.concatenate([b * np.abs(a @ at) / np.abs(b @ at), a]) for b, a in rows])


def frequency_response(sos: Sections, frequencies: Float[Numbers, " bins"], *, sample_rate: float) -> Array:
    """The complex gain of a cascade at frequencies in hertz (`scipy.signal.sosfreqz`)."""
    sos = jnp.asarray(sos)
    delay = jnp.exp(-2j * jnp.pi * jnp.asarray(frequencies)[:, None] / sample_rate * np.arange(3))
    return jnp.prod((delay @ sos[:, :3].T) / (delay @ sos[:, 3:].T), axis=-1)


def _angle(frequency: Scalar, sample_rate: float, quality: Scalar) -> tuple[Any, Any]:
    hertz, sharpness = numbers(frequency), numbers(quality)
    wrong = isinstance(hertz, np.ndarray) and not 0 < hertz < sample_rate / 2
    if wrong or (isinstance(sharpness, np.ndarray) and not sharpness > 0):
        raise ValueError(f"want a frequency in (0, {sample_rate / 2}) Hz and a quality, not {frequency}, {quality}")
    xp = library(hertz)
    omega = 2 * np.pi * hertz / sample_rate
    return xp.cos(omega), xp.sin(omega) / (2 * sharpness)


def _shelf(cos: Any, alpha: Any, gain_db: Scalar, side: int) -> Sections:
    """The cookbook's two shelves, which mirror one another in the sign of the cosine and of the middle terms."""
    a = 10 ** (gain_db / 40)
    slope = 2 * a**0.5 * alpha
    up, down = a + 1, a - 1
    return _row(
        a * (up + down * cos + slope),
        -side * 2 * a * (down + up * cos),
        a * (up + down * cos - slope),
        up - down * cos + slope,
        side * 2 * (down - up * cos),
        up - down * cos - slope,
    )


def _row(*coefficients: Any) -> Sections:
    values = [numbers(value) for value in coefficients]
    return library(*values).stack([value / values[3] for value in values])[None]
