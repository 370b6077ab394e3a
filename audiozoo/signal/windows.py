"""Window functions: NumPy constants in float64, cached, so that `jit` folds them in."""

import functools

import numpy as np
from jaxtyping import Float


@functools.cache
def hann(size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """Hann's raised cosine. Periodic (for spectra): one period over `size` samples; else symmetric, both ends zero."""
    return _raised_cosine(size, 0.5, periodic)


@functools.cache
def hamming(size: int, *, periodic: bool = True) -> Float[np.ndarray, " size"]:
    """Hamming's raised cosine on a pedestal of 0.08."""
    return _raised_cosine(size, 0.54, periodic)


def _raised_cosine(size: int, level: float, periodic: bool) -> np.ndarray:
    if size < 1:
        raise ValueError(f"a window has at least one sample, not {size}")
    if size == 1:
        return np.ones(1)
    phase = 2 * np.pi * np.arange(size) / (size if periodic else size - 1)
    return level - (1 - level) * np.cos(phase)
