"""Silero VAD: is somebody speaking, every 32 ms (Silero Team, 2021–2026, https://github.com/snakers4/silero-vad).

A chunk of 512 samples, with the 64 before it, becomes four magnitude spectra; four convolutions make one vector of
them, an LSTM carries it through time, and one unit says speech or not. Only the LSTM has to wait for the chunk before.
There is no paper; the numbers are those of the published weights and ONNX graph.
"""

import dataclasses
import math
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from audiozoo.layers.recurrent import LSTM, initial_lstm_state
from audiozoo.models.preset import Preset
from audiozoo.ops.checks import check_waveform
from audiozoo.ops.recurrence import LSTMState
from audiozoo.weights.layout import RenameTable
from audiozoo.weights.published import PackageFile, Published


@dataclasses.dataclass(frozen=True)
class SileroVADConfig:
    n_fft: int  # samples of a spectrum; it sets the chunk, the hop and the context too
    channels: tuple[int, int, int, int]  # of the convolutions; the LSTM is as wide as the last

    @property
    def chunk_length(self) -> int:
        """Samples that share one answer."""
        return 2 * self.n_fft

    @property
    def context(self) -> int:
        """Samples before a chunk that its first spectrum sees."""
        return self.n_fft // 4


class VoiceActivity(NamedTuple):
    logits: Float[Array, "batch chunks"]  # zero beyond `lengths`, as are the probabilities
    probabilities: Float[Array, "batch chunks"]  # that there is speech, in [0, 1]
    lengths: Int[Array, " batch"]  # chunks


class VoiceActivityState(NamedTuple):
    """What a stream remembers of each row."""

    recent: Float[Array, "batch recent"]  # the last samples: those that wait for their chunk to fill, and its context
    pending: Int[Array, " batch"]  # how many wait
    lstm: LSTMState


