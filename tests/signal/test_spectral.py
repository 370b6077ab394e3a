import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiozoo.signal import spectral, windows


@given(st.integers(0, 50), st.integers(1, 12), st.integers(1, 12))
def test_frames_are_stretches(time, size, hop_length):
    signal = jnp.arange(time)
    frames = spectral.frame(signal.astype(jnp.float32), size, hop_length)
    expected = [signal[start : start + size] for start in range(0, time - size + 1, hop_length)]
    assert frames.shape == (len(expected), size)
    for one, other in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("size, hop_length", [(0, 1), (1, 0), (-3, 2)])
def test_frames_of_nothing_are_an_error(size, hop_length):
    with pytest.raises(ValueError, match="positive"):
        spectral.frame(jnp.zeros(5), size, hop_length)


def test_a_tone_is_where_it_belongs():
    """A cosine of 8 periods in 64 samples, centred frames: half the window's sum, in bin 8, at phase 0."""
    signal = jnp.cos(2 * jnp.pi * 8 / 64 * jnp.arange(640))
    spectrum = spectral.stft(signal, n_fft=64, hop_length=32)
    np.testing.assert_allclose(spectrum[2:-2, 8], windows.hann(64).sum() / 2, atol=1e-3)
    np.testing.assert_allclose(spectral.power(spectrum)[2:-2, :5], 0, atol=1e-6)


def test_a_window_that_does_not_fit_is_an_error():
    with pytest.raises(ValueError, match="65 samples does not fit n_fft=64"):
        spectral.stft(jnp.zeros(100), n_fft=64, hop_length=16, window=np.ones(65))


@pytest.mark.parametrize("transform", [jax.jit, jax.vmap], ids=["jit", "vmap"])
def test_stft_is_the_same_under(transform):
    batch = jax.random.normal(jax.random.key(0), (2, 500))
    stft = lambda x: spectral.stft(x, n_fft=64, hop_length=16)
    np.testing.assert_allclose(transform(stft)(batch), stft(batch), atol=1e-5)


def test_power_of_silence_has_a_finite_gradient():
    gradient = jax.grad(lambda x: spectral.power(spectral.stft(x, n_fft=64, hop_length=16)).sum())(jnp.zeros(200))
    np.testing.assert_array_equal(gradient, 0)


def test_windows():
    np.testing.assert_allclose(windows.hann(4), [0, 0.5, 1, 0.5], atol=1e-15)
    np.testing.assert_allclose(windows.hann(5, periodic=False), [0, 0.5, 1, 0.5, 0], atol=1e-15)
    np.testing.assert_allclose(windows.hamming(3, periodic=False), [0.08, 1, 0.08], atol=1e-15)
    np.testing.assert_array_equal(windows.hann(1), [1])
    with pytest.raises(ValueError, match="at least one sample"):
        windows.hann(0)
