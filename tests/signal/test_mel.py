import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiozoo.signal import mel


@given(st.floats(0, 24_000), st.sampled_from(["slaney", "htk"]))
def test_scales_have_an_inverse(hz, scale):
    np.testing.assert_allclose(mel.mel_to_hz(mel.hz_to_mel(hz, scale), scale), hz, rtol=1e-9, atol=1e-9)


def test_scales_meet_known_points():
    np.testing.assert_allclose(mel.hz_to_mel(np.array([1000.0, 6400.0])), [15, 42])
    np.testing.assert_allclose(mel.hz_to_mel(1000.0, "htk"), 1000, rtol=2e-5)


def test_filters_have_unit_area_or_peak():
    bin_hz = 16_000 / 4096
    np.testing.assert_allclose(mel.mel_filters(16_000, 4096, 40).sum(0) * bin_hz, 1, rtol=0.02)
    np.testing.assert_allclose(mel.mel_filters(16_000, 4096, 40, unit_area=False).max(0), 1, atol=0.1)


@pytest.fixture
def clip():
    return jax.random.normal(jax.random.key(0), (2, 3_200)) * jnp.array([[0.1], [1e-4]])


def test_whisper_features_have_a_frame_every_10_ms(clip):
    assert mel.whisper_log_mel(clip, n_mels=80).shape == (2, 20, 80)


def test_each_clip_is_clamped_below_its_own_maximum(clip):
    clip = clip.at[:, 1_600:].set(0)
    features = mel.whisper_log_mel(clip, n_mels=80)
    spread = features.max((1, 2)) - features.min((1, 2))
    np.testing.assert_allclose(spread[0], 2, atol=1e-5)
    assert spread[1] < 2  # so quiet that silence is the floor of 1e-10, not the clamp
    np.testing.assert_allclose(mel.whisper_log_mel(clip[1:], n_mels=80), features[1:], atol=1e-5)


def test_features_are_float32_whatever_the_samples_are(clip):
    half = clip.astype(jnp.bfloat16)
    features = mel.whisper_log_mel(half, n_mels=80)
    assert features.dtype == jnp.float32
    np.testing.assert_array_equal(features, mel.whisper_log_mel(half.astype(jnp.float32), n_mels=80))


@pytest.mark.parametrize("samples", [jnp.zeros((1, 1_600)), jnp.zeros((1, 1_600)).at[0, 800].set(1.0)])
def test_gradient_is_finite_in_silence(samples):
    gradient = jax.grad(lambda x: mel.whisper_log_mel(x, n_mels=80).sum())(samples)
    assert jnp.isfinite(gradient).all()
