import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from audiozoo.signal import spectral_shape as shape

RNG = np.random.default_rng(0)
HERTZ = np.fft.rfftfreq(512, 1 / 16_000)
OF_SPECTROGRAMS = {
    "centroid": lambda s: shape.spectral_centroid(s, HERTZ),
    "bandwidth": lambda s: shape.spectral_bandwidth(s, HERTZ),
    "bandwidth of order 0.7": lambda s: shape.spectral_bandwidth(s, HERTZ, order=0.7),
    "rolloff": lambda s: shape.spectral_rolloff(s, HERTZ),
    "flatness": shape.spectral_flatness,
    "flatness of power 0.5": lambda s: shape.spectral_flatness(s, power=0.5),
    "contrast": lambda s: shape.spectral_contrast(s, HERTZ, n_bands=1),
    "line": lambda s: shape.poly_features(s, HERTZ),
}


@pytest.mark.parametrize("name", OF_SPECTROGRAMS)
def test_jit_vmap_batches_and_dtypes(name):
    function = OF_SPECTROGRAMS[name]
    values = jnp.asarray(RNG.random((2, 3, 4, 257)), jnp.float32)
    whole = function(values)
    assert whole.dtype == jnp.float32 and whole.shape[:3] == (2, 3, 4)
    np.testing.assert_allclose(jax.jit(function)(values), whole, rtol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.vmap(function))(values), whole, rtol=1e-5)
    half = function(values.astype(jnp.bfloat16))
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(half.astype(np.float32), whole, rtol=0.02, atol=0.02 * np.abs(whole).max())
    with jax.enable_x64(True):
        assert function(jnp.asarray(RNG.random((4, 257)))).dtype == jnp.float64


@pytest.mark.parametrize("name", OF_SPECTROGRAMS)
def test_silence_has_finite_values_and_gradients(name):
    function = OF_SPECTROGRAMS[name]
    quiet = jnp.zeros((3, 257)).at[1].set(1e-38).at[2, 5].set(1.0)
    assert np.isfinite(jax.jit(function)(quiet)).all()
    gradient = jax.jit(jax.grad(lambda s: function(s).sum()))(quiet)
    assert np.isfinite(np.asarray(gradient)[[0, 2]]).all()
    assert not np.isnan(gradient).any()


@examples(max_examples=10)
@given(st.integers(0, 256), st.floats(1e-6, 1e6))
def test_a_single_bin(index, level):
    line = jnp.zeros((1, 257)).at[0, index].set(level)
    assert abs(shape.spectral_centroid(line, HERTZ)[0] - HERTZ[index]) < 1e-2
    assert shape.spectral_bandwidth(line, HERTZ)[0] < 1e-2
    assert shape.spectral_rolloff(line, HERTZ)[0] == np.float32(HERTZ[index])
    assert shape.spectral_flatness(jnp.full((1, 257), level))[0] == pytest.approx(1, rel=1e-4)


def test_two_lines():
    lines = jnp.zeros((1, 257)).at[0, 10].set(1.0).at[0, 30].set(3.0)
    assert shape.spectral_centroid(lines, HERTZ)[0] == pytest.approx(HERTZ[25])
    assert shape.spectral_bandwidth(lines, HERTZ)[0] == pytest.approx(np.sqrt(75) * HERTZ[1], rel=1e-5)
    assert shape.spectral_rolloff(lines, HERTZ, share=0.2)[0] == HERTZ[10]
    assert shape.spectral_flatness(lines)[0] < 1e-6


def test_gradients_are_right_and_may_be_taken_twice():
    values = RNG.random((2, 257))
    with jax.enable_x64(True):
        for name in ("centroid", "bandwidth", "flatness", "contrast"):
            function = lambda s, name=name: OF_SPECTROGRAMS[name](s).sum()
            direction = RNG.standard_normal(values.shape) * 1e-6
            change = function(values + direction) - function(values - direction)
            np.testing.assert_allclose(2 * (jax.jit(jax.grad(function))(values) * direction).sum(), change, rtol=1e-3)
        second = jax.grad(lambda s: (jax.grad(lambda s: shape.spectral_centroid(s, HERTZ).sum())(s) ** 2).sum())(values)
        assert np.isfinite(second).all() and np.abs(second).max() > 0


