import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal import mel
from audiozoo.signal.spectral import stft


@given(st.floats(0, 24_000), st.sampled_from(["slaney", "htk", "kaldi"]))
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


SETTINGS = {"sample_rate": 8000, "n_fft": 64, "hop_length": 16, "n_mels": 12}


@settings(max_examples=10)
@given(
    st.integers(0, 300),
    st.sampled_from([1, 16, 101]),
    st.sampled_from([64, 75]),
    st.sampled_from(["slaney", "htk", "kaldi"]),
    st.booleans(),
)
def test_mel_spectrograms_are_their_definition(time, hop_length, n_fft, scale, center):
    samples = np.random.default_rng(time).standard_normal((2, time))
    options = {"hop_length": hop_length, "n_fft": n_fft, "scale": scale, "center": center, "power": 1.0}
    with jax.enable_x64(True):
        ours = mel.mel_spectrogram(jnp.asarray(samples), **{**SETTINGS, **options})
        spectrum = stft(jnp.asarray(samples), n_fft=n_fft, hop_length=hop_length, center=center)
        expected = np.abs(spectrum) @ mel.mel_filters(8000, n_fft, 12, scale=scale)
    np.testing.assert_allclose(ours, expected, atol=1e-9)


def test_triangles_are_straight_where_they_should_be():
    rate, n_fft = 16_000, 4096
    hertz = mel.mel_filters(rate, n_fft, 10, unit_area=False)
    mels = mel.mel_filters(rate, n_fft, 10, unit_area=False, triangles="mel", scale="kaldi")
    bins = np.fft.rfftfreq(n_fft, 1 / rate)
    for filters, position in ((hertz, bins), (mels, mel.hz_to_mel(bins, "kaldi"))):
        rising = slice(*np.flatnonzero(filters[:, -1])[[0, -1]])
        rising = slice(rising.start, filters[:, -1].argmax())
        slopes = np.diff(filters[rising, -1]) / np.diff(position[rising])
        np.testing.assert_allclose(slopes, slopes[0], rtol=1e-6)


def test_batches_dtypes_jit_and_vmap(clip):
    whole = mel.mel_spectrogram(clip, **SETTINGS)
    assert whole.shape == (2, 201, 12) and whole.dtype == jnp.float32
    mapped = jax.jit(jax.vmap(lambda x: mel.mel_spectrogram(x, **SETTINGS)))(clip)
    np.testing.assert_allclose(mapped, whole, rtol=1e-5, atol=1e-9)
    half = mel.mel_spectrogram(clip.astype(jnp.bfloat16), **SETTINGS)
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(half[0].astype(jnp.float32), whole[0], rtol=0.05, atol=1e-4)


@pytest.mark.parametrize("samples", [np.zeros(200), np.eye(200)[90]])
def test_gradients_are_finite_in_silence(samples):
    def loss(x):
        energies = mel.mel_spectrogram(x, power=1.0, **SETTINGS)
        return mel.inverse_mel(energies, sample_rate=8000, n_fft=64, iterations=3).sum()

    assert np.isfinite(jax.grad(loss)(jnp.asarray(samples, jnp.float32))).all()
    mean = lambda x: mel.mel_to_audio(
        mel.mel_spectrogram(x, **SETTINGS), sample_rate=8000, n_fft=64, hop_length=16, iterations=2
    ).sum()
    assert np.isfinite(jax.grad(mean)(jnp.asarray(samples, jnp.float32))).all()


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("unit_area", [True, False])
def test_the_inverse_fits_and_is_never_negative(scale, unit_area):
    bank = {"sample_rate": 8000, "n_fft": 128, "scale": scale, "unit_area": unit_area}
    spectrum = np.random.default_rng(0).gamma(0.3, size=(2, 5, 65))
    wanted = jnp.asarray(spectrum @ mel.mel_filters(8000, 128, 16, scale=scale, unit_area=unit_area), jnp.float32)
    invert = jax.jit(lambda m, n: mel.inverse_mel(m, **bank, iterations=n), static_argnums=1)
    error = lambda n: (
        np.linalg.norm(invert(wanted, n) @ mel.mel_filters(8000, 128, 16, scale=scale, unit_area=unit_area) - wanted)
        / np.linalg.norm(wanted)
    )
    assert (invert(wanted, 100) >= 0).all() and invert(wanted, 100).shape == (2, 5, 65)
    assert error(100) < 1e-4 < 1e-3 < error(0)
    np.testing.assert_allclose(invert(wanted, 100)[1], invert(wanted[1], 100), rtol=1e-3, atol=1e-5)
    assert not invert(jnp.zeros((1, 16)), 3).any()
    assert invert(wanted.astype(jnp.bfloat16), 3).dtype == jnp.bfloat16


def test_a_tone_comes_back_from_its_mel_spectrogram():
    tone = np.sin(2 * np.pi * 440 * np.arange(4000) / 8000)
    energies = mel.mel_spectrogram(
        jnp.asarray(tone, jnp.float32), sample_rate=8000, n_fft=256, hop_length=64, n_mels=40
    )
    back = mel.mel_to_audio(energies, sample_rate=8000, n_fft=256, hop_length=64, length=4000, key=jax.random.key(0))
    assert back.shape == (4000,)
    assert abs(np.abs(np.fft.rfft(back)).argmax() * 2 - 440) < 40  # a band is 67 Hz wide there
    assert 0.4 < np.sqrt(np.mean(back**2)) < 1


@pytest.mark.parametrize(
    "options, message",
    [
        ({"scale": "bark"}, "'bark'"),
        ({"n_mels": 0}, "positive"),
        ({"low_hz": 5000.0}, "from 5000.0 to 4000.0"),
        ({"triangles": "cents"}, "'cents'"),
        ({"power": 0.0}, "power"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        mel.mel_spectrogram(jnp.zeros(99), **{**SETTINGS, **options})
    with pytest.raises(ValueError, match="slaney, htk or kaldi"):
        mel.mel_to_hz(1.0, "bark")
    with pytest.raises(ValueError, match="iterations"):
        mel.inverse_mel(jnp.ones((1, 8)), sample_rate=8000, n_fft=64, iterations=-1)
    with pytest.raises(ValueError, match="power"):
        mel.mel_to_audio(jnp.ones((1, 8)), sample_rate=8000, n_fft=64, hop_length=16, power=0.0)
