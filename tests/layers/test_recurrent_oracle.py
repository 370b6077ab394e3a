"""The LSTM against torch.nn.LSTM, packed sequences and gradients included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from audiozoo.layers.recurrent import LSTM
from audiozoo.ops.recurrence import LSTMState

pytestmark = pytest.mark.oracle

INPUTS, FEATURES = 5, 3
LENGTHS = np.array([7, 4, 1])


@pytest.fixture(scope="module")
def reference():
    torch.manual_seed(0)
    return torch.nn.LSTM(INPUTS, FEATURES, batch_first=True, bidirectional=True)


def as_variables(parameters, suffix):
    w_in, w_rec, b_in, b_rec = (np.asarray(parameters[f"{n}_l0{suffix}"]) for n in NAMES)
    return {
        "params": {
            "input": {"kernel": w_in.T, "bias": b_in},
            "recurrent_kernel": w_rec.T,
            "recurrent_bias": b_rec,
        }
    }


NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


@pytest.mark.parametrize("direction, suffix", [(0, ""), (1, "_reverse")], ids=["forward", "backward"])
@pytest.mark.parametrize("packed", [False, True])
def test_lstm_and_its_gradients_equal_torch(reference, direction, suffix, packed):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 7, INPUTS), np.float32)
    start = rng.standard_normal((2, 3, FEATURES), np.float32)
    weight = rng.standard_normal((3, 7, FEATURES), np.float32)
    layer = LSTM(FEATURES, reverse=bool(direction))
    variables = as_variables({n: p.detach() for n, p in reference.named_parameters()}, suffix)

    def answer(variables, x, start):
        output, state = layer.apply(variables, x, LSTMState(*start), jnp.asarray(LENGTHS) if packed else None)
        return jnp.sum(output * weight) + jnp.sum(state.hidden) + 2 * jnp.sum(state.cell), (output, state)

    (gradients, (output, state)) = jax.grad(answer, (0, 1, 2), has_aux=True)(variables, x, start)

    their_x = torch.tensor(x, requires_grad=True)
    their_start = torch.zeros(2, 2, 3, FEATURES)
    their_start[:, direction] = torch.tensor(start)
    their_start.requires_grad_()
    inputs = pack_padded_sequence(their_x, LENGTHS, batch_first=True) if packed else their_x
    theirs, (hidden, cell) = reference(inputs, tuple(their_start))
    if packed:
        theirs, _ = pad_packed_sequence(theirs, batch_first=True)
    theirs = theirs[..., direction * FEATURES : (direction + 1) * FEATURES]
    reference.zero_grad()
    ((theirs * torch.tensor(weight)).sum() + hidden[direction].sum() + 2 * cell[direction].sum()).backward()

    np.testing.assert_allclose(output, theirs.detach(), atol=1e-6)
    np.testing.assert_allclose(state, (hidden[direction].detach(), cell[direction].detach()), atol=1e-6)
    expected = as_variables({n: p.grad for n, p in reference.named_parameters()}, suffix)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), gradients[0], expected)
    np.testing.assert_allclose(gradients[1], their_x.grad, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradients[2], their_start.grad[:, direction], rtol=1e-5, atol=1e-6)