def test_contrast_of_a_peak_over_a_floor():
    spectrum = jnp.full((2, 257), 1e-4).at[0, 40].set(1.0)  # 1.25 kHz, in the band from 800 to 1600
    contrast = jax.jit(lambda s: shape.spectral_contrast(s, HERTZ, n_bands=5))(spectrum)
    assert contrast.shape == (2, 6)
    np.testing.assert_allclose(contrast[0], [0, 0, 0, 40, 0, 0], atol=1e-3)
    np.testing.assert_allclose(contrast[1], np.zeros(6), atol=1e-3)


def test_a_polynomial_is_found_again():
    coefficients = np.array([3e-7, -2e-3, 5.0])
    spectrum = jnp.asarray(np.polyval(coefficients, HERTZ)[None], jnp.float32)
    np.testing.assert_allclose(shape.poly_features(spectrum, HERTZ, order=2)[0], coefficients, rtol=1e-4)


@examples(max_examples=10)
@given(st.integers(0, 70), st.integers(1, 20), st.integers(1, 30), st.booleans())
def test_zero_crossings_are_counted(time, frame_length, hop_length, center):
    signal = RNG.standard_normal((2, time)).round(1)
    settings = {"frame_length": frame_length, "hop_length": hop_length, "center": center}
    ours = jax.jit(lambda x: shape.zero_crossing_rate(x, **settings))(signal.astype(np.float32))
    reach = frame_length // 2 if center else 0
    padded = np.pad(signal, [(0, 0), (reach, reach)], "edge" if time else "constant")
    starts = range(0, padded.shape[1] - frame_length + 1, hop_length)
    expected = [np.mean(np.abs(np.diff(padded[:, s : s + frame_length] < 0)), -1) for s in starts if frame_length > 1]
    assert ours.shape == (2, len(starts))
    if expected:
        np.testing.assert_allclose(ours, np.stack(expected, -1) * (frame_length - 1) / frame_length, atol=1e-6)


def test_zero_crossings_of_a_tone_and_their_gradient():
    tone = jnp.sin(2 * np.pi * 440 * (jnp.arange(16_000) + 0.5) / 16_000)
    assert shape.zero_crossing_rate(tone)[10] == pytest.approx(2 * 440 / 16_000, rel=0.02)
    assert not jax.grad(lambda x: shape.zero_crossing_rate(x).sum())(tone).any()
    assert not shape.zero_crossing_rate(tone * 1e-11).any()


def test_what_makes_no_sense_is_refused():
    spectrum = jnp.ones((2, 257))
    with pytest.raises(ValueError, match="256 frequencies are not those of 257 bins"):
        shape.spectral_centroid(spectrum, HERTZ[1:])
    with pytest.raises(ValueError, match="order of a bandwidth"):
        shape.spectral_bandwidth(spectrum, HERTZ, order=0)
    with pytest.raises(ValueError, match=r"share lies in \(0, 1\)"):
        shape.spectral_rolloff(spectrum, HERTZ, share=1.0)
    with pytest.raises(ValueError, match="power and floor"):
        shape.spectral_flatness(spectrum, floor=0)
    with pytest.raises(ValueError, match="quantile"):
        shape.spectral_contrast(spectrum, HERTZ, quantile=1.0)
    with pytest.raises(ValueError, match="no bin lies from"):
        shape.spectral_contrast(spectrum, HERTZ, n_bands=7)
    with pytest.raises(ValueError, match="256 frequencies"):
        shape.spectral_contrast(spectrum, HERTZ[1:], n_bands=5)
    with pytest.raises(ValueError, match="order 257"):
        shape.poly_features(spectrum, HERTZ, order=257)
    with pytest.raises(ValueError, match="positive"):
        shape.zero_crossing_rate(jnp.zeros(99), hop_length=0)
