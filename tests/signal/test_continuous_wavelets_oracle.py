"""The sampled convention against PyWavelets; the others against their definition, over time, in NumPy."""

import functools

import jax
import numpy as np
import pytest
import pywt

from audiozoo.signal.continuous_wavelets import MexicanHat, Morlet, Sampled, cwt, scale_frequencies
from tests.signal import exactness

pytestmark = pytest.mark.oracle

SIGNAL = np.random.default_rng(0).standard_normal(700)
SCALES = np.geomspace(1, 60, 7)
NAMES = ["morl", "mexh", "cmor1.5-1.0", "cmor2.5-0.75"]


@functools.cache
def sampled(name):
    ours = jax.jit(lambda x: cwt(x, SCALES, wavelet=Sampled(name)))(SIGNAL.astype(np.float32))
    return ours, *(pywt.cwt(SIGNAL.astype(t), SCALES, name)[0].T for t in (np.float32, np.float64))


EXACTNESS = {f"cwt {name} (PyWavelets)": functools.partial(sampled, name) for name in NAMES}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    exactness.check(*EXACTNESS[transform]())


@pytest.mark.parametrize("name", NAMES)
def test_pywavelets_convention(name):
    theirs, frequencies = pywt.cwt(SIGNAL[:40], SCALES, name, sampling_period=1 / 8000)
    with jax.enable_x64(True):
        ours = jax.jit(lambda x: cwt(x, SCALES, wavelet=Sampled(name)))(SIGNAL[:40])
    np.testing.assert_allclose(ours, theirs.T, atol=1e-12)
    np.testing.assert_allclose(scale_frequencies(SCALES, wavelet=Sampled(name), sample_rate=8000), frequencies)


@pytest.mark.parametrize(
    "name, wavelet, factor", [("mexh", MexicanHat(), 1.0), ("cmor2.0-1.0", Morlet(2 * np.pi), None)]
)
def test_the_two_conventions_are_one_transform(name, wavelet, factor):
    """But for steps, and for half a sample, of the sampled one, and cmor's constant: 1 / √(2π) against π^(-1/4)."""
    scales = np.array([8.0, 20.0])
    with jax.enable_x64(True):
        pair = [jax.jit(lambda x, w=w: cwt(x, scales, wavelet=w))(SIGNAL) for w in (wavelet, Sampled(name))]
    smooth, steps = (np.abs(transform) for transform in pair)
    factor = factor or (2 * np.pi) ** -0.5 / np.pi**-0.25
    assert np.abs(steps - factor * smooth).max() < 0.2 * steps.max()
