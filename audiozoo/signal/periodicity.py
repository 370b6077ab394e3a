"""How much a signal resembles itself some samples later: autocorrelation, and YIN's difference function."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, Shaped

from audiozoo.signal.framing import frame
from audiozoo.signal.precision import wide_dtype

_FRAMES_AT_ONCE = 512  # what is worked on together: enough to keep a processor busy, little enough for its caches


def autocorrelate(signal: Float[Array, "*batch time"], *, max_size: int | None = None) -> Float[Array, "*batch lags"]:
    """r[k] = Σₙ x[n] x[n + k] for lags 0 to `max_size` - 1, zeros beyond the end; by FFT, in float32 at least.

    None: as many lags as samples, the most there are.

    Raises:
        ValueError: `max_size` is not positive.
    """
    time = signal.shape[-1]
    lags = time if max_size is None else min(max_size, time)
    if max_size is not None and max_size < 1:
        raise ValueError(f"max_size is a positive number of lags, not {max_size}")
    if not lags:
        return signal
    return _correlate(signal, signal, lags).astype(signal.dtype)


def _correlate(left: Float[Array, "*batch left"], right: Float[Array, "*batch right"], lags: int) -> Array:
    """Σₙ left[n] right[n + k] for `lags` values of k from zero; in float32 at least."""
    wide = wide_dtype(left)
    size = fast_length(max(left.shape[-1] + lags - 1, right.shape[-1]))  # what wraps round falls beyond the lags
    spectrum = jnp.fft.rfft(left.astype(wide), size)
    other = spectrum if right is left else jnp.fft.rfft(right.astype(wide), size)
    return jnp.fft.irfft(spectrum.conj() * other, size)[..., :lags]


@functools.cache
def fast_length(size: int) -> int:
    """The shortest even length from `size` on whose only prime factors are 2, 3 and 5."""
    best, fives = 1 << max(size - 1, 1).bit_length(), 1
    while fives < best:
        threes = fives
        while threes < best:
            rest = max(1, -(-size // threes))
            best = min(best, threes << max(1, (rest - 1).bit_length()))
            threes *= 3
        fives *= 5
    return best


def differences(
    frames: Float[Array, "*batch size"], max_period: int, *, integration: int | None = None
) -> Float[Array, "*batch max_period"]:
    """YIN's difference function for periods of 1 to `max_period` samples (de Cheveigné & Kawahara, 2002, equation 6).

    d(k) = Σⱼ (x[j] - x[j + k])² = Σ x[j]² + Σ x[j + k]² - 2 Σ x[j] x[j + k], never below zero. The energies are running
    sums of what enters and leaves, the correlation goes by FFT: in float32 the error is about 1e-7 of the energy.

    Args:
        integration: over how many samples j from the first. None: all of them, with zeros after the frame (librosa
            0.11, whose d(1) is x[0]² above the sum), which makes d(k) of a periodic sound rise with the period.

    Raises:
        ValueError: periods or integration do not fit into a frame.
    """
    size = frames.shape[-1]
    if not 1 <= max_period < size:
        raise ValueError(f"the longest period must be from 1 to {size - 1} samples, not {max_period}")
    if integration is None:
        correlation = _correlate(frames, frames, max_period + 1)
        lost = jnp.cumsum(jnp.square(frames[..., :max_period]), axis=-1).at[..., 0].set(0)  # as librosa has it
        return jnp.maximum(2 * (correlation[..., :1] - correlation[..., 1:]) - lost, 0)
    if not 1 <= integration <= size - max_period:
        raise ValueError(f"{integration=} and a period of up to {max_period} samples do not fit into {size} samples")
    frames = frames[..., : integration + max_period]
    frames = frames - frames.mean(-1, keepdims=True)  # differences are the same, and a constant costs no digits
    correlation = _correlate(frames[..., :integration], frames, max_period + 1)
    squares = jnp.square(frames)
    change = jnp.cumsum(squares[..., integration:] - squares[..., :max_period], axis=-1)
    return jnp.maximum(2 * (correlation[..., :1] - correlation[..., 1:]) + change, 0)


def normalised_differences(
    frames: Float[Array, "*batch size"], min_period: int, max_period: int, *, integration: int | None = None
) -> Float[Array, "*batch periods"]:
    """d'(k) = d(k) k / Σ d(1..k), for periods from `min_period` to `max_period` (equation 8); zero in silence."""
    values = differences(frames, max_period, integration=integration)
    mean = jnp.cumsum(values, axis=-1) / jnp.arange(1, max_period + 1, dtype=values.dtype)
    heard = mean[..., min_period - 1 :] >= jnp.finfo(values.dtype).tiny
    return jnp.where(heard, values[..., min_period - 1 :] / jnp.where(heard, mean[..., min_period - 1 :], 1), 0)


def map_frames(
    function: Callable[[Float[Array, "*batch frames size"]], PyTree[Shaped[Array, "..."]]],
    signal: Float[Array, "*batch time"],
    size: int,
    hop_length: int,
) -> PyTree[Shaped[Array, "..."]]:
    """A function of frames, a few hundred at a time, so that memory does not grow with what it needs for each."""
    count = max(0, 1 + (signal.shape[-1] - size) // hop_length)
    if count <= _FRAMES_AT_ONCE:
        return function(frame(signal, size, hop_length))
    blocks, lead = -(-count // _FRAMES_AT_ONCE), signal.ndim - 1
    missing = (blocks * _FRAMES_AT_ONCE - 1) * hop_length + size - signal.shape[-1]
    padded = jnp.pad(signal, [(0, 0)] * lead + [(0, max(0, missing))])

    def block(start: Array) -> PyTree:
        span = (_FRAMES_AT_ONCE - 1) * hop_length + size
        return function(frame(jax.lax.dynamic_slice_in_dim(padded, start, span, -1), size, hop_length))

    def together(parts: Array) -> Array:
        parts = jnp.moveaxis(parts, 0, lead)
        joined = parts.reshape(*parts.shape[:lead], blocks * _FRAMES_AT_ONCE, *parts.shape[lead + 2 :])
        return jax.lax.slice_in_dim(joined, 0, count, axis=lead)

    return jax.tree.map(together, jax.lax.map(block, jnp.arange(blocks) * (_FRAMES_AT_ONCE * hop_length)))
