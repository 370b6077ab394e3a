"""Gammatones against the package of that name, which is Slaney's and Ellis's MATLAB in Python."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gammatone import fftweight, filters

from audiozoo.signal import gammatone
from tests.signal import exactness

pytestmark = pytest.mark.oracle

NOISE = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)


def test_centres_are_erb_space():
    theirs = filters.erb_space(80, 6000, 24)[::-1]
    np.testing.assert_allclose(gammatone.gammatone_centres(24, low_hz=80, high_hz=6000), theirs, rtol=1e-12)


@pytest.mark.parametrize("n_fft, width", [(512, 1.0), (1024, 0.5)])
def test_weights_are_fft2gammatonemx(n_fft, width):
    theirs, _ = fftweight.fft_weights(n_fft, 16_000, 32, width, 50, 8000, n_fft // 2 + 1)
    np.testing.assert_allclose(gammatone.gammatone_filters(16_000, n_fft, 32, width=width), theirs.T, atol=1e-11)


def case(n_filters, low):
    """Theirs computes in float64 whatever it is given; what is listed as its error is that of rounding alone."""
    ours = jax.jit(lambda x: gammatone.gammatone_filterbank(x, sample_rate=16_000, n_filters=n_filters, low_hz=low))
    bank = filters.make_erb_filters(16_000, filters.centre_freqs(16_000, n_filters, low)[::-1])
    theirs = filters.erb_filterbank(NOISE.astype(np.float64), bank).T
    return ours(NOISE), theirs.astype(np.float32), theirs


EXACTNESS = {
    "32 gammatones from 50 Hz (gammatone, float64 inside)": lambda: case(32, 50),
    "16 gammatones from 200 Hz (gammatone, float64 inside)": lambda: case(16, 200),
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    figures = exactness.compare(*EXACTNESS[transform]())
    assert figures.ours < 1e-6 and figures.ours_rms < 5e-7


def test_the_bank_is_erb_filterbank_s_in_float64():
    bank = filters.make_erb_filters(16_000, filters.centre_freqs(16_000, 12, 50)[::-1])
    with jax.enable_x64(True):
        samples = jnp.asarray(NOISE[:3000], jnp.float64)
        ours = gammatone.gammatone_filterbank(samples, sample_rate=16_000, n_filters=12)
    np.testing.assert_allclose(ours.T, filters.erb_filterbank(NOISE[:3000].astype(np.float64), bank), atol=2e-8)
