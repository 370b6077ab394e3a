"""Sample-rate conversion by any rational ratio: polyphase windowed sincs as matrix products, linear in the length.

With up / down the ratio in lowest terms, output n is sum_k x[k] h[n down - k up], h being a low-pass on the grid of
both rates. Every `up` outputs the weights repeat, so that a stretch of outputs is a stretch of inputs times a constant
matrix. What h is, is a matter of convention: `resample` has its own, measured by sweeps; `resample_sinc` has
torchaudio's and `resample_poly` has scipy's.
"""

import dataclasses
import functools
import math
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal import windows
from audiozoo.signal.precision import EXACT, wide_dtype

Quality = Literal["low", "medium", "high", "very_high"]
Edges = Literal["zeros", "mean", "median", "minimum", "maximum", "line", "edge", "reflect", "symmetric", "wrap"]

# Stop-band attenuation in dB, and the end of the passband as a share of the lower of the two Nyquist frequencies, at
# which the stop band begins in all of them. "high" has the figures that a sweep finds of soxr's HQ, librosa's default.
_QUALITIES: dict[str, tuple[float, float]] = {
    "low": (70.0, 0.80),
    "medium": (100.0, 0.88),
    "high": (136.0, 0.913),
    "very_high": (184.0, 0.95),
}
_ONE_MATRIX = 2**18  # a period whose matrix has fewer elements is one matrix product; else groups of outputs
_GROUP_INPUTS = 256  # input samples that a group steps over, about


def resample(
    signal: Float[Array, "*batch time"], *, source_rate: int, target_rate: int, quality: Quality = "high"
) -> Float[Array, "*batch resampled"]:
    """The signal at another sample rate: ceil(time * target_rate / source_rate) samples, the first at the same moment.

    A Kaiser-windowed sinc of linear phase (Smith and Gossett, 1984); beyond its ends the signal is zero. The passband
    ends at 0.80, 0.88, 0.913 or 0.95 of the lower Nyquist frequency and what lies above that frequency is down by 70,
    100, 136 or 184 dB, for `quality` low to very high ("high" is what soxr calls HQ, in passband and rejection).

    Args:
        signal: samples; half precision is computed in float32.
        source_rate: of the signal, in hertz; only the ratio matters.
        target_rate: wanted, in hertz.
        quality: which low-pass.

    Raises:
        ValueError: a rate is not positive, or no such quality.
    """
    if quality not in _QUALITIES:
        raise ValueError(f"quality is one of {', '.join(_QUALITIES)}, not {quality!r}")
    return _convert(signal, _KaiserSinc(*_QUALITIES[quality]), *_ratio(source_rate, target_rate))


def resample_sinc(
    signal: Float[Array, "*batch time"],
    *,
    source_rate: int,
    target_rate: int,
    lowpass_filter_width: int = 6,
    rolloff: float = 0.99,
    window: Literal["hann", "kaiser"] = "hann",
    beta: float = 14.769656459379492,
) -> Float[Array, "*batch resampled"]:
    """`torchaudio.functional.resample`: the same conventions, defaults and numbers.

    Args:
        signal: samples.
        source_rate: of the signal, in hertz.
        target_rate: wanted, in hertz.
        lowpass_filter_width: zero crossings of the sinc on either side.
        rolloff: cut-off as a share of the lower Nyquist frequency.
        window: over the sinc, torchaudio's "sinc_interp_hann" or "sinc_interp_kaiser".
        beta: of the Kaiser window.

    Raises:
        ValueError: a rate or the width is not positive, `rolloff` is not in (0, 1], or no such window.
    """
    if lowpass_filter_width < 1 or not 0 < rolloff <= 1:
        raise ValueError(f"want a positive width and a roll-off in (0, 1], not {lowpass_filter_width}, {rolloff}")
    if window not in ("hann", "kaiser"):
        raise ValueError(f"window is 'hann' or 'kaiser', not {window!r}")
    spec = _Sinc(lowpass_filter_width, rolloff, None if window == "hann" else beta)
    return _convert(signal, spec, *_ratio(source_rate, target_rate))


