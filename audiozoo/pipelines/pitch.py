"""The pitch of a voice or an instrument in a recording, of any length, in memory that hardly grows with it."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from audiozoo import zoo
from audiozoo.data import load_audio, stream_audio
from audiozoo.decoding import pitch as decoding
from audiozoo.decoding.viterbi import ViterbiState, advance, decided, initial_state, settled
from audiozoo.models.preset import Model
from audiozoo.pipelines.choice import Choice, chosen

TASK = "pitch"
BLOCKS = (64, 256, 1024)  # frames at once: the smallest that holds what is left, so that few programs serve all lengths
HORIZON = 2048  # frames after which a smooth path is decided even if its alternatives are still open
MARGIN = 512  # samples on each side of the centre of a frame that the model looks at

Decoder = Literal["weighted_argmax", "argmax", "viterbi"]
Decoded = tuple[np.ndarray, np.ndarray]  # frequency, confidence


class PitchTrack(NamedTuple):
    """Where there is no pitch, confidence is low and frequency means nothing."""

    time: Float[np.ndarray, " frames"]  # seconds, of the middle of each frame
    frequency: Float[np.ndarray, " frames"]  # hertz
    confidence: Float[np.ndarray, " frames"]  # in [0, 1]


def track_pitch(
    audio: Any,
    *,
    sample_rate: float | None = None,
    model: Choice = "crepe_tiny",
    decoder: Decoder = "weighted_argmax",
    fmin: float = decoding.LOWEST_FREQUENCY,
    fmax: float = decoding.HIGHEST_FREQUENCY,
    hop_seconds: float = 0.01,
    progress: Callable[[float], None] | None = None,
) -> PitchTrack:
    """The pitch at every `hop_seconds`, from the first sample on.

    Args:
        audio: the path of a sound file, or an array of samples as `audiozoo.data.load_audio` takes it.
        sample_rate: hertz, of an array; by default the model's own. A file says its rate.
        model: a pitch model: a name of the zoo, a path that `audiozoo.save` wrote, or the pair that `audiozoo.load`
            gave, which spares loading it every time.
        decoder: "weighted_argmax" takes every frame for itself; "viterbi" prefers a smooth path, which is decided
            after at most `HORIZON` frames (20 s); "argmax" is the plain bin, 20 cents wide.
        fmin, fmax: hertz, between which pitches are looked for.
        hop_seconds: rounded to whole samples of the model's rate.
        progress: is told the seconds of audio that are done, block by block.

    Raises:
        AudioError (a ValueError): audio that cannot be read.
        ValueError: a model for another task, an unknown decoder, an empty range of frequencies, or a hop below one
            sample.
    """
    if decoder not in ("weighted_argmax", "argmax", "viterbi"):
        raise ValueError(f"decoder is {decoder!r}; it must be 'weighted_argmax', 'argmax' or 'viterbi'")
    decoding.bins_between(fmin, fmax)  # refuses an empty range before any work
    name, network, variables = chosen(model, TASK)
    rate = zoo.preset(name).sample_rate
    if not 1 / rate <= hop_seconds < float("inf"):
        raise ValueError(f"hop_seconds is {hop_seconds}; it must be at least one sample, 1 / {rate} s")
    hop_length = round(hop_seconds * rate)
    config: Any = dataclasses.replace(network.config, hop_length=hop_length)
    network = network.clone(config=config)

    def logits() -> Iterator[tuple[Array, int]]:
        done = 0
        for block, count in _blocks(_pieces(audio, sample_rate, rate), hop_length):
            yield _logits(network, variables, block), count
            done += count
            if progress is not None:
                progress(done * hop_length / rate)

    decode = _smooth_path(logits(), fmin, fmax) if decoder == "viterbi" else _alone(logits(), decoder, fmin, fmax)
    frequency, confidence = (np.concatenate(parts) for parts in zip(*decode, strict=True))
    return PitchTrack(np.arange(len(frequency)) * hop_length / rate, frequency, confidence)


def _pieces(audio: Any, source_rate: float | None, sample_rate: int) -> Iterator[np.ndarray]:
    if isinstance(audio, str | os.PathLike) and source_rate is None:
        yield from stream_audio(audio, sample_rate)
    else:
        yield load_audio(audio, sample_rate, source_rate=source_rate)


def _blocks(pieces: Iterator[np.ndarray], hop_length: int) -> Iterator[tuple[np.ndarray, int]]:
    """Stretches of samples in which whole blocks of frames have all their surroundings, and how many frames count.

    The first and last `_lead` frames of a stretch do not count: they see its ends. Around the recording are zeros, as
    the model has them.
    """
    lead = _lead(hop_length)
    stretch = [(frames + 2 * lead - 1) * hop_length for frames in BLOCKS]
    held = np.zeros(lead * hop_length, np.float32)
    samples = done = 0
    for piece in pieces:
        samples += len(piece)
        held = np.concatenate([held, piece])
        while len(held) >= stretch[-1]:
            yield held[: stretch[-1]], BLOCKS[-1]
            done += BLOCKS[-1]
            held = held[BLOCKS[-1] * hop_length :]
    left = 1 + samples // hop_length - done
    while left > 0:
        frames, size = next(
            (pair for pair in zip(BLOCKS, stretch, strict=True) if pair[0] >= left), (BLOCKS[-1], stretch[-1])
        )
        yield np.pad(held[:size], (0, max(0, size - len(held)))), min(left, frames)
        held, left = held[frames * hop_length :], left - frames


def _lead(hop_length: int) -> int:
    """Frames at the edge of a stretch that see beyond it."""
    return -(-MARGIN // hop_length)


@functools.partial(jax.jit, static_argnums=0)
def _logits(network: Model, variables: Mapping[str, Any], stretch: Float[Array, " time"]) -> Float[Array, "frames 360"]:
    answer = cast(Any, network.apply(variables, stretch[None]))
    lead = _lead(cast(Any, network).config.hop_length)
    return answer.logits[0, lead:-lead]


def _alone(blocks: Iterator[tuple[Array, int]], decoder: Decoder, fmin: float, fmax: float) -> Iterator[Decoded]:
    """Every frame for itself."""
    for logits, count in blocks:
        pitch = _decode(decoder, fmin, fmax, logits)
        yield np.asarray(pitch.frequency)[:count], np.asarray(pitch.confidence)[:count]


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _decode(decoder: Decoder, fmin: float, fmax: float, logits: Float[Array, "frames 360"]) -> decoding.DecodedPitch:
    decode = decoding.decode_argmax if decoder == "argmax" else decoding.decode_weighted_argmax
    return decode(logits, fmin=fmin, fmax=fmax)


def _smooth_path(blocks: Iterator[tuple[Array, int]], fmin: float, fmax: float) -> Iterator[Decoded]:
    """Along the best path. What the future can still change is kept until it has settled, for at most `HORIZON` frames.

    Paths of music and speech, noise too, meet within hundreds of frames. Those of constant sound, such as digital
    silence, may never: any of them is as good as another then, and the best one of now is taken.
    """
    transition = decoding.log_transition()
    state = initial_state(jnp.zeros((1, decoding.BINS)))
    scores = probabilities = np.empty((0, decoding.BINS), np.float32)
    for logits, count in blocks:
        state, *found = _observe(fmin, fmax, state, logits, np.array([count]))
        more_scores, more_probabilities = (np.asarray(array)[:count] for array in found)
        scores = np.concatenate([scores, more_scores])
        probabilities = np.concatenate([probabilities, more_probabilities])
        path = settled(scores, transition)
        yield from _averaged(probabilities[: len(path)], path)
        scores, probabilities = scores[len(path) :], probabilities[len(path) :]
        if len(scores) > HORIZON:
            path, scores = decided(scores, transition, keep=HORIZON // 2)
            state = state._replace(scores=jnp.asarray(scores[-1:]))
            yield from _averaged(probabilities[: len(path)], path)
            probabilities = probabilities[len(path) :]
    yield from _averaged(probabilities, settled(scores, transition, final=True))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _observe(
    fmin: float, fmax: float, state: ViterbiState, logits: Float[Array, "frames 360"], count: Int[Array, "1"]
) -> tuple[ViterbiState, Float[Array, "frames 360"], Float[Array, "frames 360"]]:
    emissions = decoding.log_emissions(logits[None], fmin=fmin, fmax=fmax)
    state, scores = advance(state, emissions, decoding.log_transition(), count)
    return state, scores[0], decoding.in_range(logits, fmin, fmax)


def _averaged(probabilities: np.ndarray, path: np.ndarray) -> Iterator[Decoded]:
    """In blocks of few sizes, so that nothing is compiled for a new length."""
    for start in range(0, len(path), BLOCKS[-1]):
        part = slice(start, start + BLOCKS[-1])
        count = len(path[part])
        spare = next(size for size in BLOCKS if size >= count) - count
        pitch = _average(np.pad(probabilities[part], ((0, spare), (0, 0))), np.pad(path[part], (0, spare)))
        yield np.asarray(pitch.frequency)[:count], np.asarray(pitch.confidence)[:count]


_average = jax.jit(decoding.averaged)
