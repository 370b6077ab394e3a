"""Scaled dot-product attention (Vaswani et al., 2017, arXiv:1706.03762) as pure functions of arrays.

Heads are a leading axis like the batch: (batch, heads, time, size).
"""

import functools
from collections.abc import Sequence
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

Implementation = Literal["whole", "looped"]

_LOOP_FROM = 1 << 17  # scores of a head from which looping over heads pays on a CPU
_SCORES_AT_ONCE = 1 << 20  # scores held at a time when looped: 4 MiB, about a core's cache


class Memory(NamedTuple):
    """What a query may look at. `mask` is true where it may look; None: everywhere."""

    keys: Float[Array, "*#batch time size"]
    values: Float[Array, "*#batch time size"]
    mask: Bool[Array, "*#batch #queries time"] | None = None


def split_heads(x: Float[Array, "*batch time width"], heads: int) -> Float[Array, "*batch heads time size"]:
    """Consecutive parts of the features become heads."""
    return jnp.swapaxes(x.reshape(*x.shape[:-1], heads, -1), -2, -3)


def merge_heads(x: Float[Array, "*batch heads time size"]) -> Float[Array, "*batch time width"]:
    """The inverse of `split_heads`."""
    x = jnp.swapaxes(x, -2, -3)
    return x.reshape(*x.shape[:-2], -1)


def scores(
    queries: Float[Array, "*batch queries size"], keys: Float[Array, "*batch time size"]
) -> Float[Array, "*batch queries time"]:
    """Inner products of queries and keys over the root of their size, in float32."""
    queries = queries * jnp.asarray(queries.shape[-1] ** -0.5, queries.dtype)
    return jnp.einsum("...qs,...ts->...qt", queries, keys, preferred_element_type=jnp.float32)


def attention(
    queries: Float[Array, "*batch queries size"],
    memories: Sequence[Memory],
    *,
    implementation: Implementation | None = None,
) -> Float[Array, "*batch queries size"]:
    """The mean of the values, weighted by the softmax of the scores, over all `memories` as if they were one.

    Several memories save the copy of joining a prompt, a cache and so on. A query that may look nowhere gets finite
    values of no meaning. The softmax is in float32, the result in the queries' dtype.

    `implementation` "whole" holds all scores at once; "looped" takes head by head and slices of the queries, which
    XLA's CPU backend runs about twice as fast on long sequences (it does not spread batched products over cores) and
    needs little memory. None chooses by backend and size.
    """
    if implementation is None:
        per_head = queries.shape[-2] * sum(memory.keys.shape[-2] for memory in memories)
        looped = jax.default_backend() == "cpu" and per_head >= _LOOP_FROM and queries.ndim > 2
        implementation = "looped" if looped else "whole"
    return (_attend_looped if implementation == "looped" else _attend)(queries, memories)


def _attend(queries: Array, memories: Sequence[Memory]) -> Array:
    every = [_masked(scores(queries, memory.keys), memory.mask) for memory in memories]
    highest = every[0].max(-1, keepdims=True)
    for more in every[1:]:
        highest = jnp.maximum(highest, more.max(-1, keepdims=True))
    weights = [jnp.exp(one - lax.stop_gradient(highest)) for one in every]
    total = functools.reduce(jnp.add, [weight.sum(-1, keepdims=True) for weight in weights])
    sums = [
        jnp.einsum(
            "...qt,...ts->...qs", weight.astype(queries.dtype), memory.values, preferred_element_type=jnp.float32
        )
        for weight, memory in zip(weights, memories, strict=True)
    ]
    return (functools.reduce(jnp.add, sums) / total).astype(queries.dtype)


def _masked(scored: Array, mask: Array | None) -> Array:
    return scored if mask is None else jnp.where(mask, scored, jnp.finfo(scored.dtype).min)


def _attend_looped(queries: Array, memories: Sequence[Memory]) -> Array:
    *leading, count, size = queries.shape
    slices = -(-count * sum(memory.keys.shape[-2] for memory in memories) // _SCORES_AT_ONCE)
    length = -(-count // slices)
    extra = slices * length - count

    def sliced(x: Array) -> Array:  # (*leading, count, features) -> (heads, slices, length, features)
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 2) + [(0, extra), (0, 0)])
        return x.reshape(-1, slices, length, x.shape[-1])

    def whole(x: Array) -> Array:
        return jnp.broadcast_to(x, (*leading, *x.shape[-2:])).reshape(-1, *x.shape[-2:])

    def spread(mask: Array) -> Array:
        mask = jnp.broadcast_to(mask, (*leading, *mask.shape[-2:]))
        if mask.shape[-2] == 1:
            mask = jnp.broadcast_to(mask, (*leading, count, mask.shape[-1]))
        return sliced(mask)

    kept = [(whole(memory.keys), whole(memory.values)) for memory in memories]
    masks = [None if memory.mask is None else spread(memory.mask) for memory in memories]

    def one_head(of_head):
        head_queries, head_kept, head_masks = of_head

        def one_slice(of_slice):
            some, some_masks = of_slice
            return _attend(some, [Memory(k, v, mask) for (k, v), mask in zip(head_kept, some_masks, strict=True)])

        return lax.map(one_slice, (head_queries, head_masks))

    attended = lax.map(one_head, (sliced(queries), kept, masks))
    return attended.reshape(-1, slices * length, size)[:, :count].reshape(queries.shape)
