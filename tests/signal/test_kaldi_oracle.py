"""Kaldi's features against torchaudio's port of them and against kaldi-native-fbank, Kaldi's own C++ without the rest.

torchaudio builds its windows and filters in the default type, so that its float64 reference is computed with that set.
kaldi-native-fbank is float32 throughout; its filters are built in float32 too.
"""

import contextlib
import functools

import jax
import jax.numpy as jnp
import kaldi_native_fbank
import numpy as np
import pytest
import torch

from audiozoo.signal.kaldi import KaldiFrames, KaldiMels, kaldi_fbank, kaldi_mel_filters, kaldi_mfcc, kaldi_spectrogram
from tests.signal import exactness
from tests.signal.torchaudio_oracle import torchaudio

pytestmark = pytest.mark.oracle

RNG = np.random.default_rng(0)
TIME = np.arange(6_037) / 16_000
SPEECH = (2_000 * np.sin(2 * np.pi * (150 + 900 * TIME) * TIME) + 300 * RNG.standard_normal(len(TIME)) + 40).astype(
    "f4"
)
OURS = {"spectrogram": kaldi_spectrogram, "fbank": kaldi_fbank, "mfcc": kaldi_mfcc}
CUT = {"sample_rate": "sample_frequency"}  # names that differ
MELS = {"num_bins": "num_mel_bins"}


@contextlib.contextmanager
def double():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def theirs(what, dtype, samples=SPEECH, *, frames=None, mels=None, **settings):
    """torchaudio's answer, with Kaldi's defaults where its own differ."""
    given = {CUT.get(k, k): v for k, v in (frames or {}).items()} | {MELS.get(k, k): v for k, v in (mels or {}).items()}
    given |= {"energy_floor": 0.0} | ({"use_energy": True} if what == "mfcc" else {}) | settings
    with double() if dtype == "f8" else contextlib.nullcontext():
        answer = getattr(torchaudio.compliance.kaldi, what)(torch.as_tensor(samples.astype(dtype))[None], **given)
    return answer.numpy()


def ours(what, samples=SPEECH, *, frames=None, mels=None, **settings):
    if mels:
        settings["mels"] = KaldiMels(**mels)
    return jax.jit(functools.partial(OURS[what], frames=KaldiFrames(**frames or {}), **settings))(jnp.asarray(samples))


def native(what, samples=SPEECH, *, frames=None, mels=None, **settings):
    """kaldi-native-fbank's answer."""
    kind = what.capitalize()
    options = getattr(kaldi_native_fbank, f"{kind}Options")()
    names = {"sample_rate": "samp_freq", "frame_length": "frame_length_ms", "frame_shift": "frame_shift_ms"}
    names |= {"preemphasis_coefficient": "preemph_coeff"}
    for name, value in ({"dither": 0.0} | (frames or {})).items():
        setattr(options.frame_opts, names.get(name, name), value)
    for name, value in (mels or {}).items():
        setattr(options.mel_opts, name, value)
    for name, value in settings.items():
        setattr(options, name, value)
    computer = getattr(kaldi_native_fbank, f"Online{kind}")(options)
    computer.accept_waveform(options.frame_opts.samp_freq, samples.tolist())
    computer.input_finished()
    return np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])


def case(what, **settings):
    return ours(what, **settings), theirs(what, "f4", **settings), theirs(what, "f8", **settings)


def native_case(what, **settings):
    return ours(what, **settings), native(what, **settings), theirs(what, "f8", **settings)


