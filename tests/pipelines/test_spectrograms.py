"""Pictures of transforms: what is in them is read from their columns; that they are fair was looked at."""

import dataclasses
import tracemalloc

import matplotlib.image
import numpy as np
import pytest
import soundfile

from audiozoo.data import AudioError
from audiozoo.pipelines import canvas, draw_spectrogram, spectrograms
from audiozoo.pipelines.spectrograms import KINDS, columns

RATE = 16_000
TONE = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.float32)
BY_FREQUENCY = [kind for kind in KINDS if kind not in ("mfcc", "lfcc", "chroma", "tempogram", "percussive", "pcen")]


def labelled(kind, row, found):
    """What a vertical axis says at a row, between its labels."""
    rows = KINDS[kind].rows(found.sample_rate, found.hop_length, found.values.shape[1])
    order = np.argsort(rows.positions)
    at = np.asarray(rows.positions)[order]
    says = np.array([float(name.replace(",", "")) for name in rows.names])[order]
    return np.interp(row, at, says)


@pytest.mark.parametrize("kind", KINDS)
def test_any_kind_is_a_picture(tmp_path, kind):
    path = draw_spectrogram(TONE, sample_rate=RATE, kind=kind, path=tmp_path / "a.png", title="a tone")
    image = matplotlib.image.imread(path)
    assert image.shape[1] > 1200 and image[..., :3].std() > 0.05
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("kind", BY_FREQUENCY)
def test_a_tone_is_where_the_axis_says(kind):
    found = columns(TONE, kind, RATE)
    middle = found.values[len(found.values) // 4 : -len(found.values) // 4]
    assert labelled(kind, middle.mean(axis=0).argmax(), found) == pytest.approx(1000, rel=0.08)
    assert found.seconds == 1.0 and 1.0 <= found.covered < 1.1
    assert found.values.max() == 0 and found.values.min() >= -spectrograms.RANGE_DB


def test_a_click_is_when_it_was():
    click = np.zeros(RATE, np.float32)
    click[RATE // 2] = 1.0
    for kind in ("stft", "mel", "reassigned", "cqt", "wavelet", "packets", "percussive"):
        found = columns(click, kind, RATE)
        loudest = (10 ** (found.values / 10)).sum(axis=1).argmax()
        assert (loudest + 0.5) * found.covered / len(found.values) == pytest.approx(0.5, abs=0.02), kind


def test_pitch_classes_have_their_names():
    a4 = np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE).astype(np.float32)
    found = columns(a4, "chroma", RATE)
    assert KINDS["chroma"].rows(0, 0, 12).names[found.values.mean(axis=0).argmax()] == "A"


def test_a_click_track_has_its_tempo():
    rate, beats = 22_050, np.zeros(22_050 * 10, np.float32)
    beats[:: rate // 2] = 1.0  # 120 a minute
    found = columns(beats, "tempogram", rate)
    strong = labelled("tempogram", found.values.mean(axis=0)[40:].argmax() + 40, found)
    assert strong == pytest.approx(120, rel=0.05) or strong == pytest.approx(240, rel=0.05)


@pytest.mark.parametrize("kind", ["stft", "mel", "cqt", "wavelet"])
def test_blocks_join_without_a_seam(monkeypatch, kind):
    """In blocks of half a second, every column is what it is in one block."""
    noise = np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    whole = columns(noise, kind, RATE)
    monkeypatch.setitem(KINDS, kind, dataclasses.replace(KINDS[kind], block_seconds=0.512))
    parts = columns(noise, kind, RATE)
    assert parts.values.shape == whole.values.shape
    assert np.abs(parts.values - whole.values).max() < (1.5 if kind in ("cqt", "wavelet") else 0.01)


def test_hours_take_no_more_memory_than_minutes(tmp_path):
    path = tmp_path / "hours.wav"
    soundfile.write(path, np.zeros(2 * 3600 * 200, np.int16), 200)  # two hours at a rate of 200 Hz
    columns(np.zeros(60_000, np.float32), "mel", 1000)  # compiles
    told = []
    tracemalloc.start()
    try:
        found = columns(path, "mel", progress=told.append)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.seconds == 7200 and len(found.values) <= canvas.MOST_COLUMNS
    assert told[-1] == 7200 and len(told) > 200
    assert peak < 10e6, f"{peak / 1e6:.0f} MB"  # the samples alone would be 29 MB


@pytest.mark.parametrize("kind", KINDS)
def test_silence_and_a_single_sample_are_finite(kind):
    for samples in (np.zeros(3000, np.float32), np.ones(1, np.float32)):
        found = columns(samples, kind, RATE)
        assert np.isfinite(found.values).all() and len(found.values)
    if KINDS[kind].is_power:
        assert columns(np.zeros(3000, np.float32), kind, RATE).values.max() <= -spectrograms.RANGE_DB / 2


def test_a_file_is_the_array_in_it(tmp_path):
    soundfile.write(tmp_path / "a.wav", TONE, RATE, subtype="FLOAT")
    np.testing.assert_array_equal(columns(tmp_path / "a.wav", "mel").values, columns(TONE, "mel", RATE).values)


def test_bad_requests_are_clear(tmp_path):
    with pytest.raises(ValueError, match="no spectrogram is called 'mal'; there are mel, stft"):
        draw_spectrogram(TONE, sample_rate=RATE, kind="mal", path=tmp_path / "a.png")
    with pytest.raises(ValueError, match="an array does not say its rate"):
        draw_spectrogram(TONE, path=tmp_path / "a.png")
    with pytest.raises(ValueError, match="a picture's name ends in one of"):
        draw_spectrogram(TONE, sample_rate=RATE, path=tmp_path / "a.gif3")
    with pytest.raises(AudioError, match="a file says its own"):
        draw_spectrogram(tmp_path / "a.wav", sample_rate=RATE, path=tmp_path / "a.png")
    with pytest.raises(AudioError, match="there is no such file"):
        draw_spectrogram(tmp_path / "a.wav", path=tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
