"""Whisper: speech to text by weak supervision (Radford et al., 2022, arXiv:2212.04356).

Thirty seconds of audio become a log-mel spectrogram; a Transformer encoder turns it into one feature every 20 ms;
a Transformer decoder writes the text, token by token, looking at those features. What to write (language, translation,
times) is told by the first tokens.

How a text is searched lives in `decoding/`. The methods here are its moves: `encode` and `cross` once per window,
`prefill` for the tokens that are given, `step` for each token that is tried, `align` for the times of the words.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from audiozoo.layers.attention import MultiHeadAttention
from audiozoo.ops.attention import Memory, scores
from audiozoo.ops.checks import check_waveform
from audiozoo.signal.mel import whisper_log_mel

SAMPLES_PER_POSITION = 320  # two mel frames of 160 samples: the encoder's second convolution has stride 2

CrossKV = tuple[Memory, ...]  # of each decoder layer: the audio's keys and values, (batch, heads, positions, size)


@dataclasses.dataclass(frozen=True)
class WhisperConfig:
    """The numbers that differ between the published sizes.

    `audio_positions` fixes the window: 320 samples each, 1500 for thirty seconds. Whisper was trained on thirty
    seconds only; a shorter window is faster and changes the words.
    """

    width: int
    encoder_layers: int
    decoder_layers: int
    heads: int
    vocabulary: int
    mel_bins: int = 80
    audio_positions: int = 1500
    text_positions: int = 448
    alignment_heads: tuple[tuple[int, int], ...] = ()  # (decoder layer, head) whose attention follows the words in time

    @property
    def multilingual(self) -> bool:
        return self.vocabulary >= 51_865

    @property
    def window(self) -> int:
        """Samples that the encoder takes."""
        return self.audio_positions * SAMPLES_PER_POSITION

    @property
    def prompt(self) -> tuple[int, ...]:
        """Start of transcript[, English, transcribe], no timestamps: the tokens before an English text.

        The special tokens follow 50,257 of text; their numbers shift with the languages that the vocabulary has.
        """
        start = 50_257 + self.multilingual
        languages = self.vocabulary - 51_765 - self.multilingual
        language_and_task = (start + 1, start + languages + 2) if self.multilingual else ()
        return (start, *language_and_task, start + languages + 6)


class WhisperOutput(NamedTuple):
    logits: Float[Array, "batch symbols vocabulary"]  # of the token that follows each one given; float32
    features: Float[Array, "batch positions width"]  # the encoder's, one every 20 ms
    lengths: Int[Array, " batch"]  # encoder positions that hold audio


class DecoderState(NamedTuple):
    """What the decoder remembers of the text, so that a step looks at one new token only."""

    taken: Int[Array, ""]  # steps so far
    start: Int[Array, " batch"]  # text position of the first step
    prompt: tuple[Memory, ...]  # of each layer: (batch * heads, n, size), shared by all beams of a row
    prompt_mask: Bool[Array, "batch 1 n"]  # which tokens of the prompt are no padding
    steps: tuple[
        Memory, ...
    ]  # of each layer: (batch * heads, steps * beams, size); (step, beam) at step * beams + beam


class Alignment(NamedTuple):
    scores: Float[Array, "batch heads symbols positions"]  # cross-attention before its softmax
    logits: Float[Array, "batch symbols vocabulary"]


class FeedForward(nn.Module):
    """Two layers with an exact GELU between."""

    width: int
    dtype: Any

    @nn.compact
    def __call__(self, x: Float[Array, "*batch time width"]) -> Float[Array, "*batch time width"]:
        x = gelu(nn.Dense(4 * self.width, dtype=self.dtype, name="expand")(x))
        return nn.Dense(self.width, dtype=self.dtype, name="contract")(x)


def gelu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """x times the normal distribution function; by erf, which XLA evaluates faster than `jax.nn.gelu`'s erfc."""
    return 0.5 * x * (1 + lax.erf(x * np.asarray(np.sqrt(0.5), x.dtype)))


def norm(dtype: Any, name: str | None = None) -> nn.LayerNorm:
    """Layer normalisation as Whisper was trained with it."""
    return nn.LayerNorm(epsilon=1e-5, use_fast_variance=False, dtype=dtype, name=name)


