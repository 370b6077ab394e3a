"""Whisper's moves, compiled: one program each for a batch of windows.

A program is compiled once for each model, batch size, prompt bucket and set of static settings (`jax.jit`'s cache);
whatever may differ from window to window is an array.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from audiozoo.decoding import alignment, autoregressive, whisper_rules
from audiozoo.models.whisper import CrossKV, Whisper
from audiozoo.ops.checks import check_waveform

FRAME = 160  # samples from one mel frame to the next: 10 ms


def prompt_buckets(room: int) -> tuple[int, ...]:
    """Sizes of prompts, of a model with `room` for symbols: none, a short one, a full one, that and a long prefix."""
    return 4, room // 7, room // 2 + 4, room


def align_buckets(room: int) -> tuple[int, ...]:
    """Sizes of a window's text, with what stands around it."""
    return room // 14, room // 7, room // 4, room // 2 + 8


class Prompt(NamedTuple):
    """What each row of a batch is told; rows that have nothing to do have a limit of 0."""

    tokens: Int[Array, "batch prompt"]  # right-aligned
    offset: Int[Array, " batch"]  # padding at the left
    start: Int[Array, " batch"]  # where the start of transcript is
    given: Int[Array, " batch"]  # symbols after the task's: they belong to the text
    limit: Int[Array, " batch"]  # most symbols to find


class Found(NamedTuple):
    tokens: Int[Array, "batch steps"]
    lengths: Int[Array, " batch"]
    scores: Float[Array, " batch"]  # sum of log-probabilities
    no_speech: Float[Array, " batch"]


def _ask(model: Whisper, variables: Any, *args: Any, method: Any, **settings: Any) -> Any:
    return model.apply(variables, *args, method=method, **settings)


@functools.partial(jax.jit, static_argnames=("model", "pad_features"))
def encode(
    variables: Any,
    waveform: Float[Array, "batch window"],
    lengths: Int[Array, " batch"],
    *,
    model: Whisper,
    pad_features: bool,
) -> CrossKV:
    """What the decoder needs to know of each window.

    `pad_features`: beyond the clip the log-mel spectrogram is 0, as in openai-whisper and faster-whisper, and not the
    spectrogram of silence.
    """
    waveform, lengths = check_waveform(waveform, lengths)
    mel = _ask(model, variables, waveform, lengths, method="log_mel")
    if pad_features:
        mel = jnp.where(jnp.arange(mel.shape[1])[:, None] < (lengths // FRAME)[:, None, None], mel, 0.0)
    features = _ask(model, variables, mel, method=lambda whisper, mel: whisper.encoder(mel))
    return _ask(model, variables, features.astype(jnp.float32), method="cross")


@functools.partial(
    jax.jit, static_argnames=("model", "beams", "samples", "steps", "timestamps", "length_penalty", "patience")
)
def decode(
    variables: Any,
    cross: CrossKV,
    prompt: Prompt,
    grammar: whisper_rules.Grammar,
    no_speech: Int[Array, ""],
    temperature: Float[Array, " batch"] | None = None,
    keys: Key[Array, " batch"] | None = None,
    *,
    model: Whisper,
    beams: int,
    samples: int,
    steps: int,
    timestamps: bool,
    length_penalty: float,
    patience: float,
) -> Found:
    """The best text of each window: by beams without a `temperature`, else the best of `samples`."""
    width = beams if temperature is None else samples
    hidden, state = _ask(
        model, variables, prompt.tokens, prompt.offset, cross, steps=steps, beams=width, method="prefill"
    )
    at_start = jnp.take_along_axis(hidden, prompt.start[:, None, None], axis=1)
    both = _ask(model, variables, jnp.concatenate([hidden[:, -1:], at_start], axis=1), method="logits")
    first, started = both[:, 0], both[:, 1]

    def rules(logits: Array, tokens: Array, count: Array) -> Array:
        logits = whisper_rules.suppress(logits, count, grammar)
        return whisper_rules.timestamps(logits, tokens, count, grammar, prompt.given == 0) if timestamps else logits

    def step(tokens: Array, state: Any, ancestry: Array) -> tuple[Array, Any]:
        return _ask(model, variables, tokens, state, ancestry, cross, method="step")

    limits, end = {"steps": steps, "limits": prompt.limit, "given": prompt.given}, grammar.end
    if temperature is None and beams > 1:
        search = functools.partial(autoregressive.beam_search, beams=beams, patience=patience)
    else:
        search = functools.partial(autoregressive.sample, samples=width, temperature=temperature, keys=keys)
    best = search(step, first, state, rules=rules, end_token=end, length_penalty=length_penalty, **limits)
    silence = jax.nn.softmax(started)[:, no_speech]
    return Found(best.tokens, best.lengths, best.scores, silence)


@functools.partial(jax.jit, static_argnames="model")
def language_probabilities(
    variables: Any, cross: CrossKV, start: Int[Array, ""], languages: Int[Array, " languages"], *, model: Whisper
) -> Float[Array, "batch languages"]:
    """How likely each language's symbol is to follow the start of transcript."""
    batch = cross[0].keys.shape[0]
    tokens = jnp.full((batch, 1), start, jnp.int32)
    hidden, _ = _ask(model, variables, tokens, jnp.zeros(batch, jnp.int32), cross, steps=1, beams=1, method="prefill")
    logits = _ask(model, variables, hidden[:, -1], method="logits")
    return jax.nn.softmax(logits[:, languages])


@functools.partial(jax.jit, static_argnames="model")
def align(
    variables: Any,
    cross: CrossKV,
    row: Int[Array, ""],
    tokens: Int[Array, " symbols"],
    count: Int[Array, ""],
    positions: Int[Array, ""],
    end: Int[Array, ""],
    *,
    model: Whisper,
) -> tuple[Float[Array, "symbols positions"], Float[Array, " symbols"]]:
    """Where each of the first `count` tokens looks in the window of a row, and how likely its successor is as text."""
    one = jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, row, 1, 0), cross)
    found = _ask(model, variables, tokens[None], jnp.zeros(1, jnp.int32), one, method="align")
    text = jnp.where(jnp.arange(found.logits.shape[-1]) < end, found.logits[0], -jnp.inf)
    following = jnp.concatenate([tokens[1:], tokens[-1:]])
    likely = jnp.take_along_axis(jax.nn.softmax(text), following[:, None], axis=-1)[:, 0]
    return alignment.attention_map(found.scores[0], count, positions), likely
