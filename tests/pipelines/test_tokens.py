import pytest

from audiozoo.pipelines.tokens import Tokenizer
from tests.pipelines.toy_whisper import write_tokenizer


@pytest.fixture
def tokenizer(tmp_path):
    write_tokenizer(tmp_path / "tokenizer.json", 256)
    return Tokenizer(tmp_path / "tokenizer.json")


def test_special_symbols_and_languages(tokenizer):
    assert (tokenizer.end, tokenizer.start, tokenizer.no_timestamps, tokenizer.first_timestamp) == (256, 257, 265, 266)
    assert tokenizer.languages == {"en": 258, "de": 259}


@pytest.mark.parametrize("text", ["", " Hello, you.", "Grüße", "日本語 🎉", "<|endoftext|>x\n"])
def test_text_comes_back(tokenizer, text):
    symbols = tokenizer.encode(text)
    if "<|" not in text:  # what looks like a special symbol is one to this tokenizer
        assert tokenizer.decode(symbols) == text
    assert tokenizer.decode([tokenizer.first_timestamp, *tokenizer.encode("a"), tokenizer.end]) == "a"


def test_words_begin_with_spaces(tokenizer):
    words, parts = tokenizer.split_words([*tokenizer.encode(" Grüße, dir 日"), tokenizer.end], "de")
    assert words == [" Grüße", ",", " dir", " 日", ""]
    assert [tokenizer.decode(part) for part in parts] == words


def test_without_spaces_words_are_characters(tokenizer):
    words, _ = tokenizer.split_words(tokenizer.encode("日本x"), "ja")
    assert words == ["日", "本", "x"]


def test_a_character_that_is_really_broken_ends_a_word(tokenizer):
    half = tokenizer.encode("日")[:1]
    words, parts = tokenizer.split_words([*half, *tokenizer.encode(" a")], "en")
    assert [symbol for part in parts for symbol in part] == [*half, *tokenizer.encode(" a")] and words[-1] == " a"


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ValueError, match=r"a\.json is not a tokenizer"):
        Tokenizer(tmp_path / "a.json")
