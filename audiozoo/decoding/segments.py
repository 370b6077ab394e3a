"""Probabilities of speech to segments of speech: hysteresis, least durations, padding.

The rules are those of Silero VAD's `get_speech_timestamps` (https://github.com/snakers4/silero-vad).
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Segment(NamedTuple):
    start: float  # seconds
    end: float


class _Rules(NamedTuple):
    """Probabilities, and durations in samples."""

    threshold: float
    release: float
    min_speech: int
    min_silence: int
    min_pause: int
    max_speech: float  # may be infinite


def speech_segments(
    probabilities: Float[np.ndarray, " chunks"],
    *,
    chunk_length: int = 512,
    sample_rate: int = 16_000,
    samples: int | None = None,
    threshold: float = 0.5,
    neg_threshold: float | None = None,
    min_speech_duration: float = 0.25,
    min_silence_duration: float = 0.1,
    speech_pad: float = 0.03,
    max_speech_duration: float = math.inf,
    min_pause_duration: float = 0.098,
) -> list[Segment]:
    """Where there is speech, in order and without overlap. Durations are in seconds, rounded to whole samples.

    Args:
        probabilities: of speech, one for each chunk.
        chunk_length: samples of a chunk.
        sample_rate: hertz.
        samples: of the whole recording, if its last chunk was filled up; no segment ends later.
        threshold: speech begins where the probability is at least this,
        neg_threshold: and ends where it falls below this (by default 0.15 less, but at least 0.01)
        min_silence_duration: for as long as this.
        min_speech_duration: only segments longer than this are kept.
        speech_pad: added at both ends; neighbours share what lies between them.
        max_speech_duration: longer segments are cut at their longest pause, or where they get too long.
        min_pause_duration: a pause at which such a segment may be cut is longer than this.

    Raises:
        ValueError: not a row of probabilities, a threshold that is none, or a negative duration.
    """
    values = np.asarray(probabilities)
    if values.ndim != 1:
        raise ValueError(f"probabilities have shape {values.shape}; they are one row, a number for each chunk")
    if np.isnan(values).any():
        raise ValueError("probabilities contain NaN")
    release = max(threshold - 0.15, 0.01) if neg_threshold is None else neg_threshold
    if not 0 <= release <= max(threshold, 0.01) or threshold > 1:
        raise ValueError(f"threshold {threshold} and neg_threshold {release} must be in order, and within 0 and 1")
    durations = (min_speech_duration, min_silence_duration, min_pause_duration, speech_pad)
    if not all(0 <= duration < math.inf for duration in durations) or not max_speech_duration >= 0:
        raise ValueError(f"durations must be finite and not negative: {(*durations, max_speech_duration)}")
    min_speech, min_silence, min_pause, pad = (round(duration * sample_rate) for duration in durations)
    longest = round(max_speech_duration * sample_rate) if math.isfinite(max_speech_duration) else math.inf
    total = values.size * chunk_length if samples is None else samples
    rules = _Rules(threshold, release, min_speech, min_silence, min_pause, longest - chunk_length - 2 * pad)
    spans = _spans(values.tolist(), chunk_length, total, rules)
    return [Segment(start / sample_rate, end / sample_rate) for start, end in _padded(spans, pad, total)]


def _spans(probabilities: Iterable[float], chunk: int, total: int, rules: _Rules) -> list[tuple[int, int]]:
    """(start, end) in samples of every stretch of speech, not yet padded."""
    spans: list[tuple[int, int]] = []
    pauses: list[tuple[int, int]] = []  # in this speech, long enough to cut there
    start: int | None = None  # of this speech
    quiet: int | None = None  # since when it has been too quiet
    for index, probability in enumerate(probabilities):
        now = index * chunk
        if probability >= rules.threshold:
            if quiet is not None and now - quiet > rules.min_pause:
                pauses.append((quiet, now))
            quiet = None
        if start is None:
            start = now if probability >= rules.threshold else None
            continue
        if now - start > rules.max_speech:
            if not pauses:
                spans.append((start, now))
                start = quiet = None
                continue
            end, resumed = max(pauses, key=lambda pause: pause[1] - pause[0])
            spans.append((start, end))
            start, quiet, pauses = resumed, None, []
        if probability < rules.release:
            quiet = now if quiet is None else quiet
            if now - quiet >= rules.min_silence:
                if quiet - start > rules.min_speech:
                    spans.append((start, quiet))
                start, quiet, pauses = None, None, []
    if start is not None and total - start > rules.min_speech:
        spans.append((start, total))
    return spans


def _padded(spans: Sequence[tuple[int, int]], pad: int, total: int) -> list[tuple[int, int]]:
    """Wider by `pad` at both ends, or to the middle of a gap that is too narrow for it."""
    starts, ends = [list(side) for side in zip(*spans, strict=True)] or ([], [])
    for index in range(1, len(spans)):
        gap = starts[index] - ends[index - 1]
        share = pad if gap >= 2 * pad else gap // 2
        ends[index - 1] = min(total, ends[index - 1] + share)
        starts[index] -= share
    if spans:
        starts[0], ends[-1] = max(0, starts[0] - pad), min(total, ends[-1] + pad)
    return list(zip(starts, ends, strict=True))
