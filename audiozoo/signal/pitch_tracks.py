"""Fundamental frequency over time by pYIN (Mauch & Dixon, 2014): YIN's candidates, and the likeliest way through."""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from audiozoo.signal import windows
from audiozoo.signal.framing import PadMode
from audiozoo.signal.periodicity import map_frames, normalised_differences
from audiozoo.signal.pitch import padded_for_pitch, parabola_shifts, period_range, troughs

_IMPOSSIBLE = math.log(np.finfo(np.float64).tiny)  # librosa's logarithm of zero
_CERTAIN = 2.0**-53  # what is left to be unvoiced of a frame that is surely voiced: float64's rounding, as in librosa
_SCALE = 2.0**60  # of probabilities of troughs, so that the least of them are still numbers in float32
_FAINTEST = 1e-37
_UNROLLED = 256  # widest transition that is written out


class PyinPitch(NamedTuple):
    frequency: Float[Array, "*batch frames"]  # hertz
    voiced: Bool[Array, "*batch frames"]
    voiced_probability: Float[Array, "*batch frames"]


def pyin(
    signal: Float[Array, "*batch time"],
    sample_rate: float,
    *,
    fmin: float,
    fmax: float,
    frame_length: int = 2048,
    hop_length: int | None = None,
    thresholds: int = 100,
    beta: tuple[float, float] = (2.0, 18.0),
    boltzmann: float = 2.0,
    resolution: float = 0.1,
    max_transition_rate: float = 35.92,
    switch_probability: float = 0.01,
    no_trough_probability: float = 0.01,
    fill: float | None = None,
    integration: int | None = None,
    center: bool = True,
    pad_mode: PadMode = "constant",
) -> PyinPitch:
    """The likeliest course of pitch and voicing, as `librosa.pyin` finds it. Piecewise constant: gradients are zero.

    Every trough of YIN's function is a candidate, as probable as thresholds beneath which it is chosen; a hidden Markov
    model of pitches, voiced and unvoiced, picks among them. The scores of all states are kept until the end, 8 bytes
    for every pitch and frame: 4.8 kB a frame for five octaves.

    Args:
        signal, sample_rate, fmin, fmax, frame_length, hop_length, integration, center, pad_mode: as in `yin`.
        thresholds: how many, evenly spaced from 0 to 1.
        beta: parameters of the thresholds' beta distribution.
        boltzmann: how much earlier troughs are preferred.
        resolution: of pitches, in semitones.
        max_transition_rate: the fastest change of pitch, in octaves a second.
        switch_probability: of turning from voiced to unvoiced, or back, in a frame.
        no_trough_probability: given to the deepest trough by thresholds that are below all.
        fill: the frequency of unvoiced frames (librosa's default: nan). None: the best guess, always finite.

    Raises:
        ValueError: the settings make no sense or do not fit each other.
    """
    periods = period_range(sample_rate, fmin, fmax, frame_length)
    hop_length = frame_length // 4 if hop_length is None else hop_length
    _check(thresholds, beta, boltzmann, resolution, max_transition_rate, switch_probability, no_trough_probability)
    steps = math.ceil(1 / resolution)  # in a semitone
    bins = math.floor(12 * steps * math.log2(fmax / fmin)) + 1
    masses = _beta_masses(thresholds, *beta)

    def observe(frames: Array) -> tuple[Array, Array]:
        heights = normalised_differences(frames, *periods, integration=integration)
        candidates, missed = _candidates(heights, masses, boltzmann, no_trough_probability)
        found = sample_rate / (periods[0] + jnp.arange(heights.shape[-1]) + parabola_shifts(heights))
        places = jnp.clip(jnp.round(12 * steps * jnp.log2(found / fmin)), 0, bins).astype(jnp.int32)
        return _observations(candidates, places, missed, bins)

    padded = padded_for_pitch(jax.lax.stop_gradient(signal), frame_length, hop_length, center, pad_mode)
    log_observations, probability = map_frames(observe, padded, frame_length, hop_length)
    width = round(max_transition_rate * 12 * hop_length / sample_rate) * steps + 1
    states = _likeliest(log_observations, width, switch_probability)
    frequencies = jnp.asarray(fmin * 2 ** (np.arange(bins) / (12 * steps)), padded.dtype)[states % bins]
    voiced = states < bins
    if fill is not None:
        frequencies = jnp.where(voiced, frequencies, fill)
    return PyinPitch(frequencies.astype(signal.dtype), voiced, probability.astype(signal.dtype))


