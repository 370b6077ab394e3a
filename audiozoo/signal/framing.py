"""A signal padded, cut into overlapping frames and put together again: pure functions, any leading axes."""

import functools
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact, Int, Shaped

PadMode = Literal["reflect", "constant", "edge", "symmetric", "wrap"]
Uncovered = Literal["error", "zero"]

_UNROLLED = 16  # overlaps up to which the sum of shifted blocks is written out; more would take long to compile
_NOLA = 1e-11  # what PyTorch asks of a sum of squared windows, here relative to its largest value


def pad(
    signal: Shaped[Array, "*batch time"], before: int, after: int, mode: PadMode = "constant"
) -> Shaped[Array, "*batch padded"]:
    """More samples before and after a signal, as NumPy's `pad` defines them, any number of them for any length.

    Reflection goes to and fro as often as it takes; a signal without samples has nothing to repeat and gives zeros.
    """
    time, edges = signal.shape[-1], [(0, 0)] * (signal.ndim - 1) + [(before, after)]
    if mode == "constant" or time == 0:
        return jnp.pad(signal, edges)
    if max(before, after) < time:
        return jnp.pad(signal, edges, mode=mode)
    return signal[..., _beyond(np.arange(-before, time + after), time, mode)]


def pad_each(
    signal: Shaped[Array, "*batch time"],
    lengths: Int[Array, "*batch"],
    before: int,
    after: int,
    mode: PadMode = "constant",
) -> Shaped[Array, "*batch padded"]:
    """`pad` of signals that are `lengths` long, each continued beyond its own end, whatever stood there."""
    ends, time = lengths[..., None], signal.shape[-1]
    if mode == "constant" or time == 0:
        return pad(jnp.where(jnp.arange(time) < ends, signal, 0), before, after)
    source = jnp.clip(_beyond(jnp.arange(-before, time + after), ends, mode), 0, time - 1)
    return jnp.where(ends > 0, jnp.take_along_axis(signal, source, -1), 0)


def _beyond(
    position: Int[Array | np.ndarray, "*shape"], time: int | Int[Array, "*batch 1"], mode: PadMode
) -> Int[Array | np.ndarray, "*shape"]:
    """The sample that stands at any position of a signal continued for ever in both directions."""
    library = np if isinstance(time, int) else jnp
    if mode == "edge":
        return library.clip(position, 0, time - 1)
    if mode == "wrap":
        return position % library.maximum(time, 1)
    twice = mode == "symmetric"  # the samples at the ends, which reflection does not repeat
    period = library.maximum(1, 2 * time if twice else 2 * time - 2)
    folded = position % period
    return library.where(folded < time, folded, period - twice - folded)


def check_framing(size: int, hop_length: int) -> None:
    """Raise a ValueError unless both settings are positive."""
    if size < 1 or hop_length < 1:
        raise ValueError(f"frame size and hop length must be positive, not {size} and {hop_length}")


