"""A signal cut into overlapping frames: pure functions, any leading axes."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def frame(signal: Float[Array, "*batch time"], size: int, hop_length: int) -> Float[Array, "*batch frames size"]:
    """Stretches of `size` samples, one every `hop_length`; an incomplete last one is dropped.

    There are 1 + (time - size) // hop_length of them, none when the signal is shorter than `size`.

    Raises:
        ValueError: a setting is not positive.
    """
    if size < 1 or hop_length < 1:
        raise ValueError(f"frame size and hop length must be positive, not {size} and {hop_length}")
    count = max(0, 1 + (signal.shape[-1] - size) // hop_length)
    return signal[..., hop_length * np.arange(count)[:, None] + np.arange(size)]


def centred_frames(
    signal: Float[Array, "*batch time"], size: int, hop_length: int
) -> Float[Array, "*batch frames size"]:
    """Frames whose sample `size // 2` is sample `i * hop_length`, zeros beyond both ends; 1 + time // hop_length."""
    edges = [(0, 0)] * (signal.ndim - 1) + [(size // 2, size - size // 2)]
    return frame(jnp.pad(signal, edges), size, hop_length)


def standardise_frames(frames: Float[Array, "*batch size"], floor: float = 1e-10) -> Float[Array, "*batch size"]:
    """Each frame less its mean, over its standard deviation (`size - 1` degrees of freedom) or `floor`, the larger.

    A silent frame stays zero; its gradient is finite, as a square root never sees zero.
    """
    centred = frames - frames.mean(axis=-1, keepdims=True)
    variance = jnp.sum(jnp.square(centred), axis=-1, keepdims=True) / max(frames.shape[-1] - 1, 1)
    audible = variance > floor**2
    return centred / jnp.where(audible, jnp.sqrt(jnp.where(audible, variance, 1)), floor)
