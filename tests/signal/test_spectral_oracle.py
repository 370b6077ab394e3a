import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal
import torch

from audiozoo.signal import spectral, windows

pytestmark = pytest.mark.oracle


@pytest.fixture
def signal():
    return np.random.default_rng(0).uniform(-1, 1, 16_000).astype(np.float32)


@pytest.mark.parametrize("pad_mode", ["reflect", "constant", "edge"])
@pytest.mark.parametrize("n_fft, win_length, hop_length", [(400, 400, 160), (512, 400, 128), (513, 300, 100)])
def test_stft_equals_librosa(signal, n_fft, win_length, hop_length, pad_mode):
    settings = {"n_fft": n_fft, "hop_length": hop_length, "pad_mode": pad_mode}
    ours = spectral.stft(jnp.asarray(signal), window=windows.hann(win_length), **settings)
    theirs = librosa.stft(signal, win_length=win_length, **settings).T
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("win_length", [400, 321])
def test_stft_equals_torch(signal, win_length, center):
    ours = spectral.stft(
        jnp.asarray(signal), n_fft=400, hop_length=160, window=windows.hamming(win_length), center=center
    )
    theirs = torch.stft(
        torch.from_numpy(signal),
        400,
        160,
        win_length,
        torch.hamming_window(win_length),
        center=center,
        return_complex=True,
    )
    np.testing.assert_allclose(ours, theirs.numpy().T, atol=1e-4)


@pytest.mark.parametrize("name", ["hann", "hamming"])
@pytest.mark.parametrize("size", [2, 7, 400])
@pytest.mark.parametrize("periodic", [True, False])
def test_windows_equal_scipy(name, size, periodic):
    ours = getattr(windows, name)(size, periodic=periodic)
    np.testing.assert_allclose(ours, scipy.signal.get_window(name, size, fftbins=periodic), atol=1e-15)
