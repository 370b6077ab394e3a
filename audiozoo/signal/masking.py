"""SpecAugment: spectrograms warped in time, and masked in time and frequency (Park et al., 2019 and 2020).

Every row draws its own: what becomes of it follows from the key, its place in the batch and its valid frames alone,
neither from its padding nor from its batch-mates. Frames behind a row's length come back as zeros.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from audiozoo.signal.rows import by_row, draw_whole

Fill = float | Literal["mean"]
Spectrogram = Float[Array, "*batch frames bins"]


class Policy(NamedTuple):
    """Parameters of SpecAugment as the papers name them; see `time_warp`, `frequency_mask` and `time_mask`."""

    warp: int = 0  # W, frames
    frequency_width: int = 0  # F, bins
    frequency_count: int = 0  # m_F
    time_width: int | None = None  # T, frames; None: no bound but `time_share`
    time_share: float = 1.0  # p, and p_S of the adaptive policies
    time_count: int = 0  # m_T
    time_count_share: float | None = None  # p_M, of which `time_count` is then the cap


# Park et al., 2019, table 1; for LibriSpeech basic and double, for Switchboard mild and strong.
LB = Policy(80, 27, 1, 100, 1.0, 1)
LD = Policy(80, 27, 2, 100, 1.0, 2)
SM = Policy(40, 15, 2, 70, 0.2, 2)
SS = Policy(40, 27, 2, 70, 0.2, 2)
ADAPTIVE = Policy(80, 27, 2, None, 0.04, 20, 0.04)  # Park et al., 2020: masks as many and as wide as the clip is long


def spec_augment(
    key: Key[Array, ""],
    features: Spectrogram,
    lengths: Int[Array, "*batch"] | None = None,
    *,
    policy: Policy = LD,
    fill: Fill = 0.0,
) -> Spectrogram:
    """A warp in time, then masks in frequency, then masks in time (Park et al., 2019).

    Args:
        key: for all rows.
        features: log-mel spectrograms; with the paper's zero mean, filling with zeros is filling with the mean.
        lengths: valid frames of each row; None: all.
        policy: how much of each: `LB`, `LD`, `SM`, `SS`, `ADAPTIVE`, or another.
        fill: what masks hold, a number or the "mean" of the row's valid part.

    Raises:
        ValueError: a setting is negative, or a share is not in [0, 1].
    """
    warp, frequency, time = jax.random.split(key, 3)
    features = time_warp(warp, features, lengths, width=policy.warp)
    features = frequency_mask(
        frequency, features, lengths, width=policy.frequency_width, count=policy.frequency_count, fill=fill
    )
    return time_mask(
        time,
        features,
        lengths,
        width=policy.time_width,
        share=policy.time_share,
        count=policy.time_count,
        count_share=policy.time_count_share,
        fill=fill,
    )


def time_mask(
    key: Key[Array, ""],
    features: Spectrogram,
    lengths: Int[Array, "*batch"] | None = None,
    *,
    width: int | None,
    share: float = 1.0,
    count: int = 1,
    count_share: float | None = None,
    fill: Fill = 0.0,
) -> Spectrogram:
    """`count` stretches of t frames from frame t₀ on are filled; they may overlap.

    Of a row of τ frames, t is uniform on 0 to min(`width`, ⌊`share` τ⌋), both ends included, and t₀ on 0 to τ - t - 1
    (the paper's [0, τ - t), which spares the last frame). With `count_share` there are min(`count`, ⌊`count_share` τ⌋)
    masks, and with a `width` of None only `share` bounds them: the adaptive masks of Park et al., 2020.

    Args:
        key: for all rows.
        features: spectrograms.
        lengths: valid frames of each row; None: all.
        width: T, frames.
        share: p, of the row's frames, which no mask is wider than.
        count: masks.
        count_share: masks for each frame.
        fill: what masks hold, a number or the "mean" of the row's valid part.

    Raises:
        ValueError: a width or count is negative, or a share is not in [0, 1].
    """
    _check(width or 0, count, share, 0.0 if count_share is None else count_share)

    def mask(key: Array, row: Array, length: Array) -> Array:
        widest = _floor(share, length) if width is None else jnp.minimum(width, _floor(share, length))
        masks = jnp.asarray(count) if count_share is None else jnp.minimum(count, _floor(count_share, length))
        masked = _stretches(key, row.shape[0], length, widest, count, masks)
        return jnp.where(masked[:, None], _filling(row, length, fill), row)

    return by_row(mask, key, features, lengths, axes=2) if count else _cleared(key, features, lengths)


def frequency_mask(
    key: Key[Array, ""],
    features: Spectrogram,
    lengths: Int[Array, "*batch"] | None = None,
    *,
    width: int,
    count: int = 1,
    fill: Fill = 0.0,
) -> Spectrogram:
    """`count` bands of f bins from bin f₀ on are filled, f uniform on 0 to `width` and f₀ on 0 to bins - f - 1.

    Arguments and errors are those of `time_mask`.
    """
    _check(width, count, 0.0, 0.0)

    def mask(key: Array, row: Array, length: Array) -> Array:
        bins = row.shape[1]
        masked = _stretches(key, bins, jnp.asarray(bins), jnp.asarray(min(width, bins)), count, jnp.asarray(count))
        return jnp.where(masked, _filling(row, length, fill), row)

    return by_row(mask, key, features, lengths, axes=2) if count else _cleared(key, features, lengths)


def time_warp(
    key: Key[Array, ""], features: Spectrogram, lengths: Int[Array, "*batch"] | None = None, *, width: int
) -> Spectrogram:
    """A moment w₀ is moved by w frames, the ends stay, and what lies between is stretched (Park et al., 2020, eq. 1-2).

    Of a row of τ frames, w₀ is uniform on `width` to τ - `width` - 1 and w on -`width` to `width`, kept within the row.
    Frame t is then that at W(t), linear between neighbours: W(t) = t (w₀ + w) / w₀ up to w₀, and from there on a line
    to the last frame. Rows of 2 `width` frames or fewer have no such w₀ and stay as they are.

    Raises:
        ValueError: `width` is negative.
    """
    _check(width, 0, 0.0, 0.0)

    def warp(key: Array, row: Array, length: Array) -> Array:
        first, second = jax.random.split(key)
        start = draw_whole(first, width, jnp.maximum(length - width, width + 1))
        last = length - 1
        moved = start + draw_whole(second, -width, width + 1)
        shift = jnp.clip(moved, 1, jnp.maximum(last - 1, 1)) - start
        # W(t) - t is a tent of height w: in whole numbers, so that no frame of a long clip loses digits of its place.
        step = jnp.arange(row.shape[0])
        early = step <= start
        top = shift * jnp.where(early, step, last - step)
        bottom = jnp.maximum(jnp.where(early, start, last - start), 1)
        before = jnp.clip(step + top // bottom, 0, jnp.maximum(last, 0))
        share = (top % bottom / bottom).astype(row.dtype)[:, None]
        after = jnp.minimum(before + 1, jnp.maximum(last, 0))
        warped = (1 - share) * row[before] + share * row[after]
        return jnp.where(length > 2 * width, warped, row)

    warps = width and features.shape[-2]
    return by_row(warp, key, features, lengths, axes=2) if warps else _cleared(key, features, lengths)


def _stretches(key: Array, size: int, length: Array, widest: Array, count: int, used: Array) -> Bool[Array, " size"]:
    """Where the first `used` of `count` stretches lie, of up to `widest` of `length` places."""
    first, second = jax.random.split(key)
    width = draw_whole(first, 0, widest + 1, count)
    start = draw_whole(second, 0, jnp.maximum(length - width, 1), count)
    place = jnp.arange(size)[:, None]
    return ((place >= start) & (place < start + width) & (np.arange(count) < used)).any(-1)


def _floor(share: float, length: Array) -> Array:
    """⌊share · length⌋, not one less where the product is a whole number but for rounding."""
    return jnp.floor(share * length.astype(jnp.float32) + 1e-4).astype(jnp.int32)


def _filling(row: Array, length: Array, fill: Fill) -> Array:
    if fill != "mean":
        return jnp.asarray(fill, row.dtype)
    return row.sum() / jnp.maximum(length * row.shape[1], 1).astype(row.dtype)  # the padding is zero


def _cleared(key: Array, features: Array, lengths: Array | None) -> Array:
    return by_row(lambda key, row, length: row, key, features, lengths, axes=2)


def _check(width: int, count: int, *shares: float) -> None:
    if width < 0 or count < 0 or not all(0 <= share <= 1 for share in shares):
        raise ValueError(
            f"want widths and counts of zero or more and shares within [0, 1], not {width}, {count} and {shares}"
        )
