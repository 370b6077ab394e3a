"""The features of published models against the code that was published with them.

transformers (AST, wav2vec 2.0, SpeechT5, CLAP), torchlibrosa (PANNs) and torchvggish (VGGish's own NumPy code) run as
they are. YAMNet's, Tacotron 2's and HiFi-GAN's recipes are no packages: they are written out here from their formulas,
in NumPy or with torch and librosa.
"""

import functools

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import torch
import torchlibrosa
from torchvggish import vggish_input
from transformers import ASTFeatureExtractor, ClapFeatureExtractor, SpeechT5FeatureExtractor, Wav2Vec2FeatureExtractor

from audiozoo.signal import frontends
from tests.signal import exactness
from tests.signal.torchaudio_oracle import torchaudio

pytestmark = pytest.mark.oracle

RNG = np.random.default_rng(0)
TIME = np.arange(20_001) / 16_000
SOUND = (0.4 * np.sin(2 * np.pi * (200 + 1_200 * TIME) * TIME) + 0.05 * RNG.standard_normal(len(TIME))).astype("f4")


def ours(function, samples=SOUND, **settings):
    return jax.jit(functools.partial(function, **settings))(jnp.asarray(samples))


def in_double(function, samples=SOUND, **settings):
    with jax.enable_x64(True):
        return np.asarray(ours(function, samples.astype("f8"), **settings))


def ast_reference():
    torch.set_default_dtype(torch.float64)
    try:
        double = torch.as_tensor(SOUND.astype("f8"))[None]
        bank = torchaudio.compliance.kaldi.fbank(double, window_type="hanning", num_mel_bins=128).numpy()
    finally:
        torch.set_default_dtype(torch.float32)
    return (np.pad(bank, ((0, 1024 - len(bank)), (0, 0))) + 4.2677393) / (2 * 4.5689974)


def ast_case():
    theirs = ASTFeatureExtractor()(SOUND, sampling_rate=16_000, return_tensors="np")["input_values"][0]
    return ours(frontends.ast_features), theirs, ast_reference()


PANNS = {32_000: (1024, 320, 14_000), 16_000: (512, 160, 8_000), 8_000: (256, 80, 4_000)}


def panns_case(rate):
    n_fft, hop, high = PANNS[rate]
    samples = torch.as_tensor(SOUND)[None]
    spectrum = torchlibrosa.Spectrogram(n_fft=n_fft, hop_length=hop)(samples)
    bank = torchlibrosa.LogmelFilterBank(sr=rate, n_fft=n_fft, n_mels=64, fmin=50, fmax=high, top_db=None)
    theirs = bank(spectrum)[0, 0].numpy()
    filters = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=64, fmin=50, fmax=high, dtype=np.float64)
    power = np.abs(librosa.stft(SOUND.astype("f8"), n_fft=n_fft, hop_length=hop, pad_mode="reflect")) ** 2
    return ours(frontends.panns_log_mel, sample_rate=rate), theirs, librosa.power_to_db(filters @ power, top_db=None).T


def magnitudes(dtype, padding, offset=0.0):
    samples = torch.as_tensor(SOUND.astype(dtype))[None]
    padded = torch.nn.functional.pad(samples, (padding, padding), mode="reflect")[0]
    window = torch.hann_window(1024, dtype=samples.dtype)
    spectrum = torch.stft(padded, 1024, 256, window=window, center=False, return_complex=True)
    return torch.sqrt(torch.view_as_real(spectrum).square().sum(-1) + offset)


def hifigan_recipe(dtype):
    filters = librosa.filters.mel(sr=22_050, n_fft=1024, n_mels=80, fmin=0, fmax=8_000, dtype=dtype)
    spectrum = magnitudes(dtype, 384, 1e-9)
    return torch.log(torch.clamp(torch.as_tensor(filters) @ spectrum, min=1e-5)).numpy().T


