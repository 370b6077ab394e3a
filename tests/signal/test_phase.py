import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal.phase import (
    _products,
    instantaneous_frequency,
    phase_vocoder,
    pitch_shift,
    safe_angle,
    time_stretch,
)
from audiozoo.signal.spectral import stft

RNG = np.random.default_rng(0)


def tone(hz, rate, samples, dtype=jnp.float32):
    return jnp.asarray(np.sin(2 * np.pi * hz * np.arange(samples) / rate), dtype)


def loudest_hz(signal, rate):
    signal = np.asarray(signal, np.float64) * np.hanning(len(signal))
    spectrum = np.abs(np.fft.rfft(signal, 16 * len(signal)))
    return spectrum.argmax() * rate / (16 * len(signal))


@settings(max_examples=15)
@given(st.integers(1, 9), st.floats(0.3, 4), st.integers(1, 5))
def test_the_vocoder_is_its_definition(frames, rate, bins):
    spectrum = RNG.standard_normal((2, frames, bins)) + 1j * RNG.standard_normal((2, frames, bins))
    ours = jax.jit(lambda s: phase_vocoder(s, rate))(jnp.asarray(spectrum, jnp.complex64))
    padded = np.concatenate([spectrum, np.zeros((2, 2, bins))], axis=1)
    phase = np.angle(spectrum[:, 0])
    assert ours.shape[1] == len(np.arange(0, frames, rate))
    for t, step in enumerate(np.arange(0, frames, rate)):
        left, right = padded[:, int(step)], padded[:, int(step) + 1]
        size = (1 - step % 1) * np.abs(left) + step % 1 * np.abs(right)
        np.testing.assert_allclose(ours[:, t], size * np.exp(1j * phase), atol=2e-5)
        phase = phase + np.angle(right) - np.angle(left)


def test_running_products_are_the_same_on_every_backend():
    phasors = jnp.exp(1j * jnp.asarray(RNG.uniform(-3, 3, (2, 50, 3)), jnp.float32))
    np.testing.assert_allclose(_products(phasors), np.cumprod(phasors, axis=1), atol=2e-5)
    tree = jax.lax.associative_scan(jnp.multiply, phasors, axis=-2)
    np.testing.assert_allclose(_products(phasors), tree, atol=2e-5)


@pytest.mark.parametrize("rate", [0.5, 1.0, 1.7])
def test_a_stretched_tone_keeps_its_pitch(rate):
    stretched = time_stretch(tone(440, 8000, 8000), rate, n_fft=512, hop_length=128)
    assert stretched.shape == (round(8000 / rate),)
    assert abs(loudest_hz(stretched[500:-500], 8000) - 440) < 1
    if rate == 1:
        np.testing.assert_allclose(stretched, tone(440, 8000, 8000), atol=1e-3)


@pytest.mark.parametrize("steps", [-7, 0, 0.5, 12])
def test_a_shifted_tone_keeps_its_length(steps):
    shifted = pitch_shift(tone(440, 8000, 8000), steps, n_fft=512, hop_length=128)
    assert shifted.shape == (8000,)
    assert abs(loudest_hz(shifted[500:-500], 8000) - 440 * 2 ** (steps / 12)) < 1.5


def test_dtype_and_batches_are_kept():
    signal = jnp.asarray(RNG.standard_normal((2, 3, 400)), jnp.bfloat16)
    ours = time_stretch(signal, 1.3, n_fft=64, hop_length=16)
    assert ours.dtype == jnp.bfloat16 and ours.shape == (2, 3, 308)
    single = jax.jit(jax.vmap(lambda x: time_stretch(x, 1.3, n_fft=64, hop_length=16)))(signal[0])
    np.testing.assert_allclose(single.astype(np.float32), ours[0].astype(np.float32), atol=0.05)
    with jax.enable_x64(True):
        assert time_stretch(jnp.asarray(RNG.standard_normal(99)), 0.9, n_fft=64, hop_length=16).dtype == jnp.float64


def test_gradients_are_finite_on_silence():
    def loss(signal):
        stretched = time_stretch(signal, 1.3, n_fft=32, hop_length=8)
        spectrum = stft(signal, n_fft=32, hop_length=8)
        return stretched.sum() + instantaneous_frequency(spectrum, 8000, n_fft=32, hop_length=8).sum()

    gradient = jax.jit(jax.grad(loss))
    assert np.isfinite(gradient(jnp.zeros(200))).all()
    assert np.isfinite(gradient(jnp.zeros(200).at[100:].set(tone(100, 8000, 100)))).all()
    assert safe_angle(jnp.zeros(3, jnp.complex64)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("hz", [100.0, 1003.0, 3900.0])
def test_the_frequency_of_a_tone_is_found(hz):
    spectrum = stft(tone(hz, 8000, 4000), n_fft=256, hop_length=32, center=False)
    found = instantaneous_frequency(spectrum, 8000, n_fft=256, hop_length=32)
    assert found.shape == (spectrum.shape[0] - 1, 129)
    np.testing.assert_allclose(found[:, round(hz * 256 / 8000)], hz, atol=0.5)
    quiet = instantaneous_frequency(jnp.zeros((3, 129), jnp.complex64), 8000, n_fft=256, hop_length=32)
    np.testing.assert_allclose(quiet[0], np.arange(129) * 8000 / 256)


def test_what_makes_no_sense_is_refused():
    spectrum = jnp.zeros((3, 5), jnp.complex64)
    for rate in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="positive rate"):
            phase_vocoder(spectrum, rate)
    with pytest.raises(ValueError, match="at least one frame"):
        phase_vocoder(spectrum[:0], 1.0)
    with pytest.raises(ValueError, match="has 6 bins"):
        instantaneous_frequency(spectrum, 8000, n_fft=10, hop_length=2)
    with pytest.raises(ValueError, match="steps_per_octave"):
        pitch_shift(jnp.zeros(99), 1, steps_per_octave=0)
