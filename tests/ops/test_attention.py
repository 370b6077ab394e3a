import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiozoo.ops import attention as ops
from audiozoo.ops.attention import Memory, attention, merge_heads, split_heads

RNG = np.random.default_rng(0)


def draw(*shape):
    return jnp.asarray(RNG.normal(size=shape), jnp.float32)


def by_hand(queries, keys, values, mask=True):
    scores = np.einsum("...qs,...ts->...qt", np.float64(queries), np.float64(keys)) / np.sqrt(queries.shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True)) * mask
    return np.einsum("...qt,...ts->...qs", weights / weights.sum(-1, keepdims=True), np.float64(values))


@pytest.fixture
def small_slices(monkeypatch):
    """Slices of the queries that do not divide them evenly."""
    monkeypatch.setattr(ops, "_SCORES_AT_ONCE", 64)


@pytest.mark.parametrize("implementation", ["whole", "looped"])
@pytest.mark.parametrize("queries, time", [(1, 1), (7, 13), (40, 9)])
def test_equals_the_formula(small_slices, implementation, queries, time):
    q, k, v = draw(2, 3, queries, 8), draw(2, 3, time, 8), draw(2, 3, time, 8)
    ours = attention(q, [Memory(k, v)], implementation=implementation)
    np.testing.assert_allclose(ours, by_hand(q, k, v), atol=2e-6)


@pytest.mark.parametrize("implementation", ["whole", "looped"])
@pytest.mark.parametrize("shape", [(2, 3, 7, 13), (2, 1, 1, 13), (1, 1, 7, 13)])
def test_masks_broadcast(small_slices, implementation, shape):
    q, k, v = draw(2, 3, 7, 8), draw(2, 3, 13, 8), draw(2, 3, 13, 8)
    mask = RNG.random(shape) < 0.5
    mask[..., 4] = True
    ours = attention(q, [Memory(k, v, jnp.asarray(mask))], implementation=implementation)
    np.testing.assert_allclose(ours, by_hand(q, k, v, mask), atol=2e-6)


@pytest.mark.parametrize("implementation", ["whole", "looped"])
def test_several_memories_are_one(small_slices, implementation):
    q, k, v = draw(2, 3, 7, 8), draw(2, 3, 13, 8), draw(2, 3, 13, 8)
    mask = jnp.asarray(RNG.random((2, 1, 7, 13)) < 0.5).at[..., 0].set(True)
    parts = [Memory(k[:, :, a:b], v[:, :, a:b], mask[..., a:b]) for a, b in [(0, 4), (4, 5), (5, 13)]]
    ours = attention(q, parts, implementation=implementation)
    np.testing.assert_allclose(ours, by_hand(q, k, v, mask), atol=2e-6)


def test_what_is_masked_cannot_matter():
    q, k, v = draw(1, 2, 4, 8), draw(1, 2, 6, 8), draw(1, 2, 6, 8)
    mask = jnp.arange(6)[None, None, None] < 4
    spoilt = attention(q, [Memory(k.at[:, :, 4:].set(1e30), v.at[:, :, 4:].set(1e30), mask)])
    np.testing.assert_allclose(spoilt, by_hand(q, k[:, :, :4], v[:, :, :4]), atol=2e-6)


def test_nothing_to_look_at_is_finite():
    q, k = draw(1, 2, 4, 8), draw(1, 2, 6, 8)
    mask = jnp.zeros((1, 1, 4, 6), bool)
    value, gradient = jax.value_and_grad(lambda q: attention(q, [Memory(k, k, mask)]).sum())(q)
    assert jnp.isfinite(value) and jnp.isfinite(gradient).all()


def test_implementations_have_the_same_gradient(small_slices):
    q, k, v = draw(2, 3, 7, 8), draw(2, 3, 13, 8), draw(2, 3, 13, 8)
    loss = lambda implementation: (
        lambda *qkv: (attention(qkv[0], [Memory(*qkv[1:])], implementation=implementation) * jnp.arange(8)).sum()
    )
    for one, other in zip(*(jax.grad(loss(way), (0, 1, 2))(q, k, v) for way in ("whole", "looped")), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_choice_by_size_is_the_same_answer():
    q, k, v = draw(1, 2, 400, 8), draw(1, 2, 400, 8), draw(1, 2, 400, 8)
    assert ops._LOOP_FROM <= 400 * 400
    np.testing.assert_allclose(attention(q, [Memory(k, v)]), by_hand(q, k, v), atol=2e-6)


def test_large_scores_do_not_overflow():
    q, k = 1e3 * draw(1, 1, 3, 8), 1e3 * draw(1, 1, 5, 8)
    assert jnp.isfinite(attention(q, [Memory(k, k)])).all()


@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
def test_heads_split_and_merge(batch, time, heads, size):
    x = jnp.arange(batch * time * heads * size).reshape(batch, time, heads * size)
    split = split_heads(x.astype(jnp.float32), heads)
    assert split.shape == (batch, heads, time, size)
    np.testing.assert_array_equal(split[0, heads - 1, time - 1], x[0, time - 1, -size:])
    np.testing.assert_array_equal(merge_heads(split), x)
