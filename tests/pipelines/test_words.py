import numpy as np
import pytest

from audiozoo.pipelines import words
from audiozoo.pipelines.tokens import Tokenizer
from audiozoo.pipelines.words import Draft, Timing
from tests.pipelines.toy_whisper import write_tokenizer


@pytest.fixture
def tokenizer(tmp_path):
    write_tokenizer(tmp_path / "tokenizer.json", 256)
    return Tokenizer(tmp_path / "tokenizer.json")


def test_a_word_lasts_from_its_first_symbol_to_the_next_words(tokenizer):
    text = tokenizer.encode(" ab cde")
    attention = np.full((len(text) + 1, 8 * 10), -1.0, np.float32)
    for symbol in range(len(text) + 1):
        attention[symbol, 10 * symbol : 10 * symbol + 10] = 1.0
    likely = np.arange(len(text)) / 10
    first, second = words.word_timings(tokenizer, text, "en", attention, likely)
    assert (first.word, second.word) == (" ab", " cde")
    np.testing.assert_allclose([first.start, first.end, second.start, second.end], [0, 0.6, 0.6, 1.4], atol=0.021)
    np.testing.assert_allclose([first.probability, second.probability], [0.1, 0.45])


def test_no_text_or_no_audio_has_no_words(tokenizer):
    assert words.word_timings(tokenizer, [], "en", np.zeros((1, 5)), np.zeros(0)) == []
    assert words.word_timings(tokenizer, tokenizer.encode(" a"), "en", np.zeros((3, 0)), np.zeros(2)) == []
    assert words.usual_length([]) == 0.0


def test_punctuation_goes_to_its_word():
    timings = [Timing(text, [i], i, i + 1, 1.0) for i, text in enumerate([" He", " said", ":", ' "', "Yes", "!", '"'])]
    words.merge_punctuation(timings, '"', ':!"')
    assert [timing.word for timing in timings if timing.word] == [" He", " said:", ' "Yes!"']


def test_words_are_dealt_to_their_segments_and_move_their_borders(tokenizer):
    first, second = tokenizer.encode(" ab"), tokenizer.encode(" c")
    drafts = [Draft(10.0, 11.0, [266, *first, 280]), Draft(11.0, 12.0, [280, *second, 290])]
    timings = [Timing(" ab", first, 0.1, 0.5, 0.9), Timing(" c", second, 1.2, 1.6, 0.8)]
    words.give_words(drafts, timings, tokenizer, offset=10.0, last_speech=10.0, usual=0.4)
    assert [(d.start, d.end, [w.word for w in d.words]) for d in drafts] == [
        (10.1, 10.5, [" ab"]),
        (11.2, 11.6, [" c"]),
    ]
