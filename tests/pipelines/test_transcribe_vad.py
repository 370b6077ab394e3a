"""Speech found before it is transcribed: by a model that is loaded once, and says how far it is."""

import dataclasses

import pytest

from audiozoo import zoo
from audiozoo.pipelines import transcribe
from tests.models.silero_weights import random_variables
from tests.pipelines import toy_whisper


@pytest.fixture
def loads(monkeypatch):
    """What was loaded, and from where it might come."""
    asked = []
    variables = random_variables(zoo.create("silero_vad_v6"))

    def load(name, *, offline=None):
        asked.append((name, offline))
        return zoo.preset(name).model, variables

    monkeypatch.setattr(zoo, "load", load)
    return asked


def test_the_model_that_finds_speech_is_loaded_once(tmp_path, loads):
    ready = dataclasses.replace(toy_whisper.transcriber(tmp_path), offline=True)
    for seconds in (0.5, 1.0):
        transcribe([toy_whisper.noise(seconds)] * 2, model=ready, vad=True, beam_size=1, temperature=0.0)
    assert loads == [("silero_vad_v6", True)]


def test_it_is_not_loaded_where_nobody_asks(tmp_path, loads):
    transcribe(toy_whisper.noise(0.5), model=toy_whisper.transcriber(tmp_path), beam_size=1, temperature=0.0)
    assert not loads


def test_it_says_how_far_it_is(tmp_path, loads):
    told, ready = [], toy_whisper.transcriber(tmp_path)
    clip = toy_whisper.noise(10.0)
    transcribe(clip, model=ready, vad=True, vad_progress=told.append, beam_size=1, temperature=0.0)
    assert told == pytest.approx([8.192, 10.0])
