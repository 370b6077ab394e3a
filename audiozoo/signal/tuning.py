"""How far music is tuned from 440 Hz."""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from audiozoo.signal.notes import hz_to_octaves
from audiozoo.signal.spectral import magnitude, stft


def estimate_tuning(
    signal: Float[Array, "*batch time"],
    sample_rate: float,
    *,
    n_fft: int = 2048,
    hop_length: int | None = None,
    bins_per_octave: int = 12,
    resolution: float = 0.01,
    low_hz: float = 150.0,
    high_hz: float = 4000.0,
    threshold: float = 0.1,
) -> Float[Array, "*batch"]:
    """The commonest deviation of spectral peaks from equal temperament at 440 Hz, in bins from -0.5 up to 0.5.

    The parabolas through the peaks of every frame (Smith and Serra, 1987), the louder half of them, in a histogram.
    Silence is in tune. Settings such as `tuning` are numbers: `float(estimate_tuning(...))`. Equal to
    `librosa.estimate_tuning`, of each signal by itself.

    Args:
        signal: samples.
        sample_rate: in hertz.
        n_fft: length of a frame.
        hop_length: between frames; None: a quarter of `n_fft`.
        bins_per_octave: of the temperament.
        resolution: width of a histogram's bin.
        low_hz, high_hz: where peaks are looked for.
        threshold: share of a frame's maximum that a peak exceeds.

    Raises:
        ValueError: a setting makes no sense.
    """
    if not 0 < resolution <= 1 or bins_per_octave < 1:
        raise ValueError(f"want a resolution in (0, 1] and positive bins_per_octave, not {resolution, bins_per_octave}")
    hop_length = n_fft // 4 if hop_length is None else hop_length
    size = magnitude(stft(signal, n_fft=n_fft, hop_length=hop_length, pad_mode="constant"))
    hertz = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    within = (hertz >= max(low_hz, 0)) & (hertz < min(high_hz, sample_rate / 2))
    place, height, peaks = _peaks(size, threshold, within)
    edges = np.linspace(-0.5, 0.5, math.ceil(1 / resolution) + 1)
    flat = (*size.shape[:-2], -1)
    heights, peaks = height.reshape(flat), peaks.reshape(flat)
    loud = peaks & (heights >= jnp.nanmedian(jnp.where(peaks, heights, jnp.nan), -1, keepdims=True))
    pitch = jnp.where(loud, (place * (sample_rate / n_fft)).reshape(flat), 440.0)
    away = bins_per_octave * jnp.asarray(hz_to_octaves(pitch))
    away = away - jnp.floor(away)
    away = jnp.where(away >= 0.5, away - 1, away)
    bins = jnp.clip(jnp.searchsorted(jnp.asarray(edges, away.dtype), away, side="right") - 1, 0, len(edges) - 2)
    counts = jnp.sum(loud[..., None] & (bins[..., None] == np.arange(len(edges) - 1)), -2)
    return jnp.where(loud.any(-1), jnp.asarray(edges, size.dtype)[counts.argmax(-1)], 0)


def _peaks(
    size: Float[Array, "*batch bins"], threshold: float, within: Bool[np.ndarray, " bins"]
) -> tuple[Float[Array, "*batch bins"], Float[Array, "*batch bins"], Bool[Array, "*batch bins"]]:
    """Place and height of the parabola through each bin and its neighbours, and which bins are peaks."""
    edges = [(0, 0)] * (size.ndim - 1) + [(1, 1)]
    around = jnp.pad(size, edges, mode="edge")
    before, after = around[..., :-2], around[..., 2:]
    curve, slope = after + before - 2 * size, (after - before) / 2
    inside = (np.arange(size.shape[-1]) > 0) & (np.arange(size.shape[-1]) < size.shape[-1] - 1)
    peaked = inside & (jnp.abs(slope) < jnp.abs(curve))
    shift = jnp.where(peaked, -slope / jnp.where(peaked, curve, 1), 0)
    floor = threshold * size.max(-1, keepdims=True)
    heard = size * (size > floor)
    around = jnp.pad(heard, edges, mode="edge")
    found = jnp.asarray(within) & (heard > around[..., :-2]) & (heard >= around[..., 2:])
    return shift + np.arange(size.shape[-1]), size + 0.5 * slope * shift, found
