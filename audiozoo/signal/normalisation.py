"""Cepstral mean and variance normalisation: over a whole clip, over a window that slides along it, and in pieces."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from audiozoo.signal.precision import widened

_WHOLE_FLOOR, _SLIDING_FLOOR = 1e-20, 1e-10  # Kaldi's, of variances
Lengths = Int[Array | np.ndarray, "*batch"]


def cmvn(
    features: Float[Array, "*batch frames features"],
    lengths: Lengths | None = None,
    *,
    mean: bool = True,
    variance: bool = True,
    floor: float = _WHOLE_FLOOR,
) -> Float[Array, "*batch frames features"]:
    """Each feature less its mean over the clip, over its standard deviation (population: divided by the frames).

    Kaldi's `apply-cmvn` of statistics of the clip itself, `norm_means=mean, norm_vars=variance`.

    Args:
        features: one row a frame.
        lengths: how many frames of each clip are valid; the others have no say and become zero. None: all.
        mean: whether the mean is taken away; else the values only change their spread.
        variance: whether the variance becomes one.
        floor: the least variance.

    Raises:
        ValueError: lengths are not one a clip, or the floor is not positive.
    """
    wide = widened(features)
    valid = _valid(features, lengths)
    if not floor > 0:
        raise ValueError(f"the floor of variances must be positive, not {floor}")
    count = jnp.maximum(valid.sum(-2, keepdims=True), 1).astype(wide.dtype)
    centre = jnp.where(valid, wide, 0).sum(-2, keepdims=True) / count
    centred = jnp.where(valid, wide - centre, 0)
    scale = 1.0
    if variance:
        scale = _inverse_root(jnp.square(centred).sum(-2, keepdims=True) / count, floor)
    answer = centred * scale if mean else jnp.where(valid, wide * scale, 0)
    return answer.astype(features.dtype)


def sliding_cmvn(
    features: Float[Array, "*batch frames features"],
    lengths: Lengths | None = None,
    *,
    window: int = 600,
    min_window: int = 100,
    center: bool = False,
    variance: bool = False,
) -> Float[Array, "*batch frames features"]:
    """Each frame less the mean over frames around it: Kaldi's `apply-cmvn-sliding`, with its settings.

    torchaudio's `sliding_window_cmn` too, but for variances below Kaldi's floor of 1e-10, by which that divides. The
    cost does not depend on the window.

    Args:
        features: one row a frame.
        lengths: how many frames of each clip are valid; the others have no say and become zero. None: all.
        window: of how many frames the mean is. Without `center` it is of the current frame and this many before it.
        min_window: at the start, without `center`, at least so many frames, if there are, are looked at, ahead of the
            current one if need be. 1 makes it causal: what `StreamingCmvn` gives.
        center: the window reaches as far ahead as back; at the ends it is shifted, not cut.
        variance: also divide by the standard deviation (population); where only one frame is seen the answer is zero.

    Raises:
        ValueError: a window is not positive, or lengths are not one a clip.
    """
    _check_windows(window, min_window)
    wide = widened(features)
    valid = _valid(features, lengths)
    frames = features.shape[-2]
    if not frames:
        return features
    ends = np.asarray(frames) if lengths is None else jnp.asarray(lengths)
    start, stop = _windows(np.arange(frames), ends[..., None], window, min_window, center)
    count = jnp.maximum(stop - start, 1)[..., None].astype(wide.dtype)
    answer = _normalised(_shifted(wide, valid), start, stop, count, variance)
    return jnp.where(valid, answer, 0).astype(features.dtype)


def _windows(t: Int[np.ndarray, " frames"], frames: Any, window: int, min_window: int, center: bool) -> tuple[Any, Any]:
    """The first frame of the window of each frame `t` of a clip of `frames`, and the one after its last."""
    xp = np if isinstance(frames, np.ndarray) else jnp
    start = t - (window // 2 if center else window)
    stop = xp.where(start < 0, window, start + window) if center else xp.maximum(t + 1, min_window)
    start = xp.maximum(start, 0) - xp.maximum(stop - frames, 0)
    return xp.maximum(start, 0), xp.minimum(stop, frames)


def _shifted(values: Array, valid: Array) -> Array:
    """Less their mean: a constant changes no answer, only how many digits are lost in the sums."""
    centre = jnp.where(valid, values, 0).sum(-2, keepdims=True) / jnp.maximum(valid.sum(-2, keepdims=True), 1)
    return jnp.where(valid, values - jax.lax.stop_gradient(centre), 0)


def _normalised(
    values: Array, start: Array | np.ndarray, stop: Array | np.ndarray, count: Array, variance: bool
) -> Array:
    """The last frames of `values`, as many as there are windows, less the mean of their windows, and so on."""
    mean = _sums(values, start, stop) / count
    answer = values[..., values.shape[-2] - start.shape[-1] :, :] - mean
    if not variance:
        return answer
    spread = _sums(jnp.square(values), start, stop) / count - jnp.square(mean)
    return jnp.where(count > 1, answer * _inverse_root(spread, _SLIDING_FLOOR), 0)


def _sums(values: Array, start: Array | np.ndarray, stop: Array | np.ndarray) -> Array:
    """Sums of the frames from `start` up to `stop`, by differences of running sums."""
    running = jnp.pad(jnp.cumsum(values, -2), [(0, 0)] * (values.ndim - 2) + [(1, 0), (0, 0)])
    if start.ndim == 1:
        return running[..., stop, :] - running[..., start, :]
    first, last = (jnp.take_along_axis(running, index[..., None], -2) for index in (start, stop))
    return last - first


def _inverse_root(variance: Array, floor: float) -> Array:
    return 1 / jnp.sqrt(jnp.maximum(variance, floor))


def _valid(features: Array, lengths: Lengths | None) -> Bool[Array, "*#batch frames 1"]:
    frames = jnp.arange(features.shape[-2])
    if lengths is None:
        return jnp.ones((len(frames), 1), bool)
    if np.shape(lengths) != features.shape[:-2]:
        raise ValueError(f"features of shape {features.shape} want lengths of {features.shape[:-2]}, not {lengths}")
    return (frames < jnp.asarray(lengths)[..., None])[..., None]


def _check_windows(window: int, min_window: int) -> None:
    if window < 1 or min_window < 1:
        raise ValueError(f"windows must be positive, not {window} and {min_window}")


@functools.partial(jax.tree_util.register_dataclass, data_fields=["past", "seen"], meta_fields=[])
@dataclasses.dataclass(frozen=True)
class CmvnState:
    """The last `window` frames, zeros in place of those that never were; and how many there were."""

    past: Float[Array, "*batch window features"]
    seen: Int[Array, ""]


@dataclasses.dataclass(frozen=True)
class StreamingCmvn:
    """`sliding_cmvn` with `min_window=1` of a stream of frames: however it is cut, the offline answer.

    Nothing is delayed. `stream` works under `jit`, which compiles anew only for another number of frames in a chunk.
    """

    window: int = 600
    variance: bool = False

    def __post_init__(self) -> None:
        _check_windows(self.window, 1)

    def initial_state(
        self, features: int, batch: tuple[int, ...] = (), dtype: jnp.dtype | type = jnp.float32
    ) -> CmvnState:
        """The state before the first frame, of so many features each."""
        return CmvnState(jnp.zeros((*batch, self.window, features), dtype), jnp.zeros((), jnp.int32))

    def stream(
        self, chunk: Float[Array, "*batch frames features"], state: CmvnState
    ) -> tuple[Float[Array, "*batch frames features"], CmvnState]:
        """The frames of `chunk`, normalised; and the state after it."""
        if chunk.shape[:-2] != state.past.shape[:-2] or chunk.shape[-1] != state.past.shape[-1]:
            raise ValueError(f"a chunk of shape {chunk.shape} does not continue a stream of {state.past.shape}")
        frames = chunk.shape[-2]
        known = jnp.concatenate([state.past, chunk.astype(state.past.dtype)], -2)
        index = np.arange(frames)
        valid = (jnp.arange(len(index) + self.window) >= self.window - state.seen)[:, None]
        count = jnp.minimum(state.seen + index + 1, self.window + 1)[:, None].astype(known.dtype)
        answer = _normalised(_shifted(known, valid), index, index + self.window + 1, count, self.variance)
        seen = jnp.minimum(state.seen + frames, self.window)
        return answer.astype(chunk.dtype), CmvnState(known[..., frames:, :], seen)
