"""Augmentation put together: transforms in a row, by chance, in turn; and rows mixed with each other.

A transform is a function of a key, rows and their lengths that returns rows as long: those of `augmentation` and
`masking` with their settings filled in by `functools.partial`.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from audiozoo.signal.precision import wide_dtype
from audiozoo.signal.rows import by_row, check_range, clear, draw_whole, full_lengths

Transform = Callable[[Array, Array, Array | None], Array]


class Mixture(NamedTuple):
    """Row i is weight[i] times itself and 1 - weight[i] times row partner[i]; so are its labels."""

    values: Float[Array, "batch ..."]
    lengths: Int[Array, " batch"] | None
    weight: Float[Array, " batch"]
    partner: Int[Array, " batch"]

    def of(self, labels: Float[Array, "batch ..."]) -> Float[Array, "batch ..."]:
        """Labels (one-hot, or any numbers) mixed as the rows were."""
        return _mixed(labels, self.weight, self.partner)


def mixup(
    key: Key[Array, ""],
    values: Float[Array, "batch time ..."],
    lengths: Int[Array, " batch"] | None = None,
    *,
    alpha: float = 0.2,
) -> Mixture:
    """Every row mixed with another (Zhang et al., 2018, eq. 1), with weights from Beta(`alpha`, `alpha`).

    Partners are a random order of the batch, so that a row may meet itself. Waveforms or features; a mixture is as long
    as the longer of the two.

    Raises:
        ValueError: `alpha` is not positive.
    """
    if not alpha > 0:
        raise ValueError(f"alpha is positive, not {alpha}")
    first, second = jax.random.split(key)
    count = values.shape[0]
    partner = jax.random.permutation(first, count)
    weight = jax.random.beta(second, alpha, alpha, (count,), jnp.float32)
    if lengths is not None:
        lengths = full_lengths((count,), values.shape[1], lengths)
        values = clear(values, lengths, axes=values.ndim - 1)
        lengths = jnp.maximum(lengths, lengths[partner])
    return Mixture(_mixed(values, weight, partner), lengths, weight, partner)


def _mixed(values: Array, weight: Array, partner: Array) -> Array:
    share = weight.reshape(-1, *[1] * (values.ndim - 1)).astype(wide_dtype(values))
    return (share * values + (1 - share) * values[partner]).astype(values.dtype)


def chain(*transforms: Transform) -> Transform:
    """One transform after the other, each with a key of its own; they keep lengths (crop and change speed outside)."""

    def apply(key: Array, values: Array, lengths: Array | None = None) -> Array:
        for i, transform in enumerate(transforms):
            values = _kept(transform, jax.random.fold_in(key, i), values, lengths)
        return values

    return apply


def sometimes(transform: Transform, probability: float, *, axes: int = 1) -> Transform:
    """A transform that each row meets with a probability, under `jit`: all are computed, and chosen from.

    `axes` are those of a row: one of a waveform, two of features.

    Raises:
        ValueError: the probability is not in [0, 1].
    """
    check_range("probability", probability, least=0, most=1)

    def apply(key: Array, values: Array, lengths: Array | None = None) -> Array:
        coin, inner = jax.random.split(key)
        changed = _kept(transform, inner, values, lengths)
        pick = lambda key, row, length, new: jnp.where(jax.random.bernoulli(key, jnp.float32(probability)), new, row)
        return by_row(pick, coin, values, lengths, changed, axes=axes)

    return apply


def one_of(*transforms: Transform, axes: int = 1) -> Transform:
    """A transform by which each row meets one of several, each as often.

    Raises:
        ValueError: there are none.
    """
    if not transforms:
        raise ValueError("want some transforms to choose from")

    def apply(key: Array, values: Array, lengths: Array | None = None) -> Array:
        coin, inner = jax.random.split(key)
        changed = [_kept(t, jax.random.fold_in(inner, i), values, lengths) for i, t in enumerate(transforms)]
        pick = lambda key, row, length, *new: jax.lax.select_n(
            draw_whole(key, 0, len(new)), *(x.astype(row.dtype) for x in new)
        )
        return by_row(pick, coin, values, lengths, *changed, axes=axes)

    return apply


def _kept(transform: Transform, key: Array, values: Array, lengths: Array | None) -> Array:
    changed = transform(key, values, lengths)
    if getattr(changed, "shape", None) != values.shape:
        raise ValueError(f"{transform} does not keep the shape {values.shape}; apply it before or after the others")
    return changed
