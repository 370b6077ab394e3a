"""Cepstra and deltas against librosa and torchaudio."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import torch

from audiozoo.signal import cepstra
from tests.signal import exactness
from tests.signal.torchaudio_oracle import torchaudio

pytestmark = pytest.mark.oracle

RNG = np.random.default_rng(0)
NOISE = (RNG.standard_normal(16_000) * np.linspace(0, 1, 16_000) ** 8).astype(np.float32)  # so that top_db is met
FEATURES = RNG.standard_normal((200, 13)).astype(np.float32)
FRAMES = {"n_fft": 512, "hop_length": 128}
HTK = {"scale": "htk", "unit_area": False}
NATURAL = {"log": "ln", "offset": 1e-6, "floor": 0.0, "top_db": None}


def in_double(function, values, **options):
    with jax.enable_x64(True):
        return np.asarray(function(jnp.asarray(values, jnp.float64), **options))


def librosa_case(htk=False, **options):
    theirs = {"sr": 16_000, "htk": htk, "n_mfcc": 13, "n_mels": 40, **FRAMES, **options}
    single, double = (librosa.feature.mfcc(y=NOISE.astype(t), **theirs).T for t in (np.float32, np.float64))
    ours = {"sample_rate": 16_000, "n_mfcc": 13, "n_mels": 40, "pad_mode": "constant", **FRAMES, **options}
    ours["scale"] = "htk" if htk else "slaney"
    answer = jax.jit(lambda x: cepstra.mfcc(x, **ours))(NOISE)
    exact = in_double(cepstra.mfcc, NOISE, **ours)
    np.testing.assert_allclose(double, exact, atol=1e-4)  # librosa's filters are float32 even so
    return answer, single, exact


def torchaudio_case(function, transform, options):
    answer = jax.jit(lambda x: function(x, sample_rate=16_000, **FRAMES, **options))(NOISE)
    single = transform(torch.as_tensor(NOISE)).numpy().T
    exact = in_double(function, NOISE, sample_rate=16_000, **FRAMES, **options)
    double = transform.double()(torch.as_tensor(NOISE).double()).numpy().T
    np.testing.assert_allclose(double, exact, atol=3e-3)  # torchaudio's filters are made in float32 even so
    return answer, single, exact


def mfcc_case(log_mels):
    transform = torchaudio.transforms.MFCC(16_000, 20, log_mels=log_mels, melkwargs={"n_mels": 40, **FRAMES})
    options = {"n_mfcc": 20, "n_mels": 40, **HTK, **(NATURAL if log_mels else {})}
    return torchaudio_case(cepstra.mfcc, transform, options)


def lfcc_case(log_lf):
    transform = torchaudio.transforms.LFCC(16_000, 40, 100.0, 7000.0, 20, log_lf=log_lf, speckwargs=FRAMES)
    options = {"n_lfcc": 20, "n_filters": 40, "low_hz": 100.0, "high_hz": 7000.0, **(NATURAL if log_lf else {})}
    return torchaudio_case(cepstra.lfcc, transform, options)


def delta_case(order):
    theirs = [librosa.feature.delta(FEATURES.T.astype(t), order=order).T for t in (np.float32, np.float64)]
    return cepstra.delta(jnp.asarray(FEATURES), order=order), *theirs


def regression_case():
    theirs = [
        torchaudio.functional.compute_deltas(torch.as_tensor(FEATURES.T.astype(t))).numpy().T for t in ("f4", "f8")
    ]
    return cepstra.delta(jnp.asarray(FEATURES), width=5, mode="nearest"), *theirs


EXACTNESS = {
    "MFCC (librosa)": librosa_case,
    "MFCC, HTK, liftered (librosa)": lambda: librosa_case(True, lifter=22),
    "MFCC (torchaudio)": lambda: mfcc_case(False),
    "MFCC, log_mels (torchaudio)": lambda: mfcc_case(True),
    "LFCC (torchaudio)": lambda: lfcc_case(False),
    "LFCC, log_lf (torchaudio)": lambda: lfcc_case(True),
    "delta (librosa)": lambda: delta_case(1),
    "second delta (librosa)": lambda: delta_case(2),
    "delta (torchaudio)": regression_case,
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    exactness.check(*EXACTNESS[transform]())


@pytest.mark.parametrize("mode", ["interp", "nearest", "mirror", "constant", "wrap"])
@pytest.mark.parametrize("width, order", [(3, 1), (9, 3), (11, 2)])
def test_deltas_are_librosa_s(mode, width, order):
    theirs = librosa.feature.delta(FEATURES.T.astype(np.float64), mode=mode, width=width, order=order).T
    ours = in_double(cepstra.delta, FEATURES, mode=mode, width=width, order=order)
    np.testing.assert_allclose(ours, theirs, atol=1e-10)


@pytest.mark.parametrize(
    "theirs, ours", [("replicate", "nearest"), ("reflect", "mirror"), ("constant", "constant"), ("circular", "wrap")]
)
@pytest.mark.parametrize("width", [3, 5, 9])
def test_deltas_are_torchaudio_s(theirs, ours, width):
    expected = torchaudio.functional.compute_deltas(torch.as_tensor(FEATURES.T).double(), width, theirs)
    np.testing.assert_allclose(in_double(cepstra.delta, FEATURES, width=width, mode=ours), expected.T, atol=1e-10)


@pytest.mark.parametrize("norm", ["ortho", None])
def test_cosines_are_torchaudio_s(norm):
    theirs = torchaudio.functional.create_dct(13, 40, norm)
    np.testing.assert_allclose(cepstra.dct_matrix(40, 13, 2, norm or "none"), theirs, atol=2e-5)


def test_lifters_are_kaldi_s():
    theirs = torchaudio.compliance.kaldi._get_lifter_coeffs(13, 22.0)
    np.testing.assert_allclose(cepstra.lifter_weights(13, 22.0, "htk"), theirs, rtol=1e-5)


def test_unnormalised_coefficients_are_librosa_s():
    theirs = librosa.feature.mfcc(y=NOISE, sr=16_000, norm=None, mel_norm=None, **FRAMES).T
    ours = cepstra.mfcc(
        jnp.asarray(NOISE), sample_rate=16_000, norm="none", unit_area=False, pad_mode="constant", **FRAMES
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=0.02)
