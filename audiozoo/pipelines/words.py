"""Times of words: symbols' moments become words', and words that attention made too long are cut short.

The rules of thumb are those of openai-whisper's `timing.py`, which faster-whisper shares.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from audiozoo.decoding.alignment import warp
from audiozoo.pipelines.tokens import Tokenizer
from audiozoo.pipelines.transcript import Word

_POSITIONS_PER_SECOND = 50  # of the encoder
_SENTENCE_END = ".。!！?？"
_LONGEST_USUAL = 0.7  # seconds: a median word is not taken for longer than this


@dataclasses.dataclass
class Timing:
    """A word in the making; times in seconds from the start of the window."""

    word: str
    tokens: list[int]
    start: float
    end: float
    probability: float


@dataclasses.dataclass
class Draft:
    """A segment in the making; times in seconds of the clip."""

    start: float
    end: float
    tokens: list[int]
    words: list[Word] = dataclasses.field(default_factory=list)


def word_timings(
    tokenizer: Tokenizer,
    tokens: Sequence[int],
    language: str,
    attention: Float[np.ndarray, "symbols positions"],
    probabilities: Float[np.ndarray, " symbols"],
) -> list[Timing]:
    """When each word is spoken.

    Args:
        tokens: the text's symbols.
        attention: one row for each symbol, and one for the end: how much its predecessor looked at each position.
        probabilities: of each symbol.
    """
    words, parts = tokenizer.split_words([*tokens, tokenizer.end], language)
    if len(parts) <= 1 or not attention.shape[1]:
        return []
    rows, positions = warp(-attention)
    arrivals = positions[np.diff(rows, prepend=-1) > 0] / _POSITIONS_PER_SECOND  # the first moment of each symbol
    borders = np.cumsum([0] + [len(part) for part in parts[:-1]])
    return [
        Timing(word, part, float(arrivals[i]), float(arrivals[j]), float(np.mean(probabilities[i:j])))
        for word, part, i, j in zip(words, parts, borders[:-1], borders[1:], strict=False)
    ]


def usual_length(timings: Sequence[Timing]) -> float:
    """The median length of the words that have one, in seconds."""
    lengths = np.array([timing.end - timing.start for timing in timings])
    lengths = lengths[lengths != 0]
    return min(_LONGEST_USUAL, float(np.median(lengths))) if len(lengths) else 0.0


def shorten_at_sentences(timings: Sequence[Timing], longest: float) -> None:
    """Around the end of a sentence a pause is easily taken for a part of the word."""
    for before, timing in itertools.pairwise(timings):
        if timing.end - timing.start > longest:
            if timing.word in _SENTENCE_END:
                timing.end = timing.start + longest
            elif before.word in _SENTENCE_END:
                timing.start = timing.end - longest


def merge_punctuation(timings: Sequence[Timing], prepended: str, appended: str) -> None:
    """Joins punctuation to the word that it belongs to; what it was is left empty."""
    following = len(timings) - 1
    for i in range(len(timings) - 2, -1, -1):
        mark, word = timings[i], timings[following]
        if mark.word.startswith(" ") and mark.word.strip() in prepended:
            word.word, word.tokens = mark.word + word.word, mark.tokens + word.tokens
            mark.word, mark.tokens = "", []
        else:
            following = i
    before = 0
    for i in range(1, len(timings)):
        word, mark = timings[before], timings[i]
        if not word.word.endswith(" ") and mark.word in appended:
            word.word, word.tokens = word.word + mark.word, word.tokens + mark.tokens
            mark.word, mark.tokens = "", []
        else:
            before = i


def give_words(
    drafts: Sequence[Draft],
    timings: Sequence[Timing],
    tokenizer: Tokenizer,
    *,
    offset: float,
    last_speech: float,
    usual: float,
) -> None:
    """Deals the words of a window out to its segments, and fits the segments' times to them.

    `offset` is where the window starts and `last_speech` where speech ended before it, in seconds of the clip.
    """
    coming = iter(timings)
    for draft in drafts:
        wanted = sum(token < tokenizer.end for token in draft.tokens)
        words: list[Timing] = []
        while wanted > 0 and (timing := next(coming, None)) is not None:
            wanted -= len(timing.tokens)
            if timing.word:
                start, end = round(offset + timing.start, 2), round(offset + timing.end, 2)
                words.append(dataclasses.replace(timing, start=start, end=end))
        if words:
            _shorten_after_pause(words, last_speech, usual)
            _fit(draft, words, usual)
            last_speech = draft.end
        draft.words = [Word(word.start, word.end, word.word, word.probability) for word in words]


def _shorten_after_pause(words: list[Timing], last_speech: float, usual: float) -> None:
    """The first words after a pause do not begin before it ends."""
    first, longest = words[0], 2 * usual
    second = words[1] if len(words) > 1 else None
    too_long = first.end - first.start > longest or (second and second.end - first.start > 2 * longest)
    if first.end - last_speech > 4 * usual and too_long:
        if second and second.end - second.start > longest:
            first.end = second.start = max(second.end / 2, second.end - longest)
        first.start = max(0, first.end - longest)


def _fit(draft: Draft, words: list[Timing], usual: float) -> None:
    """The segment takes its words' times, unless an outer word is too long: that one takes the segment's."""
    first, last = words[0], words[-1]
    if first.start < draft.start - 0.5 and draft.start < first.end:
        first.start = max(0, min(first.end - usual, draft.start))
    else:
        draft.start = first.start
    if last.end > draft.end + 0.5 and draft.end > last.start:
        last.end = max(last.start + usual, draft.end)
    else:
        draft.end = last.end
