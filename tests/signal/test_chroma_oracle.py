"""Chroma, its statistics, the Tonnetz and tuning against librosa."""

import functools

import jax
import librosa
import numpy as np
import pytest

from audiozoo.signal import chroma, notes
from audiozoo.signal.tuning import estimate_tuning
from tests.signal import exactness
from tests.signal.test_constant_q_oracle import close, polyphase, wide

pytestmark = pytest.mark.oracle

RATE = 22_050
TIME = np.arange(30_000) / RATE
CHORD = sum(np.sin(2 * np.pi * f * TIME) / f for f in (262.0, 330.0, 393.0, 527.0))
CHORD = 100 * CHORD + 0.01 * np.random.default_rng(0).standard_normal(len(TIME))


@pytest.mark.parametrize("n_fft", [2048, 99])
@pytest.mark.parametrize(
    "settings",
    [{}, {"n_chroma": 24, "tuning": 0.2}, {"octwidth": None, "base_c": False}, {"norm": 1}, {"ctroct": 4.0}],
    ids=str,
)
def test_filters_are_librosa_s(settings, n_fft):
    names = {"octwidth": "octave_width", "ctroct": "centre_octave"}
    ours = chroma.chroma_filters(RATE, n_fft, **{names.get(k, k): v for k, v in settings.items()})
    theirs = librosa.filters.chroma(sr=RATE, n_fft=n_fft, dtype=np.float64, **settings).T
    np.testing.assert_allclose(ours, theirs, atol=1e-14)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"bins_per_octave": 36},
        {"bins_per_octave": 24, "n_chroma": 24, "base_c": False, "fmin": 100.0},
        {"window": (0.2, 0.5, 0.2)},
        {"window": (0.2, 0.5, 0.2, 0.1)},
    ],
    ids=str,
)
def test_classes_are_librosa_s(settings):
    listed = {k: np.array(v) if k == "window" else v for k, v in settings.items()}
    theirs = librosa.filters.cq_to_chroma(80, dtype=np.float64, **listed).T
    np.testing.assert_allclose(chroma.cq_to_chroma(80, **settings), theirs, atol=1e-15)


def stft_case(norm):
    settings = {"n_fft": 1024, "hop_length": 300, "tuning": 0.1, "norm": norm}
    theirs, reference = (
        librosa.feature.chroma_stft(y=CHORD.astype(t), sr=RATE, dtype=t, **settings).T for t in (np.float32, np.float64)
    )
    return chroma.chroma_stft(CHORD.astype(np.float32), RATE, **settings), theirs, reference


@pytest.fixture
def librosa_polyphase(monkeypatch):
    wide(monkeypatch)
    monkeypatch.setattr("librosa.feature.spectral.cqt", functools.partial(librosa.cqt, res_type="polyphase"))


def test_chroma_cqt_is_librosa_s(librosa_polyphase):
    with jax.enable_x64(True):
        ours = chroma.chroma_cqt(CHORD, RATE, n_octaves=3, fmin=130.0, resampler=polyphase)
        raw = chroma.chroma_cqt(CHORD, RATE, n_octaves=3, fmin=130.0, resampler=polyphase, norm=None)
        theirs = librosa.feature.chroma_cqt(y=CHORD, sr=RATE, n_octaves=3, fmin=130.0, tuning=0).T
        close(ours, theirs, 1e-12)
        for frames in (41, 10, 1, None):
            cens = librosa.feature.chroma_cens(
                y=CHORD, sr=RATE, n_octaves=3, fmin=130.0, tuning=0, win_len_smooth=frames
            )
            close(chroma.chroma_cens(raw, smoothing=frames), cens.T, 1e-12)
        close(chroma.tonnetz(ours), librosa.feature.tonnetz(chroma=theirs.T).T, 1e-12)


@pytest.mark.parametrize("cents", [0, 17, -31, 49.9])
def test_tuning_is_librosa_s(cents):
    tones = sum(np.sin(2 * np.pi * 440 * 2 ** ((n + cents / 100) / 12) * TIME) for n in (0, 4, 7))
    signal = tones + 1e-3 * np.random.default_rng(0).standard_normal(len(TIME))
    with jax.enable_x64(True):
        np.testing.assert_allclose(estimate_tuning(signal, RATE), librosa.estimate_tuning(y=signal, sr=RATE), atol=1e-9)


def test_notes_are_librosa_s():
    for name in ("C1", "A4", "F#3", "Bb-1", "E##5"):
        assert notes.note_to_midi(name) == librosa.note_to_midi(name)
        np.testing.assert_allclose(notes.note_to_hz(name), librosa.note_to_hz(name))
    hertz = np.array([27.5, 100, 4000.0])
    np.testing.assert_allclose(notes.hz_to_midi(hertz), librosa.hz_to_midi(hertz))
    octaves = librosa.hz_to_octs(hertz, tuning=0.3, bins_per_octave=24)
    np.testing.assert_allclose(notes.hz_to_octaves(hertz, tuning=0.3, bins_per_octave=24), octaves)


EXACTNESS = {
    "chroma_stft, largest one (librosa)": lambda: stft_case(np.inf),
    "chroma_stft, Euclidean (librosa)": lambda: stft_case(2),
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    exactness.check(*EXACTNESS[transform]())
