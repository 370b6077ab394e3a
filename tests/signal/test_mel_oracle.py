"""The log-mel spectrograms against their owners'.

Where a clip's spectrum spans many decades, float32 is off by more than 1e-5 in the logarithm of the weakest bins; there
the owner's own formula in float64 is the truth, and we may not be further from it than the owner is.
"""

import functools
import warnings

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import torch
import whisper

from audiozoo.signal import mel
from tests.oracles import transformers
from tests.signal import exactness
from tests.signal.torchaudio_oracle import torchaudio

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


def in_double(samples: torch.Tensor, n_mels: int) -> torch.Tensor:
    """OpenAI's formula, in float64."""
    window = torch.hann_window(400, dtype=torch.float64)
    spectrum = torch.stft(samples, 400, 160, window=window, return_complex=True)[..., :-1]
    filters = torch.from_numpy(librosa.filters.mel(sr=16_000, n_fft=400, n_mels=n_mels, dtype=np.float64))
    log = (filters @ (spectrum.real**2 + spectrum.imag**2)).clamp(min=1e-10).log10()
    return ((torch.maximum(log, log.max() - 8) + 4) / 4).T


def error(values, truth) -> float:
    return float(np.abs(np.asarray(values, np.float64) - np.asarray(truth)).max())


def typical_error(values, truth) -> float:
    return float(np.sqrt(np.mean((np.asarray(values, np.float64) - truth) ** 2)))


@pytest.mark.parametrize("n_mels", [80, 128])
def test_features_equal_openais(clip, n_mels):
    ours = mel.whisper_log_mel(jnp.asarray(clip), n_mels=n_mels)
    theirs = whisper.log_mel_spectrogram(clip, n_mels).numpy().T
    truth = in_double(torch.from_numpy(clip).double(), n_mels)
    assert error(ours, truth) <= max(1e-5, 1.5 * error(theirs, truth))
    assert error(theirs, truth) < 2e-4


@pytest.mark.parametrize("n_mels", [80, 128])
def test_features_equal_transformers(clip, n_mels):
    extractor = transformers().WhisperFeatureExtractor(feature_size=n_mels)
    theirs = extractor(clip, sampling_rate=16_000, return_tensors="np")["input_features"][0].T
    padded = np.pad(clip, (0, 480_000 - clip.size))
    ours = mel.whisper_log_mel(jnp.asarray(padded), n_mels=n_mels)
    truth = in_double(torch.from_numpy(padded).double(), n_mels)
    assert error(ours, truth) <= max(1e-5, 1.5 * error(theirs, truth))
    assert error(theirs, truth) < 2e-4


def test_gradient_equals_openais(clip):
    factors = np.random.default_rng(1).normal(size=(300, 80)).astype(np.float32)

    def gradient(formula, samples):
        samples = samples.requires_grad_()
        (formula(samples) * torch.from_numpy(factors)).sum().backward()
        return samples.grad.numpy()

    theirs = gradient(lambda x: whisper.log_mel_spectrogram(x).T, torch.from_numpy(clip.copy()))
    truth = gradient(lambda x: in_double(x, 80), torch.from_numpy(clip).double())
    ours = jax.grad(lambda x: (mel.whisper_log_mel(x, n_mels=80) * factors).sum())(jnp.asarray(clip))
    assert typical_error(ours, truth) <= max(1e-5 * np.abs(truth).max(), 1.5 * typical_error(theirs, truth))
    assert error(ours, truth) < 2e-4 * np.abs(truth).max()


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("sample_rate, n_fft, n_mels", [(16_000, 400, 80), (16_000, 400, 128), (44_100, 2_048, 96)])
def test_filters_equal_librosa(sample_rate, n_fft, n_mels, scale):
    ours = mel.mel_filters(sample_rate, n_fft, n_mels, scale=scale)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Empty filters", UserWarning)  # 128 are too many for HTK's scale; so be it
        theirs = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, htk=scale == "htk", dtype=np.float64)
    np.testing.assert_allclose(ours, theirs.T, rtol=1e-6, atol=1e-12)


def test_filters_within_limits_equal_librosa():
    ours = mel.mel_filters(16_000, 512, 40, low_hz=60.0, high_hz=7_600.0, unit_area=False)
    theirs = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=40, fmin=60, fmax=7_600, norm=None, dtype=np.float64)
    np.testing.assert_allclose(ours, theirs.T, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    "bins, size, low, high", [(23, 512, 20.0, 8_000.0), (80, 512, 20.0, 7_600.0), (40, 256, 0.0, 4_000.0)]
)
def test_filters_equal_kaldi_s(bins, size, low, high):
    theirs, _ = torchaudio.compliance.kaldi.get_mel_banks(bins, size, 16_000.0, low, high, 100.0, -500.0, 1.0)
    settings = {"low_hz": low, "high_hz": high, "scale": "kaldi", "unit_area": False, "triangles": "mel"}
    ours = mel.mel_filters(16_000, size, bins, **settings)
    np.testing.assert_allclose(ours[:-1], theirs.T, atol=1e-4)  # theirs is computed in float32, of mels up to 2840
    np.testing.assert_allclose(ours[-1], 0, atol=1e-9)  # Kaldi leaves the bin at half the sample rate out


