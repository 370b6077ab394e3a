"""Recursive (IIR) filters: direct form and second-order sections, forward, forth and back, and in pieces.

scipy's conventions: coefficients highest power first, states those of the transposed direct form II. Coefficients may
be NumPy (exact constants) or JAX arrays (traced, differentiable). How it is computed: `audiozoo.signal.state_space`.
"""

from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal import fir, state_space
from audiozoo.signal.precision import wide_dtype, widened
from audiozoo.signal.state_space import Method, Numbers, StateSpace, library, numbers

Extension = Literal["odd", "even", "constant"]
_SECTIONS_AT_ONCE = 8


def lfilter(
    signal: Float[Array, "*batch time"],
    b: Float[Numbers, " zeros"],
    a: Float[Numbers, " poles"],
    *,
    method: Method = "blocked",
) -> Float[Array, "*batch time"]:
    """a[0] y[n] = sum_k b[k] x[n - k] - sum_k a[k] y[n - k], from rest (`scipy.signal.lfilter`).

    Args:
        signal: samples.
        b: feed-forward coefficients.
        a: feedback coefficients, the first not zero. A filter without any, `[1.0]`, is a convolution.
        method: "blocked" is fastest; "scan", sample by sample, and "associative", a parallel prefix, give the same.

    Raises:
        ValueError: coefficients are not vectors, or a[0] is zero, or no such method.
    """
    return lfilter_with_state(signal, b, a, method=method)[0]


def lfilter_with_state(
    signal: Float[Array, "*batch time"],
    b: Float[Numbers, " zeros"],
    a: Float[Numbers, " poles"],
    state: Float[Numbers, "*batch order"] | None = None,
    *,
    method: Method = "blocked",
) -> tuple[Float[Array, "*batch time"], Float[Array, "*batch order"]]:
    """`lfilter` of a piece of a longer signal: with the state that the piece before left (None: rest).

    The order is max(len(b), len(a)) - 1, and the state is scipy's `zi`. Any way of cutting gives the whole's answer.
    """
    b, a = _normalised(b, a)
    dtype = wide_dtype(signal)
    order = max(len(b), len(a)) - 1
    start = jnp.zeros((*signal.shape[:-1], order), dtype) if state is None else jnp.asarray(state, dtype)
    if start.shape[-1] != order:
        raise ValueError(f"a filter of order {order} has {order} numbers of state, not {start.shape[-1]}")
    if len(a) == 1:
        start = jnp.broadcast_to(start, (*signal.shape[:-1], order))
        full = fir.convolve(signal.astype(dtype), b)
        full = jnp.concatenate([full[..., :order] + start, full[..., order:]], -1) if signal.shape[-1] else start
        outputs, state = full[..., : signal.shape[-1]], full[..., signal.shape[-1] :]
        return outputs.astype(signal.dtype), state
    outputs, state = state_space.apply(_direct_form(b, a), signal.astype(dtype), start, method=method)
    return outputs.astype(signal.dtype), state


def lfilter_zi(b: Float[Numbers, " zeros"], a: Float[Numbers, " poles"]) -> Float[Numbers, " order"]:
    """The state of a filter that has seen ones for ever; times the first sample, it starts without a jolt.

    Raises:
        ValueError: the coefficients are not two vectors, or have a pole at zero hertz, so that ones have no limit.
    """
    b, a = _normalised(b, a)
    if isinstance(a, np.ndarray) and not a.sum():
        raise ValueError("a filter with a pole at zero hertz never settles: its feedback coefficients add up to zero")
    xp = library(b, a)
    order = max(len(b), len(a)) - 1
    b, a = xp.pad(b, (0, order + 1 - len(b))), xp.pad(a, (0, order + 1 - len(a)))
    still = (b - a * (b.sum() / a.sum()))[1:]  # what each delay is given, when ones go in and a constant comes out
    return xp.cumsum(still[::-1])[::-1]


