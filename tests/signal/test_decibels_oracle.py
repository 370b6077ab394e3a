"""Decibels against librosa and torchaudio."""

import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import torch

from audiozoo.signal import decibels
from tests.signal import exactness
from tests.signal.torchaudio_oracle import torchaudio

pytestmark = pytest.mark.oracle

RNG = np.random.default_rng(0)
POWER = (10 ** RNG.uniform(-12, 6, (4, 50, 40))).astype(np.float32)
LEVEL = RNG.uniform(-100, 100, (50, 40)).astype(np.float32)


def case(ours, theirs, values):
    return ours(jnp.asarray(values)), theirs(values), theirs(values.astype(np.float64))


def torch_db(values, top_db=80.0, kind="power"):
    return torchaudio.transforms.AmplitudeToDB(kind, top_db)(torch.as_tensor(values)).numpy()


EXACTNESS = {
    "power to dB (librosa)": lambda: case(
        lambda p: decibels.power_to_db(p, top_db=80.0, axes=None), librosa.power_to_db, POWER
    ),
    "amplitude to dB (librosa)": lambda: case(
        lambda p: decibels.amplitude_to_db(p, top_db=80.0, axes=None), librosa.amplitude_to_db, POWER
    ),
    "power to dB (torchaudio)": lambda: case(
        lambda p: decibels.power_to_db(p, top_db=80.0, axes=None), torch_db, POWER
    ),
    "dB to power (librosa)": lambda: case(decibels.db_to_power, librosa.db_to_power, LEVEL),
    "dB to amplitude (librosa)": lambda: case(decibels.db_to_amplitude, librosa.db_to_amplitude, LEVEL),
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    exactness.check(*EXACTNESS[transform]())


@pytest.mark.parametrize("top_db", [None, 30.0])
@pytest.mark.parametrize("ref", [1.0, 0.01, np.max])
def test_conventions_are_librosa_s(ref, top_db):
    settings = {"top_db": top_db, "amin": 1e-7}
    ours = {"axes": None, "ref": jnp.max if callable(ref) else ref, **settings}
    theirs = {"ref": ref, **settings}
    np.testing.assert_allclose(decibels.power_to_db(POWER, **ours), librosa.power_to_db(POWER, **theirs), atol=1e-4)
    np.testing.assert_allclose(
        decibels.amplitude_to_db(POWER, **ours), librosa.amplitude_to_db(POWER, **theirs), atol=1e-4
    )


def test_conventions_are_torchaudio_s():
    """Of four axes it judges each clip by itself, of three all at once."""
    clips = POWER.reshape(2, 2, 50, 40)
    np.testing.assert_allclose(decibels.power_to_db(clips, top_db=80.0, axes=(-3, -2, -1)), torch_db(clips), atol=1e-4)
    np.testing.assert_allclose(
        decibels.amplitude_to_db(POWER, top_db=60.0, axes=None, amin=1e-10),
        torch_db(POWER, 60.0, "magnitude"),
        atol=2e-4,
    )
    ours = decibels.db_to_amplitude(jnp.asarray(LEVEL), ref=2.0)
    theirs = torchaudio.functional.DB_to_amplitude(torch.as_tensor(LEVEL), 2.0, 0.5)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
