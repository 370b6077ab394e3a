"""Recurrent layers: they own parameters and leave the arithmetic to `ops.recurrence`."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from audiozoo.ops.recurrence import LSTMState, lstm


class LSTM(nn.Module):
    """One direction of an LSTM. The input projection is one matmul, outside the scan.

    It has two biases, of which one would do, because every published PyTorch LSTM has. The state and the output are
    float32 whatever `dtype` is: a cell adds up over thousands of steps.
    """

    features: int
    reverse: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "batch time inputs"],
        state: LSTMState | None = None,
        lengths: Int[Array, " batch"] | None = None,
    ) -> tuple[Float[Array, "batch time features"], LSTMState]:
        """Output of every step (zero beyond a row's length) and the state after each row's last valid one."""
        gates = nn.Dense(4 * self.features, dtype=self.dtype, name="input")(x)
        kernel = self.param("recurrent_kernel", nn.initializers.orthogonal(), (self.features, 4 * self.features))
        bias = self.param("recurrent_bias", nn.initializers.zeros, (4 * self.features,))
        state = initial_lstm_state(x.shape[0], self.features) if state is None else state
        gates = gates + bias.astype(self.dtype)
        return lstm(gates, kernel.astype(self.dtype), state, lengths=lengths, reverse=self.reverse)


def initial_lstm_state(batch: int, features: int) -> LSTMState:
    """All zeros."""
    return LSTMState(jnp.zeros((batch, features)), jnp.zeros((batch, features)))