def sosfilt(
    signal: Float[Array, "*batch time"], sos: Float[Numbers, "sections 6"], *, method: Method = "blocked"
) -> Float[Array, "*batch time"]:
    """A cascade of second-order sections b0 b1 b2 a0 a1 a2, from rest (`scipy.signal.sosfilt`).

    Raises:
        ValueError: `sos` has not six columns or no rows, or an a0 is zero.
    """
    return sosfilt_with_state(signal, sos, method=method)[0]


def sosfilt_with_state(
    signal: Float[Array, "*batch time"],
    sos: Float[Numbers, "sections 6"],
    state: Float[Numbers, "*batch sections 2"] | None = None,
    *,
    method: Method = "blocked",
) -> tuple[Float[Array, "*batch time"], Float[Array, "*batch sections 2"]]:
    """`sosfilt` of a piece of a longer signal: with the state that the piece before left (None: rest)."""
    sos = _sections(sos)
    dtype = wide_dtype(signal)
    batch = signal.shape[:-1]
    start = jnp.zeros((*batch, len(sos), 2), dtype) if state is None else jnp.asarray(state, dtype)
    outputs, ends = signal.astype(dtype), []
    for i in range(0, len(sos), _SECTIONS_AT_ONCE):
        part = sos[i : i + _SECTIONS_AT_ONCE]
        given = start[..., i : i + _SECTIONS_AT_ONCE, :]
        given = given.reshape(*given.shape[:-2], -1)
        outputs, end = state_space.apply(_cascade(part), outputs, given, method=method)
        ends.append(end.reshape(*batch, len(part), 2))
    return outputs.astype(signal.dtype), jnp.concatenate(ends, -2)


def sosfilt_zi(sos: Float[Numbers, "sections 6"]) -> Float[Numbers, "sections 2"]:
    """The state of a cascade that has seen ones for ever.

    Section by section: the cascade as a whole is too ill-conditioned for steep filters of low frequencies.
    """
    sos = _sections(sos)
    xp = library(sos)
    states, heard = [], 1.0  # heard: the constant that the section is given
    for i in range(len(sos)):
        b, a = sos[i, :3], sos[i, 3:]
        states.append(heard * lfilter_zi(b, a))
        heard = heard * b.sum() / a.sum()
    return xp.stack(states)


def filtfilt(
    signal: Float[Array, "*batch time"],
    b: Float[Numbers, " zeros"],
    a: Float[Numbers, " poles"],
    *,
    extension: Extension | None = "odd",
    padding: int | None = None,
    method: Method = "blocked",
) -> Float[Array, "*batch time"]:
    """Forth and back, for a response without phase (`scipy.signal.filtfilt`).

    Args:
        signal: more than `padding` samples.
        b: feed-forward coefficients.
        a: feedback coefficients.
        extension: how the ends go on: point-symmetric, mirrored or constant; None: not at all.
        padding: samples of it at either end; None: three times the number of coefficients.
        method: as of `lfilter`.

    Raises:
        ValueError: the signal is too short, or no such extension.
    """
    initial = lfilter_zi(b, a)
    run = lambda x, state: lfilter_with_state(x, b, a, state, method=method)[0]
    default = 3 * max(np.shape(b)[-1], np.shape(a)[-1])
    return _forth_and_back(signal, run, initial, extension, default if padding is None else padding)


def sosfiltfilt(
    signal: Float[Array, "*batch time"],
    sos: Float[Numbers, "sections 6"],
    *,
    extension: Extension | None = "odd",
    padding: int | None = None,
    method: Method = "blocked",
) -> Float[Array, "*batch time"]:
    """`filtfilt` of a cascade (`scipy.signal.sosfiltfilt`); of JAX arrays, no coefficient is taken to be zero."""
    initial = sosfilt_zi(sos)
    if padding is None:
        fixed = not isinstance(sos, jnp.ndarray)
        empty = min(int((np.asarray(sos)[:, k] == 0).sum()) for k in (2, 5)) if fixed else 0
        padding = 3 * (2 * len(sos) + 1 - empty)
    run = lambda x, state: sosfilt_with_state(x, sos, state, method=method)[0]
    return _forth_and_back(signal, run, initial, extension, padding)


