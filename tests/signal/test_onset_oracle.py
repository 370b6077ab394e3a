"""Onset strength against librosa."""

import functools

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from audiozoo.signal.onset import onset_strength, spectral_flux, spectral_flux_multi
from tests.signal import exactness

pytestmark = pytest.mark.oracle

RATE = 22_050
RNG = np.random.default_rng(0)
TIME = np.arange(2 * RATE) / RATE
SIGNAL = np.sin(2 * np.pi * 440 * TIME) * np.exp(-8 * (TIME % 0.5)) + 0.01 * RNG.standard_normal(len(TIME))
SETTINGS = {
    "defaults": {},
    "lag 2, maxima of 4, detrended": {"lag": 2, "max_size": 4, "detrend": True},
    "maxima of 5, not delayed": {"max_size": 5, "center": False},
    "short frames": {"n_fft": 600, "hop_length": 100, "n_mels": 40, "lag": 3},
}


@functools.cache
def case(name):
    settings, narrow = SETTINGS[name], SIGNAL.astype(np.float32)
    theirs, reference = (librosa.onset.onset_strength(y=narrow.astype(t), sr=RATE, **settings) for t in ("f4", "f8"))
    return jax.jit(lambda x: onset_strength(x, RATE, **settings))(narrow), theirs.astype(np.float32), reference


EXACTNESS = {f"onset strength, {name} (librosa, float64 inside)": lambda name=name: case(name) for name in SETTINGS}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    figures = exactness.compare(*EXACTNESS[transform]())  # librosa's forward transform is in float64
    assert figures.ours < 1e-5 and figures.ours_rms < 1e-5


@pytest.mark.parametrize("name", SETTINGS)
def test_equal_to_librosa_in_float64(name):
    with jax.enable_x64(True):
        ours = onset_strength(jnp.asarray(SIGNAL), RATE, **SETTINGS[name])
    theirs = librosa.onset.onset_strength(y=SIGNAL, sr=RATE, **SETTINGS[name])
    np.testing.assert_allclose(ours, theirs, atol=2e-5)  # librosa's mel filters are rounded to float32


@pytest.mark.parametrize("median", [False, True])
def test_flux_of_levels_is_librosa_s(median):
    levels = RNG.standard_normal((30, 50)) * 20
    reference = RNG.standard_normal((30, 50)) * 20
    settings = {"lag": 3, "detrend": True}
    theirs = librosa.onset.onset_strength(S=levels, ref=reference, aggregate=np.median if median else None, **settings)
    with jax.enable_x64(True):
        ours = spectral_flux(
            jnp.asarray(levels.T),
            reference=jnp.asarray(reference.T),
            delay=2,
            aggregate=jnp.median if median else jnp.mean,
            **settings,
        )
        np.testing.assert_allclose(ours, theirs, atol=1e-10)


def test_several_bands_are_librosa_s():
    levels, edges = RNG.standard_normal((40, 50)) * 20, [0, 5, 17, 40]
    theirs = librosa.onset.onset_strength_multi(S=levels, channels=edges, max_size=3)
    with jax.enable_x64(True):
        ours = spectral_flux_multi(jnp.asarray(levels.T), edges, max_size=3, delay=2)
        np.testing.assert_allclose(ours, theirs.T, atol=1e-10)
