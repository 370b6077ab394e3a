"""Pipelines run models of the zoo, saved models, and models at hand."""

import jax
import numpy as np
import pytest

import audiozoo
from audiozoo import pipelines, zoo
from audiozoo.pipelines.choice import chosen
from audiozoo.pipelines.tokens import Tokenizer
from tests.pipelines import toy_whisper

NOISE = (0.1 * np.random.default_rng(0).standard_normal(8000)).astype(np.float32)


@pytest.fixture(scope="module")
def crepe():
    return zoo.create("crepe_tiny"), jax.jit(zoo.preset("crepe_tiny").init)(jax.random.key(0))


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch):
    """Nothing is fetched."""
    monkeypatch.setenv("AUDIOZOO_OFFLINE", "1")


def test_a_saved_model_answers_as_the_one_at_hand(crepe, tmp_path):
    path = audiozoo.save(tmp_path / "mine.safetensors", *crepe)
    saved, at_hand = (pipelines.track_pitch(NOISE, model=model) for model in (path, crepe))
    np.testing.assert_array_equal(saved.frequency, at_hand.frequency)
    assert chosen(str(path), "pitch").name == chosen(crepe, "pitch").name == "crepe_tiny"


def test_a_saved_whisper_transcribes_with_the_tokenizer_of_its_kind(tmp_path, monkeypatch):
    """A toy, which is the most like one of the English presets."""
    toy = toy_whisper.transcriber(tmp_path)
    path = audiozoo.save(tmp_path / "mine.safetensors", toy.model, toy.variables)
    asked = []
    monkeypatch.setattr(
        zoo, "files", lambda name, **_: asked.append(name) or {"tokenizer": tmp_path / "tokenizer.json"}
    )
    saved = pipelines.Transcriber.load(path)
    assert isinstance(saved.tokenizer, Tokenizer) and asked == [zoo.nearest(toy.model)]
    sound = toy_whisper.noise(1.5)
    settings = {"temperature": 0.0, "beam_size": 1}
    assert saved(sound, **settings).text == toy(sound, **settings).text != ""


@pytest.mark.parametrize("how", ["name", "path", "pair"])
def test_a_model_for_another_task_is_refused(crepe, tmp_path, how):
    model = {"name": "crepe_tiny", "path": tmp_path / "a.safetensors", "pair": crepe}[how]
    audiozoo.save(tmp_path / "a.safetensors", *crepe)
    for pipeline in (pipelines.detect_speech, pipelines.transcribe):
        with pytest.raises(ValueError, match="is for pitch, not for"):
            pipeline(NOISE, model=model)


@pytest.mark.parametrize(
    ("model", "error", "said"),
    [
        ("crepe_tinny", zoo.UnknownModel, "did you mean 'crepe_tiny'"),
        ("nowhere/model.safetensors", FileNotFoundError, "no model at nowhere"),
        (3, TypeError, "a model is a name, a path, or .* not a int"),
        ((1, 2, 3), TypeError, "a pair"),
        (("crepe_tiny", {}), TypeError, "str is no model of the zoo"),
    ],
)
def test_what_is_no_model_is_one_clear_line(model, error, said):
    with pytest.raises(error, match=said):
        pipelines.track_pitch(NOISE, model=model)
