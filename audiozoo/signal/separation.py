"""Harmonic and percussive parts of a sound by median filters over time and frequency."""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from audiozoo.signal.framing import PadMode, pad
from audiozoo.signal.spectral import Window, istft, magnitude, stft

_BLOCK = 1 << 18  # values filtered together: more would only take memory
_ACROSS = 1024


class Parts(NamedTuple):
    """Two of a kind: spectra, masks or signals, shaped like what they are parts of."""

    harmonic: Inexact[Array, "*shape"]  # steady tones: smooth along time
    percussive: Inexact[Array, "*shape"]  # strokes and clicks: smooth along frequency


def hpss(
    spectrum: Inexact[Array, "*batch frames bins"],
    *,
    kernel_size: int | tuple[int, int] = 31,
    power: float = 2.0,
    margin: float | tuple[float, float] = 1.0,
    mask: bool = False,
) -> Parts:
    """Harmonic-percussive separation by median filtering (Fitzgerald, 2010), with margins (Driedger et al., 2014).

    The two add up to the spectrum when both margins are one; with more, what is neither is in neither.

    Args:
        spectrum: complex, or magnitudes; the parts are of the same kind.
        kernel_size: frames of the harmonic, bins of the percussive filter.
        power: of the soft mask H^p / (H^p + (margin P)^p); infinite: a mask of zeros and ones.
        margin: by how much the harmonic and the percussive part must exceed the other, one or more.
        mask: return the masks, in the type of the magnitudes.

    Raises:
        ValueError: a margin below one, or a power or a kernel size that is not positive.
    """
    frames, bins = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
    first, second = margin if isinstance(margin, tuple) else (margin, margin)
    if min(first, second) < 1 or not power > 0:
        raise ValueError(f"margins are one or more and the power is positive, not {margin} and {power}")
    level = magnitude(spectrum) if jnp.iscomplexobj(spectrum) else spectrum
    harmonic, percussive = median_filter(level, frames, axis=-2), median_filter(level, bins, axis=-1)
    halves = first == second == 1
    masks = Parts(
        soft_mask(harmonic, percussive * first, power=power, split_zeros=halves),
        soft_mask(percussive, harmonic * second, power=power, split_zeros=halves),
    )
    return masks if mask else Parts(*(spectrum * m for m in masks))


def hpss_signal(
    signal: Float[Array, "*batch time"],
    *,
    n_fft: int = 2048,
    hop_length: int = 512,
    window: Window | None = None,
    pad_mode: PadMode = "constant",
    kernel_size: int | tuple[int, int] = 31,
    power: float = 2.0,
    margin: float | tuple[float, float] = 1.0,
) -> Parts:
    """The harmonic and the percussive part of a signal, as long as it: `hpss` between `stft` and its inverse."""
    spectrum = stft(signal, n_fft=n_fft, hop_length=hop_length, window=window, pad_mode=pad_mode)
    parts = hpss(spectrum, kernel_size=kernel_size, power=power, margin=margin)
    heard = (
        istft(part, n_fft=n_fft, hop_length=hop_length, window=window, length=signal.shape[-1], uncovered="zero")
        for part in parts
    )
    return Parts(*(part.astype(signal.dtype) for part in heard))


def soft_mask(
    values: Float[Array, "*shape"], others: Float[Array, "*shape"], *, power: float = 1.0, split_zeros: bool = False
) -> Float[Array, "*shape"]:
    """values^p / (values^p + others^p), of numbers that are not negative; where both are zero, zero or a half.

    An infinite power gives one where the value is the greater and zero elsewhere.
    """
    if math.isinf(power):
        return (values > others).astype(values.dtype)
    largest = jax.lax.stop_gradient(jnp.maximum(values, others))  # it cancels: no gradient goes through it
    heard = largest >= jnp.finfo(values.dtype).tiny
    scale = jnp.where(heard, largest, 1)
    mine, theirs = (_raised(jnp.where(heard, x / scale, 1), power) for x in (values, others))
    return jnp.where(heard, mine / (mine + theirs), 0.5 if split_zeros else 0)


def _raised(ratio: Float[Array, "*shape"], power: float) -> Float[Array, "*shape"]:
    if power in (1, 2):
        return ratio**power
    some = ratio > 0
    return jnp.where(some, jnp.where(some, ratio, 1) ** power, 0)


