"""YIN against librosa."""

import functools

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from librosa.core.pitch import _cumulative_mean_normalized_difference as librosa_differences

from audiozoo.signal.framing import frame, pad
from audiozoo.signal.periodicity import autocorrelate, normalised_differences
from audiozoo.signal.pitch import yin
from tests.signal import exactness

pytestmark = pytest.mark.oracle

RATE = 22_050
RNG = np.random.default_rng(0)
TIME = np.arange(2 * RATE) / RATE
PHASE = 2 * np.pi * np.cumsum(200 * 2 ** np.sin(2 * np.pi * 0.5 * TIME)) / RATE
TONES = (sum(np.sin(k * PHASE) / k for k in range(1, 5)) + 0.01 * RNG.standard_normal(len(TIME))).astype(np.float32)
SIGNALS = {
    "tones": TONES,
    "noise": RNG.standard_normal(len(TIME)).astype(np.float32),
    "bursts": TONES * (TIME % 0.4 > 0.15).astype(np.float32),
    "silence": np.zeros(9000, np.float32),
}
SETTINGS = {
    "defaults": {"fmin": 65.4, "fmax": 2093.0},
    "odd frames": {"fmin": 80.0, "fmax": 900.0, "frame_length": 1001, "hop_length": 300, "trough_threshold": 0.3},
    "long hops, not centred": {"fmin": 60, "fmax": 500, "frame_length": 1024, "hop_length": 1500, "center": False},
    "mirrored": {"fmin": 60, "fmax": 500, "frame_length": 1024, "pad_mode": "reflect"},
}


def ours(settings):
    settings = dict(settings)
    return jax.jit(lambda x: yin(x, RATE, threshold=settings.pop("trough_threshold", 0.1), **settings).frequency)


@functools.cache
def tones_case():
    theirs, reference = (librosa.yin(TONES.astype(t), sr=RATE, **SETTINGS["defaults"]) for t in ("f4", "f8"))
    return ours(SETTINGS["defaults"])(TONES), theirs.astype(np.float32), reference


def difference_case():
    narrow = librosa.util.frame(TONES, frame_length=2048, hop_length=512)
    mine = jax.jit(lambda x: normalised_differences(frame(x, 2048, 512), 10, 338))(TONES)
    theirs, reference = (librosa_differences(narrow.astype(t), 10, 338).T for t in (np.float32, np.float64))
    return mine, theirs.astype(np.float32), reference


def autocorrelation_case():
    mine = jax.jit(lambda x: autocorrelate(x, max_size=500))(TONES)
    return mine, *(librosa.autocorrelate(TONES.astype(t), max_size=500) for t in (np.float32, np.float64))


EXACTNESS = {
    "autocorrelation (librosa)": autocorrelation_case,
    "YIN's difference (librosa)": difference_case,
    "YIN, gliding tones (librosa)": tones_case,
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    exactness.check(*EXACTNESS[transform]())


@pytest.mark.filterwarnings("ignore:With fmin")
@pytest.mark.parametrize("sound", SIGNALS)
@pytest.mark.parametrize("settings", SETTINGS)
def test_equal_to_librosa_in_float64(sound, settings):
    signal = SIGNALS[sound].astype(np.float64)
    theirs = librosa.yin(signal, sr=RATE, **SETTINGS[settings])
    with jax.enable_x64(True):
        mine = ours(SETTINGS[settings])(signal)
    assert mine.shape == theirs.shape
    np.testing.assert_allclose(mine, theirs, rtol=1e-9)


@pytest.mark.parametrize("sound", ["noise", "bursts"])
def test_float32_finds_the_same_pitches(sound):
    theirs = librosa.yin(SIGNALS[sound], sr=RATE, **SETTINGS["defaults"])
    mine = ours(SETTINGS["defaults"])(SIGNALS[sound])
    assert np.mean(np.abs(1200 * np.log2(mine / theirs)) > 1) <= 0.02  # where two troughs are as deep, either is right


def test_paper_s_function_is_that_of_its_words():
    """Equation 6 summed over half a frame, as librosa had it up to version 0.10, written out."""
    frames = np.asarray(frame(pad(jnp.asarray(TONES), 512, 512), 1024, 4000), np.float64)
    d = np.array([[((f[:512] - f[k : k + 512]) ** 2).sum() for k in range(1, 400)] for f in frames])
    expected = (d * np.arange(1, 400) / np.cumsum(d, axis=1))[:, 19:]
    with jax.enable_x64(True):
        mine = normalised_differences(jnp.asarray(frames), 20, 399, integration=512)
    np.testing.assert_allclose(mine, expected, atol=1e-10)
