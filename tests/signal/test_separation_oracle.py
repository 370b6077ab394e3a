"""Harmonic-percussive separation against librosa, whose median filter is scipy's."""

import functools

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from audiozoo.signal.separation import hpss, hpss_signal, soft_mask
from tests.signal import exactness

pytestmark = pytest.mark.oracle

RNG = np.random.default_rng(0)
TIME = np.arange(16_000) / 16_000
SIGNAL = np.sin(2 * np.pi * 440 * TIME) + 3 * (np.arange(16_000) % 4000 == 2000) + 0.1 * RNG.standard_normal(16_000)
SPECTRUM = librosa.stft(SIGNAL, n_fft=512, hop_length=128)
SETTINGS = {
    "defaults": {},
    "margins 2 and 3": {"kernel_size": (7, 12), "margin": (2.0, 3.0), "power": 1.0},
    "power 1.5": {"power": 1.5, "kernel_size": 9},
    "binary": {"power": np.inf, "kernel_size": 9, "margin": 1.5},
}


@functools.cache
def case(name, mask):
    spectrum = np.abs(SPECTRUM) if mask else SPECTRUM
    narrow = spectrum.astype(np.float32 if mask else np.complex64)
    wide = narrow.astype(np.float64 if mask else np.complex128)
    settings = {**SETTINGS[name], "mask": mask}
    ours = jax.jit(lambda s: jnp.stack(hpss(s, **settings)))(narrow.T)
    theirs, reference = (np.stack([p.T for p in librosa.decompose.hpss(s, **settings)]) for s in (narrow, wide))
    return ours, theirs, reference


def signal_case():
    settings = {"n_fft": 512, "hop_length": 128, "kernel_size": 9}
    narrow = SIGNAL.astype(np.float32)
    ours = jax.jit(lambda x: jnp.stack(hpss_signal(x, **settings)))(narrow)
    theirs, reference = (np.stack(librosa.effects.hpss(narrow.astype(t), **settings)) for t in ("f4", "f8"))
    return ours, theirs, reference


EXACTNESS = {
    "parts (librosa)": lambda: case("defaults", False),
    "parts, margins 2 and 3 (librosa)": lambda: case("margins 2 and 3", False),
    "parts, power 1.5 (librosa)": lambda: case("power 1.5", False),
    "masks (librosa)": lambda: case("defaults", True),
    "parts of a signal (librosa, float64 inside)": signal_case,
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    if "float64 inside" in transform:  # librosa's forward transform
        assert exactness.compare(*EXACTNESS[transform]()).ours < 1e-6
    else:
        exactness.check(*EXACTNESS[transform]())


@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize("name", SETTINGS)
def test_equal_to_librosa_in_float64(name, mask):
    spectrum = np.abs(SPECTRUM) if mask else SPECTRUM
    settings = {**SETTINGS[name], "mask": mask}
    with jax.enable_x64(True):
        ours = jax.jit(lambda s: hpss(s, **settings))(spectrum.T)
    for mine, theirs in zip(ours, librosa.decompose.hpss(spectrum, **settings), strict=True):
        np.testing.assert_allclose(mine, theirs.T, atol=1e-12)


@pytest.mark.parametrize("split_zeros", [True, False])
@pytest.mark.parametrize("power", [0.5, 1, 2, np.inf])
def test_masks_of_silence_are_librosa_s(power, split_zeros):
    values, others = RNG.random(50).round(1), RNG.random(50).round(1)
    values[:20] = others[10:30] = 0
    with jax.enable_x64(True):
        ours = soft_mask(jnp.asarray(values), jnp.asarray(others), power=power, split_zeros=split_zeros)
    theirs = librosa.util.softmask(values, others, power=power, split_zeros=split_zeros)
    np.testing.assert_allclose(ours, theirs, atol=1e-14)
