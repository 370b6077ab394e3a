"""Per-channel energy normalisation: an automatic gain control for every band, whole or in pieces.

Wang, Getreuer, Hughes, Lyon & Saurous, "Trainable frontend for robust and far-field keyword spotting" (2017), eq. 1, 2.
"""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal import filters
from audiozoo.signal.precision import EXACT, widened

Start = Literal["one", "first"]
Setting = float | Float[Array | np.ndarray, " bands"]
_BLOCK = 64  # frames


def pcen_smoothing(time_constant: float = 0.4, *, sample_rate: float, hop_length: int) -> float:
    """The share of the new frame in a moving average that reaches back `time_constant` seconds; librosa's formula."""
    if not (time_constant > 0 and sample_rate > 0 and hop_length > 0):
        raise ValueError(
            f"time constant, rate and hop must be positive, not {time_constant}, {sample_rate}, {hop_length}"
        )
    frames = time_constant * sample_rate / hop_length
    return float((np.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2))


def pcen(
    energies: Float[Array, "*batch frames bands"],
    *,
    smoothing: Setting,
    gain: Setting = 0.98,
    bias: Setting = 2.0,
    power: Setting = 0.5,
    eps: float = 1e-6,
    start: Start = "one",
) -> Float[Array, "*batch frames bands"]:
    """(E / (eps + M)^gain + bias)^power - bias^power, where M is the moving average of the energies E.

    `librosa.pcen` as it stands (it wants magnitudes as large as those of samples within ±2³¹), with `smoothing=b`;
    see `pcen_smoothing`. Values and gradients are finite on silence.

    Args:
        energies: not negative; half precision is computed in float32.
        smoothing: M[t] = (1 - smoothing) M[t - 1] + smoothing E[t], above 0 up to 1. Every setting may be an array, one
            for each band, of JAX's to be learnt; this one is fastest as a plain number.
        gain: how much of the loudness is taken away, from none (0) to all (1).
        bias: energies well below it pass linearly. Zero: a power law.
        power: of compression. A plain zero: its limit ln(1 + E / (eps + M)^gain).
        eps: what a silent band is divided by.
        start: M before the first frame. "one", as in librosa; "first": the first frame, as in the paper.

    Raises:
        ValueError: a setting is out of range.
    """
    return pcen_with_state(
        energies, None, smoothing=smoothing, gain=gain, bias=bias, power=power, eps=eps, start=start
    )[0]


def pcen_with_state(
    energies: Float[Array, "*batch frames bands"],
    state: Float[Array, "*batch bands"] | None,
    *,
    smoothing: Setting,
    gain: Setting = 0.98,
    bias: Setting = 2.0,
    power: Setting = 0.5,
    eps: float = 1e-6,
    start: Start = "one",
) -> tuple[Float[Array, "*batch frames bands"], Float[Array, "*batch bands"]]:
    """`pcen` of a piece of a longer recording, with the M that the piece before left; None: it is the first.

    Any way of cutting gives the whole's answer. librosa's `zi` is (1 - smoothing) M.
    """
    energies = jnp.asarray(energies)
    wide = widened(energies)
    for name, setting, highest in (("gain", gain, None), ("bias", bias, None), ("power", power, None)):
        _check(name, setting, highest)
    _check("smoothing", smoothing, 1.0)
    if not eps > 0:
        raise ValueError(f"eps must be positive, not {eps}")
    average, state = moving_average(wide, state, smoothing=smoothing, start=start)
    gain, bias, power = (_plain(setting, wide.dtype) for setting in (gain, bias, power))
    return _compressed(wide * (average + eps) ** -gain, bias, power).astype(energies.dtype), state


