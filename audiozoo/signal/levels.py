"""How loud a waveform is, sample by sample and frame by frame, and the simple filters that come before analysis."""

from typing import Literal, get_args

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal import filters
from audiozoo.signal.framing import frame
from audiozoo.signal.precision import wide_dtype, widened
from audiozoo.signal.resampling import resample

Start = Literal["torchaudio", "librosa", "kaldi"]


def pre_emphasis(
    signal: Float[Array, "*batch time"], *, coefficient: float = 0.97, start: Start = "torchaudio"
) -> Float[Array, "*batch time"]:
    """y[n] = x[n] - coefficient x[n - 1].

    Args:
        signal: samples.
        coefficient: share of the sample before.
        start: what becomes of the first sample, before which there is none. "torchaudio": it stays; "kaldi": as if it
            had been there before; "librosa": the straight line through the first two is added, 3 x[0] - x[1].

    Raises:
        ValueError: no such start.
    """
    _known(start)
    wide = widened(signal)
    first = wide[..., :1]
    if start == "kaldi":
        first = first * (1 - coefficient)
    elif start == "librosa" and signal.shape[-1] > 1:
        first = 3 * first - wide[..., 1:2]
    rest = wide[..., 1:] - coefficient * wide[..., :-1]
    return jnp.concatenate([first, rest], -1).astype(signal.dtype)


def _known(start: Start) -> None:
    if start not in get_args(Start):
        raise ValueError(f"start is one of {', '.join(get_args(Start))}, not {start!r}")


def de_emphasis(
    signal: Float[Array, "*batch time"], *, coefficient: float = 0.97, start: Start = "torchaudio"
) -> Float[Array, "*batch time"]:
    """y[n] = x[n] + coefficient y[n - 1], which undoes `pre_emphasis` of the same `start`."""
    _known(start)
    wide = widened(signal)
    if start == "kaldi" and signal.shape[-1]:
        wide = wide.at[..., :1].divide(1 - coefficient)
    a = np.array([1.0, -coefficient])
    outputs = filters.lfilter(wide, np.ones(1), a)
    if start == "librosa" and signal.shape[-1] > 1:
        first, second = wide[..., :1], wide[..., 1:2]
        offset = ((2 - coefficient) * first - second) / (3 - coefficient)
        outputs = outputs - offset * coefficient ** np.arange(signal.shape[-1])
    return outputs.astype(signal.dtype)


def remove_dc(signal: Float[Array, "*batch time"], *, pole: float | None = None) -> Float[Array, "*batch time"]:
    """The signal less its mean; or, causally, through y[n] = x[n] - x[n - 1] + `pole` y[n - 1] (0.995, say)."""
    if pole is None:
        wide = widened(signal)
        return (wide - wide.sum(-1, keepdims=True) / max(signal.shape[-1], 1)).astype(signal.dtype)
    return filters.lfilter(signal, np.array([1.0, -1.0]), np.array([1.0, -pole]))


def safe_sqrt(values: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Square root, whose gradient at zero is zero."""
    positive = values > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, values, 1)), 0)


def rms(
    signal: Float[Array, "*batch time"],
    *,
    frame_length: int = 2048,
    hop_length: int = 512,
    center: bool = True,
) -> Float[Array, "*batch frames"]:
    """Root of the mean square of each frame (`librosa.feature.rms`, zeros beyond the ends when centred).

    Raises:
        ValueError: a length is not positive.
    """
    if center:
        edges = [(0, 0)] * (signal.ndim - 1) + [(frame_length // 2, frame_length // 2)]
        signal = jnp.pad(signal, edges)
    wide = frame(signal, frame_length, hop_length).astype(wide_dtype(signal))
    return safe_sqrt(jnp.mean(jnp.square(wide), -1)).astype(signal.dtype)


def level(signal: Float[Array, "*batch time"]) -> Float[Array, "*batch"]:
    """Root of the mean square of the whole signal; zero of an empty one."""
    wide = widened(signal)
    return safe_sqrt(jnp.sum(jnp.square(wide), -1) / max(signal.shape[-1], 1)).astype(signal.dtype)


def peak(signal: Float[Array, "*batch time"]) -> Float[Array, "*batch"]:
    """Largest magnitude of a sample; zero of an empty signal."""
    return jnp.max(jnp.abs(signal), axis=-1, initial=0)


def true_peak(signal: Float[Array, "*batch time"], *, oversampling: int = 4) -> Float[Array, "*batch"]:
    """Largest magnitude of the waveform between samples too, at `oversampling` times the rate (ITU-R BS.1770, annex 2).

    Never less than `peak`.
    """
    return jnp.maximum(peak(resample(signal, source_rate=1, target_rate=oversampling)), peak(signal))


def normalise_peak(signal: Float[Array, "*batch time"], *, to: float = 1.0) -> Float[Array, "*batch time"]:
    """The signal scaled so that its peak is `to`; silence stays silence."""
    highest = peak(signal)[..., None]
    return jnp.where(highest > 0, signal * (to / jnp.where(highest > 0, highest, 1)), signal)
