"""The word times of openai-whisper, from the same alignment."""

import copy
import dataclasses
import itertools
from unittest import mock

import numpy as np
import pytest

from audiozoo.pipelines import words
from audiozoo.pipelines.options import Options
from audiozoo.pipelines.tokens import Tokenizer
from audiozoo.pipelines.words import Draft, Timing
from tests.pipelines.toy_whisper import write_tokenizer

pytestmark = pytest.mark.oracle


def window(tokenizer, seed):
    """Words with erratic times, some of them long, in a few segments."""
    rng = np.random.default_rng(seed)
    texts = [str(rng.choice([" ab", " c", " defg", ".", ",", ' "', "!", " hi"])) for _ in range(rng.integers(1, 25))]
    lengths = rng.choice([0.0, 0.1, 0.3, 0.5, 1.5, 4.0], len(texts)) * rng.uniform(0.5, 1.5, len(texts))
    ends = np.cumsum(lengths).round(2)
    starts = np.r_[0, ends[:-1]]
    timings = [
        Timing(text, tokenizer.encode(text), float(start), float(end), float(rng.uniform()))
        for text, start, end in zip(texts, starts, ends, strict=True)
    ]
    cuts = sorted({0, len(texts), *rng.integers(0, len(texts), 2).tolist()})
    drafts = []
    for i, j in itertools.pairwise(cuts):
        start, end = 20 + starts[i] + rng.normal() * 0.6, 20 + ends[j - 1] + rng.normal() * 0.6
        symbols = [symbol for timing in timings[i:j] for symbol in timing.tokens]
        drafts.append(Draft(float(start), float(end), [tokenizer.first_timestamp, *symbols, tokenizer.first_timestamp]))
    return timings, drafts, float(20 - rng.choice([0.0, 0.3, 5.0]))


@pytest.mark.parametrize("seed", range(40))
def test_words_are_openai_whispers(seed, tmp_path):
    from whisper import timing as theirs

    write_tokenizer(tmp_path / "tokenizer.json", 256)
    tokenizer, options = Tokenizer(tmp_path / "tokenizer.json"), Options()
    timings, drafts, last_speech = window(tokenizer, seed)
    segments = [{"start": d.start, "end": d.end, "tokens": list(d.tokens), "seek": 2000} for d in drafts]
    with mock.patch.object(theirs, "find_alignment", lambda *args, **settings: alignment):
        alignment = [theirs.WordTiming(t.word, t.tokens, t.start, t.end, t.probability) for t in copy.deepcopy(timings)]
        theirs.add_word_timestamps(
            segments=segments,
            model=None,  # type: ignore[arg-type]
            tokenizer=mock.Mock(eot=tokenizer.end),
            mel=None,  # type: ignore[arg-type]
            num_frames=3000,
            last_speech_timestamp=last_speech,
        )
    usual = words.usual_length(timings)
    words.shorten_at_sentences(timings, 2 * usual)
    words.merge_punctuation(timings, options.prepend_punctuations, options.append_punctuations)
    words.give_words(drafts, timings, tokenizer, offset=20.0, last_speech=last_speech, usual=usual)
    for draft, segment in zip(drafts, segments, strict=True):
        assert (draft.start, draft.end) == (segment["start"], segment["end"])
        assert [dataclasses.asdict(word) for word in draft.words] == segment["words"]