class EncoderBlock(nn.Module):
    config: WhisperConfig
    dtype: Any

    @nn.compact
    def __call__(self, x: Float[Array, "batch positions width"]) -> Float[Array, "batch positions width"]:
        c = self.config
        attention = MultiHeadAttention(c.width, c.heads, key_bias=False, dtype=self.dtype, name="attention")
        x = x + attention(norm(self.dtype, "attention_norm")(x))
        return x + FeedForward(c.width, self.dtype, name="mlp")(norm(self.dtype, "mlp_norm")(x))


class Encoder(nn.Module):
    config: WhisperConfig
    dtype: Any

    @nn.compact
    def __call__(self, spectrogram: Float[Array, "batch frames mel"]) -> Float[Array, "batch positions width"]:
        c = self.config
        x = nn.Conv(c.width, (3,), padding=1, dtype=self.dtype, name="conv_1")(spectrogram)
        x = nn.Conv(c.width, (3,), 2, padding=1, dtype=self.dtype, name="conv_2")(gelu(x))
        x = gelu(x) + jnp.asarray(sinusoids(c.audio_positions, c.width), self.dtype)
        for layer in range(c.encoder_layers):
            x = EncoderBlock(c, self.dtype, name=f"block_{layer}")(x)
        return norm(self.dtype, "norm")(x)