def _check(
    thresholds: int,
    beta: tuple[float, float],
    boltzmann: float,
    resolution: float,
    rate: float,
    switch: float,
    no_trough: float,
) -> None:
    if thresholds < 1 or min(beta) <= 0 or not boltzmann > 0 or not rate >= 0:
        raise ValueError(
            "thresholds, beta and boltzmann must be positive and the rate not negative, "
            f"not {thresholds}, {beta}, {boltzmann} and {rate}"
        )
    if not (0 < resolution < 1 and 0 < switch < 1 and 0 <= no_trough <= 1):
        raise ValueError(f"resolution and probabilities lie in (0, 1), not at {resolution}, {switch}, {no_trough}")


@functools.cache
def _beta_masses(count: int, a: float, b: float) -> Float[np.ndarray, " count"]:
    """What a beta distribution holds between `count` evenly spaced thresholds; nothing where that is below rounding."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    turn = np.pi / 2 * (0.5 + 0.5 * nodes)  # x = sin² of an angle: no pole at either end when a or b is below one
    edges = np.arcsin(np.sqrt(np.linspace(0, 1, count + 1)))
    angle = edges[:-1, None] + np.diff(edges)[:, None] * turn / (np.pi / 2)
    density = np.sin(angle) ** (2 * a - 1) * np.cos(angle) ** (2 * b - 1)
    masses = (density * weights).sum(1) * np.diff(edges)
    masses /= masses.sum()
    return np.where(masses < 2.0**-54, 0, masses)


def _candidates(
    heights: Float[Array, "*batch periods"], masses: Float[np.ndarray, " thresholds"], boltzmann: float, deepest: float
) -> tuple[Float[Array, "*batch periods"], Float[Array, "*batch"]]:
    """The probability of each period, times `_SCALE`, and what remains of one.

    A threshold gives its mass to the troughs below it, the earlier ones more, by Boltzmann's distribution truncated to
    their number. Period after period, since their places in line are running sums.
    """
    heights = jnp.where(troughs(heights), heights, jnp.inf)
    limits = jnp.asarray(np.linspace(0, 1, len(masses) + 1)[1:], heights.dtype)
    in_turn = jnp.moveaxis(heights, -1, 0)[..., None]
    none = jnp.zeros((*heights.shape[:-1], len(masses)), heights.dtype)
    count, _ = jax.lax.scan(lambda total, height: (total + (height < limits), None), none, in_turn)
    shares = jnp.asarray(masses * (1 - math.exp(-boltzmann)) * _SCALE, heights.dtype)
    shares = shares / -jnp.expm1(-boltzmann * jnp.maximum(count, 1))

    def give(place: Array, height: Array) -> tuple[Array, Array]:
        below = height < limits
        left = jnp.where(below, jnp.maximum(place * math.exp(-boltzmann), _FAINTEST), place)
        return left, jnp.sum(jnp.where(below, place * shares, 0), axis=-1)

    _, given = jax.lax.scan(give, none + 1, in_turn)
    missed = jnp.sum(jnp.where(count == 0, jnp.asarray(masses, heights.dtype), 0), axis=-1)
    any_trough = jnp.isfinite(heights).any(-1)
    extra = jnp.where(any_trough, deepest * missed, 0)
    lowest = jax.nn.one_hot(heights.argmin(-1), heights.shape[-1], dtype=heights.dtype)
    return jnp.moveaxis(given, 0, -1) + lowest * (extra * _SCALE)[..., None], missed - extra


def _observations(
    candidates: Float[Array, "*batch periods"],
    places: Int[Array, "*batch periods"],
    missed: Float[Array, "*batch"],
    bins: int,
) -> tuple[Float[Array, "*batch bins+1"], Float[Array, "*batch"]]:
    """Log-probabilities of the pitches and, last, of each unvoiced state; and the probability of being voiced.

    Of candidates at one pitch the longest period counts alone, and none above `fmax` counts: librosa's rule.
    """
    lead, periods = candidates.shape[:-1], candidates.shape[-1]
    candidates, places = candidates.reshape(-1, periods), places.reshape(-1, periods)
    order = jnp.where(candidates > 0, jnp.arange(periods), -1)
    rows = jnp.arange(len(candidates))[:, None]
    winner = jnp.full((len(candidates), bins), -1, order.dtype).at[rows, places].max(order, mode="drop")
    pitches = jnp.where(winner >= 0, jnp.take_along_axis(candidates, jnp.maximum(winner, 0), -1), 0)
    lost = jnp.where(jnp.take_along_axis(winner, jnp.minimum(places, bins - 1), -1) == order, 0, candidates)
    lost = jnp.where(places < bins, lost, candidates).sum(-1) / _SCALE
    voiced = jnp.clip(pitches.sum(-1) / _SCALE, 0, 1).reshape(lead)
    unvoiced = jnp.log(jnp.maximum(missed + lost.reshape(lead), _CERTAIN) / bins)[..., None]
    logs = jnp.where(pitches > 0, jnp.log(jnp.where(pitches > 0, pitches, 1)) - math.log(_SCALE), _IMPOSSIBLE)
    return jnp.concatenate([logs.reshape(*lead, bins), unvoiced], axis=-1), voiced


@functools.cache
def _transitions(bins: int, width: int) -> tuple[Float[np.ndarray, " width"], Int[np.ndarray, " width"], np.ndarray]:
    """Weights of a step from a pitch to those around it, their distances, and their sum at every pitch it begins at."""
    weights = windows.triangle(width, periodic=False)
    distance = np.arange(width) + (bins - width) // 2 + bins // 2 + 1 - bins  # about the middle
    allowed = (np.abs(distance) <= width // 2) & (np.abs(distance) < bins)
    weights, distance = weights[allowed], distance[allowed]
    arrival = np.arange(bins)[:, None] + distance
    return weights, distance, np.where((arrival >= 0) & (arrival < bins), weights, 0).sum(1)


def _likeliest(
    log_observations: Float[Array, "*batch frames bins+1"], width: int, switch: float
) -> Int[Array, "*batch frames"]:
    """The best path through 2 × bins states, voiced ones first (Viterbi, 1967).

    Steps are a triangle about where they come from and the same for voiced and unvoiced; all others have librosa's
    probability of zero, so that any path is possible. Predecessors are found on the way back, along the path alone.
    """
    *lead, frames, bins = log_observations.shape
    bins -= 1
    if not frames:
        return jnp.zeros((*lead, 0), jnp.int32)
    weights, distance, sums = _transitions(bins, width)
    dtype, half = log_observations.dtype, int(np.abs(distance).max())
    log_weights, log_sums = np.log(weights).astype(dtype), np.log(sums).astype(dtype)
    turns = jnp.asarray(np.log([[1 - switch, switch], [switch, 1 - switch]]), dtype)

    def both(observed: Array) -> Array:  # (…, 2, bins)
        unvoiced = jnp.broadcast_to(observed[..., -1:], (*observed.shape[:-1], bins))
        return jnp.stack([observed[..., :-1], unvoiced], axis=-2)

    def forward(scores: Array, observed: Array) -> tuple[Array, Array]:
        leaving = scores - log_sums
        leaving = jnp.max(leaving[..., :, None, :] + turns[:, :, None], axis=-3)
        leaving = jnp.pad(leaving, [(0, 0)] * (leaving.ndim - 1) + [(half, half)], constant_values=-jnp.inf)
        if len(distance) <= _UNROLLED:
            ways = (leaving[..., half - d : half - d + bins] + w for d, w in zip(distance, log_weights, strict=True))
            best = functools.reduce(jnp.maximum, ways)
        else:
            best = jnp.max(leaving[..., half + np.arange(bins)[:, None] - distance] + log_weights, axis=-1)
        leap = scores.max((-2, -1), keepdims=True)
        after = jnp.maximum(best, leap + _IMPOSSIBLE) + both(observed)
        after = after - after.max((-2, -1), keepdims=True)  # sums over hours would lose what tells paths apart
        return after, after

    steps = np.full(2 * bins - 1, -np.inf)  # from the farthest below to the farthest above
    steps[distance + bins - 1] = np.log(weights)
    steps = jnp.asarray(steps, dtype)

    def back(state: Array, scores: Array) -> tuple[Array, Array]:
        came = (state % bins)[..., None] - jnp.arange(bins) + bins - 1
        way = (steps[came] - log_sums)[..., None, :] + turns.T[state // bins][..., None]
        total = (scores + jnp.maximum(way, _IMPOSSIBLE)).reshape(*state.shape, 2 * bins)
        return (previous := total.argmax(-1).astype(jnp.int32)), previous

    observations = jnp.moveaxis(log_observations, -2, 0)
    first = both(observations[0])
    last, scores = jax.lax.scan(forward, first, observations[1:])
    end = last.reshape(*lead, 2 * bins).argmax(-1).astype(jnp.int32)
    scores = jnp.concatenate([first[None], scores])[:-1]
    _, path = jax.lax.scan(back, end, scores, reverse=True)
    return jnp.moveaxis(jnp.concatenate([path, end[None]]), 0, -1)
