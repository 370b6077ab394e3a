"""What signals are computed in: float32 at least, products that no accelerator rounds, constants that stay constant."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Inexact, Shaped

EXACT = jax.lax.Precision.HIGHEST  # an accelerator's default would round the factors to bfloat16 or TF32


def wide_dtype(values: Shaped[Array | np.ndarray, "..."]) -> np.dtype:
    """Their own dtype, and float32 for half precision."""
    return jnp.promote_types(values.dtype, jnp.float32)


def widened(values: Shaped[Array, "*shape"]) -> Inexact[Array, "*shape"]:
    """The same values in `wide_dtype`."""
    return values.astype(wide_dtype(values))


def product(
    values: Inexact[Array, "*batch size"], matrix: Shaped[np.ndarray | Array, "size count"]
) -> Inexact[Array, "*batch count"]:
    """Values times a constant matrix, in the dtype of the values."""
    return jnp.matmul(values, jnp.asarray(matrix, values.dtype), precision=EXACT)


def read_only(constant: np.ndarray) -> np.ndarray:
    """The constant, which is kept for others, so that nobody writes into it."""
    constant.flags.writeable = False
    return constant