def median_filter(values: Float[Array, "*shape"], size: int, *, axis: int = -1) -> Float[Array, "*shape"]:
    """The median of `size` values about each along an axis, mirrored at the ends (`scipy.ndimage`'s "reflect").

    Of an even number the upper median, of one more before than after, as scipy. A gradient goes to the value chosen, or
    in equal parts to all that equal it.

    Raises:
        ValueError: the size is not positive.
    """
    if size < 1:
        raise ValueError(f"a median is of a positive number of values, not {size}")
    if size == 1 or not values.size:
        return values
    moved = jnp.moveaxis(values, axis, -1)
    padded = jnp.moveaxis(pad(moved, size // 2, (size - 1) // 2, "symmetric"), -1, 0)
    flat = _medians(padded.reshape(padded.shape[0], -1), size)
    return jnp.moveaxis(flat.reshape(-1, *padded.shape[1:]), 0, axis)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _medians(values: Float[Array, "time across"], size: int) -> Float[Array, "medians across"]:
    """Medians of windows along the first axis, block by block once there is much of it."""
    time, across = values.shape
    count = time - size + 1
    if count * across <= _BLOCK:
        return _window_medians(values, size)
    width = min(across, _ACROSS)
    height = min(count, max(size, _BLOCK // width))
    down, right = -(-count // height), -(-across // width)
    padded = jnp.pad(values, [(0, down * height - count), (0, right * width - across)])

    def block(index: Array) -> Array:
        start = (index // right * height, index % right * width)
        return _window_medians(jax.lax.dynamic_slice(padded, start, (height + size - 1, width)), size)

    blocks = jax.lax.map(block, jnp.arange(down * right)).reshape(down, right, height, width)
    return blocks.swapaxes(1, 2).reshape(down * height, right * width)[:count, :across]


@_medians.defjvp
def _medians_jvp(size: int, primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (values,), (change,) = primals, tangents
    medians = _medians(values, size)
    total, equal = jnp.zeros_like(medians), jnp.zeros_like(medians)
    for start in range(size):
        same = values[start : start + len(medians)] == medians
        total += jnp.where(same, change[start : start + len(medians)], 0)
        equal += same
    return medians, total / equal


def _window_medians(values: Float[Array, "time across"], size: int) -> Float[Array, "medians across"]:
    """Each window is two sorted halves; of k + 1 ways to take k values from them, the best has the smallest maximum."""
    known: dict[int, list[Array]] = {1: [values]}
    count = len(values) - size + 1
    half = _power_of_two_below(size)
    left = [x[:count] for x in _sorted_windows(known, half)]
    right = [x[half : half + count] for x in _sorted_windows(known, size - half)]
    rank = size // 2 + 1
    ways = range(max(0, rank - len(right)), min(rank, len(left)) + 1)
    tops = [[left[i - 1]] * (i > 0) + [right[rank - i - 1]] * (i < rank) for i in ways]
    return functools.reduce(jnp.minimum, (functools.reduce(jnp.maximum, top) for top in tops))


def _sorted_windows(known: dict[int, list[Array]], size: int) -> list[Array]:
    """For every position the `size` values from it on in ascending order, an array for each rank, by halves."""
    if size not in known:
        half = _power_of_two_below(size)
        left, right = _sorted_windows(known, half), _sorted_windows(known, size - half)
        count = len(known[1][0]) - size + 1
        known[size] = _merged([x[:count] for x in left], [x[half : half + count] for x in right])
    return known[size]


def _merged(left: list[Array], right: list[Array]) -> list[Array]:
    """Batcher's odd-even merge of two ascending lists of any lengths (Knuth, volume 3, section 5.3.4)."""
    if not left or not right:
        return left + right
    if len(left) == len(right) == 1:
        return [jnp.minimum(left[0], right[0]), jnp.maximum(left[0], right[0])]
    first, *evens = _merged(left[::2], right[::2])
    odds = _merged(left[1::2], right[1::2])
    pairs = list(zip(odds, evens, strict=False))
    ordered = [bound(odd, even) for odd, even in pairs for bound in (jnp.minimum, jnp.maximum)]
    return [first, *ordered, *odds[len(pairs) :], *evens[len(pairs) :]]


def _power_of_two_below(size: int) -> int:
    """The largest that is less than `size`."""
    return 1 << ((size - 1).bit_length() - 1)
