import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal import periodicity
from audiozoo.signal.pitch import yin

RNG = np.random.default_rng(0)
RATE = 16_000
VOICE = {"fmin": 80.0, "fmax": 1000.0, "frame_length": 1024, "hop_length": 256}
_yin = jax.jit(lambda x: yin(x, RATE, **VOICE))
_paper = jax.jit(lambda x: yin(x, RATE, **VOICE, integration=512))


def harmonic(hz, samples=6000, rate=RATE):
    """A tone with four harmonics, whose pitch may change."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hz, samples)) / rate
    return sum(np.sin(k * phase + k) / k for k in range(1, 5)).astype(np.float32)


def cents(found, true):
    return 1200 * np.log2(np.asarray(found, np.float64) / true)


@settings(max_examples=15)
@given(st.floats(90, 700))
def test_the_pitch_of_a_tone_is_found(hz):
    inner = slice(4, -4)
    assert np.abs(cents(_paper(harmonic(hz)).frequency[inner], hz)).max() < 8
    ours = _yin(harmonic(hz))
    assert np.abs(cents(ours.frequency[inner], hz)).max() < 20  # zeros after the frame make periods too short
    assert ours.frequency.shape == (1 + 6000 // 256,)
    assert _paper(harmonic(hz)).aperiodicity[10] < 0.03


def test_a_sweep_is_followed():
    hz = 150 * 2 ** (np.arange(16_000) / 8000)  # two octaves a second
    found = np.asarray(_paper(harmonic(hz, 16_000)).frequency)[4:-4]
    at = (np.arange(len(found)) + 4) * 256  # a frame's integration is about a sample before its middle
    assert np.abs(cents(found, hz[at])).max() < 60
    assert np.abs(np.diff(cents(found, hz[at]))).max() < 15


@pytest.mark.parametrize("integration", [None, 20, 40])
@pytest.mark.parametrize("size, longest", [(64, 24), (61, 17)])
def test_differences_are_their_definition(integration, size, longest):
    frames = RNG.standard_normal((3, size))
    beyond = np.concatenate([frames, np.zeros_like(frames)], axis=1)
    span = size if integration is None else integration
    expected = np.stack([((beyond[:, :span] - beyond[:, k : k + span]) ** 2).sum(1) for k in range(1, longest + 1)], 1)
    if integration is None:
        expected[:, 0] += frames[:, 0] ** 2  # librosa's
    with jax.enable_x64(True):
        ours = periodicity.differences(jnp.asarray(frames), longest, integration=integration)
        np.testing.assert_allclose(ours, expected, atol=1e-12)
    narrow = periodicity.differences(jnp.asarray(frames, jnp.float32), longest, integration=integration)
    np.testing.assert_allclose(narrow, expected, atol=2e-6 * (frames**2).sum(1).max())


def test_float32_loses_little_even_beside_a_large_constant():
    frames = np.stack([harmonic(200, 1024), harmonic(200, 1024) + 100]).astype(np.float64)
    with jax.enable_x64(True):
        exact = np.asarray(periodicity.normalised_differences(jnp.asarray(frames), 16, 200, integration=512))
    ours = periodicity.normalised_differences(jnp.asarray(frames, jnp.float32), 16, 200, integration=512)
    np.testing.assert_allclose(ours[0], exact[0], atol=2e-6)
    np.testing.assert_allclose(ours[1], exact[1], atol=2e-4)


@settings(max_examples=10)
@given(st.integers(0, 40), st.integers(1, 60))
def test_autocorrelation_is_its_definition(time, most):
    signal = RNG.standard_normal((2, time))
    ours = periodicity.autocorrelate(jnp.asarray(signal, jnp.float32), max_size=most)
    expected = [(signal[:, : time - k] * signal[:, k:]).sum(1) for k in range(min(time, most))]
    assert ours.shape == (2, len(expected))
    if expected:
        np.testing.assert_allclose(ours, np.stack(expected, 1), atol=1e-4)


@given(st.integers(1, 10_000))
def test_fast_lengths_are_the_next_ones(size):
    def smooth(n):
        for p in (2, 3, 5):
            while n % p == 0:
                n //= p
        return n == 1

    expected = next(n for n in range(size + size % 2, 4 * size + 4, 2) if n and smooth(n))
    assert periodicity.fast_length(size) == expected


def test_blocks_of_frames_are_the_whole(monkeypatch):
    signal = harmonic(np.linspace(100, 800, 5000), 5000)[None] * np.array([[1], [0.1]], np.float32)
    whole = _yin(signal)
    monkeypatch.setattr(periodicity, "_FRAMES_AT_ONCE", 4)
    for mine, true in zip(jax.jit(lambda x: yin(x, RATE, **VOICE))(signal), whole, strict=True):
        np.testing.assert_allclose(mine, true, rtol=1e-5, atol=1e-6)


def test_shapes_dtypes_and_vmap():
    signal = jnp.asarray(harmonic(220, 3000)).reshape(1, 1, 3000) * jnp.ones((2, 3, 1))
    whole = _yin(signal)
    assert whole.frequency.shape == (2, 3, 12) and whole.frequency.dtype == jnp.float32
    np.testing.assert_allclose(jax.vmap(_yin)(signal[0]).frequency, whole.frequency[0], rtol=1e-5)
    half = _yin(signal[0, 0].astype(jnp.bfloat16))
    assert half.frequency.dtype == half.aperiodicity.dtype == jnp.bfloat16
    for samples, frames in ((0, 1), (1, 1), (257, 2)):
        assert _yin(jnp.zeros(samples)).frequency.shape == (frames,)
    assert yin(jnp.zeros(1000), RATE, **VOICE, center=False).frequency.shape == (0,)
    with jax.enable_x64(True):
        assert jax.eval_shape(_yin, jnp.zeros(1000)).frequency.dtype == jnp.float64


@pytest.mark.parametrize("function", [_yin, _paper])
def test_silence_and_constants_have_finite_values_and_gradients(function):
    for signal in (jnp.zeros(3000), jnp.ones(3000), jnp.zeros(3000).at[1500:].set(harmonic(200, 1500))):
        found = function(signal)
        assert np.isfinite(found.frequency).all() and np.isfinite(found.aperiodicity).all()
        gradient = jax.jit(jax.grad(lambda x: sum(part.sum() for part in function(x))))(signal)
        assert np.isfinite(gradient).all()
    assert (function(jnp.zeros(3000)).frequency == RATE / 16).all()
    assert (function(jnp.zeros(3000)).aperiodicity == 0).all()


def test_the_gradient_of_pitch_is_right():
    def found(hz):
        phase = 2 * jnp.pi * hz * jnp.arange(3000) / RATE
        return yin(jnp.sin(phase), RATE, **VOICE, integration=512).frequency[6]

    with jax.enable_x64(True):
        assert jax.jit(jax.grad(found))(220.0) == pytest.approx(1, abs=0.05)


def test_what_makes_no_sense_is_refused():
    signal = jnp.zeros(3000)
    for low, high in ((0, 100), (200, 100), (100, 9000), (100, 100)):
        with pytest.raises(ValueError, match=f"not from {low} to {high}"):
            yin(signal, RATE, fmin=low, fmax=high)
    with pytest.raises(ValueError, match="it takes 801"):
        yin(signal, RATE, fmin=20, fmax=400, frame_length=512)
    with pytest.raises(ValueError, match="do not fit into 512 samples"):
        yin(signal, RATE, fmin=80, fmax=400, frame_length=512, integration=400)
    with pytest.raises(ValueError, match="hop length"):
        yin(signal, RATE, fmin=80, fmax=400, hop_length=0)
    with pytest.raises(ValueError, match="max_size"):
        periodicity.autocorrelate(signal, max_size=0)
    with pytest.raises(ValueError, match="longest period"):
        periodicity.differences(jnp.zeros((1, 10)), 10)
