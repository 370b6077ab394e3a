import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal import spectral
from audiozoo.signal.framing import kaldi_frames
from audiozoo.signal.spectral import frame_count, istft, spectrogram, stft

RNG = np.random.default_rng(0)
NOISE = jnp.asarray(RNG.standard_normal((2, 301)), jnp.float32)


def by_definition(signal, n_fft, hop, window, center, position, mode):
    """Sums over samples, frame by frame, in float64."""
    size = len(window) if position == "start" else n_fft
    short = size - len(window)
    window = np.pad(window, (short // 2, short - short // 2))
    if center and size // 2:
        signal = np.pad(signal, size // 2, mode if len(signal) else "constant")
    count = max(0, 1 + (len(signal) - size) // hop)
    waves = np.exp(-2j * np.pi * np.outer(np.arange(size), np.arange(n_fft // 2 + 1)) / n_fft)
    frames = np.array([signal[i * hop : i * hop + size] for i in range(count)]).reshape(count, size)
    return (frames * window) @ waves


@settings(max_examples=25)
@given(
    time=st.sampled_from([0, 1, 2, 13, 31, 60]),
    n_fft=st.integers(1, 23),
    short=st.integers(0, 5),
    hop=st.integers(1, 30),
    center=st.booleans(),
    position=st.sampled_from(["centre", "start"]),
    mode=st.sampled_from(["reflect", "constant", "edge", "symmetric", "wrap"]),
)
def test_stft_is_its_definition(time, n_fft, short, hop, center, position, mode):
    signal, window = RNG.standard_normal(time), np.hanning(max(1, n_fft - short) + 2)[1:-1]
    transform = functools.partial(
        stft, n_fft=n_fft, hop_length=hop, window=window, center=center, window_position=position, pad_mode=mode
    )
    ours = jax.jit(transform)(jnp.asarray(signal, jnp.float32))
    expected = by_definition(signal, n_fft, hop, window, center, position, mode)
    assert ours.shape == expected.shape and ours.dtype == jnp.complex64
    if position == "centre":
        assert frame_count(time, n_fft=n_fft, hop_length=hop, center=center) == len(ours)
    np.testing.assert_allclose(ours, expected, atol=1e-5)


@settings(max_examples=25)
@given(st.integers(0, 80), st.integers(4, 23), st.integers(1, 11), st.booleans(), st.sampled_from(["centre", "start"]))
def test_the_inverse_gives_the_signal_back(time, n_fft, hop, center, position):
    window = np.hanning(n_fft - 1)[1:-1] if n_fft > 6 else np.ones(n_fft)
    hop = min(hop, max(1, len(window) // 2 - 1))
    convention = {"n_fft": n_fft, "hop_length": hop, "window": window, "center": center, "window_position": position}
    signal = jnp.asarray(RNG.standard_normal((2, time)), jnp.float32)

    def there_and_back(signal):
        spectrum = stft(signal, **convention, pad_mode="constant", pad_end=True)
        return istft(spectrum, **convention, length=time, uncovered="zero")

    back = jax.jit(there_and_back)(signal)
    covered = slice(None)
    if not center and position == "centre":  # the window does not reach the first and last samples of the frames
        covered = slice((n_fft - len(window)) // 2, max(0, time - (n_fft - len(window) + 1) // 2))
    np.testing.assert_allclose(back[:, covered], signal[:, covered], atol=2e-3)


@pytest.mark.parametrize("normalise", ["none", "frame_length", "window", "magnitude"])
@pytest.mark.parametrize("phase", ["start", "centre"])
def test_every_scale_and_phase_has_its_inverse(normalise, phase):
    convention = {"n_fft": 32, "hop_length": 8, "window": np.hamming(27), "normalise": normalise, "phase": phase}
    spectrum = stft(NOISE, **convention)
    np.testing.assert_allclose(istft(spectrum, **convention, length=301), NOISE, atol=2e-6)


def test_normalisations_are_factors():
    window = np.hanning(32)
    plain, *scaled = (
        stft(NOISE, n_fft=32, hop_length=8, window=window, normalise=n)
        for n in ("none", "frame_length", "window", "magnitude")
    )
    for ours, factor in zip(scaled, (32**0.5, np.sqrt((window**2).sum()), window.sum()), strict=True):
        np.testing.assert_allclose(ours, plain / factor, atol=1e-6)


def test_phases_from_the_middle_are_zero_for_a_pulse_there():
    pulse = jnp.zeros(33).at[16].set(1.0)
    spectrum = stft(pulse, n_fft=8, hop_length=16, phase="centre", pad_mode="constant")[1]
    np.testing.assert_allclose(spectrum, np.ones(5), atol=1e-6)


def test_kaldi_is_frames_of_its_own_and_a_transform_of_each():
    window = np.hamming(25)
    whole = stft(NOISE, n_fft=32, hop_length=10, window=window, window_position="start", center=False)
    np.testing.assert_allclose(whole, np.fft.rfft(kaldi_frames(NOISE, 25, 10) * window, 32), atol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_the_dtype_is_kept(dtype):
    signal = NOISE.astype(dtype)
    assert spectrogram(signal, n_fft=16, hop_length=4).dtype == dtype
    assert stft(signal, n_fft=16, hop_length=4).dtype == jnp.complex64


def test_float64_is_computed_in_float64():
    with jax.enable_x64(True):
        signal = jnp.asarray(RNG.standard_normal(200))
        spectrum = stft(signal, n_fft=16, hop_length=4)
        assert spectrum.dtype == jnp.complex128
        np.testing.assert_allclose(istft(spectrum, n_fft=16, hop_length=4, length=200), signal, atol=1e-14)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0, 3.0])
def test_silence_has_finite_values_and_gradients(power):
    transform = functools.partial(spectrogram, n_fft=16, hop_length=4, power=power)
    silent = jnp.zeros(64)
    first = jax.jit(jax.grad(lambda x: transform(x).sum()))
    assert not transform(silent).any()
    assert np.isfinite(first(silent)).all()
    assert np.isfinite(jax.jit(jax.grad(lambda x: first(x).sum()))(silent)).all()
    half = silent.at[32:].set(jnp.sin(jnp.arange(32.0)))
    assert np.isfinite(first(half)).all() and first(half).any()


def test_a_spectrogram_is_a_power_of_the_magnitudes():
    spectrum = stft(NOISE, n_fft=16, hop_length=4)
    for power in (0.5, 1.0, 2.0):
        ours = spectrogram(NOISE, n_fft=16, hop_length=4, power=power)
        np.testing.assert_allclose(ours, np.abs(spectrum) ** power, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(spectral.magnitude(spectrum), np.abs(spectrum), rtol=1e-6)
    np.testing.assert_allclose(spectral.unit_phasor(spectrum), spectrum / np.abs(spectrum), rtol=1e-5)
    assert spectral.unit_phasor(jnp.zeros(2, jnp.complex64)).tolist() == [1, 1]


@pytest.mark.parametrize("hop", [8, 5, 1])
def test_jit_vmap_and_a_batch_agree(hop):
    def both(signal):
        spectrum = stft(signal, n_fft=32, hop_length=hop)
        return spectrum, istft(spectrum, n_fft=32, hop_length=hop, length=301)

    batched = both(NOISE)
    for other in (jax.jit(both)(NOISE), jax.vmap(both)(NOISE), jax.tree.map(lambda x: x[0], both(NOISE[None]))):
        jax.tree.map(functools.partial(np.testing.assert_allclose, atol=1e-5), other, batched)


@pytest.mark.parametrize("hop", [8, 5, 1])
def test_gradients_are_those_of_the_definition(hop):
    signal, weights = NOISE[0, :61], jnp.asarray(RNG.standard_normal(61), jnp.float32)

    @jax.jit
    def loss(signal):
        spectrum = stft(signal, n_fft=32, hop_length=hop, window=np.hamming(32))
        back = istft(spectrum * (1 + 1j), n_fft=32, hop_length=hop, window=np.hamming(32), length=61)
        return (spectral.power(spectrum)).sum() + back @ weights

    _, tangent = jax.jvp(loss, (signal,), (weights,))  # forward and backward, and both against a difference
    gradient = jax.jit(jax.grad(loss))(signal) @ weights
    step = 1e-2
    difference = (loss(signal + step * weights) - loss(signal - step * weights)) / (2 * step)
    np.testing.assert_allclose(gradient, tangent, rtol=1e-4)
    np.testing.assert_allclose(gradient, difference, rtol=2e-3)


def test_a_window_can_be_learnt():
    def loss(window):
        spectrum = stft(NOISE, n_fft=32, hop_length=8, window=window, normalise="window")
        return jnp.abs(istft(spectrum, n_fft=32, hop_length=8, window=window, length=301)).sum()

    gradient = jax.jit(jax.grad(loss))(jnp.hanning(28).astype(jnp.float32) + 0.1)
    assert np.isfinite(gradient).all() and gradient.any()


def test_frames_are_counted_for_lengths_too():
    counts = frame_count(np.array([0, 10, 400, 16000]), n_fft=400, hop_length=160, center=False)
    assert counts.tolist() == [0, 0, 1, 98]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"hop_length": 0}, "positive"),
        ({"n_fft": 0}, "n_fft must be positive"),
        ({"window": np.ones(17)}, "does not fit"),
        ({"window": np.ones((1, 16))}, "does not fit"),
        ({"window": np.ones(0)}, "does not fit"),
        ({"normalise": "power"}, "normalise must be"),
        ({"signal": jnp.zeros(9, int)}, "real floating-point"),
        ({"signal": jnp.zeros(9, jnp.complex64)}, "real floating-point"),
        ({"signal": jnp.zeros(())}, "along an axis"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, words):
    settings = {"signal": NOISE, "n_fft": 16, "hop_length": 4, **change}
    with pytest.raises(ValueError, match=words):
        stft(settings.pop("signal"), **settings)


def test_inverses_that_make_no_sense_are_refused():
    spectrum = stft(NOISE, n_fft=16, hop_length=4)
    with pytest.raises(ValueError, match="has 10 bins"):
        istft(spectrum, n_fft=18, hop_length=4)
    with pytest.raises(ValueError, match="under no window"):
        istft(spectrum, n_fft=16, hop_length=4, center=False)
    with pytest.raises(ValueError, match="under no window"):
        istft(spectrum, n_fft=16, hop_length=17)
    with pytest.raises(ValueError, match="cover only"):
        istft(spectrum, n_fft=16, hop_length=4, length=400)
    with pytest.raises(ValueError, match="above zero"):
        spectrogram(NOISE, n_fft=16, hop_length=4, power=0)
    assert istft(spectrum, n_fft=16, hop_length=4, length=400, uncovered="zero").shape == (2, 400)