def frame(signal: Float[Array, "*batch time"], size: int, hop_length: int) -> Float[Array, "*batch frames size"]:
    """Stretches of `size` samples, one every `hop_length`; an incomplete last one is dropped.

    There are 1 + (time - size) // hop_length of them, none when the signal is shorter than `size`. This is also Kaldi's
    framing with `snip_edges=true`.

    Raises:
        ValueError: a setting is not positive.
    """
    check_framing(size, hop_length)
    count = max(0, 1 + (signal.shape[-1] - size) // hop_length)
    # Counted by the compiled program: as a constant, the indices of an hour would be half a gigabyte of it.
    start, offset = (jax.lax.broadcasted_iota(jnp.int32, (count, size), axis) for axis in (0, 1))
    return jnp.asarray(signal)[..., hop_length * start + offset]


def kaldi_frames(
    signal: Float[Array, "*batch time"], size: int, hop_length: int, *, snip_edges: bool = True
) -> Float[Array, "*batch frames size"]:
    """Kaldi's frames: the whole ones that fit or, without `snip_edges`, one for every hop, the ends mirrored.

    Without `snip_edges` there are (time + hop_length // 2) // hop_length frames; frame `i` begins at
    i * hop_length + hop_length // 2 - size // 2, and the samples at the ends are repeated by the mirror.
    """
    whole = signal if snip_edges else mirrored_ends(signal, size, hop_length)
    return frame(whole, size, hop_length)


def mirrored_ends(
    signal: Float[Array, "*batch time"], size: int, hop_length: int, lengths: Int[Array, "*batch"] | None = None
) -> Float[Array, "*batch padded"]:
    """The signal whose plain frames are `kaldi_frames` without `snip_edges`; with `lengths`, each at its own end."""
    check_framing(size, hop_length)
    time = signal.shape[-1]
    count = (time + hop_length // 2) // hop_length
    start = hop_length // 2 - size // 2
    if not count:
        return signal[..., :0]
    before, after = max(0, -start), max(0, (count - 1) * hop_length + start + size - time)
    if lengths is None:
        mirrored = pad(signal, before, after, "symmetric")
    else:
        mirrored = pad_each(signal, lengths, before, after, "symmetric")
    start = max(0, start)
    return mirrored[..., start : start + (count - 1) * hop_length + size]


def centred_frames(
    signal: Float[Array, "*batch time"], size: int, hop_length: int
) -> Float[Array, "*batch frames size"]:
    """Frames whose sample `size // 2` is sample `i * hop_length`, zeros beyond both ends; 1 + time // hop_length."""
    return frame(pad(signal, size // 2, size - size // 2), size, hop_length)


def overlap_add(frames: Inexact[Array, "*batch frames size"], hop_length: int) -> Inexact[Array, "*batch time"]:
    """The sum of frames laid `hop_length` apart: the transpose of `frame`, (frames - 1) * hop_length + size samples.

    A hop longer than a frame leaves zeros between; no frames make no samples.
    """
    count, size = frames.shape[-2:]
    check_framing(size, hop_length)
    time = (count - 1) * hop_length + size if count else 0
    return _flat(overlapped_blocks(frames, hop_length))[..., :time]


def overlapped_blocks(
    frames: Inexact[Array, "*batch frames size"], hop_length: int
) -> Inexact[Array, "*batch blocks hop_length"]:
    """`overlap_add` as rows of `hop_length` samples, zeros after the last frame.

    Frames are cut into `overlap` blocks of a hop each, and block `j` of all frames is one contiguous addition: XLA does
    it in place, where a scatter of single samples is several times slower on CPU.
    """
    count, size = frames.shape[-2:]
    overlap = -(-size // hop_length)
    lead = frames.shape[:-2]
    frames = jnp.pad(frames, [(0, 0)] * (frames.ndim - 1) + [(0, overlap * hop_length - size)])
    pieces = frames.reshape(*lead, count, overlap, hop_length)
    total = jnp.zeros((*lead, count + overlap - 1 if count else 0, hop_length), frames.dtype)
    if overlap <= _UNROLLED:
        for j in range(overlap if count else 0):
            total = total.at[..., j : j + count, :].add(pieces[..., j, :])
        return total

    def add(total: Array, j: Array) -> tuple[Array, None]:
        piece = jax.lax.dynamic_index_in_dim(pieces, j, -2, keepdims=False)
        sofar = jax.lax.dynamic_slice_in_dim(total, j, count, -2)
        return jax.lax.dynamic_update_slice_in_dim(total, sofar + piece, j, -2), None

    return jax.lax.scan(add, total, jnp.arange(overlap))[0] if count else total


def _flat(blocks: Shaped[Array, "*batch blocks hop_length"]) -> Shaped[Array, "*batch time"]:
    return blocks.reshape(*blocks.shape[:-2], blocks.shape[-2] * blocks.shape[-1])


def weighted_overlap_add(
    frames: Float[Array, "*batch frames size"],
    window: Float[Array | np.ndarray, " size"],
    hop_length: int,
    *,
    start: int,
    length: int,
    uncovered: Uncovered = "error",
) -> Float[Array, "*batch length"]:
    """Least-squares overlap-add (Griffin & Lim, 1984, equation 6): the signal whose windowed frames are nearest.

    Frames are windowed once more, added, and divided by the sum of squared windows over each sample; `length` samples
    from sample `start` of the first frame are returned.

    Args:
        uncovered: what happens where no window reaches (the windows overlap with gaps, the NOLA condition fails; or
            more samples are asked for than there are). "error": a ValueError, unless the window is traced and cannot be
            looked at; "zero": those samples are zero.
    """
    count, size = frames.shape[-2:]
    check_framing(size, hop_length)
    if length < 0:
        raise ValueError(f"a signal cannot have {length} samples")
    blocks = overlapped_blocks(frames * jnp.asarray(window, frames.dtype), hop_length)
    if isinstance(window, np.ndarray):
        table = _sums_of_squares(window.astype(np.float64).tobytes(), hop_length, min(count, -(-size // hop_length)))
        if uncovered == "error":
            _check_covered(table, count, size, hop_length, start, length)
        rows = _row(np.arange(blocks.shape[-2]), count, len(table))
        total = _flat(blocks * jnp.asarray(_reciprocal(table, frames.dtype))[rows])
    else:
        squares = overlapped_blocks(jnp.broadcast_to(jnp.square(window), (count, size)), hop_length)
        heard = squares > jnp.finfo(frames.dtype).tiny
        total = _flat(blocks / jnp.where(heard, squares, 1).astype(frames.dtype))
    missing = max(0, start + length - total.shape[-1])
    return pad(total, 0, missing)[..., start : start + length]


@functools.lru_cache(maxsize=256)
def _sums_of_squares(window: bytes, hop_length: int, count: int) -> Float[np.ndarray, "rows hop_length"]:
    """Sums of squared windows, a row for each hop, of `count` frames: as many as overlap, or all if they are fewer.

    More frames would only repeat the middle row, so that an hour of signal needs no more than this.
    """
    squares = np.square(np.frombuffer(window, np.float64))
    overlap = -(-len(squares) // hop_length)
    pieces = np.pad(squares, (0, overlap * hop_length - len(squares))).reshape(overlap, hop_length)
    table = np.zeros((max(0, count + overlap - 1), hop_length))
    for i in range(count):
        table[i : i + overlap] += pieces
    return table if count else table[:0]


def _row(block: Int[np.ndarray, "*shape"], count: int, rows: int) -> Int[np.ndarray, "*shape"]:
    """The row of the table of `rows` that holds for a block: the first ones, the repeated middle, the last ones."""
    middle = rows // 2
    repeats = max(0, count - middle - 1)  # none when the table has a row for every block
    return np.where(block <= middle, block, np.maximum(middle, block - repeats))


def _reciprocal(table: Float[np.ndarray, "rows hop_length"], dtype: jnp.dtype) -> Float[np.ndarray, "rows hop_length"]:
    return (1 / np.where(table > float(jnp.finfo(dtype).tiny), table, 1)).astype(dtype)


def _check_covered(table: np.ndarray, count: int, size: int, hop_length: int, start: int, length: int) -> None:
    stop = start + length
    end = (count - 1) * hop_length + size if count else 0
    advice = "; ask for fewer samples, choose a smaller hop, or accept zeros there with uncovered='zero'"
    if stop > end and length:
        raise ValueError(f"{length} samples were asked for, but the frames cover only {max(0, end - start)}{advice}")
    reach = (len(table) + 1) * hop_length  # the first and the last so many samples include everything there is
    samples = np.unique(np.r_[start : min(stop, start + reach), max(start, stop - reach) : stop])
    if not samples.size:
        return
    rows = _row(samples // hop_length, count, len(table))
    bare = samples[table[rows, samples % hop_length] < _NOLA * table.max()]
    if bare.size:
        raise ValueError(
            f"sample {bare[0] - start} of the signal lies under no window (the NOLA condition): windows of {size} "
            f"samples, {hop_length} apart, leave gaps or begin at zero{advice}"
        )


def standardise_frames(frames: Float[Array, "*batch size"], floor: float = 1e-10) -> Float[Array, "*batch size"]:
    """Each frame less its mean, over its standard deviation (`size - 1` degrees of freedom) or `floor`, the larger.

    A silent frame stays zero; its gradient is finite, as a square root never sees zero.
    """
    centred = frames - frames.mean(axis=-1, keepdims=True)
    variance = jnp.sum(jnp.square(centred), axis=-1, keepdims=True) / max(frames.shape[-1] - 1, 1)
    audible = variance > floor**2
    return centred / jnp.where(audible, jnp.sqrt(jnp.where(audible, variance, 1)), floor)