EXACTNESS = {
    "Kaldi spectrogram (torchaudio)": lambda: case("spectrogram"),
    "Kaldi filter bank, 80 (torchaudio)": lambda: case("fbank", mels={"num_bins": 80}),
    "Kaldi filter bank without logarithm (torchaudio)": lambda: case("fbank", use_log_fbank=False),
    "Kaldi filter bank, VTLN 1.1 (torchaudio)": lambda: case("fbank", vtln_warp=1.1),
    "Kaldi MFCC (torchaudio)": lambda: case("mfcc"),
    "Kaldi filter bank, 80 (kaldi-native-fbank)": lambda: native_case("fbank", mels={"num_bins": 80}),
    "Kaldi MFCC (kaldi-native-fbank)": lambda: native_case("mfcc"),
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    exactness.check(*EXACTNESS[transform]())


FRAMES = [
    {"window_type": "hanning", "preemphasis_coefficient": 0.0},
    {"window_type": "hamming", "remove_dc_offset": False},
    {"window_type": "rectangular", "round_to_power_of_two": False},
    {"window_type": "blackman", "blackman_coeff": 0.4, "frame_length": 32.0},
    {"snip_edges": False},
    {"snip_edges": False, "frame_length": 8.0, "frame_shift": 20.0},
    {"sample_rate": 22_050.0, "frame_shift": 12.5},
]


@pytest.mark.parametrize("frames", FRAMES, ids=str)
@pytest.mark.parametrize("what", ["spectrogram", "mfcc"])
def test_frames_are_torchaudio_s(what, frames):
    with jax.enable_x64(True):
        mine = ours(what, SPEECH.astype("f8"), frames=frames)
    np.testing.assert_allclose(mine, theirs(what, "f8", frames=frames), rtol=1e-8, atol=1e-8)


SETTINGS = [
    ("spectrogram", {"raw_energy": False, "energy_floor": 1e9, "subtract_mean": True}),
    ("fbank", {"mels": {"num_bins": 40, "low_freq": 100.0, "high_freq": -400.0}, "use_power": False}),
    ("fbank", {"use_energy": True, "raw_energy": False, "htk_compat": True}),
    ("fbank", {"use_energy": True, "energy_floor": 1e9, "subtract_mean": True}),
    ("fbank", {"vtln_warp": 0.85, "mels": {"vtln_low": 60.0, "vtln_high": 7_000.0}}),
    ("fbank", {"vtln_warp": 1.2}),
    ("mfcc", {"cepstral_lifter": 0.0, "num_ceps": 23, "htk_compat": True}),
    ("mfcc", {"cepstral_lifter": 15.0, "use_energy": False, "htk_compat": True, "subtract_mean": True}),
    ("mfcc", {"use_energy": False, "vtln_warp": 0.9}),
    ("mfcc", {"raw_energy": False, "num_ceps": 1}),
]


@pytest.mark.parametrize("what, settings", SETTINGS, ids=str)
def test_settings_are_torchaudio_s(what, settings):
    with jax.enable_x64(True):
        mine = ours(what, SPEECH.astype("f8"), **settings)
    np.testing.assert_allclose(mine, theirs(what, "f8", **settings), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("what", ["fbank", "mfcc"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"frames": {"window_type": "sine"}},
        {"frames": {"snip_edges": False, "sample_rate": 22_050.0}},
        {"frames": {"window_type": "blackman", "remove_dc_offset": False, "preemphasis_coefficient": 0.9}},
        {"frames": {"round_to_power_of_two": False, "window_type": "hanning"}},
        {"mels": {"num_bins": 40, "low_freq": 60.0, "high_freq": -200.0}, "use_energy": True, "raw_energy": False},
        {"use_energy": True, "energy_floor": 1e9, "htk_compat": True},
    ],
    ids=str,
)
def test_equal_to_kaldi_s_own(what, settings):
    reference = native(what, **settings)
    np.testing.assert_allclose(ours(what, **settings), reference, atol=4e-4)


@pytest.mark.parametrize("settings", [{"use_power": False}, {"use_log_fbank": False}], ids=str)
def test_linear_features_equal_kaldi_s_own(settings):
    reference = native("fbank", **settings)
    np.testing.assert_allclose(ours("fbank", **settings), reference, rtol=1e-3, atol=1e-6 * np.abs(reference).max())


@pytest.mark.parametrize("samples", [1, 3, 79, 80, 250])
def test_short_signals_are_mirrored_as_kaldi_does(samples):
    reference = native("fbank", SPEECH[:samples], frames={"snip_edges": False}) if samples >= 80 else np.zeros((0, 23))
    mine = ours("fbank", SPEECH[:samples], frames={"snip_edges": False})
    assert mine.shape == reference.shape
    np.testing.assert_allclose(mine, reference, atol=2e-3)


def test_silence_is_the_same_floor():
    silence = np.zeros(800, "f4")
    for what in ("fbank", "mfcc"):
        np.testing.assert_allclose(ours(what, silence), native(what, silence), atol=1e-4)
        np.testing.assert_allclose(ours(what, silence), theirs(what, "f4", silence), atol=1e-3)


def test_gradient_is_torchaudio_s():
    weights = RNG.standard_normal((36, 13))
    leaf = torch.as_tensor(SPEECH.astype("f8"))[None].requires_grad_()
    with double():
        features = torchaudio.compliance.kaldi.mfcc(leaf, use_energy=True)
        (features * torch.as_tensor(weights)).sum().backward()
    with jax.enable_x64(True):
        gradient = jax.jit(jax.grad(lambda x: (kaldi_mfcc(x) * weights).sum()))(SPEECH.astype("f8"))
    np.testing.assert_allclose(gradient, leaf.grad[0], rtol=1e-7, atol=1e-12)


def test_filters_are_torchaudio_s():
    with double():
        bank, _ = torchaudio.compliance.kaldi.get_mel_banks(23, 512, 16_000.0, 20.0, 0.0, 100.0, -500.0, 1.1)
    np.testing.assert_allclose(kaldi_mel_filters(16_000.0, 512, KaldiMels(), vtln_warp=1.1)[:-1].T, bank, atol=1e-12)
