"""Power and amplitude in decibels and back, in librosa's and torchaudio's conventions.

| owner | settings of `power_to_db`, `amplitude_to_db` |
|---|---|
| librosa | `top_db=80.0, axes=None`: the maximum is that of the whole array, whatever its axes are |
| torchaudio, `AmplitudeToDB` | `top_db`'s maximum over (channels,) frames and bins; magnitudes with `amin=1e-10` |
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from audiozoo.signal.precision import widened

Reference = float | Float[Array | np.ndarray, "*#shape"] | Callable[[Array], Array]


def power_to_db(
    power: Float[Array, "*shape"],
    *,
    ref: Reference = 1.0,
    amin: float = 1e-10,
    top_db: float | None = None,
    axes: tuple[int, ...] | None = (-2, -1),
) -> Float[Array, "*shape"]:
    """10 log10(power / ref), finite everywhere: its gradient is zero where the power is below `amin`.

    Args:
        power: energies; half precision is computed in float32.
        ref: what zero decibels are: a number, an array that broadcasts, or a function of the powers such as `jnp.max`.
        amin: the least power, and the least reference, that is told from silence.
        top_db: how far below its maximum a clip may go, in decibels. None: down to `amin`.
        axes: those of a clip, over which that maximum is taken: a spectrogram's frames and bins. None: all there are.

    Raises:
        ValueError: `amin` is not positive, `top_db` is negative, or the powers are complex or not an array of `axes`.
    """
    return _decibels(10, power, ref, amin, top_db, axes)


def amplitude_to_db(
    amplitude: Float[Array, "*shape"],
    *,
    ref: Reference = 1.0,
    amin: float = 1e-5,
    top_db: float | None = None,
    axes: tuple[int, ...] | None = (-2, -1),
) -> Float[Array, "*shape"]:
    """20 log10(|amplitude| / ref): `power_to_db` of the square; `ref` and `amin` are amplitudes."""
    return _decibels(20, amplitude, ref, amin, top_db, axes)


def db_to_power(db: Float[Array, "*shape"], *, ref: float = 1.0) -> Float[Array, "*shape"]:
    """ref 10^(db / 10), the inverse of `power_to_db` above its floor."""
    return _linear(10, db, ref)


def db_to_amplitude(db: Float[Array, "*shape"], *, ref: float = 1.0) -> Float[Array, "*shape"]:
    """ref 10^(db / 20), the inverse of `amplitude_to_db` above its floor."""
    return _linear(20, db, ref)


def _decibels(
    factor: float, values: Num[Array, "*shape"], ref: Reference, amin: float, top_db: float | None, axes: tuple | None
) -> Float[Array, "*shape"]:
    values = jnp.asarray(values)
    if not jnp.issubdtype(values.dtype, jnp.floating):
        raise ValueError(f"decibels are those of real numbers, not of {values.dtype}; take power or magnitude first")
    if not amin > 0 or (top_db is not None and not top_db >= 0):
        raise ValueError(f"amin must be positive and top_db not negative, not {amin} and {top_db}")
    if top_db is not None and axes is not None and any(not -values.ndim <= axis < values.ndim for axis in axes):
        raise ValueError(f"an array of shape {values.shape} has no axes {axes} for top_db; axes=None takes all")
    wide = widened(values)
    if factor == 20:
        wide = jnp.abs(wide)
    reference = jnp.abs(jnp.asarray(ref(wide) if callable(ref) else ref, wide.dtype))
    level = factor * jnp.log10(jnp.maximum(wide, amin)) - factor * jnp.log10(jnp.maximum(reference, amin))
    if top_db is not None and level.size:
        level = jnp.maximum(level, level.max(axes, keepdims=True) - top_db)
    return level.astype(values.dtype)


def _linear(factor: float, db: Float[Array, "*shape"], ref: float) -> Float[Array, "*shape"]:
    db = jnp.asarray(db)
    wide = widened(db)
    return (ref * jnp.power(10.0, wide / factor)).astype(db.dtype)
