"""The shape of a spectrum against librosa."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from audiozoo.signal import spectral_shape as shape
from tests.signal import exactness

pytestmark = pytest.mark.oracle

RATE = 22_050
TIME = np.arange(RATE) / RATE
RNG = np.random.default_rng(0)
SIGNAL = np.sin(2 * np.pi * (300 + 900 * TIME) * TIME) * (TIME % 0.3 > 0.1) + 0.05 * RNG.standard_normal(RATE)
SPECTROGRAM = np.abs(librosa.stft(SIGNAL, n_fft=1024, hop_length=512)).astype(np.float32)
HERTZ = np.fft.rfftfreq(1024, 1 / RATE)
FEATURE = librosa.feature

PAIRS = {
    "centroid": (lambda s: shape.spectral_centroid(s, HERTZ), lambda s: FEATURE.spectral_centroid(S=s, sr=RATE)[0]),
    "bandwidth": (lambda s: shape.spectral_bandwidth(s, HERTZ), lambda s: FEATURE.spectral_bandwidth(S=s, sr=RATE)[0]),
    "bandwidth, order 3, not normalised": (
        lambda s: shape.spectral_bandwidth(s, HERTZ, order=3, normalise=False),
        lambda s: FEATURE.spectral_bandwidth(S=s, sr=RATE, p=3, norm=False)[0],
    ),
    "bandwidth about 1 kHz": (
        lambda s: shape.spectral_bandwidth(s, HERTZ, centroid=jnp.full(s.shape[:-1], 1000, s.dtype)),
        lambda s: FEATURE.spectral_bandwidth(S=s, sr=RATE, centroid=np.full((1, s.shape[1]), 1000.0))[0],
    ),
    "flatness": (shape.spectral_flatness, lambda s: FEATURE.spectral_flatness(S=s)[0]),
    "flatness, power 1": (
        lambda s: shape.spectral_flatness(s, power=1, floor=1e-3),
        lambda s: FEATURE.spectral_flatness(S=s, power=1, amin=1e-3)[0],
    ),
    "contrast": (lambda s: shape.spectral_contrast(s, HERTZ), lambda s: FEATURE.spectral_contrast(S=s, sr=RATE).T),
    "linear contrast of 3 bands": (
        lambda s: shape.spectral_contrast(s, HERTZ, low_hz=500, n_bands=3, quantile=0.1, linear=True),
        lambda s: FEATURE.spectral_contrast(S=s, sr=RATE, fmin=500, n_bands=3, quantile=0.1, linear=True).T,
    ),
    "line through the spectrum": (
        lambda s: shape.poly_features(s, HERTZ),
        lambda s: FEATURE.poly_features(S=s, sr=RATE).T,
    ),
}
FLOAT64_INSIDE = {  # librosa normalises, weights and fits in float64; the bound is for our float32
    "centroid": 5e-7,
    "bandwidth": 5e-7,
    "bandwidth about 1 kHz": 5e-7,
    "bandwidth, order 3, not normalised": 1e-6,
    "contrast": 1e-6,
    "linear contrast of 3 bands": 5e-7,
    "line through the spectrum": 2e-6,
}


def case(name):
    ours, theirs = PAIRS[name]
    narrow = np.asarray(theirs(SPECTROGRAM), np.float32)
    return jax.jit(ours)(SPECTROGRAM.T), narrow, theirs(SPECTROGRAM.astype(np.float64))


EXACTNESS = {
    f"{name} (librosa{', float64 inside' if name in FLOAT64_INSIDE else ''})": lambda name=name: case(name)
    for name in PAIRS
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    name = transform.split(" (librosa")[0]
    if name in FLOAT64_INSIDE:
        assert exactness.compare(*EXACTNESS[transform]()).ours < FLOAT64_INSIDE[name]
    else:
        exactness.check(*EXACTNESS[transform]())


@pytest.mark.parametrize("name", PAIRS)
def test_equal_to_librosa_in_float64(name):
    ours, theirs = PAIRS[name]
    wide = SPECTROGRAM.astype(np.float64)
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.jit(ours)(wide.T), theirs(wide), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("share", [0.1, 0.85, 0.99])
def test_rolloff_is_librosa_s(dtype, share):
    spectrogram = SPECTROGRAM.astype(dtype)
    with jax.enable_x64(dtype == "float64"):
        ours = shape.spectral_rolloff(jnp.asarray(spectrogram.T), HERTZ, share=share)
    theirs = FEATURE.spectral_rolloff(S=spectrogram, sr=RATE, roll_percent=share)[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("frame_length, hop_length, threshold", [(512, 128, 1e-10), (301, 400, 0.1)])
def test_zero_crossings_are_librosa_s(frame_length, hop_length, threshold, center):
    settings = {"frame_length": frame_length, "hop_length": hop_length, "center": center, "threshold": threshold}
    signal = SIGNAL.astype(np.float32)
    signal[5000:9000] = 0
    ours = jax.jit(lambda x: shape.zero_crossing_rate(x, **settings))(signal)
    np.testing.assert_allclose(ours, FEATURE.zero_crossing_rate(signal, **settings)[0], rtol=1e-6)


def test_frequencies_may_differ_from_frame_to_frame():
    frequencies = (HERTZ[:, None] + RNG.uniform(-20, 20, SPECTROGRAM.shape)).astype(np.float32)
    for ours, theirs in (
        (shape.spectral_centroid, FEATURE.spectral_centroid),
        (shape.spectral_bandwidth, FEATURE.spectral_bandwidth),
    ):
        expected = theirs(S=SPECTROGRAM, freq=frequencies, sr=RATE)[0]
        np.testing.assert_allclose(ours(jnp.asarray(SPECTROGRAM.T), jnp.asarray(frequencies.T)), expected, rtol=1e-5)


def test_silence_is_librosa_s():
    silence = np.zeros((513, 3))
    with jax.enable_x64(True):
        ours = jnp.asarray(silence.T)
        assert (shape.spectral_centroid(ours, HERTZ) == FEATURE.spectral_centroid(S=silence, sr=RATE)).all()
        assert (shape.spectral_bandwidth(ours, HERTZ) == FEATURE.spectral_bandwidth(S=silence, sr=RATE)).all()
        assert (shape.spectral_rolloff(ours, HERTZ) == FEATURE.spectral_rolloff(S=silence, sr=RATE)).all()
        np.testing.assert_allclose(shape.spectral_flatness(ours), FEATURE.spectral_flatness(S=silence)[0], rtol=1e-12)
        assert (shape.spectral_contrast(ours, HERTZ) == FEATURE.spectral_contrast(S=silence, sr=RATE).T).all()
