"""Where there is speech in a recording, of any length, in memory that does not grow with it."""

import functools
import math
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from audiozoo import zoo
from audiozoo.data import load_audio, stream_audio
from audiozoo.decoding.segments import Segment, speech_segments
from audiozoo.models.preset import Model
from audiozoo.pipelines.choice import Choice, chosen

TASK = "voice-activity"
BLOCK_CHUNKS = 256  # at once, whatever the length of a recording, so that one compiled program serves all: 8.2 s


class SpeechProbabilities(NamedTuple):
    """What `speech_segments` decides on; chunk `i` begins at `i * chunk_length / sample_rate` seconds."""

    probabilities: Float[np.ndarray, " chunks"]
    chunk_length: int  # samples
    sample_rate: int  # hertz
    samples: int  # of the recording at that rate


def detect_speech(
    audio: Any,
    *,
    sample_rate: float | None = None,
    model: Choice = "silero_vad_v6",
    threshold: float = 0.5,
    neg_threshold: float | None = None,
    min_speech_duration: float = 0.25,
    min_silence_duration: float = 0.1,
    speech_pad: float = 0.03,
    max_speech_duration: float = math.inf,
    progress: Callable[[float], None] | None = None,
) -> list[Segment]:
    """Segments of speech, with their start and end in seconds.

    Args:
        audio, sample_rate, model, progress: as for `speech_probabilities`.
        threshold, neg_threshold, min_speech_duration, min_silence_duration, speech_pad, max_speech_duration: as for
            `audiozoo.decoding.segments.speech_segments`.

    Raises:
        ValueError: audio that cannot be read, a model for another task, or settings out of range.
    """
    found = speech_probabilities(audio, sample_rate=sample_rate, model=model, progress=progress)
    return speech_segments(
        found.probabilities,
        chunk_length=found.chunk_length,
        sample_rate=found.sample_rate,
        samples=found.samples,
        threshold=threshold,
        neg_threshold=neg_threshold,
        min_speech_duration=min_speech_duration,
        min_silence_duration=min_silence_duration,
        speech_pad=speech_pad,
        max_speech_duration=max_speech_duration,
    )


def speech_probabilities(
    audio: Any,
    *,
    sample_rate: float | None = None,
    model: Choice = "silero_vad_v6",
    progress: Callable[[float], None] | None = None,
) -> SpeechProbabilities:
    """The probability of speech in every chunk (of 32 ms).

    Args:
        audio: the path of a sound file, or an array of samples as `audiozoo.data.load_audio` takes it.
        sample_rate: hertz, of an array; by default the model's own. A file says its rate.
        model: a voice-activity model: a name of the zoo, a path that `audiozoo.save` wrote, or the pair that
            `audiozoo.load` gave, which spares loading it every time.
        progress: is told the seconds of audio that are done, block by block.

    Raises:
        AudioError (a ValueError): audio that cannot be read.
        ValueError: a model for another task.
    """
    name, network, variables = chosen(model, TASK)
    rate = zoo.preset(name).sample_rate
    chunk_length = network.config.chunk_length
    samples, answers = 0, []
    state = network.initial_state(1)
    for block in _blocks(audio, sample_rate, rate, BLOCK_CHUNKS * chunk_length):
        samples += block.size
        padded = np.pad(block, (0, BLOCK_CHUNKS * chunk_length - block.size))
        probabilities, state = _step(network, variables, padded[None], state)
        answers.append(np.asarray(probabilities[0]))
        if progress is not None:
            progress(samples / rate)
    probabilities = np.concatenate(answers)[: -(-samples // chunk_length)]
    return SpeechProbabilities(probabilities, chunk_length, rate, samples)


@functools.partial(jax.jit, static_argnums=0)
def _step(model: Model, variables: Mapping[str, Any], block: jax.Array, state: Any) -> tuple[jax.Array, Any]:
    answer, state = model.apply(variables, block, state, method="stream")
    return answer.probabilities, state


def _blocks(audio: Any, source_rate: float | None, sample_rate: int, size: int) -> Iterator[np.ndarray]:
    """All samples in blocks of `size`, the last one possibly shorter."""
    if isinstance(audio, str | os.PathLike) and source_rate is None:
        yield from stream_audio(audio, sample_rate, block_seconds=size / sample_rate)
    else:
        whole = load_audio(audio, sample_rate, source_rate=source_rate)
        yield from (whole[start : start + size] for start in range(0, whole.size, size))
