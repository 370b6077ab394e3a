"""Programme loudness as people hear it: ITU-R BS.1770-5, in LUFS."""

import functools
import math
from collections.abc import Sequence
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal import biquads, filters
from audiozoo.signal.framing import frame
from audiozoo.signal.precision import widened

_OFFSET, _GATE, _BELOW_MEAN, _BLOCK, _OVERLAP = -0.691, -70.0, 10.0, 0.4, 0.75
_WEIGHTS = (1.0, 1.0, 1.0, 1.41, 1.41)  # left, right, centre, left surround, right surround


@functools.cache
def k_weighting(sample_rate: float, *, exact: bool = False) -> Float[np.ndarray, "2 6"]:
    """The head's shelf and the low cut as two sections for `sosfilt`.

    By the rounded figures of pyloudnorm and torchaudio (1500 and 38 Hz); `exact` gives those that reproduce the
    coefficients which the standard prints for 48 kHz (De Man, 2018).
    """
    if exact:
        shelf = _de_man_shelf(sample_rate)
        low = biquads.highpass(38.13547087602444, sample_rate=sample_rate, quality=0.5003270373238773)
        low = np.concatenate([[[1.0, -2.0, 1.0]], low[:, 3:]], 1)  # the standard's is not scaled
    else:
        shelf = biquads.high_shelf(1500.0, sample_rate=sample_rate, gain_db=4.0)
        low = biquads.highpass(38.0, sample_rate=sample_rate, quality=0.5)
    return np.concatenate([np.asarray(shelf), np.asarray(low)])


def _de_man_shelf(sample_rate: float) -> np.ndarray:
    frequency, gain, quality = 1681.9744509555319, 3.99984385397, 0.7071752369554193
    k, high = math.tan(math.pi * frequency / sample_rate), 10 ** (gain / 20)
    middle = high**0.499666774155
    b = [high + middle * k / quality + k * k, 2 * (k * k - high), high - middle * k / quality + k * k]
    a = [1 + k / quality + k * k, 2 * (k * k - 1), 1 - k / quality + k * k]
    return np.array([b + a]) / a[0]


def integrated_loudness(
    signal: Float[Array, "*batch time"],
    sample_rate: int,
    *,
    channels: bool = False,
    weights: Sequence[float] | None = None,
    last_block: Literal["complete", "rounded"] = "complete",
    exact: bool = False,
) -> Float[Array, "*batch"]:
    """Integrated loudness, gated twice; -70 LUFS, the absolute gate, where nothing is louder than that.

    Args:
        signal: samples, at least 0.4 s.
        sample_rate: in hertz.
        channels: the axis before time holds channels (left, right, centre, surround left and right), whose weighted
            energies add up.
        weights: of the channels; None: 1, 1, 1, 1.41, 1.41.
        last_block: blocks of 0.4 s every 0.1 s as long as they are complete (the standard, torchaudio); "rounded" takes
            a further one if half its step is there (pyloudnorm).
        exact: as of `k_weighting`.

    Raises:
        ValueError: the signal is too short, or has more channels than weights.
    """
    energy = _block_energies(signal, sample_rate, channels, weights, last_block, exact)
    level = _lufs(energy)
    heard = level > _GATE
    threshold = _lufs(_mean(energy, heard)) - _BELOW_MEAN
    kept = heard & (level > threshold[..., None])
    return _lufs(_mean(energy, kept)).astype(signal.dtype)


def momentary_loudness(
    signal: Float[Array, "*batch time"],
    sample_rate: int,
    *,
    channels: bool = False,
    weights: Sequence[float] | None = None,
    exact: bool = False,
) -> Float[Array, "*batch blocks"]:
    """Loudness of each 0.4 s, every 0.1 s, without gates, but never below -70 LUFS."""
    return _lufs(_block_energies(signal, sample_rate, channels, weights, "complete", exact)).astype(signal.dtype)


def normalise_loudness(
    signal: Float[Array, "*batch time"], sample_rate: int, *, to: float, channels: bool = False
) -> Float[Array, "*batch time"]:
    """The signal with a gain that makes its integrated loudness `to` LUFS; what is below the gate stays as it is."""
    now = integrated_loudness(signal, sample_rate=sample_rate, channels=channels)
    gain = jnp.where(now > _GATE, 10 ** ((to - now) / 20), 1.0)
    return signal * gain.reshape(*gain.shape, *(1,) * (signal.ndim - gain.ndim)).astype(signal.dtype)


def _block_energies(
    signal: Array, sample_rate: int, channels: bool, weights: Sequence[float] | None, last_block: str, exact: bool
) -> Array:
    size = round(_BLOCK * sample_rate)
    hop = round(_BLOCK * (1 - _OVERLAP) * sample_rate)
    time = signal.shape[-1]
    if time < size:
        raise ValueError(f"loudness is measured over 0.4 s, {size} samples here; the signal has {time}")
    if last_block not in ("complete", "rounded"):
        raise ValueError(f"last_block is complete or rounded, not {last_block!r}")
    weighted = filters.sosfilt(widened(signal), k_weighting(sample_rate, exact=exact))
    if last_block == "rounded":
        missing = (round((time - size) / hop)) * hop + size - time
        weighted = jnp.pad(weighted, [(0, 0)] * (signal.ndim - 1) + [(0, max(0, missing))])
    energy = jnp.mean(jnp.square(frame(weighted, size, hop)), -1)
    if not channels:
        return energy
    gains = np.asarray(_WEIGHTS if weights is None else weights)
    if signal.shape[-2] > len(gains):
        raise ValueError(f"{signal.shape[-2]} channels want as many weights, not {len(gains)}")
    return jnp.einsum("...cb,c->...b", energy, jnp.asarray(gains[: signal.shape[-2]], energy.dtype))


def _lufs(energy: Array) -> Array:
    floor = 10 ** ((_GATE - _OFFSET) / 10)
    return jnp.where(energy > floor, _OFFSET + 10 / math.log(10) * jnp.log(jnp.maximum(energy, floor)), _GATE)


def _mean(energy: Array, kept: Array) -> Array:
    return jnp.sum(jnp.where(kept, energy, 0), -1) / jnp.maximum(kept.sum(-1), 1)
