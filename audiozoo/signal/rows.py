"""Randomness by rows: what augmentation does to one clip of a batch, whatever stands beside it and behind it."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, Shaped

from audiozoo.signal.precision import wide_dtype

Range = float | Sequence[float]  # one value, or the two ends between which each row draws its own


class Clips(NamedTuple):
    """Rows of which the first `lengths` samples are valid, and zeros behind."""

    signal: Float[Array, "*batch time"]
    lengths: Int[Array, "*batch"]


def by_row(
    function: Callable[..., Any],
    key: Key[Array, ""],
    values: Float[Array, "*shape"],
    lengths: Int[Array, "*batch"] | None,
    *others: Shaped[Array, "..."],
    axes: int = 1,
    in_turn: bool = False,
) -> Any:
    """`function(key, row, length, *others)` of every row, each with a key of its own: `fold_in(key, index of row)`.

    A row is computed in float32 at least, with zeros behind its valid part, and comes back so, in its own dtype.

    Args:
        function: of one row; it returns a row as long, or `Clips` with another length.
        key: for all rows.
        values: rows behind any leading axes.
        lengths: valid steps of each row; None: all.
        others: more arrays by row, of the same leading axes.
        axes: how many of the last axes make a row; time is the first of them.
        in_turn: row after row rather than all at once, so that a `switch` computes the one branch that it takes.

    Raises:
        ValueError: `lengths` are not of the shape of the leading axes.
    """
    batch, shape = values.shape[: values.ndim - axes], values.shape[values.ndim - axes :]
    count = math.prod(batch)
    lengths = full_lengths(batch, shape[0], lengths)
    dtype = wide_dtype(values)

    def one(key: Array, row: Array, length: Array, *others: Array) -> Any:
        result = function(key, clear(row.astype(dtype), length, axes=axes), length, *others)
        if isinstance(result, Clips):
            return Clips(clear(result.signal, result.lengths).astype(values.dtype), result.lengths)
        return clear(result, length, axes=axes).astype(values.dtype)

    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(count))
    flat = [other.reshape(count, *other.shape[len(batch) :]) for other in (values, lengths, *others)]
    results = jax.lax.map(lambda row: one(*row), (keys, *flat)) if in_turn else jax.vmap(one)(keys, *flat)
    return jax.tree.map(lambda result: result.reshape(*batch, *result.shape[1:]), results)


def full_lengths(batch: Sequence[int], time: int, lengths: Int[Array, "*batch"] | None) -> Int[Array, "*batch"]:
    """Valid steps of each row within [0, time]: all, unless `lengths` says otherwise.

    Raises:
        ValueError: `lengths` are not of shape `batch`.
    """
    if lengths is None:
        return jnp.full(batch, time, jnp.int32)
    if jnp.shape(lengths) != tuple(batch):
        raise ValueError(f"lengths have shape {jnp.shape(lengths)}; there are rows of shape {tuple(batch)}")
    return jnp.clip(jnp.asarray(lengths), 0, time).astype(jnp.int32)


def clear(values: Float[Array, "*shape"], lengths: Int[Array, "*batch"], *, axes: int = 1) -> Float[Array, "*shape"]:
    """Zeros behind each row's valid part; NaN there neither stays nor spoils gradients."""
    steps = np.arange(values.shape[values.ndim - axes]).reshape(-1, *[1] * (axes - 1))
    return jnp.where(steps < lengths.reshape(*lengths.shape, *[1] * axes), values, 0)


def draw(key: Key[Array, ""], values: Range) -> Float[Array, ""]:
    """Uniformly from a range, or the one value, in float32 so that every dtype of signal draws the same."""
    low, high = _ends(values)
    return low + (high - low) * jax.random.uniform(key, dtype=jnp.float32)


def draw_whole(key: Key[Array, ""], least: int | Array, beyond: int | Array, count: int | None = None) -> Array:
    """A whole number (or `count`) from `least` to `beyond` - 1, in 32 bits for the same reason."""
    return jax.random.randint(key, () if count is None else (count,), least, beyond, jnp.int32)


def check_range(name: str, values: Range, *, least: float = -math.inf, most: float = math.inf) -> None:
    """Raise a ValueError unless values are numbers within [least, most], the first of two not above the second."""
    low, high = _ends(values)
    if not least <= low <= high <= most:
        raise ValueError(f"{name} is a number or a rising pair within [{least}, {most}], not {values}")


def _ends(values: Range) -> Sequence[float]:
    return values if isinstance(values, Sequence) else (values, values)
