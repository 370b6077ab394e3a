"""Resampling beside torchaudio, scipy and soxr, each in its convention, and by a sweep of tones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
import soxr
import torch

from audiozoo.signal import resampling
from tests.signal import exactness, resamplers
from tests.signal.torchaudio_oracle import torchaudio

pytestmark = pytest.mark.oracle
F = torchaudio.functional
X = np.random.default_rng(0).uniform(-0.1, 0.1, 20_011)
X32 = X.astype(np.float32)
WIDE = X32.astype(np.float64)


def case(source, target):
    """torchaudio's convention; its own figures."""
    ours = resampling.resample_sinc(jnp.asarray(X32), source_rate=source, target_rate=target)
    return ours, *(F.resample(torch.tensor(x), source, target).numpy() for x in (X32, WIDE))


def poly_case(up, down):
    ours = resampling.resample_poly(jnp.asarray(X32), up=up, down=down)
    return ours, *(scipy.signal.resample_poly(x, up, down) for x in (X32, WIDE))


def soxr_case(source, target):
    """Ours beside soxr, each against its own answer in float64; soxr's HQ computes in float64 and rounds."""
    rates = {"source_rate": source, "target_rate": target}
    with jax.enable_x64(True):
        reference = np.asarray(resampling.resample(jnp.asarray(WIDE), **rates))
    ours = resampling.resample(jnp.asarray(X32), **rates)
    errors = [soxr.resample(x, source, target, quality="HQ") for x in (X32, WIDE)]
    length = min(len(reference), len(errors[0]))
    theirs = reference[:length] + (errors[0] - errors[1])[:length]
    return ours[:length], theirs.astype(np.float32), reference[:length]


EXACTNESS = {
    "resample_sinc 44.1 → 16 kHz (torchaudio)": lambda: case(44_100, 16_000),
    "resample_sinc 16 → 44.1 kHz (torchaudio)": lambda: case(16_000, 44_100),
    "resample_poly 160/147 (scipy)": lambda: poly_case(160, 147),
    "resample_poly 160/441 (scipy)": lambda: poly_case(160, 441),
    "resample 44.1 → 16 kHz (soxr, float64 inside)": lambda: soxr_case(44_100, 16_000),
    "resample 16 → 48 kHz (soxr, float64 inside)": lambda: soxr_case(16_000, 48_000),
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    if "float64 inside" in transform:
        figures = exactness.compare(*EXACTNESS[transform]())
        assert figures.ours < 2e-6 and figures.ours_rms < 5e-7
    else:
        exactness.check(*EXACTNESS[transform]())


@pytest.mark.parametrize(("source", "target"), [(44_100, 16_000), (16_000, 44_100), (3, 2), (1, 7)])
@pytest.mark.parametrize("time", [1, 37, 1000])
def test_sinc_resampling_is_torchaudios(source, target, time):
    with jax.enable_x64(True):
        rates = {"source_rate": source, "target_rate": target}
        ours = resampling.resample_sinc(jnp.asarray(X[:time]), **rates)
        expected = F.resample(torch.tensor(X[:time]), source, target).numpy()
        np.testing.assert_allclose(ours, expected, atol=1e-13)
        settings = {"lowpass_filter_width": 16, "rolloff": 0.85, "beta": 8.0}
        ours = resampling.resample_sinc(jnp.asarray(X[:time]), **rates, **settings, window="kaiser")
        expected = F.resample(
            torch.tensor(X[:time]), source, target, resampling_method="sinc_interp_kaiser", **settings
        )
        np.testing.assert_allclose(ours, expected.numpy(), atol=1e-6)  # torchaudio's Bessel function is in float32


def test_high_quality_is_close_to_soxrs():
    """Of a signal within the passband, both are that signal."""
    band = scipy.signal.sosfiltfilt(scipy.signal.butter(10, 0.25, output="sos"), X)
    with jax.enable_x64(True):
        ours = np.asarray(resampling.resample(jnp.asarray(band), source_rate=44_100, target_rate=16_000))
    theirs = soxr.resample(band, 44_100, 16_000, quality="HQ")
    assert 0 <= len(ours) - len(theirs) <= 1  # soxr rounds the length, ours is the ceiling
    middle = slice(500, 7000)
    assert np.abs(ours[middle] - theirs[middle]).max() < 3e-5 * np.abs(theirs).max()


@pytest.mark.parametrize(("source", "target"), [(44_100, 16_000), (16_000, 44_100), (48_000, 44_100)])
def test_a_sweep_finds_high_quality_as_good_as_soxrs(source, target):
    ours = resamplers.measure(resamplers.ours("high"), source, target, passband=0.9, count=24)
    theirs = resamplers.measure(
        resamplers.peers()["soxr HQ (librosa's default)"], source, target, passband=0.9, count=24
    )
    assert ours.flat >= theirs.flat and ours.ripple <= theirs.ripple
    assert ours.alias <= theirs.alias + 1 and ours.image <= theirs.image + 1  # dB
