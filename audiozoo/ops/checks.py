"""What a model asks of the arrays it is given, said in words before XLA says it in shapes."""

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int


def check_waveform(
    waveform: Array, lengths: Array | None = None
) -> tuple[Float[Array, "batch time"], Int[Array, " batch"]]:
    """The waveform in float32 and the valid samples of each row (all of them if `lengths` is None).

    Samples beyond a row's length are set to zero, so that what a caller left there cannot matter, NaN included;
    lengths are clipped to [0, time] (concrete lengths outside are an error, traced ones cannot be seen).

    Raises:
        TypeError: `waveform` is not floating point, or `lengths` not integer.
        ValueError: not (batch, time), no clips at all, or lengths that do not fit it.
    """
    if not hasattr(waveform, "shape"):
        raise TypeError(f"waveform must be an array of samples, not {type(waveform).__name__}")
    if not jnp.issubdtype(waveform.dtype, jnp.floating):
        raise TypeError(
            f"waveform has dtype {waveform.dtype}; samples must be floating point in [-1, 1] "
            "(int16 samples: divide by 32768)"
        )
    if waveform.ndim != 2:
        raise ValueError(
            f"waveform has shape {waveform.shape}; models take (batch, time), mono: waveform[None] adds a batch axis"
        )
    batch, time = waveform.shape
    if batch == 0:
        raise ValueError(f"waveform has shape {waveform.shape}: a batch of no clips has no answer")
    waveform = jnp.asarray(waveform, jnp.float32)
    if lengths is None:
        return waveform, jnp.full(batch, time, jnp.int32)
    lengths = jnp.asarray(lengths) if not isinstance(lengths, Tracer) else lengths
    if not jnp.issubdtype(lengths.dtype, jnp.integer):
        raise TypeError(f"lengths has dtype {lengths.dtype}; it counts samples, so it must be an integer array")
    if lengths.shape != (batch,):
        raise ValueError(
            f"lengths has shape {lengths.shape}; for a waveform of shape {waveform.shape} it is ({batch},)"
        )
    if not isinstance(lengths, Tracer):
        values = np.asarray(lengths)
        if values.size and (values.min() < 0 or values.max() > time):
            raise ValueError(f"lengths {values.tolist()} are not all within the waveform's 0 to {time} samples")
    lengths = jnp.clip(lengths, 0, time).astype(jnp.int32)
    valid = jnp.arange(time) < lengths[:, None]
    return jnp.where(valid, waveform, 0), lengths
