import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal import cepstra

RNG = np.random.default_rng(0)
MODES = ["interp", "nearest", "mirror", "constant", "wrap"]
SMALL = {"sample_rate": 8000, "n_fft": 128, "hop_length": 64}


@settings(max_examples=15)
@given(st.integers(1, 40), st.sampled_from([2, 3]), st.sampled_from(["ortho", "none"]), st.data())
def test_cosine_transforms_are_scipy_s(size, kind, norm, data):
    count = data.draw(st.integers(1, size))
    values = RNG.standard_normal((2, size))
    expected = scipy.fft.dct(values, type=kind, norm=None if norm == "none" else norm)[:, :count]
    with jax.enable_x64(True):
        ours = cepstra.dct(jnp.asarray(values), kind=kind, norm=norm, count=count)
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_the_orthonormal_transforms_are_inverses_and_htk_keeps_the_first_whole():
    values = jnp.asarray(RNG.standard_normal((3, 13)), jnp.float32)
    np.testing.assert_allclose(cepstra.dct(cepstra.dct(values), kind=3), values, atol=1e-5)
    ortho, htk = cepstra.dct(values), cepstra.dct(values, norm="htk")
    np.testing.assert_allclose(htk[:, 1:], ortho[:, 1:], rtol=1e-5)
    np.testing.assert_allclose(htk[:, 0], np.sqrt(2 / 13) * values.sum(-1), rtol=1e-4)


def test_lifters_weight_by_a_sine():
    np.testing.assert_allclose(cepstra.lifter_weights(4, 22), 1 + 11 * np.sin(np.pi * np.arange(1, 5) / 22))
    np.testing.assert_allclose(cepstra.lifter_weights(4, 22, "htk"), 1 + 11 * np.sin(np.pi * np.arange(4) / 22))
    assert cepstra.lifter_weights(3, 0).tolist() == [1, 1, 1]


def test_coefficients_are_their_definition():
    energies = RNG.gamma(1, size=(2, 5, 20))
    energies[1, 0] = 0
    with jax.enable_x64(True):
        given = jnp.asarray(energies)
        level = 10 * np.log10(np.maximum(energies, 1e-10))
        clamped = np.maximum(level, level.max((1, 2), keepdims=True) - 80)
        expected = scipy.fft.dct(clamped, norm="ortho")[..., :13]
        np.testing.assert_allclose(cepstra.cepstral_coefficients(given, count=13), expected, atol=1e-9)
        natural = cepstra.cepstral_coefficients(
            given, count=20, log="ln", offset=1e-6, floor=0.0, top_db=None, lifter=22, lifter_start="htk"
        )
        expected = scipy.fft.dct(np.log(energies + 1e-6), norm="ortho") * cepstra.lifter_weights(20, 22, "htk")
        np.testing.assert_allclose(natural, expected, atol=1e-9)


