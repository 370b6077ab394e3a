"""Tempograms and tempo against librosa."""

import functools

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from audiozoo.signal.rhythm import fourier_tempogram, tempo, tempo_frequencies, tempogram
from tests.signal import exactness

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:n_fft=.* is too large")]

RNG = np.random.default_rng(0)
ENVELOPE = (np.exp(-0.2 * (np.arange(500) % 21)) * 5 + RNG.random(500)).astype(np.float32)
SETTINGS = {
    "defaults": {},
    "short windows": {"win_length": 101},
    "not centred": {"win_length": 128, "center": False},
}
FEATURE = librosa.feature


@functools.cache
def case(name):
    settings = SETTINGS[name]
    theirs, reference = (FEATURE.tempogram(onset_envelope=ENVELOPE.astype(t), **settings).T for t in ("f4", "f8"))
    return jax.jit(lambda x: tempogram(x, **settings))(ENVELOPE), theirs.astype(np.float32), reference


@functools.cache
def fourier_case(name):
    settings = SETTINGS[name]
    theirs, reference = (
        FEATURE.fourier_tempogram(onset_envelope=ENVELOPE.astype(t), **settings).T for t in ("f4", "f8")
    )
    return jax.jit(lambda x: fourier_tempogram(x, **settings))(ENVELOPE), theirs, reference


EXACTNESS = {f"tempogram, {name} (librosa, float64 inside)": lambda name=name: case(name) for name in SETTINGS} | {
    f"Fourier tempogram, {name} (librosa, float64 inside)": lambda name=name: fourier_case(name) for name in SETTINGS
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    assert exactness.compare(*EXACTNESS[transform]()).ours < 1e-6  # librosa's windows are of float64


@pytest.mark.parametrize("name", SETTINGS)
def test_equal_to_librosa_in_float64(name):
    wide, settings = ENVELOPE.astype(np.float64), SETTINGS[name]
    with jax.enable_x64(True):
        ours = tempogram(jnp.asarray(wide), **settings, normalise=False)
        np.testing.assert_allclose(ours, FEATURE.tempogram(onset_envelope=wide, **settings, norm=None).T, atol=1e-9)
        fourier = fourier_tempogram(jnp.asarray(wide), **settings)
        np.testing.assert_allclose(fourier, FEATURE.fourier_tempogram(onset_envelope=wide, **settings).T, atol=1e-9)


@pytest.mark.parametrize("start, deviation, highest", [(120, 1.0, 320), (60, 0.5, None), (200, 2.0, 150)])
def test_tempo_is_librosa_s(start, deviation, highest):
    gram = FEATURE.tempogram(onset_envelope=ENVELOPE, win_length=344).astype(np.float32)
    settings = {"start_bpm": start, "std_bpm": deviation, "max_tempo": highest, "sr": 22_050}
    with np.errstate(divide="ignore"):
        clip, by_frame = (FEATURE.tempo(tg=gram, aggregate=a, **settings) for a in (np.mean, None))
    ours = [
        tempo(jnp.asarray(gram.T), 22_050, 512, start=start, deviation=deviation, highest=highest, by_frame=each)
        for each in (False, True)
    ]
    np.testing.assert_allclose(ours[0], clip[0], rtol=1e-6)
    np.testing.assert_allclose(ours[1], by_frame, rtol=1e-6)


def test_frequencies_are_librosa_s():
    ours = tempo_frequencies(100, 22_050, 512)
    np.testing.assert_allclose(ours, librosa.tempo_frequencies(100, sr=22_050, hop_length=512))
