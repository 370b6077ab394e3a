import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from audiozoo.signal import gammatone
from audiozoo.signal.filters import sosfilt
from audiozoo.signal.spectral import stft

RNG = np.random.default_rng(0)
BANK = {"sample_rate": 8000, "n_filters": 8}


@pytest.mark.parametrize("hz, rate", [(60.0, 16_000), (1000.0, 16_000), (7000.0, 44_100)])
def test_sections_are_scipy_s_filter(hz, rate):
    sections = gammatone.gammatone_sections([hz], sample_rate=rate)[0]
    b, a = scipy.signal.gammatone(hz, "iir", fs=rate)
    ours_b, ours_a = scipy.signal.sos2tf(sections)
    np.testing.assert_allclose(ours_b[:5], b[:5], rtol=1e-6, atol=1e-9 * np.abs(b).max())
    np.testing.assert_allclose(ours_a, a, rtol=1e-9)


def test_the_gain_is_one_at_the_centre_and_falls_by_the_ear_s_bandwidth():
    hz = np.array([200.0, 1000.0, 3000.0])
    sections = gammatone.gammatone_sections(hz, sample_rate=16_000)
    for centre, section in zip(hz, sections, strict=True):
        frequencies, response = scipy.signal.sosfreqz(section, np.arange(0.0, 8000, 0.5), fs=16_000)
        power = np.abs(response) ** 2
        np.testing.assert_allclose(power[frequencies == centre], 1, rtol=1e-9)
        bandwidth = power.sum() * 0.5 / power.max()  # the rectangle of the same height and area
        np.testing.assert_allclose(bandwidth, 24.7 + centre / 9.26449, rtol=0.03)


def test_the_bank_is_its_recursions():
    samples = RNG.standard_normal(500)
    centres = gammatone.gammatone_centres(8, low_hz=50, high_hz=4000)
    sections = gammatone.gammatone_sections(centres, sample_rate=8000)
    expected = np.stack([scipy.signal.sosfilt(section, samples) for section in sections], -1)
    with jax.enable_x64(True):
        ours = gammatone.gammatone_filterbank(jnp.asarray(samples), **BANK)
        recursive = sosfilt(jnp.asarray(samples), sections[3])
    np.testing.assert_allclose(ours, expected, atol=3e-8)
    np.testing.assert_allclose(recursive, expected[:, 3], atol=1e-9)


def test_the_weights_are_what_a_tone_meets():
    weights = gammatone.gammatone_filters(8000, 256, 8)
    assert weights.shape == (129, 8) and not weights.flags.writeable
    samples = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    heard = gammatone.gammatone_filterbank(jnp.asarray(samples, jnp.float32), **BANK)[4000:]
    np.testing.assert_allclose(np.sqrt(2 * np.mean(np.square(heard), 0)), weights[32], atol=1e-4)


@pytest.mark.parametrize("n_fft", [64, 75])
def test_spectrograms_are_their_definition(n_fft):
    samples = jnp.asarray(RNG.standard_normal((2, 300)), jnp.float32)
    ours = gammatone.gammatone_spectrogram(samples, **BANK, n_fft=n_fft, hop_length=16)
    weights = gammatone.gammatone_filters(8000, n_fft, 8)
    np.testing.assert_allclose(ours, np.abs(stft(samples, n_fft=n_fft, hop_length=16)) @ weights, rtol=1e-4)
    energies = gammatone.gammatone_spectrogram(samples, **BANK, n_fft=n_fft, hop_length=16, power=2.0)
    expected = np.abs(stft(samples, n_fft=n_fft, hop_length=16)) ** 2 @ weights**2
    np.testing.assert_allclose(energies, expected, rtol=1e-4)


@pytest.mark.parametrize("time", [0, 1, 97])
def test_batches_and_dtypes(time):
    samples = jnp.asarray(RNG.standard_normal((2, 3, time)), jnp.bfloat16)
    ours = gammatone.gammatone_filterbank(samples, **BANK)
    assert ours.shape == (2, 3, time, 8) and ours.dtype == jnp.bfloat16
    run = jax.jit(jax.vmap(jax.vmap(lambda x: gammatone.gammatone_filterbank(x, **BANK))))
    np.testing.assert_allclose(run(samples).astype(jnp.float32), ours.astype(jnp.float32), atol=0.02)
    assert gammatone.gammatone_spectrogram(samples, **BANK, n_fft=32, hop_length=8).dtype == jnp.bfloat16


def test_gradients_are_finite_in_silence():
    def loss(x):
        framed = gammatone.gammatone_spectrogram(x, **BANK, n_fft=32, hop_length=8)
        return framed.sum() + jnp.square(gammatone.gammatone_filterbank(x, **BANK)).sum()

    for samples in (jnp.zeros(90), jnp.zeros(90).at[40].set(1)):
        assert np.isfinite(jax.grad(loss)(samples)).all()


def test_what_makes_no_sense_is_refused():
    for centres in ([0.0], [4000.0], [-5.0]):
        with pytest.raises(ValueError, match="between 0 and 4000"):
            gammatone.gammatone_sections(centres, sample_rate=8000)
    with pytest.raises(ValueError, match="width"):
        gammatone.gammatone_sections([100.0], sample_rate=8000, width=0)
    with pytest.raises(ValueError, match="0 from 50"):
        gammatone.gammatone_centres(0, low_hz=50, high_hz=4000)
    with pytest.raises(ValueError, match=r"from 50\.0 to 20"):
        gammatone.gammatone_filters(8000, 64, 8, high_hz=20)
