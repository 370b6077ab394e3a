"""Sound as numbers beside torchaudio, librosa, pyloudnorm, soxr and pyroomacoustics."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal
import soxr
import torch

from audiozoo.signal import levels, loudness, quantisation, resampling, rooms
from tests.signal import exactness
from tests.signal.torchaudio_oracle import torchaudio

pytestmark = pytest.mark.oracle
F = torchaudio.functional
X = np.random.default_rng(0).uniform(-0.1, 0.1, 20_011)
X32 = X.astype(np.float32)
WIDE = X32.astype(np.float64)


def sinc(x):
    return F.resample(torch.tensor(x), 44_100, 16_000).numpy()


EXACTNESS = {
    "resample_sinc (torchaudio)": lambda: (
        resampling.resample_sinc(jnp.asarray(X32), source_rate=44_100, target_rate=16_000),
        sinc(X32),
        sinc(WIDE),
    ),
    "resample_poly (scipy)": lambda: (
        resampling.resample_poly(jnp.asarray(X32), up=160, down=147),
        scipy.signal.resample_poly(X32, 160, 147),
        scipy.signal.resample_poly(WIDE, 160, 147),
    ),
    "rms (librosa)": lambda: (
        levels.rms(jnp.asarray(X32)),
        librosa.feature.rms(y=X32)[0],
        librosa.feature.rms(y=WIDE, dtype=np.float64)[0],
    ),
    "pre_emphasis (librosa)": lambda: (
        levels.pre_emphasis(jnp.asarray(X32), start="librosa"),
        librosa.effects.preemphasis(X32),
        librosa.effects.preemphasis(WIDE),
    ),
    "de_emphasis (librosa)": lambda: (
        levels.de_emphasis(jnp.asarray(X32), start="librosa"),
        librosa.effects.deemphasis(X32),
        librosa.effects.deemphasis(WIDE),
    ),
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
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
    assert ours.shape == theirs.shape
    middle = slice(500, -500)
    assert np.abs(ours - theirs)[middle].max() < 3e-5 * np.abs(theirs).max()


@pytest.mark.parametrize("count", [2, 16, 256])
def test_mu_law_is_torchaudios(count):
    x = np.linspace(-1, 1, 5001, dtype=np.float32)
    expected = F.mu_law_encoding(torch.tensor(x), count).numpy()
    ours = np.asarray(quantisation.mu_law_encode(jnp.asarray(x), levels=count))
    assert (ours != expected).mean() < 1e-3 and np.abs(ours - expected).max() <= 1  # on the border of two codes
    decoded = F.mu_law_decoding(torch.arange(count), count).numpy()
    np.testing.assert_allclose(quantisation.mu_law_decode(jnp.arange(count), levels=count), decoded, atol=2e-6)
    np.testing.assert_allclose(quantisation.compress(jnp.asarray(x)), librosa.mu_compress(x, quantize=False), atol=1e-6)


@pytest.mark.filterwarnings("ignore:'audioop' is deprecated")
@pytest.mark.parametrize("law", ["mu", "a"])
def test_g711_is_the_standard_librarys(law):
    audioop = pytest.importorskip("audioop", reason="left Python in 3.13")
    samples, codes = np.arange(-32768, 32768).astype(np.int16), np.arange(256, dtype=np.uint8)
    encode, decode = (getattr(audioop, name.format(law[0])) for name in ("lin2{}law", "{}law2lin"))
    expected = np.frombuffer(encode(samples.tobytes(), 2), np.uint8)
    np.testing.assert_array_equal(quantisation.g711_encode(jnp.asarray(samples), law=law), expected)
    expected = np.frombuffer(decode(codes.tobytes(), 2), np.int16)
    np.testing.assert_array_equal(quantisation.g711_decode(jnp.asarray(codes), law=law), expected)


def test_emphasis_is_torchaudios():
    np.testing.assert_allclose(levels.pre_emphasis(jnp.asarray(X32)), F.preemphasis(torch.tensor(X32)), atol=1e-7)
    np.testing.assert_allclose(levels.de_emphasis(jnp.asarray(X32)), F.deemphasis(torch.tensor(X32)), atol=1e-6)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("seconds", [0.5, 3.07])
def test_loudness_is_pyloudnorms_and_torchaudios(rate, seconds):
    pyloudnorm = pytest.importorskip("pyloudnorm")
    x = np.random.default_rng(0).standard_normal((2, int(rate * seconds)))
    x *= np.linspace(0, 0.05, x.shape[1])
    with jax.enable_x64(True):
        measure = lambda **settings: loudness.integrated_loudness(
            jnp.asarray(x), sample_rate=rate, channels=True, **settings
        )
        expected = pyloudnorm.Meter(rate).integrated_loudness(x.T)
        np.testing.assert_allclose(measure(last_block="rounded"), expected, atol=1e-9)
        expected = pyloudnorm.Meter(rate, filter_class="DeMan").integrated_loudness(x.T)
        np.testing.assert_allclose(measure(last_block="rounded", exact=True), expected, atol=1e-9)
        np.testing.assert_allclose(measure(), F.loudness(torch.tensor(x), rate), atol=1e-9)


def test_rooms_are_pyroomacoustics():
    """Its arrivals are those of image sources times 4 pi; its delays come from a table, so not to the last digit."""
    acoustics = pytest.importorskip("pyroomacoustics")
    acoustics.constants.set("rir_hpf_enable", False)
    size, source, point = [5.0, 4.0, 3.0], np.array([1.0, 2.0, 1.5]), np.array([3.0, 1.0, 1.2])
    shoebox = acoustics.ShoeBox(size, fs=16_000, materials=acoustics.Material(0.3), max_order=3)
    shoebox.add_source(source)
    shoebox.add_microphone(point)
    shoebox.compute_rir()
    expected = shoebox.rir[0][0]
    ours = rooms.room_impulse_response(
        room=size, source=source, microphones=point, absorption=0.3, sample_rate=16_000, length=len(expected),
        max_order=3, lead=40,
    )  # fmt: skip
    np.testing.assert_allclose(ours * 4 * np.pi, expected, atol=2e-3)
