import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.signal.inversion import griffin_lim
from audiozoo.signal.spectral import magnitude, stft

TIME = np.arange(2048) / 8000
TONES = jnp.asarray(np.sin(2 * np.pi * 300 * TIME) + 0.5 * np.sin(2 * np.pi * (500 + 400 * TIME) * TIME), jnp.float32)
SETTINGS = {"n_fft": 128, "hop_length": 32}


def of(signal):
    return magnitude(stft(signal, **SETTINGS))


@functools.partial(jax.jit, static_argnames=("iterations", "momentum"))
def invert(magnitudes, key=None, initial=None, iterations=32, momentum=0.99):
    return griffin_lim(
        magnitudes, **SETTINGS, length=2048, iterations=iterations, momentum=momentum, key=key, initial=initial
    )


def unlike(signal):
    """How far the magnitudes of a signal are from the wanted ones, relative."""
    return float(jnp.linalg.norm(of(signal) - of(TONES)) / jnp.linalg.norm(of(TONES)))


def test_more_turns_come_nearer_and_momentum_nearer_still():
    key = jax.random.key(0)
    few, many, fast = (
        unlike(invert(of(TONES), key, iterations=n, momentum=m)) for n, m in ((2, 0.0), (60, 0.0), (60, 0.99))
    )
    assert fast < many < few and fast < 0.1


def test_from_the_true_phases_the_signal_comes_back():
    spectrum = stft(TONES, **SETTINGS)
    heard = jnp.abs(spectrum) > 0
    phases = jnp.where(heard, spectrum / jnp.where(heard, jnp.abs(spectrum), 1), 1)
    np.testing.assert_allclose(invert(of(TONES), initial=phases, iterations=3), TONES, atol=1e-3)


def test_the_same_key_gives_the_same_signal_and_another_another():
    first, again, other = (invert(of(TONES), jax.random.key(k), iterations=1) for k in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_batches_do_not_mix_and_the_dtype_is_kept():
    batch = jnp.stack([of(TONES), 0.3 * of(TONES[::-1])])
    together = invert(batch, iterations=3)
    alone = jnp.stack([invert(m, iterations=3) for m in batch])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    np.testing.assert_allclose(jax.vmap(functools.partial(invert, iterations=3))(batch), alone, atol=1e-4)
    assert invert(batch.astype(jnp.bfloat16), iterations=1).dtype == jnp.bfloat16


def test_silence_stays_silent_with_finite_gradients():
    silent = jnp.zeros_like(of(TONES))
    assert not invert(silent).any()
    gradient = jax.grad(lambda m: invert(m, iterations=3).sum())
    assert np.isfinite(gradient(silent)).all()
    assert np.isfinite(gradient(of(TONES))).all() and gradient(of(TONES)).any()


@pytest.mark.parametrize(
    "change, words",
    [
        ({"momentum": -1}, "negative"),
        ({"iterations": -1}, "negative"),
        ({"n_fft": 130}, "want frames of"),
        ({"length": 5000}, "there are 65 magnitudes"),
        ({"initial": jnp.ones((65, 65)), "key": jax.random.key(0)}, "not both"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        griffin_lim(of(TONES), **{**SETTINGS, **change})


@pytest.mark.parametrize("n_fft", [16, 17])
def test_without_a_length_there_are_as_many_samples_as_the_frames_reach(n_fft):
    signal = griffin_lim(jnp.ones((5, n_fft // 2 + 1)), n_fft=n_fft, hop_length=4, iterations=1)
    assert signal.shape == (16 + n_fft % 2,)
