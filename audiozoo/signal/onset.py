"""Where sounds begin: onset strength by spectral flux (Böck & Widmer, 2013)."""

import itertools
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal.decibels import power_to_db
from audiozoo.signal.filters import lfilter
from audiozoo.signal.framing import PadMode, pad
from audiozoo.signal.mel import mel_spectrogram
from audiozoo.signal.precision import widened

Aggregate = Callable[..., Array]  # such as `jnp.mean` or `jnp.median`, with `axis`


def onset_strength(
    signal: Float[Array, "*batch time"],
    sample_rate: float,
    *,
    n_fft: int = 2048,
    hop_length: int = 512,
    n_mels: int = 128,
    lag: int = 1,
    max_size: int = 1,
    detrend: bool = False,
    center: bool = True,
    aggregate: Aggregate = jnp.mean,
    pad_mode: PadMode = "constant",
) -> Float[Array, "*batch frames"]:
    """How much louder a signal becomes from frame to frame: `spectral_flux` of its mel spectrogram in decibels.

    As `librosa.onset.onset_strength` has it: Slaney's mel bands up to half the sample rate, and levels no lower than
    80 dB below the loudest of the clip. Frames are centred, so that the flux sees a sound before it begins; with
    `center` it is delayed by as many hops as fit into half a frame.
    """
    mel = mel_spectrogram(
        widened(signal),
        sample_rate=sample_rate,
        n_fft=n_fft,
        hop_length=hop_length,
        n_mels=n_mels,
        pad_mode=pad_mode,
    )
    levels = power_to_db(mel, top_db=80.0)
    delay = n_fft // (2 * hop_length) if center else 0
    flux = spectral_flux(levels, lag=lag, max_size=max_size, delay=delay, detrend=detrend, aggregate=aggregate)
    return flux.astype(signal.dtype)


def spectral_flux(
    levels: Float[Array, "*batch frames bands"],
    *,
    lag: int = 1,
    max_size: int = 1,
    reference: Float[Array, "*batch frames bands"] | None = None,
    delay: int = 0,
    detrend: bool = False,
    aggregate: Aggregate = jnp.mean,
) -> Float[Array, "*batch frames"]:
    """Mean over the bands of max(0, levels[t] - reference[t - lag]): librosa's `onset_strength(S=levels)`.

    Args:
        levels: of each band in decibels, or any other compressed measure.
        lag: frames back that the reference is taken from.
        max_size: bands around each whose maximum is the reference: above one, vibrato does not count (SuperFlux).
        reference: levels to compare with instead.
        delay: zeros before the envelope, besides those of the lag. What then exceeds the frames is cut off.
        detrend: take out what is constant, by (1 - z⁻¹) / (1 - 0.99 z⁻¹).
        aggregate: a function of an array and an `axis`: how bands become one number.

    Raises:
        ValueError: a setting is not positive, or the reference is of another shape.
    """
    edges = (0, levels.shape[-1])
    return spectral_flux_multi(
        levels,
        edges,
        lag=lag,
        max_size=max_size,
        reference=reference,
        delay=delay,
        detrend=detrend,
        aggregate=aggregate,
    )[..., 0]


def spectral_flux_multi(
    levels: Float[Array, "*batch frames bands"],
    edges: Sequence[int],
    *,
    lag: int = 1,
    max_size: int = 1,
    reference: Float[Array, "*batch frames bands"] | None = None,
    delay: int = 0,
    detrend: bool = False,
    aggregate: Aggregate = jnp.mean,
) -> Float[Array, "*batch frames channels"]:
    """`spectral_flux` of several ranges of bands at once: from each of the ascending `edges` to the next."""
    flux = _flux(levels, lag, max_size, reference, delay)
    inside = [0, *edges, levels.shape[-1]]
    if len(edges) < 2 or any(b < a for a, b in itertools.pairwise(inside)) or len(set(edges)) < len(edges):
        raise ValueError(f"edges are two or more bands, ascending, from 0 to {levels.shape[-1]}, not {edges}")
    channels = [aggregate(flux[..., a:b], axis=-1) for a, b in itertools.pairwise(edges)]
    if detrend:
        channels = [lfilter(channel, np.array([1.0, -1.0]), np.array([1.0, -0.99])) for channel in channels]
    return jnp.stack(channels, axis=-1)


def _flux(
    levels: Float[Array, "*batch frames bands"],
    lag: int,
    max_size: int,
    reference: Float[Array, "*batch frames bands"] | None,
    delay: int,
) -> Float[Array, "*batch frames bands"]:
    if lag < 1 or max_size < 1 or delay < 0:
        raise ValueError(f"lag and max_size are positive and a delay is not negative, not {lag}, {max_size}, {delay}")
    if reference is None:
        reference = _maximum_around(levels, max_size)
    elif reference.shape != levels.shape:
        raise ValueError(f"a reference of shape {reference.shape} is not one of levels of shape {levels.shape}")
    frames = levels.shape[-2]
    flux = jnp.maximum(levels[..., lag:, :] - reference[..., : max(0, frames - lag), :], 0)
    before = [(0, 0)] * (levels.ndim - 2) + [(min(lag, frames) + delay, 0), (0, 0)]
    return jnp.pad(flux, before)[..., :frames, :]


def _maximum_around(levels: Float[Array, "*batch bands"], size: int) -> Float[Array, "*batch bands"]:
    """The largest of `size` bands about each, one more below than above if even, mirrored at the ends."""
    if size == 1 or not levels.shape[-1]:
        return levels
    bands = levels.shape[-1]
    padded = pad(levels, size // 2, (size - 1) // 2, "symmetric")
    largest, reach = padded, 1
    while reach < size:  # the maximum over twice as many, or over what is missing
        step = min(reach, size - reach)
        largest, reach = jnp.maximum(largest[..., : largest.shape[-1] - step], largest[..., step:]), reach + step
    return largest[..., :bands]
