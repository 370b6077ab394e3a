import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.ops.recurrence import LSTMState, lstm

BATCH, TIME, FEATURES = 3, 6, 4
LENGTHS = jnp.array([6, 2, 0])


@pytest.fixture
def arguments():
    keys = jax.random.split(jax.random.key(0), 4)
    gates = jax.random.normal(keys[0], (BATCH, TIME, 4 * FEATURES))
    kernel = jax.random.normal(keys[1], (FEATURES, 4 * FEATURES))
    return gates, kernel, *jax.random.normal(keys[2], (2, BATCH, FEATURES))


def step_by_step(gates, kernel, hidden, cell, lengths, reverse):
    """The definition, one row and one step at a time, differentiated by JAX itself."""
    outputs = []
    for row in range(BATCH):
        h, c, output = hidden[row], cell[row], [jnp.zeros(FEATURES)] * TIME
        steps = range(int(lengths[row]))
        for t in reversed(steps) if reverse else steps:
            i, f, g, o = jnp.split(gates[row, t] + h @ kernel, 4)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = output[t] = jax.nn.sigmoid(o) * jnp.tanh(c)
        outputs.append((jnp.stack(output), h, c))
    return tuple(jnp.stack(part) for part in zip(*outputs, strict=True))


def ours(gates, kernel, hidden, cell, lengths, reverse):
    output, state = lstm(gates, kernel, LSTMState(hidden, cell), lengths=lengths, reverse=reverse)
    return output, *state


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
def test_lstm_and_its_gradients_are_the_definition(arguments, lengths, reverse):
    weights = [jax.random.normal(jax.random.key(i), shape) for i, shape in enumerate([(BATCH, TIME, FEATURES)])]
    weights += list(jax.random.normal(jax.random.key(9), (2, BATCH, FEATURES)))

    def loss(run, lengths):
        return lambda *args: sum(jnp.sum(w * x) for w, x in zip(weights, run(*args, lengths, reverse), strict=True))

    full = jnp.full(BATCH, TIME)
    for a, b in zip(
        jax.jit(lambda *args: ours(*args, lengths, reverse))(*arguments),
        step_by_step(*arguments, full if lengths is None else lengths, reverse),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, atol=1e-6)
    gradient = jax.grad(loss(ours, lengths), range(4))(*arguments)
    expected = jax.grad(loss(step_by_step, full if lengths is None else lengths), range(4))(*arguments)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-6), gradient, expected)


@pytest.mark.parametrize("reverse", [False, True])
def test_what_lies_in_the_padding_does_not_matter(arguments, reverse):
    gates, *rest = arguments
    spoilt = jnp.where(jnp.arange(TIME)[:, None] < LENGTHS[:, None, None], gates, jnp.nan)

    def answer(gates):
        return sum(jnp.sum(part) for part in ours(gates, *rest, LENGTHS, reverse))

    for a, b in zip(ours(spoilt, *rest, LENGTHS, reverse), ours(gates, *rest, LENGTHS, reverse), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(jax.grad(answer)(spoilt), jax.grad(answer)(gates))


def test_no_steps_leave_the_state_alone(arguments):
    _, kernel, hidden, cell = arguments
    for lengths in (None, jnp.zeros(BATCH, int)):
        output, state = lstm(jnp.zeros((BATCH, 0, 4 * FEATURES)), kernel, LSTMState(hidden, cell), lengths=lengths)
        assert output.shape == (BATCH, 0, FEATURES)
        np.testing.assert_array_equal(state, (hidden, cell))
