"""Constant-Q transforms against librosa, with the same resampler to the last digit and with soxr to a stated bound."""

import functools

import jax
import librosa
import numpy as np
import pytest

from audiozoo.signal.constant_q import cqt, icqt, ivqt, vqt
from audiozoo.signal.resampling import resample, resample_poly
from tests.signal import exactness

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:n_fft=")]  # for the low octaves

RATE = 8000
BASE = {"fmin": 110.0, "n_bins": 40, "hop_length": 128}
SIGNAL = np.random.default_rng(0).standard_normal(12_001)


def polyphase(signal, up, down):
    return resample_poly(signal, up=up, down=down)


@pytest.fixture(autouse=True)
def wide_kernels(monkeypatch):
    """librosa computes its kernels in float32 for any signal; here in float64."""
    wide(monkeypatch)


def wide(monkeypatch):
    original = librosa.filters.wavelet
    monkeypatch.setattr(librosa.filters, "wavelet", lambda **settings: original(**{**settings, "dtype": np.complex128}))


def close(ours, theirs, bound):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < bound * np.abs(theirs).max()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"sparsity": 0.0, "hop_length": 100},
        {"hop_length": 33, "norm": 2},
        {"scale": False, "norm": np.inf, "tuning": 0.3},
        {"n_bins": 16, "hop_length": 256},  # the rate is halved before the first octave
        {"n_bins": 16, "hop_length": 256, "scale": False},
        {"n_bins": 1, "filter_scale": 2.0},
        {"bins_per_octave": 24, "n_bins": 75, "window": "blackman", "filter_scale": 0.7, "pad_mode": "reflect"},
    ],
    ids=str,
)
def test_cqt_is_librosa_s(settings):
    settings = {**BASE, **settings}
    with jax.enable_x64(True):
        ours = cqt(SIGNAL, RATE, resampler=polyphase, **settings)
    close(ours, librosa.cqt(SIGNAL, sr=RATE, res_type="polyphase", **settings).T, 1e-13)


@pytest.mark.parametrize("gamma", [None, 0, 15.0])
@pytest.mark.parametrize("intervals", ["equal", (1, 1.2, 1.5, 1.7)])
def test_vqt_is_librosa_s(gamma, intervals):
    settings = {**BASE, "gamma": gamma, "n_bins": 16}
    with jax.enable_x64(True):
        ratios = 12 if intervals == "equal" else intervals
        ours = vqt(SIGNAL, RATE, resampler=polyphase, intervals=ratios, **settings)
    theirs = librosa.vqt(SIGNAL, sr=RATE, res_type="polyphase", intervals=intervals, **settings).T
    close(ours, theirs, 1e-13)


@pytest.mark.parametrize(
    "settings", [{}, {"scale": False}, {"hop_length": 33}, {"length": 9999}, {"n_bins": 16, "sparsity": 0.0}], ids=str
)
def test_icqt_is_librosa_s(settings):
    forward = {k: v for k, v in {**BASE, **settings}.items() if k != "length"}
    backward = {k: v for k, v in {**BASE, **settings}.items() if k != "n_bins"}
    spectrum = librosa.cqt(SIGNAL, sr=RATE, **forward)
    theirs = librosa.icqt(spectrum, sr=RATE, res_type="polyphase", **backward)  # its kernels are rounded to float32
    with jax.enable_x64(True):
        close(icqt(spectrum.T, RATE, resampler=polyphase, **backward), theirs, 2e-7)
        np.testing.assert_array_equal(icqt(spectrum.T, RATE, **backward), ivqt(spectrum.T, RATE, gamma=0.0, **backward))


def test_our_filters_and_soxr_s_agree():
    theirs = librosa.cqt(SIGNAL, sr=RATE, **BASE).T
    with jax.enable_x64(True):
        ours = cqt(SIGNAL, RATE, **BASE)
        like_soxr = cqt(
            SIGNAL, RATE, resampler=lambda x, up, down: resample(x, source_rate=down, target_rate=up), **BASE
        )
        back = icqt(theirs, RATE, **{k: v for k, v in BASE.items() if k != "n_bins"})
    close(ours, theirs, 2e-2)  # where the signal begins and ends, each filter rings in its own way
    middle = slice(25, -25)
    close(ours[middle], theirs[middle], 2e-4)
    close(like_soxr[middle], theirs[middle], 5e-6)
    wanted = librosa.icqt(theirs.T, sr=RATE, **{k: v for k, v in BASE.items() if k != "n_bins"})
    close(back[2000:-2000], wanted[2000:-2000], 1e-2)


@functools.cache
def forward_case(**settings):
    settings = {**BASE, **settings}
    with pytest.MonkeyPatch.context() as patch:
        wide(patch)
        reference = librosa.cqt(SIGNAL, sr=RATE, res_type="polyphase", **settings).T
    narrow = SIGNAL.astype(np.float32)
    ours = cqt(narrow, RATE, resampler=polyphase, **settings)
    return ours, librosa.cqt(narrow, sr=RATE, res_type="polyphase", **settings).T, reference


def inverse_case():
    spectrum = librosa.cqt(SIGNAL, sr=RATE, **BASE).astype(np.complex64)
    settings = {"fmin": 110.0, "hop_length": 128}
    with jax.enable_x64(True):  # librosa's own kernels are float32 in any case
        reference = icqt(spectrum.T.astype(np.complex128), RATE, resampler=polyphase, **settings)
    theirs = librosa.icqt(spectrum, sr=RATE, res_type="polyphase", **settings)
    return icqt(spectrum.T, RATE, resampler=polyphase, **settings), theirs.astype(np.float32), reference


EXACTNESS = {
    "cqt (librosa, polyphase)": forward_case,
    "cqt, every sample of the kernels (librosa, polyphase)": lambda: forward_case(sparsity=0.0),
    "cqt, 24 bins an octave (librosa, polyphase)": lambda: forward_case(bins_per_octave=24, n_bins=80),
    "cqt, odd hop (librosa)": lambda: forward_case(hop_length=33),
    "icqt (librosa, float64 inside)": inverse_case,
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    if "float64 inside" in transform:
        assert exactness.compare(*EXACTNESS[transform]()).ours < 1e-6
    else:
        exactness.check(*EXACTNESS[transform]())
