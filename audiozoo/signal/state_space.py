"""Linear filters with a memory, as matrix products over blocks of samples.

A filter of order N is z' = A z + B x, y = C z + D x. Over a block of samples all outputs are one constant (Toeplitz)
matrix times the inputs plus one times the state at the block's start; and the starts of all blocks follow the same kind
of law with A to the power of the block's length, so that they are found in the same way, block by block of blocks. No
step waits for the one before it, hundreds of samples are a row of one matrix product, and the answer is that of the
loop. The loop itself (`scan`) and the textbook's parallel prefix (`associative`) are kept to check it.

Matrices of coefficients that are NumPy arrays or plain numbers are built in float64 at trace time; those of JAX arrays
are part of the program, and gradients flow to the coefficients.
"""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal.precision import EXACT

Method = Literal["blocked", "scan", "associative"]
Numbers = Array | np.ndarray
_BLOCK = 64  # samples; a product takes 2 _BLOCK operations a sample whatever the order
_ROW = 64  # elements of a row of starts, about, one level up and above


class StateSpace(NamedTuple):
    """z' = a z + b x, y = c z + d x, of order `b.shape[0]`, which is at least one."""

    a: Float[Numbers, "order order"]
    b: Float[Numbers, " order"]
    c: Float[Numbers, " order"]
    d: Float[Numbers, ""]


def numbers(values: Any) -> Numbers:
    """Coefficients as they were if they are JAX's, which may be traced; else in float64."""
    return values if isinstance(values, jax.Array) else np.asarray(values, np.float64)


def library(*values: Numbers) -> Any:
    """`jax.numpy` if any of the values is JAX's, else `numpy`."""
    return jnp if any(isinstance(value, jax.Array) for value in values) else np


def apply(
    system: StateSpace,
    signal: Float[Array, "*batch time"],
    state: Float[Array, "*batch order"],
    *,
    method: Method = "blocked",
) -> tuple[Float[Array, "*batch time"], Float[Array, "*batch order"]]:
    """The filter's output and its state after the last sample; `signal` and `state` have the dtype to compute in."""
    if method not in _METHODS:
        raise ValueError(f"method is one of {', '.join(_METHODS)}, not {method!r}")
    state = jnp.broadcast_to(state, (*signal.shape[:-1], state.shape[-1]))
    return _METHODS[method](system, signal, state) if signal.shape[-1] else (signal, state)


def _scan(system: StateSpace, signal: Array, state: Array) -> tuple[Array, Array]:
    a, b, c, d = (jnp.asarray(part, signal.dtype) for part in system)

    def step(z: Array, x: Array) -> tuple[Array, Array]:
        following = jnp.matmul(z, a.T, precision=EXACT) + x[..., None] * b
        return following, jnp.matmul(z, c, precision=EXACT) + d * x

    state, outputs = jax.lax.scan(step, state, jnp.moveaxis(signal, -1, 0))
    return jnp.moveaxis(outputs, 0, -1), state


