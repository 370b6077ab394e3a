import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal import separation
from audiozoo.signal.separation import hpss, hpss_signal, median_filter, soft_mask

RNG = np.random.default_rng(0)
RATE = 8000


@settings(max_examples=8)
@given(st.integers(1, 14), st.integers(1, 20), st.integers(1, 20), st.sampled_from([-1, -2, 0]))
def test_medians_are_scipy_s(size, frames, bins, axis):
    values = RNG.standard_normal((2, frames, bins)).astype(np.float32).round(1)
    footprint = [1, 1, 1]
    footprint[axis] = size
    expected = scipy.ndimage.median_filter(values, footprint, mode="reflect")
    np.testing.assert_array_equal(jax.jit(lambda x: median_filter(x, size, axis=axis))(values), expected)


@pytest.mark.parametrize("axis", [0, 1])
def test_blocks_are_the_whole(axis, monkeypatch):
    values = RNG.standard_normal((67, 53)).astype(np.float32)
    expected = median_filter(jnp.asarray(values), 9, axis=axis)
    monkeypatch.setattr(separation, "_BLOCK", 160)
    monkeypatch.setattr(separation, "_ACROSS", 16)
    np.testing.assert_array_equal(jax.jit(lambda x: median_filter(x, 9, axis=axis))(values), expected)


def test_a_median_s_gradient_goes_to_what_it_chose():
    values, size = RNG.standard_normal(12), 3
    padded = np.pad(values, 1, "symmetric")
    expected = np.zeros(12)
    for i in range(12):
        expected[np.flatnonzero(values == np.median(padded[i : i + size]))] += i + 1
    ours = jax.grad(lambda x: (median_filter(x, size) * (1 + jnp.arange(12))).sum())(jnp.asarray(values, jnp.float32))
    np.testing.assert_allclose(ours, expected, rtol=1e-5)
    equal = jax.grad(lambda x: median_filter(x, 3).sum())(jnp.zeros(12))
    np.testing.assert_allclose(equal, np.ones(12), rtol=1e-5)
    with jax.enable_x64(True):
        jax.test_util.check_grads(lambda x: median_filter(x, 4) ** 2, (values,), 2, eps=1e-6)


def sound():
    time = np.arange(RATE) / RATE
    tones = 0.3 * sum(np.sin(2 * np.pi * f * time) for f in (311, 622, 1250))
    clicks = np.where(np.arange(RATE) % 2000 == 1000, 5.0, 0)
    return tones.astype(np.float32), clicks.astype(np.float32)


def test_tones_and_clicks_come_apart():
    tones, clicks = sound()
    parts = jax.jit(lambda x: hpss_signal(x, n_fft=512, hop_length=128, kernel_size=15))(tones + clicks)
    error = lambda part, true: np.sum((part - true)[500:-500] ** 2) / np.sum(true[500:-500] ** 2)
    assert error(np.asarray(parts.harmonic), tones) < 0.03
    assert error(np.asarray(parts.percussive), clicks) < 0.15
    np.testing.assert_allclose(parts.harmonic + parts.percussive, tones + clicks, atol=2e-5)


def test_masks_add_up_unless_there_is_a_margin():
    level = jnp.asarray(RNG.random((2, 20, 33)), jnp.float32).at[0, :10].set(0)
    whole = hpss(level, kernel_size=(3, 4), mask=True)
    np.testing.assert_allclose(whole.harmonic + whole.percussive, 1, atol=1e-6)
    apart = hpss(level, kernel_size=(3, 4), margin=(2.0, 3.0), mask=True)
    assert (apart.harmonic + apart.percussive <= 1 + 1e-6).all() and (apart.harmonic <= whole.harmonic + 1e-6).all()
    binary = hpss(level, kernel_size=3, power=float("inf"), mask=True)
    assert set(np.unique(binary.harmonic)) <= {0.0, 1.0}


def test_batches_dtypes_and_vmap():
    spectrum = RNG.standard_normal((2, 3, 11, 17)) + 1j * RNG.standard_normal((2, 3, 11, 17))
    function = lambda s: hpss(s, kernel_size=3)
    whole = jax.jit(function)(jnp.asarray(spectrum, jnp.complex64))
    assert whole.harmonic.dtype == jnp.complex64 and whole.harmonic.shape == spectrum.shape
    for row, part in zip(jax.jit(jax.vmap(function))(jnp.asarray(spectrum[0], jnp.complex64)), whole, strict=True):
        np.testing.assert_allclose(row, part[0], atol=1e-6)
    signal = jnp.asarray(RNG.standard_normal((2, 300)), jnp.bfloat16)
    assert hpss_signal(signal, n_fft=64, hop_length=16, kernel_size=3).harmonic.dtype == jnp.bfloat16
    with jax.enable_x64(True):
        assert hpss_signal(
            jnp.asarray(RNG.standard_normal(99)), n_fft=32, hop_length=40, kernel_size=3
        ).percussive.shape == (99,)
        assert function(jnp.asarray(spectrum)).percussive.dtype == jnp.complex128


@pytest.mark.parametrize("power", [0.5, 2.0])
def test_gradients_are_finite_on_silence(power):
    def loss(signal):
        parts = hpss_signal(signal, n_fft=64, hop_length=16, power=power, kernel_size=5)
        return (parts.harmonic**2).sum() + parts.percussive.sum()

    gradient = jax.jit(jax.grad(loss))
    assert np.isfinite(gradient(jnp.zeros(300))).all()
    half = gradient(jnp.zeros(300).at[150:].set(jnp.asarray(RNG.standard_normal(150), jnp.float32)))
    assert np.isfinite(half).all() and np.abs(half).max() > 0


def test_a_soft_mask_s_gradient_is_right():
    values, others = RNG.random(9) + 0.1, RNG.random(9) + 0.1
    with jax.enable_x64(True):
        jax.test_util.check_grads(lambda x, y: soft_mask(x, y, power=1.5), (values, others), 1, eps=1e-6)


def test_what_makes_no_sense_is_refused():
    level = jnp.ones((5, 5))
    with pytest.raises(ValueError, match="margins are one or more"):
        hpss(level, margin=0.5)
    with pytest.raises(ValueError, match="power is positive"):
        hpss(level, power=0)
    with pytest.raises(ValueError, match="positive number of values"):
        hpss(level, kernel_size=(3, 0))
    assert median_filter(jnp.zeros((0, 3)), 5, axis=0).shape == (0, 3)
