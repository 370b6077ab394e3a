"""STFT, its inverse, spectrograms and frames against librosa, PyTorch, torchaudio and scipy, each in its convention."""

import functools

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.signal
import torch

from audiozoo.signal import dft, reassigned
from audiozoo.signal.framing import kaldi_frames
from audiozoo.signal.spectral import istft, spectrogram, stft
from tests.signal import exactness
from tests.signal.torchaudio_oracle import torchaudio

pytestmark = pytest.mark.oracle

RNG = np.random.default_rng(0)
SIGNAL64 = RNG.standard_normal(9001)
SIGNAL = SIGNAL64.astype(np.float32)
SIGNAL64 = SIGNAL.astype(np.float64)  # the same numbers, so that only the arithmetic differs
OURS = jnp.asarray(SIGNAL)
SIZES = [(400, 160, 400), (512, 128, 400), (401, 97, 301), (256, 300, 256), (2048, 512, 2048)]


def hann(size, dtype=np.float64):
    return scipy.signal.get_window("hann", size).astype(dtype)


def torch_stft(signal, n_fft, hop, win, **settings):
    window = torch.as_tensor(hann(win)).to(torch.as_tensor(signal).dtype)
    spectrum = torch.stft(torch.as_tensor(signal), n_fft, hop, win, window, return_complex=True, **settings)
    return spectrum.numpy().T


def librosa_stft(signal, n_fft, hop, win, **settings):
    return librosa.stft(signal, n_fft=n_fft, hop_length=hop, win_length=win, **settings).T


@pytest.mark.parametrize("n_fft, hop, win", SIZES)
@pytest.mark.parametrize("center", [True, False])
def test_librosa_and_torch(n_fft, hop, win, center):
    transform = functools.partial(stft, n_fft=n_fft, hop_length=hop, window=hann(win), center=center)
    for mode in ("constant", "reflect"):
        ours = jax.jit(functools.partial(transform, pad_mode=mode))(OURS)
        theirs = librosa_stft(SIGNAL, n_fft, hop, win, center=center, pad_mode=mode)
        peer = torch_stft(SIGNAL, n_fft, hop, win, center=center, pad_mode=mode)
        reference = librosa_stft(SIGNAL64, n_fft, hop, win, center=center, pad_mode=mode)
        exactness.check(ours, peer, reference)
        assert exactness.compare(ours, theirs, reference).ours < 3e-7  # librosa computes in float64 and rounds


@pytest.mark.parametrize("mode", ["edge", "symmetric"])
def test_the_other_edges_of_librosa(mode):
    ours = stft(OURS, n_fft=512, hop_length=128, pad_mode=mode)
    np.testing.assert_allclose(ours, librosa_stft(SIGNAL64, 512, 128, 512, pad_mode=mode), atol=1e-4)