def tacotron2_recipe(dtype):
    """NVIDIA's: the transform is a convolution with windowed rows of the Fourier matrix."""
    rows = np.fft.fft(np.eye(1024))[:513]
    basis = np.concatenate([rows.real, rows.imag]) * np.hanning(1025)[:-1]
    samples = torch.nn.functional.pad(torch.as_tensor(SOUND.astype(dtype))[None, None], (512, 512), mode="reflect")
    parts = torch.nn.functional.conv1d(samples, torch.as_tensor(basis[:, None].astype(dtype)), stride=256)[0]
    spectrum = torch.sqrt(parts[:513] ** 2 + parts[513:] ** 2)
    filters = librosa.filters.mel(sr=22_050, n_fft=1024, n_mels=80, fmin=0, fmax=8_000, dtype=dtype)
    return torch.log(torch.clamp(torch.as_tensor(filters) @ spectrum, min=1e-5)).numpy().T


def yamnet_recipe(samples):
    """YAMNet's features.py in NumPy and float64: patches, every 0.48 s, of ln(mel magnitudes + 0.001)."""
    least, step = 15_600, 7_680
    after = max(0, len(samples) - least)
    padded = np.pad(samples.astype("f8"), (0, max(0, least - len(samples)) + int(np.ceil(after / step)) * step - after))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 400)[::160] * window
    mels = lambda hertz: 1127 * np.log(1 + hertz / 700)
    edges = np.linspace(mels(125.0), mels(7_500.0), 66)
    bins = mels(np.arange(1, 257) * 16_000 / 512)[:, None]  # without the constant
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0, np.minimum(rising, falling))
    features = np.log(np.abs(np.fft.rfft(frames, 512))[:, 1:] @ weights + 0.001)
    return np.stack([features[i : i + 96] for i in range(0, len(features) - 95, 48)])


def speecht5():
    return SpeechT5FeatureExtractor()(audio_target=SOUND, sampling_rate=16_000, return_tensors="np")["input_values"][0]


def clap(samples=SOUND, fused=False):
    extractor = ClapFeatureExtractor(frequency_min=50, truncation="fusion" if fused else "rand_trunc")
    return extractor(samples.astype("f8"), sampling_rate=48_000, return_tensors="np")["input_features"][0, 0]


def wav2vec2_case():
    extractor = Wav2Vec2FeatureExtractor()
    given = SOUND + np.float32(0.5)
    theirs = extractor(given, sampling_rate=16_000, return_tensors="np")["input_values"][0]
    double = given.astype("f8")
    return ours(frontends.wav2vec2_normalise, given), theirs, (double - double.mean()) / np.sqrt(double.var() + 1e-7)


def rounded(mine, theirs):
    """For an oracle that computes in float64 whatever it is given: its own float32 is its answer rounded."""
    return mine, np.asarray(theirs, np.float32), np.asarray(theirs, np.float64)