def _forth_and_back(signal: Array, run, initial: Numbers, extension: Extension | None, padding: int) -> Array:
    padding = 0 if extension is None else padding
    if padding < 0 or signal.shape[-1] <= padding:
        raise ValueError(f"a signal of {signal.shape[-1]} samples is too short for {padding} samples of padding")
    wide = widened(signal)
    extended = _extended(wide, extension, padding) if padding else wide
    for _ in range(2):
        first = extended[..., :1].reshape(*extended.shape[:-1], *(1,) * np.ndim(initial))
        extended = run(extended, first * jnp.asarray(initial, wide.dtype))[..., ::-1]
    return extended[..., padding : padding + signal.shape[-1]].astype(signal.dtype)


def _extended(signal: Array, extension: Extension | None, padding: int) -> Array:
    before, after = signal[..., 1 : padding + 1][..., ::-1], signal[..., -padding - 1 : -1][..., ::-1]
    first, last = signal[..., :1], signal[..., -1:]
    if extension == "odd":
        before, after = 2 * first - before, 2 * last - after
    elif extension == "constant":
        before, after = jnp.broadcast_to(first, before.shape), jnp.broadcast_to(last, after.shape)
    elif extension != "even":
        raise ValueError(f"extension is odd, even, constant or None, not {extension!r}")
    return jnp.concatenate([before, signal, after], -1)


def _normalised(b: Numbers, a: Numbers) -> tuple[Numbers, Numbers]:
    b, a = numbers(b), numbers(a)
    if b.ndim != 1 or a.ndim != 1 or not len(b) or not len(a):
        raise ValueError(f"coefficients are two vectors, not of shapes {b.shape} and {a.shape}")
    if isinstance(a, np.ndarray) and not a[0]:
        raise ValueError("the first feedback coefficient must not be zero")
    return b / a[0], a / a[0]


def _sections(sos: Numbers) -> Numbers:
    sos = numbers(sos)
    if sos.ndim != 2 or sos.shape[1] != 6 or not len(sos):
        raise ValueError(f"second-order sections are rows of six coefficients, not of shape {sos.shape}")
    if isinstance(sos, np.ndarray) and not sos[:, 3].all():
        raise ValueError("a section's first feedback coefficient, in column 3, must not be zero")
    return sos / sos[:, 3:4]


def _direct_form(b: Numbers, a: Numbers) -> StateSpace:
    """The transposed direct form II, of normalised coefficients."""
    xp = library(b, a)
    order = max(len(b), len(a)) - 1
    b, a = xp.pad(b, (0, order + 1 - len(b))), xp.pad(a, (0, order + 1 - len(a)))
    shift = np.eye(order, k=1)
    first = np.eye(order)[0]
    return StateSpace(shift - a[1:, None] * first, b[1:] - a[1:] * b[0], xp.asarray(first), b[0])


def _cascade(sos: Numbers) -> StateSpace:
    """One system for all sections, whose state is theirs in turn."""
    xp = library(sos)
    order = 2 * len(sos)
    unit = np.eye(order)
    rows, drive = [], []
    c, d = xp.zeros(order, sos.dtype), xp.ones((), sos.dtype)  # the input of the section, by state and signal
    for i in range(len(sos)):
        b0, b1, b2, _, a1, a2 = (sos[i, k] for k in range(6))
        into, through = c, d
        c, d = b0 * into + unit[2 * i], b0 * through
        rows += [unit[2 * i + 1] + b1 * into - a1 * c, b2 * into - a2 * c]
        drive += [b1 * through - a1 * d, b2 * through - a2 * d]
    return StateSpace(xp.stack(rows), xp.stack(drive), c, d)
