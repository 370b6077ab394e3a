"""Sound as numbers beside torchaudio, librosa, pyloudnorm, pyroomacoustics and Python's audioop."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pyloudnorm
import pyroomacoustics as acoustics
import pytest
import torch

from audiozoo.signal import levels, loudness, quantisation, rooms
from tests.signal import exactness
from tests.signal.torchaudio_oracle import torchaudio

pytestmark = pytest.mark.oracle
F = torchaudio.functional
X = np.random.default_rng(0).uniform(-0.1, 0.1, 20_011)
X32 = X.astype(np.float32)
WIDE = X32.astype(np.float64)


EXACTNESS = {
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
    encode, decode = (getattr(audioop, name.format({"mu": "u"}.get(law, law))) for name in ("lin2{}law", "{}law2lin"))
    expected = np.frombuffer(encode(samples.tobytes(), 2), np.uint8)
    np.testing.assert_array_equal(quantisation.g711_encode(jnp.asarray(samples), law=law), expected)
    expected = np.frombuffer(decode(codes.tobytes(), 2), np.int16)
    np.testing.assert_array_equal(quantisation.g711_decode(jnp.asarray(codes), law=law), expected)


@pytest.mark.parametrize("level", [0.1, 10.0])
def test_emphasis_is_torchaudios_which_clips_at_one(level):
    np.testing.assert_allclose(levels.pre_emphasis(jnp.asarray(X32)), F.preemphasis(torch.tensor(X32)), atol=1e-7)
    ours = levels.de_emphasis(jnp.asarray(level * X32))
    assert (np.abs(ours).max() > 1) == (level > 1)
    np.testing.assert_allclose(np.clip(ours, -1, 1), F.deemphasis(torch.tensor(level * X32)), atol=2e-6 * level)


def ramp(rate, seconds):
    """Noise of two channels that grows: quiet, as torchaudio's filters clip what goes beyond one."""
    x = np.random.default_rng(0).standard_normal((2, int(rate * seconds)))
    return x * np.linspace(0, 0.05, x.shape[1])


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("seconds", [0.5, 3.07])
def test_loudness_is_pyloudnorms(rate, seconds):
    x = ramp(rate, seconds)
    with jax.enable_x64(True):
        for exact, design in ((False, "K-weighting"), (True, "DeMan")):
            ours = loudness.integrated_loudness(
                jnp.asarray(x), sample_rate=rate, channels=True, last_block="rounded", exact=exact
            )
            expected = pyloudnorm.Meter(rate, filter_class=design).integrated_loudness(x.T)
            np.testing.assert_allclose(ours, expected, atol=1e-9)


def test_loudness_is_torchaudios():
    x = ramp(8000, 0.65)
    measure = jax.jit(lambda x: loudness.integrated_loudness(x, sample_rate=8000, channels=True))
    double, single = (F.loudness(torch.tensor(x.astype(t)), 8000).item() for t in (np.float64, np.float32))
    with jax.enable_x64(True):
        np.testing.assert_allclose(measure(jnp.asarray(x)), double, atol=1e-9)
    error = abs(float(measure(jnp.asarray(x, jnp.float32))) - double)
    assert error <= max(2 * abs(single - double), 70 * exactness.EPSILON)  # LU, of a level of -70 at the least


def test_rooms_are_pyroomacoustics():
    """Its arrivals are those of image sources times 4 pi; its delays come from a table, so not to the last digit."""
    acoustics.constants.set("rir_hpf_enable", False)
    size, source, point = [5.0, 4.0, 3.0], np.array([1.0, 2.0, 1.5]), np.array([3.0, 1.0, 1.2])
    shoebox = acoustics.ShoeBox(size, fs=16_000, materials=acoustics.Material(0.3), max_order=3)
    shoebox.add_source(source)
    shoebox.add_microphone(point)
    shoebox.compute_rir()
    expected = shoebox.rir[0][0]
    with jax.enable_x64(True):
        ours = rooms.room_impulse_response(
            room=size, source=source, microphones=jnp.asarray(point), absorption=0.3, sample_rate=16_000,
            length=len(expected), max_order=3, lead=40,
        )  # fmt: skip
    np.testing.assert_allclose(4 * np.pi * np.asarray(ours), expected, atol=2e-3)
