import hashlib

import numpy as np
import pytest
import soundfile

from audiozoo import data, weights
from tests import recordings


def test_an_unknown_recording_names_the_known_ones():
    with pytest.raises(KeyError, match=r"'kennedy'.*jfk, telephone, arctic"):
        data.recording("kennedy")


def test_a_recording_is_fetched_by_name(monkeypatch):
    asked = []
    monkeypatch.setattr(weights, "fetch", lambda source, **options: asked.append((source, options)))
    data.recording("jfk", offline=True)
    assert asked == [(data.RECORDINGS["jfk"].audio, {"offline": True, "progress": None})]


@pytest.mark.weights
@pytest.mark.parametrize(
    ("name", "seconds", "sha256"),
    [
        ("jfk", 11.0, "59dfb9a4acb36fe2a2affc14bacbee2920ff435cb13cc314a08c13f66ba7860e"),
        ("telephone", 30.0, ""),
        ("arctic", 4.0, ""),
    ],
)
def test_recordings_are_what_they_say(name, seconds, sha256):
    path = data.recording(name)
    assert soundfile.info(path).samplerate == 16000
    assert data.duration(path) == pytest.approx(seconds, abs=0.01)
    assert np.abs(data.load_audio(path, 16000)).max() > 0.1
    assert not sha256 or hashlib.sha256(path.read_bytes()).hexdigest() == sha256


@pytest.mark.weights
def test_the_telephone_talk_knows_its_turns_and_words():
    turns, sentences = recordings.telephone_turns(), recordings.telephone_text()
    assert len(turns) == 10 and len({turn.speaker for turn in turns}) == 2
    assert turns[0].start == pytest.approx(6.69) and turns[-1].end == pytest.approx(30.0)
    assert all(0 < turn.start < turn.end <= 30.01 for turn in [*turns, *sentences])
    assert sentences[0].text == "Hello?" and len(sentences) == 13


@pytest.mark.weights
def test_prompts_have_their_texts():
    prompts = recordings.prompts()
    assert len(prompts) == recordings.PROMPTS
    by_name = {prompt.name: prompt for prompt in prompts}
    assert by_name["activated"].text == "Activated."
    assert not by_name["silence/4"].spoken and not by_name["beep"].spoken
    assert sum(prompt.spoken for prompt in prompts) == 542
    assert soundfile.info(by_name["digits/7"].path).samplerate == 8000
