import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import torch
import transformers
import whisper

from audiozoo.signal import mel

pytestmark = pytest.mark.oracle


@pytest.fixture(params=["noise", "tone in silence", "chirp"])
def clip(request):
    time = np.arange(48_000) / 16_000
    noise = np.random.default_rng(0).normal(0, 0.1, time.size)
    clips = {
        "noise": noise,
        "tone in silence": 0.5 * np.sin(2 * np.pi * 440 * time) * (time < 1) + 1e-3 * noise,
        "chirp": 0.9 * np.sin(2 * np.pi * (100 + 1_200 * time) * time) + 1e-3 * noise,
    }
    return clips[request.param].astype(np.float32)


@pytest.mark.parametrize("n_mels", [80, 128])
def test_features_equal_openais(clip, n_mels):
    ours = mel.whisper_log_mel(jnp.asarray(clip), n_mels=n_mels)
    theirs = whisper.log_mel_spectrogram(clip, n_mels).numpy().T
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


@pytest.mark.parametrize("n_mels", [80, 128])
def test_features_equal_transformers(clip, n_mels):
    extractor = transformers.WhisperFeatureExtractor(feature_size=n_mels)
    theirs = extractor(clip, sampling_rate=16_000, return_tensors="np")["input_features"][0].T
    ours = mel.whisper_log_mel(jnp.pad(jnp.asarray(clip), (0, 480_000 - clip.size)), n_mels=n_mels)
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_gradient_equals_openais(clip):
    factors = np.random.default_rng(1).normal(size=(300, 80)).astype(np.float32)
    samples = torch.from_numpy(clip).requires_grad_()
    (whisper.log_mel_spectrogram(samples).T * torch.from_numpy(factors)).sum().backward()
    import jax

    ours = jax.grad(lambda x: (mel.whisper_log_mel(x, n_mels=80) * factors).sum())(jnp.asarray(clip))
    theirs = samples.grad.numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("sample_rate, n_fft, n_mels", [(16_000, 400, 80), (16_000, 400, 128), (44_100, 2_048, 96)])
def test_filters_equal_librosa(sample_rate, n_fft, n_mels, scale):
    ours = mel.mel_filters(sample_rate, n_fft, n_mels, scale=scale)
    theirs = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, htk=scale == "htk", dtype=np.float64)
    np.testing.assert_allclose(ours, theirs.T, rtol=1e-6, atol=1e-12)


def test_filters_within_limits_equal_librosa():
    ours = mel.mel_filters(16_000, 512, 40, low_hz=60.0, high_hz=7_600.0, unit_area=False)
    theirs = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=40, fmin=60, fmax=7_600, norm=None, dtype=np.float64)
    np.testing.assert_allclose(ours, theirs.T, rtol=1e-6, atol=1e-12)
