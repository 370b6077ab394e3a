"""Real speech through published weights."""

import numpy as np
import pytest

from audiozoo.data import load_audio
from audiozoo.pipelines import Transcriber, transcribe
from tests import recordings

pytestmark = pytest.mark.weights
KENNEDY = "And so my fellow Americans ask not what your country can do for you ask what you can do for your country."


@pytest.fixture(scope="module")
def tiny():
    return Transcriber.load("whisper_tiny_en")


def test_kennedy(tiny):
    found = transcribe(recordings.jfk(), model=tiny, beam_size=1)
    assert found.text == KENNEDY and found.duration == 11.0
    assert all(segment.temperature == 0 for segment in found.segments)


def test_words_are_in_order_and_where_they_are_said(tiny):
    found = tiny(recordings.jfk(), beam_size=1, word_timestamps=True)
    words = [word for segment in found.segments for word in segment.words]
    assert "".join(word.word for word in words).strip() == found.text
    borders = [time for word in words for time in (word.start, word.end)]
    assert borders == sorted(borders) and borders[0] < 0.5 and 10 < borders[-1] <= 11
    loudness = np.abs(load_audio(recordings.jfk(), 16_000))
    pause = loudness[int(2.3 * 16_000) : int(3.2 * 16_000)].mean()
    assert pause < loudness.mean() / 4  # between "Americans" and "ask not" he pauses
    (ask,) = [word for word in words if word.word == " ask" and word.end < 5]
    assert 3.0 < ask.end < 4.2


@pytest.mark.parametrize("seconds", [0.2, 31.0])
def test_silence_has_no_text(tiny, seconds):
    found = tiny(np.zeros(round(seconds * 16_000), np.float32))
    assert found.text == "" and found.duration == seconds


def test_speech_after_a_long_silence_is_found(tiny):
    speech = load_audio(recordings.jfk(), 16_000)
    found = tiny(np.concatenate([np.zeros(40 * 16_000, np.float32), speech]), beam_size=1)
    assert "what your country can do for you" in found.text
    assert found.segments[0].start >= 30 and found.segments[-1].end == pytest.approx(51, abs=1)


def test_speech_alone_has_the_times_of_the_recording(tiny):
    """The telephone recording begins with 6.7 s without speech."""
    found = tiny(recordings.telephone(), beam_size=1, vad=True)
    first = min(turn.start for turn in recordings.telephone_turns())
    assert found.duration == pytest.approx(30, abs=0.1)
    assert abs(found.segments[0].start - first) < 1.0
    assert found.segments[-1].end <= found.duration
    silent = tiny(np.zeros(32_000, np.float32), beam_size=1, vad=True)
    assert silent.segments == () and silent.duration == 2.0


def test_english_is_detected():
    base = Transcriber.load("whisper_base")
    found = base(recordings.jfk(), beam_size=1)
    assert found.language == "en" and found.language_probability > 0.9
    assert next(iter(base.detect_language(recordings.jfk()))) == "en"
    assert "ask not what your country can do for you" in found.text