def _associative(system: StateSpace, signal: Array, state: Array) -> tuple[Array, Array]:
    a, b, c, d = (jnp.asarray(part, signal.dtype) for part in system)

    def combine(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[Array, Array]:
        return (
            jnp.einsum("tij,tjk->tik", second[0], first[0], precision=EXACT),
            jnp.einsum("tij,t...j->t...i", second[0], first[1], precision=EXACT) + second[1],
        )

    driven = jnp.moveaxis(signal, -1, 0)[..., None] * b
    driven = driven.at[0].add(jnp.matmul(state, a.T, precision=EXACT))
    _, states = jax.lax.associative_scan(combine, (jnp.broadcast_to(a, (len(driven), *a.shape)), driven))
    before = jnp.moveaxis(jnp.concatenate([state[None], states[:-1]]), 0, -2)
    return jnp.matmul(before, c, precision=EXACT) + d * signal, states[-1]


def _blocked(system: StateSpace, signal: Array, state: Array) -> tuple[Array, Array]:
    *batch, time = signal.shape
    size = min(_BLOCK, time)
    blocks = -(-time // size)
    xp = library(*system)
    powers = _powers(system.a, size)
    from_state = (powers[:size].swapaxes(-1, -2) @ system.c).T  # [order, size]: C A^i
    to_state = (powers[:size] @ system.b)[::-1]  # [size, order]: A^(size - 1 - j) B
    response = xp.concatenate([xp.reshape(system.d, (1,)), to_state[::-1][: size - 1] @ system.c])
    toeplitz = _toeplitz(response)

    cast = lambda part: jnp.asarray(part, signal.dtype)
    rows = jnp.pad(signal, [(0, 0)] * len(batch) + [(0, blocks * size - time)]).reshape(*batch, blocks, size)
    starts = state[..., None, :]
    if blocks > 1:
        pushes = jnp.matmul(rows[..., :-1, :], cast(to_state), precision=EXACT)
        starts = jnp.concatenate([starts, _ends(powers[size], pushes, state)], -2)
    outputs = jnp.matmul(rows, cast(toeplitz), precision=EXACT)
    outputs += jnp.matmul(starts, cast(from_state), precision=EXACT)
    last = time - (blocks - 1) * size  # samples in the last block
    end = jnp.matmul(starts[..., -1, :], cast(powers[last].T), precision=EXACT)
    end += jnp.matmul(rows[..., -1, :last], cast(to_state[size - last :]), precision=EXACT)
    return outputs.reshape(*batch, -1)[..., :time], end


def _ends(step: Numbers, pushes: Array, state: Array) -> Array:
    """All s[k + 1] = step s[k] + pushes[k], s[0] being `state`: by groups, whose own ends are found likewise."""
    *batch, count, order = pushes.shape
    size = min(max(2, _ROW // order), count)
    groups = -(-count // size)
    xp = library(step)
    powers = _powers(step, size)
    lag = np.arange(size) - np.arange(size)[:, None]  # [from, to]
    within = xp.where((lag >= 0)[..., None, None], powers[np.maximum(lag, 0)], 0.0)  # [from, to, row, column]
    within = within.transpose(0, 3, 1, 2).reshape(size * order, size * order)
    carried = powers[1:].transpose(2, 0, 1).reshape(order, size * order)

    cast = lambda part: jnp.asarray(part, pushes.dtype)
    padding = [(0, 0)] * len(batch) + [(0, groups * size - count), (0, 0)]
    rows = jnp.pad(pushes, padding).reshape(*batch, groups, size * order)
    ends = jnp.matmul(rows, cast(within), precision=EXACT)
    starts = state[..., None, :]
    if groups > 1:
        starts = jnp.concatenate([starts, _ends(powers[size], ends[..., :-1, -order:], state)], -2)
    ends += jnp.matmul(starts, cast(carried), precision=EXACT)
    return ends.reshape(*batch, groups * size, order)[..., :count, :]


def _powers(a: Numbers, count: int) -> Numbers:
    """A to the powers 0 to `count`, by doubling."""
    xp = library(a)
    multiply = (lambda x, y: jnp.matmul(x, y, precision=EXACT)) if xp is jnp else np.matmul
    powers = xp.stack([xp.eye(len(a), dtype=a.dtype), a])
    while len(powers) <= count:
        powers = xp.concatenate([powers, multiply(powers[1:], powers[-1])])
    return powers[: count + 1]


def _toeplitz(response: Numbers) -> Numbers:
    """[from, to]: what a sample does to the ones after it."""
    lag = np.arange(len(response)) - np.arange(len(response))[:, None]
    return library(response).where(lag >= 0, response[np.maximum(lag, 0)], 0.0)


_METHODS = {"blocked": _blocked, "scan": _scan, "associative": _associative}
