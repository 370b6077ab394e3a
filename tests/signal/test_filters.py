"""Recursive filters: three ways of computing agree, pieces are the whole, gradients exist everywhere."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from audiozoo.signal import biquads, filters, fir

B, A = scipy.signal.butter(3, 0.2)
SOS = scipy.signal.butter(4, [0.1, 0.4], "band", output="sos")


def noise(*shape, dtype=np.float64):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("method", ["blocked", "scan", "associative"])
@pytest.mark.parametrize("time", [1, 64, 131])
def test_every_method_is_scipy_with_state(method, time):
    with jax.enable_x64(True):
        x, zi = noise(2, time), noise(2, 3)
        expected, end = scipy.signal.lfilter(B, A, x, zi=zi)
        run = jax.jit(lambda x, b, a, zi: filters.lfilter_with_state(x, b, a, zi, method=method))
        for outputs, state in (run(x, B, A, zi), filters.lfilter_with_state(jnp.asarray(x), B, A, zi, method=method)):
            np.testing.assert_allclose(outputs, expected, atol=1e-13)
            np.testing.assert_allclose(state, end, atol=1e-13)


@pytest.mark.parametrize(("time", "cut"), [(0, 0), (1, 0), (65, 64), (300, 137)])
def test_pieces_are_the_whole(time, cut):
    with jax.enable_x64(True):
        x = jnp.asarray(noise(time))
        for b, a in ((B, A), (B, np.ones(1))):
            whole, end = filters.lfilter_with_state(x, b, a)
            first, state = filters.lfilter_with_state(x[:cut], b, a)
            second, last = filters.lfilter_with_state(x[cut:], b, a, state)
            np.testing.assert_allclose(jnp.concatenate([first, second]), whole, atol=1e-12)
            np.testing.assert_allclose(last, end, atol=1e-12)
        whole, end = filters.sosfilt_with_state(x, SOS)
        first, state = filters.sosfilt_with_state(x[:cut], SOS)
        second, last = filters.sosfilt_with_state(x[cut:], SOS, state)
        np.testing.assert_allclose(jnp.concatenate([first, second]), whole, atol=1e-12)
        np.testing.assert_allclose(last, end, atol=1e-12)


def test_more_sections_than_are_taken_at_once():
    sos = scipy.signal.butter(19, 0.3, output="sos")
    with jax.enable_x64(True):
        x, zi = noise(2, 500), noise(2, 10, 2)
        expected, end = scipy.signal.sosfilt(sos, x, zi=zi.swapaxes(0, 1))
        outputs, state = filters.sosfilt_with_state(jnp.asarray(x), sos, zi)
        np.testing.assert_allclose(outputs, expected, atol=1e-10)
        np.testing.assert_allclose(state, end.swapaxes(0, 1), atol=1e-10)


@pytest.mark.parametrize("extension", ["odd", "even", "constant", None])
def test_forth_and_back_is_scipys(extension):
    with jax.enable_x64(True):
        x = noise(2, 200)
        for padding in (None, 0, 31):
            expected = scipy.signal.filtfilt(B, A, x, padtype=extension, padlen=padding)
            run = functools.partial(filters.filtfilt, b=B, a=A, extension=extension, padding=padding)
            np.testing.assert_allclose(jax.jit(run)(x), expected, atol=1e-12)
        expected = scipy.signal.sosfiltfilt(SOS, x, padtype=extension)
        run = functools.partial(filters.sosfiltfilt, sos=SOS, extension=extension)
        np.testing.assert_allclose(jax.jit(run)(x), expected, atol=1e-12)
        np.testing.assert_allclose(filters.lfilter_zi(B, A), scipy.signal.lfilter_zi(B, A), atol=1e-13)
        np.testing.assert_allclose(filters.sosfilt_zi(SOS), scipy.signal.sosfilt_zi(SOS), atol=1e-13)


def test_steep_filters_of_low_frequencies_start_in_their_steady_state():
    with jax.enable_x64(True):
        sos, x = scipy.signal.butter(12, 30, fs=8000, output="sos"), noise(2000)
        np.testing.assert_allclose(filters.sosfilt_zi(sos), scipy.signal.sosfilt_zi(sos), rtol=1e-10)
        expected = scipy.signal.sosfiltfilt(sos, x)
        np.testing.assert_allclose(filters.sosfiltfilt(x, sos), expected, atol=1e-9 * np.abs(expected).max())


def test_a_filter_that_never_settles_is_named():
    with pytest.raises(ValueError, match="never settles"):
        filters.lfilter_zi([1.0], [1.0, -1.0])


def test_gradients_of_signal_and_coefficients_are_those_of_the_loop():
    """The first ones, and how they change in some direction: the second ones."""
    with jax.enable_x64(True):
        weights, given_ = noise(70), (jnp.asarray(noise(70)), jnp.asarray(B), jnp.asarray(A))

        def derivatives(method):
            loss = lambda x, b, a: jnp.sum(weights * filters.lfilter(x, b, a, method=method) ** 2)
            return jax.jit(lambda *at: jax.jvp(jax.grad(loss, (0, 1, 2)), at, at))(*given_)

        expected = jax.tree.leaves(derivatives("scan"))
        for method in ("blocked", "associative"):
            for ours, theirs in zip(jax.tree.leaves(derivatives(method)), expected, strict=True):
                assert np.isfinite(theirs).all() and theirs.any()
                np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)


def cost_and_memory(seconds):
    """Operations and temporary bytes of a cascade over so much sound."""
    x = jax.ShapeDtypeStruct((16_000 * seconds,), jnp.float32)
    program = jax.jit(lambda x: filters.sosfilt(x, SOS)).lower(x).compile()
    return program.cost_analysis()["flops"], program.memory_analysis().temp_size_in_bytes


def test_ten_minutes_cost_ten_times_one_and_little_memory():
    (short, _), (long, memory) = cost_and_memory(60), cost_and_memory(600)
    assert long < 10.1 * short
    assert memory < 8 * 4 * 16_000 * 600  # a few copies of the signal


def test_a_long_signal_stays_exact():
    """Nothing adds up over blocks of blocks: the last second of minutes is as exact as the first."""
    x = noise(2_000_000, dtype=np.float32)
    expected = scipy.signal.sosfilt(SOS, x.astype(np.float64))
    error = np.abs(np.asarray(jax.jit(lambda x: filters.sosfilt(x, SOS))(x)) - expected)
    assert error[-100_000:].max() < 2 * error[:100_000].max() < 1e-5


def test_an_equaliser_can_be_learnt_and_silence_has_a_gradient():
    def loss(frequency, x):
        sos = biquads.peaking(frequency, sample_rate=16_000, gain_db=6.0)
        return jnp.sum(filters.sosfilt(x, sos) ** 2)

    gradients = jax.jit(jax.grad(loss, (0, 1)))
    assert gradients(1000.0, jnp.asarray(noise(200, dtype=np.float32)))[0] != 0
    for gradient in gradients(1000.0, jnp.zeros(200)):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_dtype_is_kept_and_vmap_is_the_batch(dtype):
    x = jnp.asarray(noise(3, 100)).astype(dtype)
    run = jax.jit(lambda x: filters.lfilter(x, B, A))
    assert run(x).dtype == x.dtype
    np.testing.assert_allclose(run(x), jax.vmap(run)(x), atol=1e-6)
    for transform in (lambda x: filters.sosfiltfilt(x, SOS), lambda x: fir.convolve(x, B)):
        assert jax.eval_shape(transform, x).dtype == x.dtype


@pytest.mark.parametrize(
    "call",
    [
        lambda x: filters.lfilter(x, B, [0.0, 1.0]),
        lambda x: filters.lfilter(x, [], A),
        lambda x: filters.lfilter(x, B, A, method="magic"),
        lambda x: filters.lfilter_with_state(x, B, A, np.zeros(7)),
        lambda x: filters.sosfilt(x, np.ones((2, 5))),
        lambda x: filters.sosfilt(x, np.zeros((1, 6))),
        lambda x: filters.filtfilt(x[:5], B, A),
        lambda x: filters.filtfilt(x, B, A, extension="magic"),
        lambda x: fir.convolve(x, np.zeros(0)),
        lambda x: fir.firwin(4, 0.5, band="highpass"),
        lambda x: fir.firwin(5, [0.5, 0.2], band="bandpass"),
        lambda x: fir.firwin(5, 1.5),
        lambda x: biquads.lowpass(9000.0, sample_rate=16_000),
        lambda x: biquads.butterworth(0, 100.0, sample_rate=16_000),
    ],
)
def test_mistakes_are_said(call):
    with pytest.raises(ValueError):
        call(jnp.ones(40))


@pytest.mark.parametrize(("time", "taps"), [(0, 5), (1, 1), (37, 64), (997, 65), (997, 97), (3000, 700), (5, 3000)])
def test_convolution_is_the_definition(time, taps):
    with jax.enable_x64(True):
        x, h = noise(time), noise(taps)
        full = np.convolve(x, h) if time else np.zeros(taps - 1)
        np.testing.assert_allclose(fir.convolve(jnp.asarray(x), h), full, atol=1e-11)
        valid = np.convolve(x, h, "valid") if time >= taps else np.zeros(0)
        np.testing.assert_allclose(fir.convolve(jnp.asarray(x), h, mode="valid"), valid, atol=1e-11)
        assert fir.convolve(jnp.asarray(x), h, mode="same").shape == x.shape


@pytest.mark.parametrize("taps", [60, 500])
def test_kernels_of_a_batch_and_convolution_modes(taps):
    with jax.enable_x64(True):
        x, h = noise(2, 900), noise(2, taps)
        expected = scipy.signal.oaconvolve(x, h, axes=-1)
        np.testing.assert_allclose(fir.convolve(jnp.asarray(x), h), expected, atol=1e-10)
        expected = scipy.signal.oaconvolve(x, h, "same", axes=-1)
        np.testing.assert_allclose(fir.fir_filter(jnp.asarray(x), h), expected, atol=1e-10)


@pytest.mark.parametrize(
    ("band", "cutoff"), [("lowpass", 0.3), ("highpass", 0.3), ("bandpass", [0.2, 0.5]), ("bandstop", [0.2, 0.5])]
)
def test_designs_are_scipys(band, cutoff):
    for scale in (True, False):
        expected = scipy.signal.firwin(51, cutoff, pass_zero=band, scale=scale)
        np.testing.assert_allclose(fir.firwin(51, cutoff, band=band, scale=scale), expected, atol=1e-15)
    frequencies = np.linspace(0.01, 0.99, 50)
    for order in (1, 2, 5, 8):
        ours = biquads.butterworth(order, cutoff, sample_rate=2, band=band)
        _, expected = scipy.signal.freqz_sos(scipy.signal.butter(order, cutoff, band, output="sos"), frequencies, fs=2)
        _, response = scipy.signal.freqz_sos(ours, frequencies, fs=2)
        np.testing.assert_allclose(response, expected, atol=1e-10)
        with jax.enable_x64(True):
            response = biquads.frequency_response(ours, frequencies, sample_rate=2)
        np.testing.assert_allclose(response, expected, atol=1e-10)
