"""Known pitches, synthesised, and the published weights."""

import numpy as np
import pytest

import audiozoo
from audiozoo.pipelines import track_pitch

pytestmark = pytest.mark.weights

RATE = 16_000
VOWELS = {  # formants: hertz, bandwidth, amplitude
    "a": ((730, 90, 1), (1090, 110, 0.5), (2440, 160, 0.1)),
    "i": ((270, 60, 1), (2290, 120, 0.2), (3010, 160, 0.1)),
    "u": ((300, 60, 1), (870, 90, 0.1), (2240, 150, 0.02)),
}


def sung(frequency, vowel=None):
    """Harmonics of a moving frequency: a sawtooth, or one shaped by a vowel's formants."""
    phase, samples = 2 * np.pi * np.cumsum(frequency) / RATE, np.zeros(len(frequency))
    for harmonic in range(1, 41):
        at = harmonic * frequency
        shape = sum(a / (1 + ((at - f) / width) ** 2) for f, width, a in VOWELS[vowel]) if vowel else 1
        samples += np.where(at < 7600, shape / harmonic, 0) * np.sin(harmonic * phase + harmonic**2)
    return (0.3 * samples / np.abs(samples).max()).astype(np.float32)


def errors(track, frequency):
    """Cents, in the frames of more than 0.8 confidence, and how many of all frames these are."""
    at = np.minimum(np.round(track.time * RATE).astype(int), len(frequency) - 1)
    confident = track.confidence > 0.8
    return (1200 * np.log2(track.frequency / frequency[at]))[confident], confident.mean()


@pytest.fixture(scope="module", params=["crepe_tiny", "crepe_full"])
def model(request):
    return {"model": audiozoo.load(request.param)}


@pytest.mark.parametrize("decoder", ["weighted_argmax", "viterbi"])
def test_a_sweep_over_three_octaves(model, decoder):
    frequency = 100 * 2 ** (np.linspace(0, 3, 4 * RATE))
    cents, confident = errors(track_pitch(sung(frequency), decoder=decoder, **model), frequency)
    assert confident > 0.9
    assert np.median(np.abs(cents)) < 4
    assert np.mean(np.abs(cents) < 10) > 0.93
    assert np.abs(cents).max() < 20


@pytest.mark.parametrize("vowel", VOWELS)
def test_sung_notes_with_vibrato(model, vowel):
    """Six notes of half a second each, away from the steps between them: every note's mean, and every frame."""
    notes = np.repeat(220 * 2 ** (np.arange(6) / 6), RATE // 2)
    frequency = notes * 2 ** (0.3 * np.sin(2 * np.pi * 5.5 * np.arange(len(notes)) / RATE) / 12)
    track = track_pitch(sung(frequency, vowel), decoder="viterbi", **model)
    heard = 0
    for note in range(6):
        steady = slice(50 * note + 5, 50 * note + 45)
        cents, confident = errors(type(track)(*(array[steady] for array in track)), frequency)
        if confident > 0.2:  # the tiny model is sure of few frames of some notes
            heard += 1
            assert abs(cents.mean()) < 10
            assert np.abs(cents).max() < 20
    assert heard >= 4