def _windowed_fourier(_key: Array, shape: tuple[int, int, int], dtype: Any = jnp.float32) -> Array:
    """Real and imaginary parts of a Fourier transform under a Hann window, as a kernel (time, 1, 2 * bins)."""
    n_fft = shape[0]
    window = np.sin(np.pi * np.arange(n_fft) / n_fft) ** 2
    angles = 2 * np.pi * np.outer(np.arange(n_fft), np.arange(n_fft // 2 + 1)) / n_fft
    waves = np.concatenate([np.cos(angles), -np.sin(angles)], axis=1)
    return jnp.asarray((window[:, None] * waves)[:, None], dtype)


class MagnitudeSpectra(nn.Module):
    """Four spectra of each chunk by a learnt (in practice Fourier's) basis, in float32."""

    n_fft: int

    @nn.compact
    def __call__(self, chunks: Float[Array, "*batch samples"]) -> Float[Array, "*batch 4 bins"]:
        hop, bins = self.n_fft // 2, self.n_fft // 2 + 1
        kernel = self.param("kernel", _windowed_fourier, (self.n_fft, 1, 2 * bins))[:, 0].astype(jnp.float32)
        mirrored = chunks[..., -2 : -2 - self.n_fft // 4 : -1]
        hops = jnp.concatenate([chunks, mirrored], axis=-1).reshape(*chunks.shape[:-1], 5, hop)
        spectra = jnp.concatenate([hops[..., :-1, :], hops[..., 1:, :]], axis=-1) @ kernel
        power = spectra[..., :bins] ** 2 + spectra[..., bins:] ** 2
        audible = power > 0  # the square root's gradient at silence is not a number
        return jnp.where(audible, jnp.sqrt(jnp.where(audible, power, 1)), 0)


class Encoder(nn.Module):
    """One vector for each chunk, from nothing but the chunk and its context."""

    config: SileroVADConfig
    dtype: Any

    @nn.compact
    def __call__(self, chunks: Float[Array, "batch chunks samples"]) -> Float[Array, "batch chunks features"]:
        x = MagnitudeSpectra(self.config.n_fft, name="stft")(chunks)
        x = x.reshape(math.prod(chunks.shape[:2]), *x.shape[2:])
        for index, (channels, stride) in enumerate(zip(self.config.channels, (1, 2, 2, 1), strict=True)):
            conv = nn.Conv(channels, (3,), stride, padding=1, dtype=self.dtype, name=f"conv_{index}")
            x = nn.relu(conv(x))
        return x.reshape(*chunks.shape[:2], self.config.channels[-1])


class SileroVAD(nn.Module):
    config: SileroVADConfig
    dtype: Any = jnp.float32

    def setup(self) -> None:
        self.encoder = Encoder(self.config, self.dtype)
        self.lstm = LSTM(self.config.channels[-1], dtype=self.dtype)
        self.classifier = nn.Conv(1, (1,), dtype=self.dtype)

    def __call__(
        self, waveform: Float[Array, "batch time"], lengths: Int[Array, " batch"] | None = None, *, train: bool = False
    ) -> VoiceActivity:
        """The answer for every chunk of 512 samples; the last one is filled up with zeros.

        Args:
            waveform: samples in [-1, 1] at 16 kHz.
            lengths: valid samples of each row; chunks = ceil(samples / 512). None: all.
            train: no part of this network trains otherwise than it answers.
        """
        waveform, lengths = check_waveform(waveform, lengths)
        size, (batch, time) = self.config.chunk_length, waveform.shape
        padding = (self.config.context, -time % size)
        samples = jnp.pad(waveform.astype(jnp.float32), ((0, 0), padding))
        return self._answer(samples, -(-lengths // size), initial_lstm_state(batch, self.config.channels[-1]))[0]

    def initial_state(self, batch: int) -> VoiceActivityState:
        """The state before the first sample of `batch` streams. It needs no variables."""
        c = self.config
        recent = jnp.zeros((batch, c.context + c.chunk_length - 1))
        return VoiceActivityState(recent, jnp.zeros(batch, jnp.int32), initial_lstm_state(batch, c.channels[-1]))

    def stream(
        self, chunk: Float[Array, "batch time"], state: VoiceActivityState, lengths: Int[Array, " batch"] | None = None
    ) -> tuple[VoiceActivity, VoiceActivityState]:
        """The next samples, any number of them: answers for the chunks that they complete.

        How many that are depends on what waited before, so the output has room for ceil(time / 512), and its
        `lengths` says how many are answers. Samples that complete no chunk wait in the state; at the end of a stream
        `flush` fills the last chunk up with zeros. The answers in a row are the offline ones, however it is cut.
        """
        chunk, lengths = check_waveform(chunk, lengths)
        c = self.config
        samples = jnp.concatenate([state.recent, chunk.astype(jnp.float32)], axis=1)
        room = (c.chunk_length - 1 + chunk.shape[1]) // c.chunk_length
        start = c.chunk_length - 1 - state.pending  # of the context of the first incomplete chunk
        total = state.pending + lengths
        window = _windows(samples, start, c.context + room * c.chunk_length)
        answer, lstm = self._answer(window, total // c.chunk_length, state.lstm)
        recent = _windows(samples, lengths, state.recent.shape[1])
        return answer, VoiceActivityState(recent, total % c.chunk_length, lstm)

    def flush(self, state: VoiceActivityState) -> tuple[VoiceActivity, VoiceActivityState]:
        """The end of a stream: the answer for the samples that still wait (none, if none do), zeros after them."""
        size = self.config.chunk_length
        zeros = jnp.zeros((state.pending.shape[0], size - 1))
        return self.stream(zeros, state, -state.pending % size)

    def _answer(
        self, samples: Float[Array, "batch time"], lengths: Int[Array, " batch"], state: LSTMState
    ) -> tuple[VoiceActivity, LSTMState]:
        """For samples that begin with the context of the first chunk and end with a whole chunk."""
        c, (batch, time) = self.config, samples.shape
        shape = batch, (time - c.context) // c.chunk_length, c.chunk_length
        before = samples[:, : time - c.context].reshape(shape)[..., : c.context]
        chunks = jnp.concatenate([before, samples[:, c.context :].reshape(shape)], axis=-1)
        encoded = self.encoder(chunks)
        hidden, state = self.lstm(encoded, state, lengths)
        logits = self.classifier(nn.relu(hidden))[..., 0].astype(jnp.float32)
        valid = jnp.arange(chunks.shape[1]) < lengths[:, None]
        logits, probabilities = (jnp.where(valid, x, 0) for x in (logits, jax.nn.sigmoid(logits)))
        return VoiceActivity(logits, probabilities, lengths), state


def _windows(rows: Float[Array, "batch time"], start: Int[Array, " batch"], size: int) -> Float[Array, "batch size"]:
    """`size` samples of each row from its own start, zeros beyond the end."""
    rows = jnp.pad(rows, ((0, 0), (0, size)))
    return jax.vmap(lambda row, at: jax.lax.dynamic_slice(row, (at,), (size,)))(rows, start)


RENAMES = RenameTable(
    scopes=(
        (r"^encoder/stft$", "model/stft"),
        (r"^encoder/conv_(\d)$", r"model/encoder/\1/reparam_conv"),
        (r"^lstm$", "model/decoder/rnn"),
        (r"^classifier$", "model/decoder/decoder/2"),
    ),
    leaves=((r"encoder/stft/kernel$", "forward_basis_buffer"),),
    ignore=(r"^(?!model\.)",),  # numbers of the graph: axes, slices, exponents
)

PRESETS = {
    "silero_vad_v6": Preset(
        model=SileroVAD(SileroVADConfig(n_fft=256, channels=(128, 64, 64, 128))),
        task="voice-activity",
        sample_rate=16_000,
        summary="Silero VAD v6: speech or not, every 32 ms; offline and streaming",
        paper="Silero Team, Silero VAD, github.com/snakers4/silero-vad (no paper)",
        licence="MIT",
        parameters=309_633,  # with the Fourier basis (66,048) and both LSTM biases, as published
        shortest=1,
        small={"channels": (16, 8, 8, 16)},
        streams=True,
        published=(
            Published(  # the safetensors file in this archive is another training, and not what their package runs
                format="onnx",
                files={
                    "weights": PackageFile(
                        package="silero-vad",
                        version="6.2.3",
                        path="silero_vad/data/silero_vad_16k_op15.onnx",
                        sha256="7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
                        size=11_317_527,
                    )
                },
                renames=RENAMES,
                licence="MIT",
                homepage="https://github.com/snakers4/silero-vad",
            ),
        ),
    )
}