NOISE = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
FRAMES = {"n_fft": 512, "hop_length": 128}


def librosa_case(power, htk=False, **bank):
    options = {"sample_rate": 16_000, "n_mels": 64, "pad_mode": "constant", "power": power, **FRAMES}
    ours = jax.jit(lambda x: mel.mel_spectrogram(x, scale="htk" if htk else "slaney", **options, **bank))(NOISE)
    names = {"low_hz": "fmin", "high_hz": "fmax"}
    theirs = {"sr": 16_000, "n_mels": 64, "power": power, "htk": htk, **FRAMES}
    theirs |= {names[name]: value for name, value in bank.items()}
    single, double = (librosa.feature.melspectrogram(y=NOISE.astype(t), **theirs).T for t in ("f4", "f8"))
    exact = np.abs(librosa.stft(NOISE.astype("f8"), **FRAMES)).T ** power @ mel.mel_filters(
        16_000, 512, 64, scale="htk" if htk else "slaney", **bank
    )
    np.testing.assert_allclose(double, exact, rtol=1e-5)  # librosa's filters are float32 even so
    return ours, single, exact


def torchaudio_case(norm, scale, **options):
    ours = jax.jit(
        lambda x: mel.mel_spectrogram(
            x, sample_rate=16_000, n_mels=40, scale=scale, unit_area=norm is not None, **FRAMES, **options
        )
    )(NOISE)
    transform = torchaudio.transforms.MelSpectrogram(16_000, n_mels=40, mel_scale=scale, norm=norm, **FRAMES, **options)
    single = transform(torch.as_tensor(NOISE)).numpy().T
    with jax.enable_x64(True):
        exact = mel.mel_spectrogram(
            jnp.asarray(NOISE, jnp.float64),
            sample_rate=16_000, n_mels=40, scale=scale, unit_area=norm is not None, **FRAMES, **options,
        )  # fmt: skip
    double = transform.double()(torch.as_tensor(NOISE).double()).numpy().T
    np.testing.assert_allclose(double, exact, rtol=2e-4)  # torchaudio's filters are made in float32 even so
    return ours, single, exact


@functools.cache
def inverse_case(scale):
    energies = np.abs(librosa.stft(NOISE, **FRAMES)).T[:20] ** 2 @ mel.mel_filters(16_000, 512, 40, scale=scale)
    bank = {"sample_rate": 16_000, "n_fft": 512, "scale": scale}
    ours = mel.inverse_mel(jnp.asarray(energies, jnp.float32), **bank, iterations=0)
    transform = torchaudio.transforms.InverseMelScale(257, 40, 16_000, norm="slaney", mel_scale=scale)
    theirs = transform(torch.as_tensor(energies.T, dtype=torch.float32)).numpy().T
    with jax.enable_x64(True):
        exact = mel.inverse_mel(jnp.asarray(energies.astype(np.float32), jnp.float64), **bank, iterations=0)
    double = transform.double()(torch.as_tensor(energies.T).double()).numpy().T
    np.testing.assert_allclose(double, exact, atol=1e-4 * np.abs(exact).max())
    return ours, theirs, exact


EXACTNESS = {
    "mel, power 2 (librosa)": lambda: librosa_case(2.0),
    "mel, power 1, HTK, 60–7600 Hz (librosa)": lambda: librosa_case(1.0, True, low_hz=60.0, high_hz=7600.0),
    "mel (torchaudio)": lambda: torchaudio_case(None, "htk"),
    "mel, power 1, Slaney, unit area (torchaudio)": lambda: torchaudio_case("slaney", "slaney", power=1.0),
    "mel, not centred (torchaudio)": lambda: torchaudio_case(None, "htk", center=False),
    "inverse mel, no iterations (torchaudio)": lambda: inverse_case("htk"),
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    exactness.check(*EXACTNESS[transform]())


def test_the_inverse_begins_as_librosa_s_and_fits_better():
    energies = librosa.feature.melspectrogram(y=NOISE[:4000], sr=16_000, n_mels=64, **FRAMES)
    filters = mel.mel_filters(16_000, 512, 64)
    theirs = librosa.feature.inverse.mel_to_stft(energies, sr=16_000, n_fft=512, power=1.0).T
    ours = mel.inverse_mel(jnp.asarray(energies.T), sample_rate=16_000, n_fft=512)
    off = lambda spectrum: np.linalg.norm(spectrum @ filters - energies.T) / np.linalg.norm(energies)
    assert off(ours) < 1e-5 and off(ours) <= off(theirs)
    start = np.maximum(energies.T @ np.linalg.pinv(filters), 0)
    assert np.linalg.norm(ours - start) <= 0.1 * np.linalg.norm(start)
    assert np.linalg.norm(theirs - start) <= 0.1 * np.linalg.norm(start)
    begun = mel.inverse_mel(jnp.asarray(energies.T), sample_rate=16_000, n_fft=512, iterations=0)
    np.testing.assert_allclose(begun, start, atol=1e-5 * start.max())
