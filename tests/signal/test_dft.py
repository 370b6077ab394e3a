import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.signal import dft, spectral

RNG = np.random.default_rng(0)
SIGNAL = jnp.asarray(RNG.standard_normal((2, 301)), jnp.float32)
SETTINGS = [
    {"n_fft": 32, "hop_length": 8},
    {"n_fft": 33, "hop_length": 10, "center": False},
    {"n_fft": 64, "hop_length": 20, "window": np.hamming(50), "window_position": "start", "normalise": "window"},
]


@pytest.mark.parametrize("n_fft", [1, 2, 3, 4, 5, 8, 9, 400])
def test_transforms_are_numpy_s(n_fft):
    frames = RNG.standard_normal((3, n_fft))
    expected = np.fft.rfft(frames)
    real, imag = dft.rdft(jnp.asarray(frames, jnp.float32))
    np.testing.assert_allclose(real, expected.real, atol=5e-5)
    np.testing.assert_allclose(imag, expected.imag, atol=5e-5)
    other = expected + 1j * RNG.standard_normal(expected.shape)  # parts that a signal's transform would not have
    parts = dft.Parts(jnp.asarray(other.real, jnp.float32), jnp.asarray(other.imag, jnp.float32))
    np.testing.assert_allclose(dft.irdft(parts, n_fft), np.fft.irfft(other, n_fft), atol=5e-6)


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_numbers_are_those_of_the_fft(settings):
    expected = spectral.stft(SIGNAL, **settings)
    real, imag = jax.jit(functools.partial(dft.stft_parts, **settings))(SIGNAL)
    np.testing.assert_allclose(real + 1j * imag, expected, atol=3e-5)
    for power in (1.0, 2.0):
        ours = dft.spectrogram_parts(SIGNAL, **settings, power=power)
        np.testing.assert_allclose(ours, spectral.spectrogram(SIGNAL, **settings, power=power), rtol=1e-4, atol=1e-4)


def test_the_inverse_gives_the_signal_back():
    parts = dft.stft_parts(SIGNAL, n_fft=32, hop_length=8)
    np.testing.assert_allclose(dft.istft_parts(parts, n_fft=32, hop_length=8, length=301), SIGNAL, atol=1e-5)


def primitives(jaxpr):
    for equation in jaxpr.eqns:
        yield equation.primitive.name, {variable.aval.dtype for variable in (*equation.invars, *equation.outvars)}
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from primitives(inner)


@pytest.mark.parametrize("which", ["value", "gradient"])
def test_there_is_no_fft_and_no_complex_number(which):
    def there_and_back(signal):
        parts = dft.stft_parts(signal, n_fft=32, hop_length=8)
        return (dft.istft_parts(parts, n_fft=32, hop_length=8) ** 2).sum() + dft.spectrogram_parts(
            signal, n_fft=32, hop_length=8, power=1.0
        ).sum()

    function = there_and_back if which == "value" else jax.grad(there_and_back)
    found = list(primitives(jax.make_jaxpr(function)(SIGNAL).jaxpr))
    assert "dot_general" in {name for name, _ in found}
    assert not [name for name, dtypes in found if "fft" in name or any("complex" in str(d) for d in dtypes)]
    seen = {n for n, _ in primitives(jax.make_jaxpr(lambda x: spectral.stft(x, n_fft=32, hop_length=8))(SIGNAL).jaxpr)}
    assert "fft" in seen, "the test would see one"


def test_silence_has_a_finite_gradient_and_the_dtype_is_kept():
    loss = functools.partial(dft.spectrogram_parts, n_fft=16, hop_length=4, power=1.0)
    assert np.isfinite(jax.jit(jax.grad(lambda x: loss(x).sum()))(jnp.zeros(64))).all()
    assert loss(jnp.zeros(64, jnp.bfloat16)).dtype == jnp.bfloat16
    with jax.enable_x64(True):
        frames = jnp.asarray(RNG.standard_normal(99))
        np.testing.assert_allclose(dft.rdft(frames).real, np.fft.rfft(frames).real, atol=1e-12)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="at least one sample"):
        dft.rdft(jnp.zeros((3, 0)))
    with pytest.raises(ValueError, match="has 5 bins"):
        dft.irdft(dft.Parts(jnp.zeros(4), jnp.zeros(4)), 8)
    with pytest.raises(ValueError, match="above zero"):
        dft.spectrogram_parts(SIGNAL, n_fft=16, hop_length=4, power=0)
