"""Which moment of the audio each symbol belongs to, from how the decoder's attention moves along it.

Attention of chosen heads is sharpened, averaged and walked through by dynamic time warping: openai-whisper's method
(its `timing.py`), which faster-whisper shares.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


def attention_map(
    scores: Float[Array, "heads symbols positions"],
    symbols: Int[Array, ""],
    positions: Int[Array, ""],
    *,
    width: int = 7,
) -> Float[Array, "symbols positions"]:
    """How much more than usual each symbol looks at each position.

    Softmax over the first `positions`, standardised over the first `symbols`, median of `width` positions, mean of the
    heads. Values beyond `symbols` and `positions` mean nothing.
    """
    heard = jnp.arange(scores.shape[-1]) < positions
    weights = jax.nn.softmax(jnp.where(heard, scores, -jnp.inf), axis=-1)
    given = (jnp.arange(scores.shape[-2]) < symbols)[:, None]
    mean = jnp.mean(weights, axis=-2, keepdims=True, where=given)
    deviation = jnp.std(weights, axis=-2, keepdims=True, where=given)
    weights = (weights - mean) / jnp.where(deviation > 0, deviation, 1.0)
    return jnp.mean(median_filter(weights, positions, width=width), axis=0)


def median_filter(
    values: Float[Array, "*batch positions"], positions: Int[Array, ""], *, width: int
) -> Float[Array, "*batch positions"]:
    """Median of `width` (odd) neighbours among the first `positions`, reflected at both ends of these.

    As few as ``width // 2`` positions are left as they are. Values beyond `positions` mean nothing.

    Raises:
        ValueError: an even `width`.
    """
    if width % 2 == 0 or width < 1:
        raise ValueError(f"a median needs an odd number of neighbours, not {width}")
    half = width // 2
    near = jnp.abs(jnp.arange(values.shape[-1])[:, None] + jnp.arange(-half, half + 1))
    near = jnp.where(near >= positions, 2 * positions - near - 2, near)
    windows = values[..., jnp.clip(near, 0, values.shape[-1] - 1)]
    return jnp.where(positions > half, jnp.sort(windows, axis=-1)[..., half], values)


def warp(cost: Float[np.ndarray, "rows columns"]) -> tuple[Int[np.ndarray, " path"], Int[np.ndarray, " path"]]:
    """Dynamic time warping: the cheapest path from the first row and column to the last, as rows and columns.

    A step goes to the next row, the next column, or both; of equal ones the next column is taken.

    Raises:
        ValueError: nothing to walk through.
    """
    rows, columns = cost.shape
    if not rows or not columns:
        raise ValueError(f"a path needs at least one row and one column, not {cost.shape}")
    # Cells of one anti-diagonal do not depend on one another, so each is one vector, indexed by the row.
    before, last = np.full(rows + 1, np.inf, np.float32), np.full(rows + 1, np.inf, np.float32)
    before[0] = 0
    moves = np.zeros((rows + 1, columns + 1), np.int8)  # 0 both, 1 next row, 2 next column
    moves[0], moves[:, 0] = 2, 1
    for diagonal in range(2, rows + columns + 1):
        row = np.arange(max(1, diagonal - columns), min(rows, diagonal - 1) + 1)
        both, down, right = before[row - 1], last[row - 1], last[row]
        move = np.where((both < down) & (both < right), 0, np.where((down < both) & (down < right), 1, 2))
        now = np.full(rows + 1, np.inf, np.float32)
        now[row] = cost[row - 1, diagonal - row - 1] + np.choose(move, (both, down, right))
        moves[row, diagonal - row] = move
        before, last = last, now

    path = []
    row, column = rows, columns
    while row > 0 or column > 0:
        path.append((row - 1, column - 1))
        move = moves[row, column]
        row, column = row - (move != 2), column - (move != 1)
    steps = np.array(path[::-1])
    return steps[:, 0], steps[:, 1]