@functools.cache
def sinusoids(positions: int, width: int) -> Float[np.ndarray, "positions width"]:
    """Sines, then cosines, of wavelengths from 2 pi to 20,000 pi positions in geometric progression."""
    rates = np.exp(-np.log(10_000) / (width // 2 - 1) * np.arange(width // 2))
    phases = np.arange(positions)[:, None] * rates
    return np.concatenate([np.sin(phases), np.cos(phases)], axis=1).astype(np.float32)


class DecoderBlock(nn.Module):
    """Self-attention over the text so far, cross-attention to the audio, feed-forward."""

    config: WhisperConfig
    dtype: Any

    def setup(self) -> None:
        c = self.config
        self.self_attention = MultiHeadAttention(c.width, c.heads, key_bias=False, dtype=self.dtype)
        self.cross_attention = MultiHeadAttention(c.width, c.heads, key_bias=False, dtype=self.dtype)
        self.self_attention_norm = norm(self.dtype)
        self.cross_attention_norm = norm(self.dtype)
        self.mlp = FeedForward(c.width, self.dtype)
        self.mlp_norm = norm(self.dtype)

    def look(self, x: Array) -> tuple[Array, Memory]:
        """Queries of the text, and what it adds to the memory of the text."""
        x = self.self_attention_norm(x)
        return self.self_attention.queries(x), self.self_attention.remember(x)

    def advance(self, x: Array, queries: Array, text: tuple[Memory, ...], audio: Memory) -> tuple[Array, Array]:
        """The block's output, and the cross-attention's queries."""
        x = x + self.self_attention.attend(queries, *text)
        cross_queries = self.cross_attention.queries(self.cross_attention_norm(x))
        x = x + self.cross_attention.attend(cross_queries, audio)
        return x + self.mlp(self.mlp_norm(x)), cross_queries


class TokenEmbedding(nn.Module):
    """Reads tokens and scores them with the same matrix.

    It is kept as (width, vocabulary), for the scores of one position are a product with all of it, bound by memory,
    which runs on a CPU about twice as fast in this layout as in the other.
    """

    vocabulary: int
    width: int
    dtype: Any

    def setup(self) -> None:
        self.kernel = self.param("kernel", nn.initializers.normal(0.02), (self.width, self.vocabulary))

    def __call__(self, tokens: Int[Array, "*batch"]) -> Float[Array, "*batch width"]:
        return jnp.moveaxis(jnp.take(self.kernel, tokens, axis=1), 0, -1).astype(self.dtype)

    def logits(self, hidden: Float[Array, "*batch width"]) -> Float[Array, "*batch vocabulary"]:
        """How well each token's embedding fits; float32."""
        return jnp.matmul(hidden, self.kernel.astype(self.dtype), preferred_element_type=jnp.float32)


class Decoder(nn.Module):
    config: WhisperConfig
    dtype: Any

    def setup(self) -> None:
        c = self.config
        normal = nn.initializers.normal
        self.tokens = TokenEmbedding(c.vocabulary, c.width, self.dtype)
        self.positions = nn.Embed(c.text_positions, c.width, embedding_init=normal(0.01), dtype=self.dtype)
        self.block = [DecoderBlock(c, self.dtype) for _ in range(c.decoder_layers)]
        self.norm = norm(self.dtype)

    def cross(self, features: Float[Array, "batch positions width"]) -> CrossKV:
        """Keys and values of the audio, of each layer."""
        return tuple(block.cross_attention.remember(features.astype(self.dtype)) for block in self.block)

    def teach(
        self, tokens: Int[Array, "batch n"], offset: Int[Array, " batch"], cross: CrossKV
    ) -> tuple[Float[Array, "batch n width"], tuple[Memory, ...], list[Array]]:
        """All tokens at once: hidden states, the text's memory of each layer, cross-attention queries of each."""
        places = jnp.arange(tokens.shape[1])
        positions = jnp.maximum(places - offset[:, None], 0)
        causal = (places >= offset[:, None])[:, None, None] & (places <= places[:, None])
        x = self.tokens(tokens) + self.positions(positions)
        memories, cross_queries = [], []
        for block, audio in zip(self.block, cross, strict=True):
            queries, memory = block.look(x)
            x, looked = block.advance(x, queries, (memory._replace(mask=causal),), audio)
            memories.append(memory)
            cross_queries.append(looked)
        return self.norm(x), tuple(memories), cross_queries

    def step(
        self,
        tokens: Int[Array, "batch beams"],
        state: DecoderState,
        ancestry: Int[Array, "batch beams steps"],
        cross: CrossKV,
    ) -> tuple[Float[Array, "batch beams width"], DecoderState]:
        """One more token in every beam: hidden states, and the memory with that token in it."""
        x = self.tokens(tokens) + self.positions(state.start + state.taken)[:, None]
        mask = jnp.repeat(visible_slots(ancestry, state.taken), self.config.heads, axis=0)
        place = (0, state.taken * tokens.shape[1], 0)
        prompt_mask = jnp.repeat(state.prompt_mask, self.config.heads, axis=0)
        steps = []
        for block, audio, prompt, past in zip(self.block, cross, state.prompt, state.steps, strict=True):
            queries, new = block.look(x)
            keys = lax.dynamic_update_slice(past.keys, fold_heads(new.keys), place)
            values = lax.dynamic_update_slice(past.values, fold_heads(new.values), place)
            text = (prompt._replace(mask=prompt_mask), Memory(keys, values, mask))
            x, _ = block.advance(x, queries, text, audio)
            steps.append(Memory(keys, values))
        return self.norm(x), state._replace(taken=state.taken + 1, steps=tuple(steps))


def fold_heads(x: Float[Array, "batch heads time size"]) -> Float[Array, "batch*heads time size"]:
    """One leading axis: with two, and a batch of one, XLA copies the whole cache at every step to drop that axis."""
    return x.reshape(-1, *x.shape[-2:])


def visible_slots(ancestry: Int[Array, "batch beams steps"], index: Int[Array, ""]) -> Bool[Array, "batch beams slots"]:
    """Which of the (step, beam) slots each beam may look at: its ancestors', and its own at the step `index`."""
    batch, beams, steps = ancestry.shape
    own = jnp.arange(beams)
    step = jnp.arange(steps)
    source = jnp.where(step == index, own[:, None], ancestry)
    visible = (source[..., None] == own) & (step <= index)[:, None]
    return visible.reshape(batch, beams, steps * beams)


class Whisper(nn.Module):
    """The whole model; `dtype` is what its networks compute in (the log-mel spectrogram is always float32)."""

    config: WhisperConfig
    dtype: Any = jnp.float32

    def setup(self) -> None:
        self.encoder = Encoder(self.config, self.dtype)
        self.decoder = Decoder(self.config, self.dtype)

    def __call__(
        self,
        waveform: Float[Array, "batch time"],
        lengths: Int[Array, " batch"] | None = None,
        tokens: Int[Array, "batch symbols"] | None = None,
        *,
        train: bool = False,
    ) -> WhisperOutput:
        """Logits of each next token, all of `tokens` given at once.

        Args:
            waveform: samples at 16 kHz in [-1, 1], at most a window of them (30 s); padded with silence to the window.
            lengths: valid samples of each row.
            tokens: begins with the start of transcript. None: `config.prompt`, after which English text follows.
            train: changes nothing, as Whisper was trained without dropout.

        Raises:
            ValueError: the waveform is longer than the window.
        """
        del train
        waveform, lengths = check_waveform(waveform, lengths)
        if tokens is None:
            tokens = jnp.broadcast_to(jnp.array(self.config.prompt), (waveform.shape[0], len(self.config.prompt)))
        features = self.encode(waveform, lengths)
        hidden, _, _ = self.decoder.teach(tokens, jnp.zeros(tokens.shape[0], jnp.int32), self.cross(features))
        return WhisperOutput(self.logits(hidden), features, -(-lengths // SAMPLES_PER_POSITION))

    def log_mel(
        self, waveform: Float[Array, "batch time"], lengths: Int[Array, " batch"] | None = None
    ) -> Float[Array, "batch frames mel"]:
        """The encoder's input: silence is added to the samples, up to the window, and not to the features."""
        waveform, _ = check_waveform(waveform, lengths)
        missing = self.config.window - waveform.shape[1]
        if missing < 0:
            raise ValueError(
                f"waveform has {waveform.shape[1]} samples; this model takes at most {self.config.window} "
                f"({self.config.window / 16_000:g} s) at once: cut it, or use audiozoo.pipelines.transcribe"
            )
        return whisper_log_mel(jnp.pad(waveform, ((0, 0), (0, missing))), n_mels=self.config.mel_bins)

    def encode(
        self, waveform: Float[Array, "batch time"], lengths: Int[Array, " batch"] | None = None
    ) -> Float[Array, "batch positions width"]:
        """Features of the audio, one every 20 ms of the whole window; float32."""
        return self.encoder(self.log_mel(waveform, lengths)).astype(jnp.float32)

    def cross(self, features: Float[Array, "batch positions width"]) -> CrossKV:
        """Keys and values of the audio for every decoder layer, once per window."""
        return self.decoder.cross(features)

    def prefill(
        self, tokens: Int[Array, "batch n"], offset: Int[Array, " batch"], cross: CrossKV, *, steps: int, beams: int
    ) -> tuple[Float[Array, "batch n width"], DecoderState]:
        """Reads the given tokens, right-aligned, `offset` of padding to the left of each row.

        Returns hidden states (of no meaning at the padding) and a state with room for `steps` more tokens of `beams`
        alternatives. Every row needs offset < n, and n - offset + steps <= `text_positions`.
        """
        hidden, memories, _ = self.decoder.teach(tokens, offset, cross)
        prompt = tuple(Memory(fold_heads(memory.keys), fold_heads(memory.values)) for memory in memories)
        empty = jnp.zeros((prompt[0].keys.shape[0], steps * beams, prompt[0].keys.shape[2]), self.dtype)
        return hidden, DecoderState(
            taken=jnp.int32(0),
            start=tokens.shape[1] - offset,
            prompt=prompt,
            prompt_mask=(jnp.arange(tokens.shape[1]) >= offset[:, None])[:, None],
            steps=(Memory(empty, empty),) * len(prompt),
        )

    def step(
        self,
        tokens: Int[Array, "batch beams"],
        state: DecoderState,
        ancestry: Int[Array, "batch beams steps"],
        cross: CrossKV,
    ) -> tuple[Float[Array, "batch beams vocabulary"], DecoderState]:
        """Reads one more token in every beam.

        Nothing is ever re-ordered: what beam b reads at step t is kept in slot (t, b), and `ancestry[:, b, s]` says
        whose slot at the earlier step s belongs to b's history. Its entries from the present step on are not read.
        """
        hidden, state = self.decoder.step(tokens, state, ancestry, cross)
        return self.logits(hidden), state

    def logits(self, hidden: Float[Array, "*batch width"]) -> Float[Array, "*batch vocabulary"]:
        """Scores of the next token, by the embedding that reads tokens; float32."""
        return self.decoder.tokens.logits(hidden)

    def align(
        self,
        tokens: Int[Array, "batch n"],
        offset: Int[Array, " batch"],
        cross: CrossKV,
        heads: tuple[tuple[int, int], ...] | None = None,
    ) -> Alignment:
        """How strongly each token looks at each audio position, before the softmax, in the given (layer, head)s.

        `heads` None: `config.alignment_heads`, or every head of the upper half of the layers where none are known.
        """
        c = self.config
        upper = tuple(
            (layer, head) for layer in range(c.decoder_layers // 2, c.decoder_layers) for head in range(c.heads)
        )
        hidden, _, queries = self.decoder.teach(tokens, offset, cross)
        chosen = [
            scores(queries[layer][:, head], cross[layer].keys[:, head])
            for layer, head in (heads or c.alignment_heads or upper)
        ]
        return Alignment(jnp.stack(chosen, axis=1), self.logits(hidden))
