import jax
import numpy as np
import pytest
import soundfile

from audiozoo import zoo
from audiozoo.data import AudioError
from audiozoo.pipelines import pitch as pipeline
from audiozoo.pipelines.pitch import track_pitch

RATE = 16_000
MODEL = zoo.create("crepe_tiny")
DECODERS = ["argmax", "weighted_argmax", "viterbi"]


@pytest.fixture(scope="module")
def variables():
    return jax.jit(zoo.preset("crepe_tiny").init)(jax.random.key(0))


@pytest.fixture(scope="module")
def noise():
    """12.5 s: more than a block."""
    return 0.1 * np.random.default_rng(0).standard_normal(200_000, dtype=np.float32)


@pytest.fixture(scope="module")
def whole(variables, noise):
    """The logits of the whole recording at once."""
    return jax.jit(zoo.preset("crepe_tiny").model.apply)(variables, noise[None]).logits


@pytest.mark.parametrize("decoder", DECODERS)
def test_block_by_block_is_the_whole(variables, noise, whole, decoder):
    decode = getattr(pipeline.decoding, f"decode_{decoder}")
    expected = decode(whole, fmin=60, fmax=1900)
    track = track_pitch(noise, model=(MODEL, variables), decoder=decoder, fmin=60, fmax=1900)
    np.testing.assert_allclose(track.time, np.arange(1251) * 0.01)
    np.testing.assert_allclose(track.frequency, expected.frequency[0], rtol=1e-4)
    np.testing.assert_allclose(track.confidence, expected.confidence[0], atol=1e-5)


@pytest.mark.parametrize("samples", [1, 159, 160, 63 * 160, 64 * 160 - 1, 64 * 160, 30_000])
def test_any_length_has_its_frames(variables, noise, samples):
    track = track_pitch(noise[:samples], model=(MODEL, variables))
    frames = 1 + samples // 160
    assert len(track.time) == len(track.frequency) == len(track.confidence) == frames
    alone = jax.jit(zoo.preset("crepe_tiny").model.apply)(
        variables, np.pad(noise[None, :samples], ((0, 0), (0, 30_000 - samples))), np.array([samples])
    )
    expected = pipeline.decoding.decode_weighted_argmax(alone.logits[:, :frames])
    np.testing.assert_allclose(track.frequency, expected.frequency[0], rtol=1e-4)


def test_few_programs_serve_all_lengths(variables, noise):
    def programs(*lengths):
        for samples in lengths:
            track_pitch(noise[:samples], model=(MODEL, variables), decoder="viterbi")
        return [function._cache_size() for function in (pipeline._logits, pipeline._observe)]

    assert programs(1, 30_000, 60_000) == programs(500, 9_000, 9_001, 20_000, 33_000, 44_444)
    assert pipeline._average._cache_size() <= len(pipeline.BLOCKS)


def test_a_file_is_tracked_like_its_samples(variables, noise, tmp_path):
    file = tmp_path / "noise.wav"
    soundfile.write(file, noise[:40_000], RATE, subtype="FLOAT")
    told = []
    ours, theirs = (
        track_pitch(audio, model=(MODEL, variables), progress=told.append) for audio in (file, noise[:40_000])
    )
    np.testing.assert_array_equal(ours.frequency, theirs.frequency)
    assert told and told == sorted(told[: len(told) // 2]) * 2
    other_rate = track_pitch(noise[:22_050], sample_rate=22_050, model=(MODEL, variables))
    assert len(other_rate.time) == 101


@pytest.mark.parametrize("hop_seconds, frames", [(0.005, 101), (0.05, 11), (0.4, 2)])
def test_hops(variables, noise, hop_seconds, frames):
    track = track_pitch(noise[:8000], model=(MODEL, variables), hop_seconds=hop_seconds)
    assert len(track.time) == frames
    np.testing.assert_allclose(np.diff(track.time), hop_seconds)


def test_what_cannot_be_tracked_is_refused(variables, noise):
    for settings, words in [
        ({"model": "silero_vad_v6"}, "crepe_tiny"),
        ({"decoder": "magic"}, "weighted_argmax"),
        ({"fmin": 500, "fmax": 100}, "fmin"),
        ({"hop_seconds": 0}, "hop_seconds"),
        ({"hop_seconds": float("nan")}, "hop_seconds"),
    ]:
        with pytest.raises(ValueError, match=words):
            track_pitch(noise[:100], **{"model": (MODEL, variables), **settings})
    with pytest.raises(AudioError):
        track_pitch(np.zeros(0, np.float32), model=(MODEL, variables))


def test_silence_is_finite(variables):
    assert all(np.isfinite(array).all() for array in track_pitch(np.zeros(5000, np.float32), model=(MODEL, variables)))


def test_constant_sound_does_not_pile_up(monkeypatch):
    """Digital silence: the paths of a voice's range never meet, and yet only so many frames are kept."""
    kept = []
    settled = pipeline.settled
    monkeypatch.setattr(
        pipeline, "settled", lambda scores, *a, **b: (kept.append(len(scores)), settled(scores, *a, **b))[1]
    )
    silence = np.full((1024, 360), -4.0, np.float32)
    frequency, _ = (
        np.concatenate(a) for a in zip(*pipeline._smooth_path(iter([(silence, 1024)] * 7), 50, 550), strict=True)
    )
    assert len(frequency) == 7 * 1024
    assert 2048 < max(kept) <= pipeline.HORIZON + 1024
    steps = np.abs(np.diff(np.log2(frequency))) * 60
    assert steps.max() < 12
