"""The published tokenizers, as faster-whisper and openai-whisper understand them."""

import numpy as np
import pytest

from audiozoo import zoo
from audiozoo.pipelines.tokens import Tokenizer

pytestmark = [pytest.mark.oracle, pytest.mark.weights]
TEXTS = (
    " And so, my fellow Americans; it's 5:30 p.m.",
    " Grüße – „Ja“, sagte er.",
    " 日本語のテキスト🎉です",
    " ไทย ♪ [noise] -",
)


@pytest.fixture(scope="module", params=["whisper_tiny_en", "whisper_base"])
def name(request):
    return request.param


@pytest.fixture(scope="module")
def ours(name):
    return Tokenizer(zoo.files(name)["tokenizer"])


@pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning")
def test_symbols_are_openai_whispers(name, ours):
    from whisper.tokenizer import get_tokenizer

    multilingual = name == "whisper_base"
    theirs = get_tokenizer(multilingual, num_languages=99, language="en" if multilingual else None)
    assert ours.non_speech == theirs.non_speech_tokens
    if multilingual:  # tiny.en's file still calls Hebrew "iw", which no one needs of it
        assert ours.languages == dict(zip(theirs.all_language_codes, theirs.all_language_tokens, strict=True))
    assert (ours.end, ours.start, ours.first_timestamp) == (theirs.eot, theirs.sot, theirs.timestamp_begin)
    assert (ours.no_speech, ours.no_timestamps) == (theirs.no_speech, theirs.no_timestamps)
    assert (ours.transcribe, ours.translate) == (theirs.transcribe, theirs.translate)
    assert (ours.start_of_previous, ours.start_of_lm) == (theirs.sot_prev, theirs.sot_lm)
    for text in TEXTS:
        assert ours.encode(text) == theirs.encode(text)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_words_are_faster_whispers(name, ours, language):
    import tokenizers
    from faster_whisper.tokenizer import Tokenizer as Theirs

    known = tokenizers.Tokenizer.from_file(str(zoo.files(name)["tokenizer"]))
    theirs = Theirs(known, multilingual=name == "whisper_base", task="transcribe", language=language)
    theirs.language_code = language
    rng = np.random.default_rng(0)
    texts = [[*ours.encode(text), ours.end] for text in TEXTS]
    texts += [rng.integers(0, 50_000, 30).tolist() for _ in range(20)]  # broken characters, mostly
    for symbols in texts:
        assert ours.split_words(symbols, language) == tuple(theirs.split_to_word_tokens(symbols))