def moving_average(
    values: Float[Array, "*batch frames bands"],
    state: Float[Array, "*batch bands"] | None = None,
    *,
    smoothing: Setting,
    start: Start = "one",
) -> tuple[Float[Array, "*batch frames bands"], Float[Array, "*batch bands"]]:
    """M[t] = (1 - smoothing) M[t - 1] + smoothing E[t] along the frames, and the last M; settings as of `pcen`."""
    if start not in ("one", "first"):
        raise ValueError(f"the average starts at one or the first frame, not {start!r}")
    frames, shape = values.shape[-2], (*values.shape[:-2], values.shape[-1])
    if state is None:
        state = values[..., 0, :] if start == "first" and frames else jnp.ones(shape, values.dtype)
    state = jnp.broadcast_to(jnp.asarray(state, values.dtype), shape)
    if not frames:
        return values, state
    if np.ndim(smoothing) == 0 and not isinstance(smoothing, jax.Array):
        averages = _average_by_block(values, state, float(smoothing))
    else:
        averages = _average_by_band(values, state, jnp.broadcast_to(jnp.asarray(smoothing, values.dtype), shape[-1:]))
    return averages, averages[..., -1, :]


def _average_by_block(values: Array, state: Array, b: float) -> Array:
    """A matrix product for each block of frames. No transpose, and a loop that what follows cannot be fused into:

    with the padding and the transposes of `filters.lfilter` in it, XLA would not vectorise the logarithms.
    """
    *batch, frames, bands = values.shape
    size = min(_BLOCK, frames)
    blocks = -(-frames // size)
    lag = np.arange(size)[:, None] - np.arange(size)  # [to, from]
    response = jnp.asarray(np.where(lag >= 0, b * (1 - b) ** np.maximum(lag, 0), 0), values.dtype)
    fading = jnp.asarray((1 - b) ** np.arange(1, size + 1)[:, None], values.dtype)

    def step(before: Array, block: Array) -> tuple[Array, Array]:
        averages = jnp.einsum("ij,...jc->...ic", response, block, precision=EXACT)
        averages += fading * before[..., None, :]
        return averages[..., -1, :], averages

    padded = jnp.pad(values, [(0, 0)] * len(batch) + [(0, blocks * size - frames), (0, 0)])
    rows = jnp.moveaxis(padded.reshape(*batch, blocks, size, bands), -3, 0)
    averages = jnp.moveaxis(jax.lax.scan(step, state, rows)[1], 0, -3)
    return averages.reshape(*batch, blocks * size, bands)[..., :frames, :]


def _average_by_band(values: Array, state: Array, smoothing: Array) -> Array:
    def one(row: Array, before: Array, b: Array) -> Array:
        a = jnp.stack([jnp.ones_like(b), b - 1])
        return filters.lfilter_with_state(row, b[None], a, (1 - b) * before[..., None])[0]

    return jax.vmap(one, in_axes=(-1, -1, 0), out_axes=-1)(values, state, smoothing)


def _compressed(values: Array, bias: float | Array, power: float | Array) -> Array:
    """(x + bias)^power - bias^power by way of log1p and expm1, and its limits for settings that are plainly zero."""
    if isinstance(power, float) and power == 0:
        return jnp.log1p(values)
    if isinstance(bias, float) and bias == 0:
        heard = values > 0
        return jnp.where(heard, jnp.where(heard, values, 1) ** power, 0)
    return bias**power * jnp.expm1(power * jnp.log1p(values / bias))


def _plain(setting: Setting, dtype: jnp.dtype) -> float | Array:
    return jnp.asarray(setting, dtype) if isinstance(setting, (jax.Array, np.ndarray)) else float(setting)


def _check(name: str, setting: Setting, highest: float | None) -> None:
    """Raise a ValueError for a setting out of range; JAX's may be traced, and then has no value to look at."""
    if isinstance(setting, jax.Array):
        return
    values = np.asarray(setting)
    low = values <= 0 if highest is not None else values < 0
    if not np.all(np.isfinite(values)) or np.any(low) or (highest is not None and np.any(values > highest)):
        limits = f"above 0 and up to {highest:g}" if highest is not None else "not negative"
        raise ValueError(f"{name} must be {limits}, not {setting}")
