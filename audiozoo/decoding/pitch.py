"""From the logits of pitches 20 cents apart to a frequency and a confidence, frame by frame or along a smooth path.

Confidence is the network's own probability of the decoded pitch, which others call periodicity. Frequencies between
bins come from the mean of the nine bins around the decoded one, weighted by their probabilities, as CREPE's authors
have it (Kim et al., 2018, arXiv:1802.06182, equation 2).
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from audiozoo.decoding.viterbi import viterbi

BINS = 360
CENTS_PER_BIN = 20.0
LOWEST_CENTS = 1997.3794084376191  # of bin 0, above 10 Hz: 31.7 Hz
LOWEST_FREQUENCY, HIGHEST_FREQUENCY = 50.0, 2006.0  # hertz, searched by default
_REACH = 4  # bins on each side that a frequency is averaged over
_WIDEST_STEP = 12  # bins from one frame to the next that have no probability any more
_TINY = float(np.finfo(np.float32).tiny)  # the probability of what is impossible


class DecodedPitch(NamedTuple):
    frequency: Float[Array, "batch frames"]  # hertz
    confidence: Float[Array, "batch frames"]  # in [0, 1]
    bins: Int[Array, "batch frames"]  # the decoded pitch itself, in [0, 360)


def bins_to_frequency(bins: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Hertz of (fractional) bins."""
    return 10 * jnp.exp2((CENTS_PER_BIN * bins + LOWEST_CENTS) / 1200)


def bins_between(fmin: float, fmax: float) -> tuple[int, int]:
    """The first bin and the one after the last that lie in a range of frequencies, widened to whole bins.

    Raises:
        ValueError: no bin lies there.
    """
    if not (0 < fmin < fmax < math.inf):
        raise ValueError(f"fmin {fmin} and fmax {fmax} hertz must be positive and in this order")
    low, high = ((1200 * math.log2(f / 10) - LOWEST_CENTS) / CENTS_PER_BIN for f in (fmin, fmax))
    first, end = max(0, math.floor(low)), min(BINS, math.ceil(high))
    if first >= end:
        raise ValueError(f"no pitch of the model lies between {fmin} and {fmax} hertz; they are from 31.7 to 2006")
    return first, end


def decode_argmax(
    logits: Float[Array, "batch frames 360"], *, fmin: float = LOWEST_FREQUENCY, fmax: float = HIGHEST_FREQUENCY
) -> DecodedPitch:
    """The most probable bin of each frame; frequencies are multiples of 20 cents."""
    probabilities = in_range(logits, fmin, fmax)
    bins = probabilities.argmax(axis=-1)
    return DecodedPitch(bins_to_frequency(bins.astype(jnp.float32)), _at(probabilities, bins), bins)


def decode_weighted_argmax(
    logits: Float[Array, "batch frames 360"], *, fmin: float = LOWEST_FREQUENCY, fmax: float = HIGHEST_FREQUENCY
) -> DecodedPitch:
    """The mean around the most probable bin of each frame.

    torchcrepe weights with `sigmoid(probability)`, in effect almost evenly; this weights with the probabilities.
    """
    probabilities = in_range(logits, fmin, fmax)
    return averaged(probabilities, probabilities.argmax(axis=-1))


def decode_viterbi(
    logits: Float[Array, "batch frames 360"],
    lengths: Int[Array, " batch"] | None = None,
    *,
    fmin: float = LOWEST_FREQUENCY,
    fmax: float = HIGHEST_FREQUENCY,
) -> DecodedPitch:
    """The mean around the best path, which prefers steps of few bins from frame to frame."""
    path = viterbi(log_emissions(logits, fmin=fmin, fmax=fmax), log_transition(), lengths=lengths)
    return averaged(in_range(logits, fmin, fmax), path.states)


def averaged(probabilities: Float[Array, "*frames 360"], bins: Int[Array, "*frames"]) -> DecodedPitch:
    """The mean bin around `bins`, weighted by the probabilities."""
    distance = jnp.abs(jnp.arange(BINS) - bins[..., None])
    weights = jnp.where(distance <= _REACH, probabilities, 0)
    total = weights.sum(axis=-1)
    offset = (weights * (jnp.arange(BINS) - bins[..., None])).sum(axis=-1) / jnp.where(total > 0, total, 1)
    return DecodedPitch(bins_to_frequency(bins + offset), _at(probabilities, bins), bins)


def log_emissions(
    logits: Float[Array, "*frames 360"], *, fmin: float = LOWEST_FREQUENCY, fmax: float = HIGHEST_FREQUENCY
) -> Float[Array, "*frames 360"]:
    """What the path search of torchcrepe scores bins by: the log of the softmax over their probabilities in range."""
    first, end = bins_between(fmin, fmax)
    inside = (np.arange(BINS) >= first) & (np.arange(BINS) < end)
    scores = jnp.where(inside, jax.nn.sigmoid(logits), -jnp.inf)
    return jnp.log(jax.nn.softmax(scores, axis=-1) + _TINY)


@functools.cache
def log_transition() -> Float[np.ndarray, "360 360"]:
    """torchcrepe's: a triangle of 12 bins to each side; any further is all but impossible."""
    distance = np.abs(np.arange(BINS)[:, None] - np.arange(BINS))
    weights = np.maximum(_WIDEST_STEP - distance, 0)
    return np.log(weights / weights.sum(axis=1, keepdims=True) + _TINY).astype(np.float32)


def in_range(logits: Float[Array, "*frames 360"], fmin: float, fmax: float) -> Float[Array, "*frames 360"]:
    """Probabilities, zero for pitches that are not looked for."""
    first, end = bins_between(fmin, fmax)
    inside = (np.arange(BINS) >= first) & (np.arange(BINS) < end)
    return jnp.where(inside, jax.nn.sigmoid(logits), 0)


def _at(probabilities: Float[Array, "*frames 360"], bins: Int[Array, "*frames"]) -> Float[Array, "*frames"]:
    return jnp.take_along_axis(probabilities, bins[..., None], axis=-1)[..., 0]
