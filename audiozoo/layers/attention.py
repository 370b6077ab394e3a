"""Multi-head attention with its four projections, taken apart so that keys and values can be kept."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from audiozoo.ops.attention import Memory, attention, merge_heads, split_heads


class MultiHeadAttention(nn.Module):
    """Self-attention when called; `queries`, `remember` and `attend` are its parts, for attention to something else."""

    width: int
    heads: int
    key_bias: bool = True
    dtype: Any = jnp.float32

    def setup(self) -> None:
        self.query = nn.Dense(self.width, dtype=self.dtype)
        self.key = nn.Dense(self.width, use_bias=self.key_bias, dtype=self.dtype)
        self.value = nn.Dense(self.width, dtype=self.dtype)
        self.out = nn.Dense(self.width, dtype=self.dtype)

    def queries(self, x: Float[Array, "*batch time width"]) -> Float[Array, "*batch heads time size"]:
        """What `x` asks of a memory, by head."""
        return split_heads(self.query(x), self.heads)

    def remember(self, x: Float[Array, "*batch time width"]) -> Memory:
        """Keys and values of `x`, by head."""
        return Memory(split_heads(self.key(x), self.heads), split_heads(self.value(x), self.heads))

    def attend(
        self, queries: Float[Array, "*batch heads time size"], *memories: Memory
    ) -> Float[Array, "*batch time width"]:
        """Projected means of what is remembered. Memories may have all their leading axes folded into one."""
        leading = memories[0].keys.shape[:-2]
        attended = attention(queries.reshape(*leading, *queries.shape[-2:]), memories).reshape(queries.shape)
        return self.out(merge_heads(attended))

    def __call__(
        self, x: Float[Array, "*batch time width"], mask: Array | None = None
    ) -> Float[Array, "*batch time width"]:
        """Self-attention; `mask` (…, time, time) is true where a row may look at a column."""
        return self.attend(self.queries(x), self.remember(x)._replace(mask=mask))
