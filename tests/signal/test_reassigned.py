import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.signal import reassigned
from audiozoo.signal.spectral import magnitude, stft

RATE = 8000
SETTINGS = {"n_fft": 256, "hop_length": 64}


def reassigned_spectrogram(signal, sample_rate, **settings):
    """The function, compiled as a whole."""
    return jax.jit(lambda x: reassigned.reassigned_spectrogram(x, sample_rate, **settings))(signal)


def test_a_tone_is_moved_to_its_frequency_and_a_click_to_its_time():
    tone = jnp.asarray(np.sin(2 * np.pi * 1010 * np.arange(4000) / RATE), jnp.float32)
    found = reassigned_spectrogram(tone, RATE, **SETTINGS, center=False)
    np.testing.assert_allclose(found.frequencies[:, 30:35], 1010, atol=3)
    click = jnp.zeros(4000).at[2000].set(1.0)
    found = reassigned_spectrogram(click, RATE, **SETTINGS, reference_power=1e-3)
    hit = np.asarray(found.magnitudes).max(axis=1) > 0.1
    np.testing.assert_allclose(found.times[hit], 2000 / RATE, atol=1 / RATE)


@pytest.mark.parametrize("n_fft, hop, time", [(256, 64, 1000), (17, 40, 131), (16, 4, 3)])
def test_bins_without_energy_stay_where_they_are(n_fft, hop, time):
    found = reassigned_spectrogram(jnp.zeros((2, time)), RATE, n_fft=n_fft, hop_length=hop, clip=False)
    assert found.frequencies.shape == (2, 1 + time // hop, n_fft // 2 + 1)
    np.testing.assert_allclose(found.frequencies[0, 0], np.fft.rfftfreq(n_fft, 1 / RATE), rtol=1e-6)
    np.testing.assert_allclose(found.times[0, :, 0], np.arange(1 + time // hop) * hop / RATE, rtol=1e-6)
    unknown = reassigned_spectrogram(jnp.zeros(time), RATE, n_fft=n_fft, hop_length=hop, fill=False)
    assert np.isnan(unknown.frequencies).all() and np.isnan(unknown.times).all() and not unknown.magnitudes.any()


def test_estimates_are_kept_within_the_spectrogram_and_can_be_left_out():
    noise = jnp.asarray(np.random.default_rng(0).standard_normal(1000), jnp.float32)
    found = reassigned_spectrogram(noise, RATE, **SETTINGS)
    assert (found.frequencies >= 0).all() and (found.frequencies <= RATE / 2).all()
    assert (found.times >= 0).all() and (found.times <= 1000 / RATE).all()
    np.testing.assert_allclose(found.magnitudes, magnitude(stft(noise, **SETTINGS, pad_mode="constant")), rtol=1e-5)
    still = reassigned_spectrogram(noise, RATE, **SETTINGS, reassign_frequencies=False, reassign_times=False)
    assert (still.frequencies == still.frequencies[:1]).all() and (still.times == still.times[:, :1]).all()


def test_jit_vmap_dtype_and_gradients():
    noise = jnp.asarray(np.random.default_rng(0).standard_normal((2, 400)), jnp.float32)
    transform = functools.partial(reassigned.reassigned_spectrogram, sample_rate=RATE, n_fft=32, hop_length=8)
    eager = transform(noise)
    for other in (jax.jit(transform)(noise), jax.jit(jax.vmap(transform))(noise)):
        jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-3), other, eager)
    assert {x.dtype for x in jax.eval_shape(transform, noise.astype(jnp.bfloat16))} == {jnp.dtype("bfloat16")}
    gradient = jax.jit(jax.grad(lambda x: sum(y.sum() for y in transform(x))))
    assert np.isfinite(gradient(noise)).all() and np.isfinite(gradient(jnp.zeros(400))).all()


def test_what_makes_no_sense_is_refused():
    for change in ({"sample_rate": 0}, {"reference_power": -1.0}):
        with pytest.raises(ValueError, match="positive rate"):
            reassigned_spectrogram(jnp.zeros(400), **{"sample_rate": 8000, **change})
