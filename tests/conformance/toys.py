"""A small model that does everything right, and, by `config.fault`, does one thing wrong.

A check that lets its culprit pass checks nothing.
"""

import dataclasses
import itertools
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from audiozoo.models import silero_vad
from audiozoo.models.preset import Preset
from audiozoo.ops.checks import check_waveform

HOP = 64
NOISE = itertools.count()


@dataclasses.dataclass(frozen=True)
class ToyConfig:
    width: int = 16
    dropout: float = 0.1
    fault: str = ""


class ToyOutput(NamedTuple):
    logits: Float[Array, "batch frames 5"]
    embedding: Float[Array, "batch width"]
    lengths: Int[Array, " batch"]


class WrongOutput(NamedTuple):
    logits: Float[Array, "batch 5 frames"]
    embedding: Float[Array, "batch 5"]
    lengths: Int[Array, " batch"]


class Toy(nn.Module):
    """Frames of 64 samples, each looking at its neighbours; an embedding of the whole clip."""

    config: ToyConfig
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, waveform: Array, lengths: Array | None = None, *, train: bool = False) -> Any:
        c = self.config
        fault = c.fault
        dtype = jnp.float32 if fault == "ignores dtype" else self.dtype
        waveform, lengths = self.checked(waveform, lengths)
        frames = self.front_end(waveform)
        answered = -(-lengths // HOP)
        if fault == "answers nothing":
            answered = jnp.ones_like(lengths)
        valid = jnp.arange(frames.shape[1]) < answered[:, None]
        parameters = {"param_dtype": jnp.bfloat16} if fault == "half parameters" else {}
        name = None if fault == "automatic names" else "frame"
        x = nn.Dense(c.width, dtype=dtype, name=name, **parameters)(frames)
        norm = nn.BatchNorm(use_running_average=not train, dtype=dtype, name="norm")
        x = norm(x, mask=None if fault == "statistics of padding" else valid[..., None])
        x = nn.Dropout(c.dropout, deterministic=not train)(nn.gelu(x))
        if fault != "convolves padding":
            x = jnp.where(valid[..., None], x, 0)
        x = nn.Conv(c.width, (3,), dtype=dtype, name="conv")(x)
        x = self.disturbed(x, waveform)
        embedding = jnp.where(valid[..., None], x, 0).sum(1) / jnp.maximum(answered, 1)[:, None]
        if fault == "averages padding":
            embedding = x.mean(1)
        logits = nn.Dense(5, dtype=dtype, name="classifier")(x)
        return self.answer(logits, embedding, answered)

    def checked(self, waveform: Array, lengths: Array | None) -> tuple[Array, Array]:
        fault = self.config.fault
        if fault == "checks no waveform":
            lengths = jnp.full(waveform.shape[0], waveform.shape[1]) if lengths is None else lengths
        elif fault == "checks no lengths":
            _, full = check_waveform(waveform)
            lengths = full if lengths is None else lengths
        else:
            return check_waveform(waveform, lengths)
        valid = jnp.arange(waveform.shape[1]) < jnp.reshape(lengths, (-1, 1))
        return jnp.where(valid, waveform, 0), lengths

    def front_end(self, waveform: Array) -> Array:
        """Frames of 64 samples, the last one filled with zeros."""
        fault = self.config.fault
        batch, time = waveform.shape
        if fault == "fixed batch":
            batch = int(batch)
        count = -(-time // HOP)
        frames = jnp.pad(waveform, ((0, 0), (0, count * HOP - time))).reshape(batch, count, HOP)
        if fault == "nan at silence":
            frames = frames / jnp.sqrt(jnp.mean(frames**2, -1, keepdims=True))
        if fault == "nan gradient at silence":
            frames = jnp.sqrt(jnp.sum(frames**2, -1, keepdims=True)) + frames
        if fault == "overflows":
            frames = jnp.exp(100 * jnp.abs(frames)) - 1
        if fault == "hears nothing":
            frames = jax.lax.stop_gradient(frames)
        return frames

    def disturbed(self, x: Array, waveform: Array) -> Array:
        fault = self.config.fault
        if fault == "hears batch-mates":
            x = x - x.mean(axis=0)
        if fault == "random":
            x = x + next(NOISE)
        if fault == "dead parameter":
            x = x + 0 * self.param("unused", nn.initializers.normal(), (self.config.width,))
        if fault == "branches on values" and float(waveform.sum()) > 0:
            x = -x
        if fault == "constant init":
            x = x + self.param("constant", lambda key, shape: jnp.full(shape, float(next(NOISE))), (1,))
        return x

    def answer(self, logits: Array, embedding: Array, lengths: Array) -> Any:
        fault = self.config.fault
        if fault == "bare tuple":
            return logits.astype(jnp.float32), embedding.astype(jnp.float32), lengths
        if fault == "half outputs":
            return ToyOutput(logits, embedding, lengths)
        kind = WrongOutput if fault == "wrong shapes" else ToyOutput
        return kind(logits.astype(jnp.float32), embedding.astype(jnp.float32), lengths)


@dataclasses.dataclass(frozen=True, eq=False)
class NeverEqual(ToyConfig):
    """Compared by identity, so every copy is another model to `jit`."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__


def toy(fault: str = "", **card: Any) -> Preset:
    """The preset of the toy with a fault, or with something wrong on its card."""
    config = NeverEqual() if fault == "never equal" else ToyConfig(fault=fault)
    settings = {
        "model": Toy(config),
        "task": "tagging",
        "sample_rate": 8_000,
        "summary": "A toy",
        "paper": "Nobody, 2026",
        "licence": "MIT",
        "parameters": 16 * 64 + 16 + 32 + 16 * 16 * 3 + 16 + 16 * 5 + 5,
        "shortest": 1,
        "small": {"width": 8},
    }
    return Preset(**{**settings, **card})


class Forgetful(silero_vad.SileroVAD):
    """Streams as if every chunk were the first."""

    def stream(self, chunk: Array, state: Any, lengths: Array | None = None) -> Any:
        output, state = super().stream(chunk, state, lengths)
        return output, state._replace(lstm=jax.tree.map(jnp.zeros_like, state.lstm))


class Deaf(silero_vad.SileroVAD):
    """Streams all that it is given, whatever is valid of it."""

    def stream(self, chunk: Array, state: Any, lengths: Array | None = None) -> Any:
        return super().stream(chunk, state)


class Abrupt(silero_vad.SileroVAD):
    """Loses the samples that wait when a stream ends."""

    def flush(self, state: Any) -> Any:
        return super().flush(state._replace(pending=jnp.zeros_like(state.pending)))


def streaming_toy(kind: type) -> Preset:
    """The preset of a streaming model that is wrong in the way of `kind`."""
    card = silero_vad.PRESETS["silero_vad_v6"]
    return dataclasses.replace(card, model=kind(card.model.config))