def resample_poly(
    signal: Float[Array, "*batch time"],
    *,
    up: int,
    down: int,
    window: windows.WindowSpec | Float[np.ndarray, " taps"] = ("kaiser", 5.0),
    edges: Edges = "zeros",
) -> Float[Array, "*batch resampled"]:
    """`scipy.signal.resample_poly` over the last axis: the same conventions, defaults and numbers.

    Args:
        signal: samples.
        up: factor of the rate.
        down: divisor of the rate.
        window: over a sinc of ten zero crossings on either side; or the taps of a filter at `up` times the rate.
        edges: scipy's `padtype`. What the signal is beyond its ends: zeros; its mean, median, minimum or maximum (taken
            off before and put back after); the straight line through its ends; or as `jnp.pad` fills, by that mode.

    Raises:
        ValueError: a factor is not positive, the filter is empty, or no such edges.
    """
    if edges not in get_args(Edges):
        raise ValueError(f"edges are {', '.join(get_args(Edges))}, not {edges!r}")
    spec = _Taps(tuple(map(float, window))) if isinstance(window, np.ndarray) else _Firwin(window)
    up, down = _ratio(down, up)
    length = signal.shape[-1]
    if edges == "zeros" or not length or up == down:
        return _convert(signal, spec, up, down)
    if edges in _LEVELS:
        level = _LEVELS[edges](signal, axis=-1, keepdims=True)
        return _convert(signal - level, spec, up, down) + level
    taps, _ = spec.response(up, down)
    periods = -(-len(taps) // (up * down))  # of padding, so that outputs stay on their grid
    widths = [(0, 0)] * (signal.ndim - 1) + [(periods * down, periods * down)]
    if edges == "line":
        start, end = signal[..., :1], signal[..., -1:]
        slope = (end - start) / max(length - 1, 1)
        line = start + slope * np.arange(-periods * down, length + periods * down)
        padded = jnp.pad(signal - start - slope * np.arange(length), widths) + line.astype(signal.dtype)
    else:
        padded = jnp.pad(signal, widths, mode=edges)
    return _convert(padded, spec, up, down)[..., periods * up :][..., : -(-length * up // down)]


_LEVELS = {"mean": jnp.mean, "median": jnp.median, "minimum": jnp.min, "maximum": jnp.max}


def _ratio(source_rate: int, target_rate: int) -> tuple[int, int]:
    """Up and down factors in lowest terms."""
    if min(source_rate, target_rate) < 1 or source_rate != int(source_rate) or target_rate != int(target_rate):
        raise ValueError(f"sample rates are positive whole numbers, not {source_rate} and {target_rate}")
    common = math.gcd(int(source_rate), int(target_rate))
    return int(target_rate) // common, int(source_rate) // common


class _Response(NamedTuple):
    """A low-pass h on the grid of both rates; `centre` is the index of its moment zero."""

    taps: np.ndarray
    centre: int


@dataclasses.dataclass(frozen=True)
class _KaiserSinc:
    attenuation: float
    passband: float

    def response(self, up: int, down: int) -> _Response:
        scale = min(1.0, up / down)  # the lower Nyquist frequency over that of the signal
        taps = windows.kaiser_length(self.attenuation, 1 - self.passband)  # at the lower rate, so that up mirrors down
        half = (taps + 1) / 2 / scale  # samples of the signal
        reach = math.ceil(half * up) - 1
        time = np.arange(-reach, reach + 1) / up
        beta = windows.kaiser_beta(self.attenuation)
        shape = np.i0(beta * np.sqrt(1 - (time / half) ** 2)) / np.i0(beta)
        cutoff = (1 + self.passband) / 2 * scale
        h = cutoff * np.sinc(cutoff * time) * shape
        return _Response(h * (up / h.sum()), reach)


@dataclasses.dataclass(frozen=True)
class _Sinc:
    width: int
    rolloff: float
    beta: float | None

    def response(self, up: int, down: int) -> _Response:
        base = min(up, down) * self.rolloff / down
        reach = math.ceil(self.width * up / base)
        time = np.clip(np.arange(-reach, reach + 1) * (base / up), -self.width, self.width)
        if self.beta is None:
            shape = np.cos(time * np.pi / self.width / 2) ** 2
        else:
            shape = np.i0(self.beta * np.sqrt(1 - (time / self.width) ** 2)) / np.i0(self.beta)
        return _Response(base * np.sinc(time) * shape, reach)


@dataclasses.dataclass(frozen=True)
class _Firwin:
    window: windows.WindowSpec

    def response(self, up: int, down: int) -> _Response:
        reach = 10 * max(up, down)
        h = np.sinc(np.arange(-reach, reach + 1) / max(up, down))
        h = h * windows.window(self.window, len(h), periodic=False)
        return _Response(h * (up / h.sum()), reach)


@dataclasses.dataclass(frozen=True)
class _Taps:
    taps: tuple[float, ...]

    def response(self, up: int, down: int) -> _Response:
        if not self.taps:
            raise ValueError("a filter has at least one tap")
        return _Response(np.array(self.taps) * up, (len(self.taps) - 1) // 2)


_Spec = _KaiserSinc | _Sinc | _Firwin | _Taps


class _Plan(NamedTuple):
    """Weights of a stretch of outputs that repeats, in groups: output g of group p of stretch b is
    sum_j signal[b inputs + first[p] + j] weights[p, j, g].
    """

    weights: Float[np.ndarray, "groups span size"]
    first: tuple[int, ...]
    inputs: int  # samples that a stretch steps over
    outputs: int  # and how many it makes; at most groups * size


@functools.lru_cache(maxsize=64)
def _plan(spec: _Spec, up: int, down: int, outputs: int) -> _Plan:
    """The plan for a signal of which `outputs` samples are wanted, or a whole period, if that is less."""
    taps, centre = spec.response(up, down)
    span = -(-len(taps) // up)
    repeats = max(1, min(span, _GROUP_INPUTS) // down) if up * down < _ONE_MATRIX else 1
    period = repeats * up
    if period * (repeats * down + span) <= 4 * _ONE_MATRIX:
        size, groups = period, 1
    else:
        size = max(1, min(period, _GROUP_INPUTS * up // down))
        groups = -(-min(period, outputs) // size)
    starts = np.arange(groups)[:, None, None] * size
    first = -((len(taps) - 1 - centre - starts * down) // up)  # of the group's first output: a ceiling
    widest = ((size - 1) * down) // up + span + 1
    place = (starts + np.arange(size)) * down - (first + np.arange(widest)[:, None]) * up + centre
    weights = np.where((place >= 0) & (place < len(taps)), taps[np.clip(place, 0, len(taps) - 1)], 0.0)
    return _Plan(weights, tuple(first.ravel().tolist()), repeats * down, period)


def _convert(signal: Array, spec: _Spec, up: int, down: int) -> Array:
    if up == down:
        return signal
    *batch, time = signal.shape
    wanted = -(-time * up // down)
    if not wanted:
        return jnp.zeros((*batch, 0), signal.dtype)
    dtype = wide_dtype(signal)
    plan = _plan(spec, up, down, wanted)
    weights = jnp.asarray(plan.weights, dtype)
    stretches = -(-wanted // plan.outputs)
    apply = _one_group if len(plan.first) == 1 else _groups
    outputs = apply(signal.astype(dtype), weights, plan, stretches)
    outputs = outputs[..., : plan.outputs].reshape(*batch, -1)
    return outputs[..., :wanted].astype(signal.dtype)


def _one_group(signal: Array, weights: Array, plan: _Plan, stretches: int) -> Array:
    """Blocks of `inputs` samples side by side, each shift of them times its rows of the matrix: nothing is gathered."""
    shifts = -(-weights.shape[1] // plan.inputs)
    blocks = stretches + shifts - 1
    signal = _from(signal, plan.first[0], blocks * plan.inputs).reshape(*signal.shape[:-1], blocks, plan.inputs)
    total = 0
    for i in range(shifts):
        rows = weights[0, i * plan.inputs : (i + 1) * plan.inputs]
        part = signal[..., i : i + stretches, : rows.shape[0]]
        total += jnp.matmul(part, rows, precision=EXACT)
    return jnp.asarray(total)


def _groups(signal: Array, weights: Array, plan: _Plan, stretches: int) -> Array:
    """Every group's samples gathered, for ratios whose whole matrix would be too large."""
    groups, span, size = weights.shape
    first = np.array(plan.first) - plan.first[0]
    starts = plan.inputs * jnp.arange(stretches)[:, None] + first  # counted by the program: they grow
    signal = _from(signal, plan.first[0], plan.inputs * (stretches - 1) + int(first.max()) + span)
    frames = signal[..., starts[..., None] + jnp.arange(span)]
    outputs = jnp.einsum("...bpw,pwg->...bpg", frames, weights, precision=EXACT)
    return outputs.reshape(*signal.shape[:-1], stretches, groups * size)


def _from(signal: Array, first: int, count: int) -> Array:
    """`count` samples from index `first`, zeros beyond the ends."""
    edges = [(0, 0, 0)] * (signal.ndim - 1) + [(-first, first + count - signal.shape[-1], 0)]
    return jax.lax.pad(signal, jnp.zeros((), signal.dtype), edges)
