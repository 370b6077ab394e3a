import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.layers.recurrent import LSTM


@pytest.fixture
def x():
    return jax.random.normal(jax.random.key(0), (2, 7, 5))


def test_lstm_in_two_chunks_equals_one_pass(x):
    layer = LSTM(3)
    variables = layer.init(jax.random.key(0), x)
    whole, last = layer.apply(variables, x)
    start, state = layer.apply(variables, x[:, :4])
    end, state = layer.apply(variables, x[:, 4:], state)
    np.testing.assert_allclose(jnp.concatenate([start, end], axis=1), whole, atol=1e-6)
    np.testing.assert_allclose(state, last, atol=1e-6)


def test_bfloat16_is_close_to_float32_and_keeps_a_float32_state(x):
    variables = LSTM(3).init(jax.random.key(0), x)
    exact, _ = LSTM(3).apply(variables, x)
    close, state = LSTM(3, dtype=jnp.bfloat16).apply(variables, x)
    assert close.dtype == state.cell.dtype == jnp.float32
    np.testing.assert_allclose(close, exact, atol=0.02)
    assert np.abs(close - exact).max() > 1e-5  # it did compute in bfloat16


def test_bfloat16_has_gradients(x):
    layer = LSTM(3, dtype=jnp.bfloat16)
    variables = layer.init(jax.random.key(0), x)
    gradient = jax.grad(lambda v: layer.apply(v, x)[0].sum())(variables)
    exact = jax.grad(lambda v: LSTM(3).apply(v, x)[0].sum())(variables)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=0.05, rtol=0.05), gradient, exact)
