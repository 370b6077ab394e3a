"""Filters in float32 beside scipy's, and the biquad family beside torchaudio's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
import torch

from audiozoo.signal import biquads, filters, fir
from tests.signal import exactness
from tests.signal.torchaudio_oracle import torchaudio

pytestmark = pytest.mark.oracle
F = torchaudio.functional
X = np.random.default_rng(0).uniform(-0.1, 0.1, 20_000)
X32 = X.astype(np.float32)
SHORT = X[:1500]  # torchaudio's filters are loops in Python without its extension, and clip at one
SOS = scipy.signal.butter(6, [300, 3400], "band", fs=16_000, output="sos")
B, A = scipy.signal.butter(2, 1000, fs=16_000)
H = scipy.signal.firwin(101, 0.3)
LONG = np.random.default_rng(1).standard_normal(4000) * np.exp(-np.arange(4000) / 800)
WIDE = X32.astype(np.float64)


def single(*arrays):
    return [np.asarray(array, np.float32) for array in arrays]


RESONANCE = scipy.signal.iirpeak(60, 10, fs=16_000)


def sos_case(method):
    """A short piece, as the loop is slow to run and the prefix to compile."""
    x = X32[:3000]
    ours = jax.jit(lambda x: filters.sosfilt(x, SOS[:3], method=method))(x)
    return ours, scipy.signal.sosfilt(*single(SOS[:3]), x), scipy.signal.sosfilt(SOS[:3], x.astype(np.float64))


EXACTNESS = {
    "lfilter (scipy)": lambda: (
        filters.lfilter(jnp.asarray(X32), B, A),
        scipy.signal.lfilter(*single(B, A), X32),
        scipy.signal.lfilter(B, A, WIDE),
    ),
    "sosfilt (scipy)": lambda: (
        filters.sosfilt(jnp.asarray(X32), SOS),
        scipy.signal.sosfilt(*single(SOS), X32),
        scipy.signal.sosfilt(SOS, WIDE),
    ),
    'sosfilt, method="scan" (scipy)': lambda: sos_case("scan"),
    'sosfilt, method="associative" (scipy)': lambda: sos_case("associative"),
    "lfilter, a resonance of 60 Hz (scipy)": lambda: (
        filters.lfilter(jnp.asarray(X32), *RESONANCE),
        scipy.signal.lfilter(*single(*RESONANCE), X32),
        scipy.signal.lfilter(*RESONANCE, WIDE),
    ),
    "filtfilt (scipy)": lambda: (
        filters.filtfilt(jnp.asarray(X32), B, A),
        scipy.signal.filtfilt(*single(B, A), X32),
        scipy.signal.filtfilt(B, A, WIDE),
    ),
    "convolve, 101 taps (scipy.oaconvolve)": lambda: (
        fir.convolve(jnp.asarray(X32), H),
        scipy.signal.oaconvolve(X32, *single(H)),
        scipy.signal.convolve(WIDE, H),
    ),
    "convolve, 4000 taps (scipy.oaconvolve)": lambda: (
        fir.convolve(jnp.asarray(X32), LONG),
        scipy.signal.oaconvolve(X32, *single(LONG)),
        scipy.signal.convolve(WIDE, LONG),
    ),
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    exactness.check(*EXACTNESS[transform]())


@pytest.mark.parametrize("name", ["lowpass", "highpass", "bandpass", "bandreject", "allpass"])
def test_biquads_are_torchaudios(name):
    expected = getattr(F, f"{name}_biquad")(torch.tensor(SHORT), 16_000, 1000.0, 0.9)
    design = {"bandreject": biquads.notch}.get(name) or getattr(biquads, name)
    with jax.enable_x64(True):
        ours = filters.sosfilt(jnp.asarray(SHORT), design(1000.0, sample_rate=16_000, quality=0.9))
        np.testing.assert_allclose(ours, expected.numpy(), atol=1e-14)


@pytest.mark.parametrize("gain", [-9.0, 6.0])
def test_equalisers_are_torchaudios(gain):
    settings = {"sample_rate": 16_000, "quality": 0.9, "gain_db": gain}
    with jax.enable_x64(True):
        for ours, expected in (
            (biquads.peaking(1000.0, **settings), F.equalizer_biquad(torch.tensor(SHORT), 16_000, 1000.0, gain, 0.9)),
            (biquads.low_shelf(1000.0, **settings), F.bass_biquad(torch.tensor(SHORT), 16_000, gain, 1000.0, 0.9)),
            (biquads.high_shelf(1000.0, **settings), F.treble_biquad(torch.tensor(SHORT), 16_000, gain, 1000.0, 0.9)),
        ):
            np.testing.assert_allclose(filters.sosfilt(jnp.asarray(SHORT), ours), expected.numpy(), atol=1e-14)


def test_gradients_of_coefficients_are_torchaudios():
    given = x, b, a = [torch.tensor(value, requires_grad=True) for value in (X[:200], B, 2 * A)]
    parts = F.filtering.DifferentiableFIR, F.filtering.DifferentiableIIR
    forward = parts[0].apply(x[None, None], (b / a[0])[None])
    # The loop in Python writes into its input, which the gradient of the first part needs: hence a copy.
    parts[1].apply(forward.clone(), (a / a[0])[None]).square().sum().backward()
    with jax.enable_x64(True):
        loss = jax.jit(jax.grad(lambda x, b, a: jnp.sum(filters.lfilter(x, b, a) ** 2), (0, 1, 2)))
        ours = loss(*map(jnp.asarray, (X[:200], B, 2 * A)))
    for gradient, value in zip(ours, given, strict=True):
        assert value.grad is not None
        np.testing.assert_allclose(gradient, value.grad.numpy(), rtol=1e-9, atol=1e-12)
