"""Phase vocoder, time stretching, pitch shifting and Griffin-Lim against librosa and torchaudio."""

import functools

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal
import torch

from audiozoo.signal.inversion import griffin_lim
from audiozoo.signal.phase import phase_vocoder, pitch_shift, time_stretch
from audiozoo.signal.resampling import resample_sinc
from tests.signal import exactness
from tests.signal.torchaudio_oracle import torchaudio

pytestmark = pytest.mark.oracle

RATE = 16_000
SIGNAL = np.random.default_rng(0).standard_normal(12_000).astype(np.float32)
TIME = np.arange(12_000) / RATE
TONES = (np.sin(2 * np.pi * (200 + 900 * TIME) * TIME) + 0.3 * np.sin(2 * np.pi * 1700 * TIME)).astype(np.float32)
SPECTRUM = librosa.stft(SIGNAL.astype(np.float64), n_fft=512, hop_length=128).astype(np.complex64)
ADVANCE = torch.linspace(0, np.pi * 128, 257, dtype=torch.float64)[:, None]


@functools.cache
def vocoder_case(rate, peer):
    ours = phase_vocoder(jnp.asarray(SPECTRUM.T), rate)
    reference = librosa.phase_vocoder(SPECTRUM.astype(np.complex128), rate=rate, hop_length=128, n_fft=512)
    if peer == "librosa":
        return ours, librosa.phase_vocoder(SPECTRUM, rate=rate, hop_length=128, n_fft=512).T, reference.T
    theirs = torchaudio.functional.phase_vocoder(torch.as_tensor(SPECTRUM), rate, ADVANCE.float())
    return ours, theirs.numpy().T, reference.T


def stretch_case(rate):
    ours = jax.jit(lambda x: time_stretch(x, rate))(SIGNAL)
    return ours, *(librosa.effects.time_stretch(SIGNAL.astype(t), rate=rate) for t in (np.float32, np.float64))


@functools.cache
def griffin_lim_case(iterations, momentum, peer):
    magnitudes = np.abs(SPECTRUM)
    if peer.startswith("librosa"):
        settings = {"n_iter": iterations, "momentum": momentum, "hop_length": 128, "n_fft": 512, "random_state": 7}
        window = scipy.signal.get_window("hann", 512)
        windows = window.astype(np.float32) if peer == "librosa in float32" else window, window
        theirs, reference = (
            librosa.griffinlim(magnitudes.astype(t), window=w, **settings)
            for t, w in zip((np.float32, np.float64), windows, strict=True)
        )
        turns = np.random.RandomState(7).random(size=magnitudes.shape)
        initial, mode = np.exp(2j * np.pi * turns).T, "constant"
    else:
        theirs, reference = (
            torchaudio.functional.griffinlim(
                torch.as_tensor(magnitudes.astype(t)),
                torch.hann_window(512, dtype=getattr(torch, t)),
                512, 128, 512, 1.0, iterations, momentum, None, False,
            ).numpy()
            for t in ("float32", "float64")
        )  # fmt: skip
        initial, mode = np.ones_like(magnitudes.T, np.complex64), "reflect"
    ours = griffin_lim(
        jnp.asarray(magnitudes.T),
        n_fft=512,
        hop_length=128,
        iterations=iterations,
        momentum=momentum,
        pad_mode=mode,
        initial=jnp.asarray(initial, jnp.complex64),
    )
    return ours, theirs, reference


EXACTNESS = {
    "phase vocoder ×0.7 (librosa)": lambda: vocoder_case(0.7, "librosa"),
    "phase vocoder ×1.5 (librosa)": lambda: vocoder_case(1.5, "librosa"),
    "phase vocoder ×1.5 (torchaudio)": lambda: vocoder_case(1.5, "torchaudio"),
    "time stretch ×1.3 (librosa)": lambda: stretch_case(1.3),
    "Griffin-Lim, 1 turn (librosa)": lambda: griffin_lim_case(1, 0.99, "librosa"),
    "Griffin-Lim, 32 turns (librosa)": lambda: griffin_lim_case(32, 0.99, "librosa"),
    "Griffin-Lim without momentum, 32 turns (librosa, float64 inside)": lambda: griffin_lim_case(32, 0.0, "librosa"),
    "Griffin-Lim without momentum, 32 turns (librosa, float32 window)": lambda: griffin_lim_case(
        32, 0.0, "librosa in float32"
    ),
    "Griffin-Lim, 32 turns (torchaudio)": lambda: griffin_lim_case(32, 0.99, "torchaudio"),
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    if "float64 inside" in transform:  # librosa's forward transform
        assert exactness.compare(*EXACTNESS[transform]()).ours < 5e-5
    else:
        exactness.check(*EXACTNESS[transform]())


@pytest.mark.parametrize("rate", [0.5, 0.9, 1.0, 2.0])
def test_vocoders_agree(rate):
    ours, _, reference = vocoder_case(rate, "librosa")
    double = torchaudio.functional.phase_vocoder(torch.as_tensor(SPECTRUM).to(torch.complex128), rate, ADVANCE)
    np.testing.assert_allclose(ours, reference, atol=1e-3)
    np.testing.assert_allclose(ours, double.numpy().T, atol=1e-3)


@pytest.mark.parametrize("iterations, momentum", [(3, 0.0), (3, 0.99)])
@pytest.mark.parametrize("peer", ["librosa", "torchaudio"])
def test_griffin_lim_from_the_same_phases(iterations, momentum, peer):
    ours, _, reference = griffin_lim_case(iterations, momentum, peer)
    np.testing.assert_allclose(ours, reference, atol=1e-4)


@pytest.mark.parametrize("rate", [0.8, 1.25])
def test_time_stretch_is_librosa_s(rate):
    ours, _, reference = stretch_case(rate)
    np.testing.assert_allclose(ours, reference, atol=1e-4)


@pytest.mark.parametrize("steps", [-5, 3, 12])
def test_pitch_shift_is_librosa_s(steps):
    with jax.enable_x64(True):  # where a bin holds next to nothing, its phase in float32 is noise, which adds up
        ours = jax.jit(lambda x: pitch_shift(x, steps))(TONES.astype(np.float64))
    theirs = librosa.effects.pitch_shift(TONES.astype(np.float64), sr=RATE, n_steps=steps)
    middle = slice(1000, -1000)  # the two low-passes of equal quality differ most at the ends
    np.testing.assert_allclose(ours[middle], theirs[middle], atol=2e-3)


@pytest.mark.parametrize("steps", [-12, 12])
def test_pitch_shift_is_torchaudio_s_with_its_resampler(steps):
    def resampler(signal, ratio):
        return resample_sinc(signal, source_rate=int(RATE / ratio), target_rate=RATE)

    settings = {"n_fft": 512, "hop_length": 128, "pad_mode": "reflect", "resampler": resampler}
    theirs = torchaudio.functional.pitch_shift(
        torch.as_tensor(TONES, dtype=torch.float64), RATE, steps, window=torch.hann_window(512, dtype=torch.float64)
    )
    with jax.enable_x64(True):
        ours = jax.jit(lambda x: pitch_shift(x, steps, **settings))(TONES.astype(np.float64))
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
