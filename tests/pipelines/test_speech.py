import jax
import numpy as np
import pytest
import soundfile

from audiozoo import zoo
from audiozoo.data import AudioError
from audiozoo.decoding.segments import speech_segments
from audiozoo.pipelines import speech
from tests.models.silero_weights import random_variables
from tests.recordings import jfk, telephone, telephone_turns

BLOCK = speech.BLOCK_CHUNKS * 512
MODEL = zoo.create("silero_vad_v6")


@pytest.fixture(scope="module")
def variables():
    return random_variables(MODEL)


def noise(samples):
    return (0.3 * np.random.default_rng(0).standard_normal(samples)).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 512, 5_000, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 700])
def test_a_stream_of_blocks_is_the_whole(variables, samples):
    x = noise(samples)
    found = speech.speech_probabilities(x, model=(MODEL, variables))
    whole = jax.jit(MODEL.apply)(variables, x[None])
    assert found.samples == samples and found.probabilities.shape == (-(-samples // 512),)
    np.testing.assert_allclose(found.probabilities, whole.probabilities[0], atol=1e-6)


def test_every_length_runs_the_same_program(variables):
    speech.speech_probabilities(noise(100), model=(MODEL, variables))
    programs = speech._step._cache_size()
    for samples in (1, 600, 20_000, BLOCK + 3):
        speech.speech_probabilities(noise(samples), model=(MODEL, variables))
    assert speech._step._cache_size() == programs


def test_a_file_answers_as_its_samples(variables, tmp_path):
    x = noise(BLOCK + 12_345)
    soundfile.write(tmp_path / "语音.wav", x, 16_000, subtype="FLOAT")
    of_file = speech.speech_probabilities(tmp_path / "语音.wav", model=(MODEL, variables))
    of_array = speech.speech_probabilities(x, sample_rate=16_000, model=(MODEL, variables))
    np.testing.assert_array_equal(of_file.probabilities, of_array.probabilities)
    assert of_file.samples == of_array.samples == x.size


def test_audio_at_another_rate_is_resampled(variables):
    found = speech.speech_probabilities(noise(44_100), sample_rate=44_100, model=(MODEL, variables))
    assert found.samples == pytest.approx(16_000, abs=2)


def test_segments_are_those_of_the_probabilities(variables):
    x = noise(60_000)
    values = speech.speech_probabilities(x, model=(MODEL, variables)).probabilities
    settings = {"threshold": float(np.median(values)), "min_speech_duration": 0.05, "speech_pad": 0.0}
    found = speech.detect_speech(x, model=(MODEL, variables), **settings)
    assert found == speech_segments(values, samples=60_000, **settings)
    assert found


def test_progress_is_told_in_seconds(variables):
    told = []
    speech.speech_probabilities(noise(BLOCK + 1_600), model=(MODEL, variables), progress=told.append)
    assert told == pytest.approx([BLOCK / 16_000, BLOCK / 16_000 + 0.1])


def test_a_model_for_another_task_is_refused():
    with pytest.raises(ValueError, match=r"crepe_tiny is for pitch, not for voice-activity.*silero_vad_v6"):
        speech.detect_speech(noise(100), model="crepe_tiny")


@pytest.mark.parametrize("audio", [np.zeros(0, np.float32), np.full(10, np.nan), np.zeros(5, np.int32), "nowhere.wav"])
def test_bad_audio_is_one_clear_line(variables, audio):
    with pytest.raises(AudioError) as error:
        speech.detect_speech(audio, model=(MODEL, variables))
    assert "\n" not in str(error.value)


@pytest.mark.weights
def test_silence_has_no_speech():
    assert speech.detect_speech(np.zeros(48_000, np.float32)) == []


@pytest.mark.weights
def test_speech_is_found_where_people_heard_it():
    """At most 2 % of the labelled speech missed, and as much found where none is labelled."""
    frames = np.arange(0, 30, 0.01)
    inside = lambda spans: np.any([(a <= frames) & (frames < b) for a, b in spans], axis=0)
    truth = inside([(turn.start, turn.end) for turn in telephone_turns()])
    found = inside(speech.detect_speech(telephone()))
    assert (truth & ~found).sum() < 0.02 * truth.sum()
    assert (found & ~truth).sum() < 0.02 * truth.sum()


@pytest.mark.weights
def test_longer_silences_join_segments():
    apart = speech.detect_speech(jfk())
    together = speech.detect_speech(jfk(), min_silence_duration=2.0)
    assert len(apart) > 1 and len(together) == 1
