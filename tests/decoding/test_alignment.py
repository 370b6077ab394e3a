import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.decoding import alignment


def brute_force(cost):
    """The cheapest total over all paths."""
    rows, columns = cost.shape
    total = np.full((rows, columns), np.inf)
    for row in range(rows):
        for column in range(columns):
            before = [total[row - 1, column - 1]] if row and column else []
            before += [total[row - 1, column]] if row else []
            before += [total[row, column - 1]] if column else []
            total[row, column] = cost[row, column] + (min(before) if before else 0)
    return total[-1, -1]


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (4, 9), (9, 4), (12, 12)])
def test_the_path_is_the_cheapest_and_connected(shape):
    cost = np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)
    rows, columns = alignment.warp(cost)
    assert (rows[0], columns[0]) == (0, 0) and (rows[-1], columns[-1]) == (shape[0] - 1, shape[1] - 1)
    steps = set(zip(np.diff(rows).tolist(), np.diff(columns).tolist(), strict=True))
    assert steps <= {(0, 1), (1, 0), (1, 1)}
    np.testing.assert_allclose(cost[rows, columns].sum(), brute_force(cost), rtol=1e-5)


def test_nothing_to_align_is_an_error():
    with pytest.raises(ValueError, match="at least one row"):
        alignment.warp(np.zeros((0, 3), np.float32))


@pytest.mark.parametrize("positions", [1, 3, 4, 7, 20])
def test_the_median_is_of_the_neighbours_reflected(positions):
    values = np.random.default_rng(0).standard_normal((2, 20)).astype(np.float32)
    ours = jax.jit(lambda v, n: alignment.median_filter(v, n, width=7))(values, positions)
    cut = values[:, :positions]
    if positions > 3:
        around = np.pad(cut, ((0, 0), (3, 3)), mode="reflect")
        cut = np.stack([np.median(around[:, i : i + 7], axis=1) for i in range(positions)], axis=1)
    np.testing.assert_array_equal(ours[:, :positions], cut)


def test_an_even_width_has_no_median():
    with pytest.raises(ValueError, match="odd"):
        alignment.median_filter(jnp.zeros((1, 9)), jnp.int32(9), width=4)


def test_padding_does_not_move_the_attention():
    scores = np.random.default_rng(1).standard_normal((3, 6, 30)).astype(np.float32)
    whole = alignment.attention_map(jnp.asarray(scores), jnp.int32(6), jnp.int32(30))
    filled = np.full((3, 9, 50), 1e3, np.float32)
    filled[:, :6, :30] = scores
    padded = alignment.attention_map(jnp.asarray(filled), jnp.int32(6), jnp.int32(30))
    np.testing.assert_allclose(padded[:6, :30], whole, rtol=1e-5, atol=1e-6)


def test_a_diagonal_attention_gives_a_diagonal_path():
    scores = np.full((2, 5, 50), -5.0, np.float32)
    for symbol in range(5):
        scores[:, symbol, 10 * symbol : 10 * symbol + 10] = 5.0
    rows, columns = alignment.warp(
        -np.asarray(alignment.attention_map(jnp.asarray(scores), jnp.int32(5), jnp.int32(50)))
    )
    arrivals = columns[np.diff(rows, prepend=-1) > 0]
    np.testing.assert_allclose(arrivals, [0, 10, 20, 30, 40], atol=1)