@pytest.mark.parametrize("function", [cepstra.mfcc, cepstra.lfcc])
@pytest.mark.parametrize("time", [0, 30, 701])
def test_batches_lengths_and_dtypes(function, time):
    samples = jnp.asarray(RNG.standard_normal((2, time)), jnp.float32)
    run = lambda x: function(x, **SMALL, top_db=60.0)
    ours = run(samples)
    assert ours.shape == (2, 1 + time // 64, 20 if function is cepstra.mfcc else 40) and np.isfinite(ours).all()
    np.testing.assert_allclose(jax.jit(jax.vmap(run))(samples), ours, rtol=1e-3, atol=2e-3)
    np.testing.assert_allclose(run(samples[0]), ours[0], rtol=1e-3, atol=2e-3)
    half = run(samples.astype(jnp.bfloat16))
    assert half.dtype == jnp.bfloat16


@pytest.mark.parametrize("options", [{}, {"log": "ln", "top_db": None, "floor": 0.0, "offset": 1e-6, "power": 1.0}])
@pytest.mark.parametrize("function", [cepstra.mfcc, cepstra.lfcc])
def test_gradients_are_finite_in_silence(function, options):
    gradient = jax.jit(jax.grad(lambda x: (function(x, **SMALL, **options) ** 2).sum()))
    samples = np.sin(np.arange(300.0)) * (np.arange(300) < 100)
    for clip in (np.zeros(300), samples):
        assert np.isfinite(gradient(jnp.asarray(clip, jnp.float32))).all()


@settings(max_examples=12)
@given(
    st.integers(1, 30), st.sampled_from([3, 5, 9]), st.integers(1, 2), st.sampled_from(MODES), st.sampled_from([1, 3])
)
def test_deltas_are_scipy_s(frames, width, order, mode, features):
    values = RNG.standard_normal((frames, features))
    with jax.enable_x64(True):
        given = jnp.asarray(values)
        if mode == "interp" and frames < width:
            with pytest.raises(ValueError, match="too few"):
                cepstra.delta(given, width=width, order=order)
            return
        ours = jax.jit(lambda x: cepstra.delta(x, width=width, order=order, mode=mode))(given)
    theirs = scipy.signal.savgol_filter(values, width, order, deriv=order, axis=0, mode=mode)
    np.testing.assert_allclose(ours, theirs, atol=1e-10)


def test_a_ramp_has_its_slope_and_a_parabola_its_curvature():
    time = jnp.arange(20.0)[:, None]
    np.testing.assert_allclose(cepstra.delta(3 * time + 1), 3, rtol=1e-5)
    np.testing.assert_allclose(cepstra.delta(time**2, order=2), 2, rtol=1e-4)


@settings(max_examples=6)
@given(st.integers(1, 9), st.integers(0, 2), st.integers(1, 3))
def test_added_deltas_are_kaldi_s_loop(frames, order, window):
    """DeltaFeatures of Kaldi's feature-functions: scales by repeated convolution, frames beyond the ends repeated."""
    values = RNG.standard_normal((frames, 2))
    scales = [np.ones(1)]
    for _ in range(order):
        before, reach = scales[-1], len(scales[-1]) // 2
        after = np.zeros(len(before) + 2 * window)
        for j in range(-window, window + 1):
            for k in range(-reach, reach + 1):
                after[j + k + reach + window] += j * before[k + reach]
        scales.append(after / sum(j * j for j in range(-window, window + 1)))
    expected = np.zeros((frames, 2 * (order + 1)))
    for t in range(frames):
        for i, scale in enumerate(scales):
            for j, weight in enumerate(scale):
                there = min(max(t + j - len(scale) // 2, 0), frames - 1)
                expected[t, 2 * i : 2 * i + 2] += weight * values[there]
    ours = jax.jit(lambda x: cepstra.add_deltas(x, order=order, window=window))(values.astype(np.float32))
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_deltas_of_batches():
    values = jnp.asarray(RNG.standard_normal((2, 3, 12, 4)), jnp.bfloat16)
    ours = cepstra.delta(values)
    assert ours.dtype == jnp.bfloat16
    mapped = jax.jit(jax.vmap(jax.vmap(cepstra.delta)))(values)
    np.testing.assert_allclose(mapped.astype(jnp.float32), ours.astype(jnp.float32), atol=1e-2)
    assert cepstra.add_deltas(values).shape == (2, 3, 12, 12)
    assert cepstra.delta(values[..., :0, :], mode="nearest").shape == (2, 3, 0, 4)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: cepstra.dct(jnp.ones(4), kind=1), "type 2"),
        (lambda: cepstra.dct(jnp.ones(4), kind=3, norm="htk"), "type 2"),
        (lambda: cepstra.dct(jnp.ones(4), count=5), "1 to 4 cosine coefficients, not 5"),
        (lambda: cepstra.lifter_weights(3, -1), "lifter"),
        (lambda: cepstra.cepstral_coefficients(jnp.ones((2, 4)), count=2, log="ln"), "top_db=None"),
        (lambda: cepstra.cepstral_coefficients(jnp.ones((2, 4)), count=2, log="ln", top_db=None, floor=0), "offset"),
        (lambda: cepstra.delta(jnp.ones((9, 1)), width=4), "odd width"),
        (lambda: cepstra.delta(jnp.ones((9, 1)), width=3, order=3), "order"),
        (lambda: cepstra.delta(jnp.ones((9, 1)), mode="edge"), "'edge'"),
        (lambda: cepstra.add_deltas(jnp.ones((9, 1)), window=0), "window"),
        (lambda: cepstra.mfcc(jnp.ones(99), **SMALL, n_mels=8, n_mfcc=9), "1 to 8 cosine"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
