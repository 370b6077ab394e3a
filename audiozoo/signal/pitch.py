"""Fundamental frequency by YIN (de Cheveigné & Kawahara, 2002)."""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from audiozoo.signal.framing import PadMode, check_framing, pad
from audiozoo.signal.periodicity import map_frames, normalised_differences
from audiozoo.signal.precision import widened


class YinPitch(NamedTuple):
    frequency: Float[Array, "*batch frames"]  # hertz
    aperiodicity: Float[Array, "*batch frames"]  # d' at the period: 0 is periodic or silent, 1 is not periodic at all


def yin(
    signal: Float[Array, "*batch time"],
    sample_rate: float,
    *,
    fmin: float,
    fmax: float,
    frame_length: int = 2048,
    hop_length: int | None = None,
    threshold: float = 0.1,
    integration: int | None = None,
    center: bool = True,
    pad_mode: PadMode = "constant",
) -> YinPitch:
    """The fundamental frequency of every frame, as `librosa.yin` finds it; voiced or not, to be told by aperiodicity.

    The period is the first trough of the normalised difference function that is deeper than `threshold`, else the
    deepest point, refined by a parabola; in silence it is the shortest. Differentiable through the parabola alone.

    Args:
        signal: samples; half precision is computed in float32.
        sample_rate: hertz.
        fmin, fmax: hertz, between which periods are looked for, up to their whole samples.
        frame_length: samples; `fmin` has at least one period in them, better two.
        hop_length: samples between frames; None: a quarter of a frame.
        threshold: the paper's absolute threshold, step 4.
        integration: samples over which differences are summed, the paper's W; with the longest period they fit into a
            frame. None: the whole frame and zeros after it, as librosa 0.11 does, which finds periods T of pure tones
            about T² / (8π² frame_length) samples short.
        center: frame `i` is centred on sample `i * hop_length`, the ends padded in `pad_mode`.

    Raises:
        ValueError: the settings make no sense or do not fit each other.
    """
    periods = period_range(sample_rate, fmin, fmax, frame_length)
    hop_length = frame_length // 4 if hop_length is None else hop_length

    def pitch(frames: Array) -> tuple[Array, Array]:
        heights = normalised_differences(frames, *periods, integration=integration)
        deep = troughs(heights) & (heights < threshold)
        chosen = jnp.where(deep.any(-1), deep.argmax(-1), heights.argmin(-1))[..., None]
        refined = periods[0] + chosen + jnp.take_along_axis(parabola_shifts(heights), chosen, -1)
        return (sample_rate / refined)[..., 0], jnp.take_along_axis(heights, chosen, -1)[..., 0]

    padded = padded_for_pitch(signal, frame_length, hop_length, center, pad_mode)
    return YinPitch(*(x.astype(signal.dtype) for x in map_frames(pitch, padded, frame_length, hop_length)))


def padded_for_pitch(
    signal: Float[Array, "*batch time"], frame_length: int, hop_length: int, center: bool, pad_mode: PadMode
) -> Float[Array, "*batch padded"]:
    """The signal in float32 at least, with half a frame more at both ends when centred."""
    check_framing(frame_length, hop_length)
    signal = widened(signal)
    return pad(signal, frame_length // 2, frame_length // 2, pad_mode) if center else signal


def period_range(sample_rate: float, fmin: float, fmax: float, frame_length: int) -> tuple[int, int]:
    """The shortest and the longest period in whole samples, always at least two.

    Raises:
        ValueError: the limits are not in order, or `fmin` has no period in a frame.
    """
    if not 0 < fmin < fmax <= sample_rate / 2:
        raise ValueError(f"pitches lie in 0 < fmin < fmax <= {sample_rate / 2} Hz, not from {fmin} to {fmax}")
    if sample_rate / fmin >= frame_length - 1:
        raise ValueError(
            f"a period of fmin={fmin} Hz does not fit into frame_length={frame_length} samples; "
            f"it takes {math.ceil(sample_rate / fmin) + 1}"
        )
    return math.floor(sample_rate / fmax), math.ceil(sample_rate / fmin)


def troughs(heights: Float[Array, "*batch periods"]) -> Bool[Array, "*batch periods"]:
    """Where there is a local minimum: below the value before and not above the one after, at the ends below the one."""
    rising = heights[..., :-1] < heights[..., 1:]
    inner = (heights[..., 1:-1] < heights[..., :-2]) & (heights[..., 1:-1] <= heights[..., 2:])
    falling = heights[..., -1:] < heights[..., -2:-1]
    return jnp.concatenate([rising[..., :1], inner, falling], axis=-1)


def parabola_shifts(heights: Float[Array, "*batch periods"]) -> Float[Array, "*batch periods"]:
    """How far from each point the parabola through it and its neighbours turns; zero at the ends or if a step away."""
    bend = heights[..., 2:] + heights[..., :-2] - 2 * heights[..., 1:-1]
    slope = (heights[..., 2:] - heights[..., :-2]) / 2
    near = jnp.abs(slope) < jnp.abs(bend)
    shifts = jnp.where(near, -slope / jnp.where(near, bend, 1), 0)
    return jnp.pad(shifts, [(0, 0)] * (heights.ndim - 1) + [(1, 1)])