@pytest.mark.parametrize("normalised, ours", [("window", "window"), ("frame_length", "frame_length"), (True, "window")])
@pytest.mark.parametrize("power", [1.0, 2.0, 3.0])
def test_torchaudio_spectrograms(normalised, ours, power):
    peer = torchaudio.functional.spectrogram(
        torch.as_tensor(SIGNAL64), 0, torch.as_tensor(hann(301)), 400, 160, 301, power, normalised
    )
    mine = spectrogram(OURS, n_fft=400, hop_length=160, window=hann(301), power=power, normalise=ours)
    np.testing.assert_allclose(mine, peer.numpy().T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("time", [9001, 9120, 401])
@pytest.mark.parametrize("n_fft, win, overlap", [(400, 400, 240), (512, 300, 150), (401, 401, 100)])
def test_scipy(time, n_fft, win, overlap):
    settings = {"nperseg": win, "noverlap": overlap, "nfft": n_fft}
    _, _, reference = scipy.signal.stft(SIGNAL64[:time], **settings)
    convention = {"n_fft": n_fft, "hop_length": win - overlap, "window": hann(win), "window_position": "start"}
    convention["normalise"] = "magnitude"
    ours = stft(OURS[:time], **convention, pad_mode="constant", pad_end=True)
    np.testing.assert_allclose(ours, reference.T, atol=1e-6)
    _, back = scipy.signal.istft(reference, **settings)
    mine = istft(ours, **convention)
    if win % 2 == 0:  # scipy cuts one sample too many off an odd segment
        np.testing.assert_allclose(mine, back, atol=1e-5)


@pytest.mark.parametrize("shift, phase", [(0, "centre"), (None, "start")])
@pytest.mark.parametrize("scale, normalise", [(None, "none"), ("magnitude", "magnitude"), ("psd", "window")])
def test_scipy_s_class(shift, phase, scale, normalise):
    peer = scipy.signal.ShortTimeFFT(hann(301), 100, 1.0, mfft=512, phase_shift=shift, scale_to=scale)
    settings = {"n_fft": 512, "hop_length": 100, "window": hann(301), "window_position": "start", "phase": phase}
    ours = stft(OURS, **settings, normalise=normalise, pad_mode="constant")
    reference = peer.stft(SIGNAL64, p0=0, p1=len(ours)).T
    np.testing.assert_allclose(ours, reference, atol=3e-6 * np.abs(reference).max())


@pytest.mark.parametrize("snip", [True, False])
@pytest.mark.parametrize("size, hop, time", [(400, 160, 9001), (400, 160, 601), (200, 301, 2000), (25, 7, 120)])
def test_kaldi_s_frames_are_torchaudio_s(snip, size, hop, time):
    strided = torchaudio.compliance.kaldi._get_strided
    peer = strided(torch.as_tensor(SIGNAL[:time]), size, hop, snip)
    np.testing.assert_array_equal(kaldi_frames(OURS[:time], size, hop, snip_edges=snip), peer)


@functools.cache
def modified(n_fft, hop, win):
    """A spectrum that is no signal's."""
    spectrum = librosa_stft(SIGNAL64, n_fft, hop, win).T
    return (spectrum * RNG.standard_normal(spectrum.shape)).astype(np.complex64)


@pytest.mark.parametrize("n_fft, hop, win", [(400, 160, 400), (512, 128, 400), (401, 97, 301), (64, 1, 64)])
@pytest.mark.parametrize("length", [None, 8000, 9001])
def test_inverses(n_fft, hop, win, length):
    spectrum = modified(n_fft, hop, win)
    settings = {"hop_length": hop, "win_length": win, "n_fft": n_fft, "length": length}
    reference = librosa.istft(spectrum.astype(np.complex128), **settings)
    theirs = librosa.istft(spectrum, **settings)
    peer = torch.istft(
        torch.as_tensor(spectrum), n_fft, hop, win, torch.as_tensor(hann(win, np.float32)), length=length
    )
    ours = jax.jit(functools.partial(istft, n_fft=n_fft, hop_length=hop, window=hann(win), length=length))(spectrum.T)
    exactness.check(ours, theirs, reference)
    exactness.check(ours, peer.numpy(), reference)


def test_inverses_without_a_centre_and_too_long():
    spectrum = modified(400, 160, 400)
    ours = istft(spectrum.T, n_fft=400, hop_length=160, center=False, length=20_000, uncovered="zero")
    theirs = librosa.istft(spectrum.astype(np.complex128), hop_length=160, n_fft=400, center=False, length=20_000)
    heard = slice(20, len(SIGNAL))  # nearer to the edge the sum of squared windows goes to zero, and both go wild
    np.testing.assert_allclose(ours[heard], theirs[heard], atol=1e-3)
    assert not ours[10_000:].any() and not theirs[10_000:].any()
    with pytest.raises(RuntimeError, match="window overlap add min"):
        torch.istft(torch.as_tensor(spectrum), 400, 160, window=torch.hann_window(400), center=False)
    with pytest.raises(ValueError, match="under no window"):
        istft(spectrum.T, n_fft=400, hop_length=160, center=False)


@pytest.mark.parametrize("n_fft, center", [(512, True), (401, False)])
@pytest.mark.parametrize("frequencies, times", [(True, True), (True, False), (False, True)])
@pytest.mark.filterwarnings("ignore:'where' used without 'out'")
def test_reassigned(n_fft, center, frequencies, times):
    settings = {"n_fft": n_fft, "hop_length": 128, "center": center}
    settings |= {"reassign_frequencies": frequencies, "reassign_times": times}
    for fill in (True, False):
        ours = reassigned.reassigned_spectrogram(OURS, 16_000, **settings, fill=fill, reference_power=1.0)
        theirs = librosa.reassigned_spectrogram(
            SIGNAL64, sr=16_000, **settings, fill_nan=fill, ref_power=1.0, pad_mode="constant"
        )
        for mine, other, scale in zip(ours, theirs, (8000, 0.6, 50), strict=True):
            assert (np.isnan(mine.T) == np.isnan(other)).mean() > 0.9999  # a power of nearly 1 falls on either side
            both = np.isfinite(mine.T) & np.isfinite(other)
            np.testing.assert_allclose(np.asarray(mine.T)[both], other[both], atol=1e-4 * scale)


def test_in_which_precision_librosa_computes(monkeypatch):
    """Forward, float32 samples times its window, which is float64, go into a float64 transform, whose answer is
    rounded; with a float32 window, and backward, all is float32."""
    seen = set()

    def spied(transform):
        return lambda values, **settings: (seen.add(str(values.dtype)), transform(values, **settings))[1]

    for name in ("rfft", "irfft"):
        monkeypatch.setattr(scipy.fft, name, spied(getattr(scipy.fft, name)))
    for expected, call in (
        ("float64", lambda: librosa.stft(SIGNAL)),
        ("float32", lambda: librosa.stft(SIGNAL, window=hann(2048, np.float32))),
        ("complex64", lambda: librosa.istft(np.ones((1025, 9), np.complex64))),
    ):
        seen.clear()
        call()
        assert seen == {expected}


def stft_case(n_fft, hop, peer):
    mode = "reflect" if peer == "torch" else "constant"
    if peer == "torch":
        theirs = torch_stft(SIGNAL, n_fft, hop, n_fft)
    else:
        precision = np.float32 if peer == "librosa in float32" else np.float64
        theirs = librosa_stft(SIGNAL, n_fft, hop, n_fft, window=hann(n_fft, precision))
    ours = stft(OURS, n_fft=n_fft, hop_length=hop, pad_mode=mode)
    return ours, theirs, librosa_stft(SIGNAL64, n_fft, hop, n_fft, pad_mode=mode)


def istft_case(peer):
    spectrum = modified(400, 160, 400)
    ours = istft(jnp.asarray(spectrum.T), n_fft=400, hop_length=160)
    theirs = (
        librosa.istft(spectrum, hop_length=160, n_fft=400)
        if peer == "librosa"
        else torch.istft(torch.as_tensor(spectrum), 400, 160, window=torch.hann_window(400)).numpy()
    )
    return ours, theirs, librosa.istft(spectrum.astype(np.complex128), hop_length=160, n_fft=400)


def matmul_case(n_fft):
    """Against the transform as two plain matrix products in PyTorch, as libraries of convolutions do it."""
    angle = -2 * np.pi * np.outer(np.arange(n_fft), np.arange(n_fft // 2 + 1)) / n_fft
    frames = np.lib.stride_tricks.sliding_window_view(SIGNAL, n_fft)[::100] * hann(n_fft, np.float32)
    real, imag = (torch.as_tensor(frames) @ torch.as_tensor(f(angle).astype(np.float32)) for f in (np.cos, np.sin))
    ours = dft.rdft(jnp.asarray(frames))
    return ours.real + 1j * ours.imag, (real + 1j * imag).numpy(), np.fft.rfft(frames.astype(np.float64))


EXACTNESS = {
    "stft 400/160 (librosa, float64 inside)": lambda: stft_case(400, 160, "librosa"),
    "stft 2048/512 (librosa, float64 inside)": lambda: stft_case(2048, 512, "librosa"),
    "stft 400/160 (librosa, float32 window)": lambda: stft_case(400, 160, "librosa in float32"),
    "stft 2048/512 (librosa, float32 window)": lambda: stft_case(2048, 512, "librosa in float32"),
    "stft 400/160 (torch)": lambda: stft_case(400, 160, "torch"),
    "stft 2048/512 (torch)": lambda: stft_case(2048, 512, "torch"),
    "istft 400/160 (librosa)": lambda: istft_case("librosa"),
    "istft 400/160 (torch)": lambda: istft_case("torch"),
    "rdft 400 (matrix products in torch)": lambda: matmul_case(400),
    "rdft 2048 (matrix products in torch)": lambda: matmul_case(2048),
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    if "float64 inside" in transform:
        assert exactness.compare(*EXACTNESS[transform]()).ours < 3e-7
    else:
        exactness.check(*EXACTNESS[transform]())