EXACTNESS = {
    "AST (transformers)": ast_case,
    "PANNs, 32 kHz (torchlibrosa)": lambda: panns_case(32_000),
    "PANNs, 16 kHz (torchlibrosa)": lambda: panns_case(16_000),
    "wav2vec 2.0 (transformers)": wav2vec2_case,
    "HiFi-GAN (its recipe in torch)": lambda: (
        ours(frontends.hifigan_log_mel),
        hifigan_recipe(np.float32),
        hifigan_recipe(np.float64),
    ),
    "Tacotron 2 (its recipe in torch)": lambda: (
        ours(frontends.tacotron2_log_mel),
        tacotron2_recipe(np.float32),
        tacotron2_recipe(np.float64),
    ),
    "VGGish (torchvggish, float64 inside)": lambda: rounded(
        ours(frontends.vggish_patches), vggish_input.waveform_to_examples(SOUND, 16_000, return_tensor=False)
    ),
    "YAMNet (its formulas, float64 inside)": lambda: rounded(ours(frontends.yamnet_patches), yamnet_recipe(SOUND)),
    "SpeechT5 (transformers, float64 inside)": lambda: rounded(ours(frontends.speecht5_log_mel), speecht5()),
    "CLAP (transformers, float64 inside)": lambda: rounded(ours(frontends.clap_log_mel), clap()),
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    if "float64 inside" in transform:
        assert exactness.compare(*EXACTNESS[transform]()).ours < 5e-6
    else:
        exactness.check(*EXACTNESS[transform]())


@pytest.mark.parametrize("rate", PANNS)
def test_panns_in_double(rate):
    np.testing.assert_allclose(in_double(frontends.panns_log_mel, sample_rate=rate), panns_case(rate)[2], atol=1e-6)


def test_the_others_in_double():
    np.testing.assert_allclose(in_double(frontends.ast_features), ast_reference(), atol=1e-9)
    np.testing.assert_allclose(in_double(frontends.hifigan_log_mel), hifigan_recipe(np.float64), atol=1e-9)
    np.testing.assert_allclose(in_double(frontends.tacotron2_log_mel), tacotron2_recipe(np.float64), atol=1e-7)


def test_gradient_is_that_of_hifigan_s_recipe():
    weights = RNG.standard_normal((78, 80))
    leaf = torch.as_tensor(SOUND.astype("f8")).requires_grad_()
    padded = torch.nn.functional.pad(leaf[None], (384, 384), mode="reflect")[0]
    window = torch.hann_window(1024, dtype=torch.float64)
    spectrum = torch.view_as_real(torch.stft(padded, 1024, 256, window=window, center=False, return_complex=True))
    filters = librosa.filters.mel(sr=22_050, n_fft=1024, n_mels=80, fmin=0, fmax=8_000, dtype=np.float64)
    mels = torch.as_tensor(filters) @ torch.sqrt(spectrum.square().sum(-1) + 1e-9)
    (torch.log(torch.clamp(mels, min=1e-5)).T * torch.as_tensor(weights)).sum().backward()
    with jax.enable_x64(True):
        loss = lambda x: (frontends.hifigan_log_mel(x) * weights).sum()
        gradient = jax.jit(jax.grad(loss))(SOUND.astype("f8"))
    np.testing.assert_allclose(gradient, leaf.grad, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("samples", [300, 15_600, 15_601, 20_001])
def test_yamnet_completes_its_last_patch(samples):
    reference = yamnet_recipe(SOUND[:samples])
    assert len(reference) == frontends.yamnet_patch_count(samples)
    np.testing.assert_allclose(in_double(frontends.yamnet_patches, SOUND[:samples]), reference, atol=1e-9)


def test_vggish_in_double():
    reference = vggish_input.waveform_to_examples(SOUND.astype("f8"), 16_000, return_tensor=False)
    np.testing.assert_allclose(in_double(frontends.vggish_patches), reference, atol=1e-9)


def test_ast_cuts_long_clips():
    long = np.tile(SOUND, 9)
    theirs = ASTFeatureExtractor()(long, sampling_rate=16_000, return_tensors="np")["input_values"][0]
    np.testing.assert_allclose(ours(frontends.ast_features, long), theirs, atol=2e-4)


def test_wav2vec2_of_a_padded_batch():
    clips = [SOUND[:9_000], SOUND[:1], SOUND[300:7_000] * 1e-4]
    settings = {"sampling_rate": 16_000, "padding": True, "return_attention_mask": True, "return_tensors": "np"}
    theirs = Wav2Vec2FeatureExtractor()(clips, **settings)["input_values"]
    lengths = np.array([len(clip) for clip in clips])
    padded = np.stack([np.pad(clip, (0, 9_000 - len(clip)), constant_values=9) for clip in clips])
    np.testing.assert_allclose(ours(frontends.wav2vec2_normalise, padded, lengths=lengths), theirs, atol=1e-5)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("samples", [20_001, 480_000])
def test_clap_repeats_and_pads(samples, fused):
    clip = np.resize(SOUND, samples)
    mine = in_double(frontends.clap_log_mel, clip, fused=fused)
    np.testing.assert_allclose(mine, clap(clip, fused), atol=1e-6)
