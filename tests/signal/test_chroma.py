import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.signal import notes
from audiozoo.signal.chroma import chroma_cens, chroma_cqt, chroma_filters, chroma_stft, cq_to_chroma, tonnetz
from audiozoo.signal.tuning import estimate_tuning

RATE = 8000
CQT = {"hop_length": 256, "fmin": 220.0, "n_octaves": 2, "bins_per_octave": 12}
RNG = np.random.default_rng(0)


def tones(*names, samples=6000):
    time = np.arange(samples) / RATE
    waves = [np.sin(2 * np.pi * notes.note_to_hz(name) * time) for name in names]
    return jnp.asarray(np.sum(waves, 0), jnp.float32)


@pytest.mark.parametrize("name, pitch_class", [("A3", 9), ("C#4", 1), ("B4", 11)])
def test_a_note_has_its_class(name, pitch_class):
    by_stft = chroma_stft(tones(name), RATE)
    by_cqt = chroma_cqt(tones(name), RATE, **CQT)
    assert (by_stft.argmax(-1)[2:-2] == pitch_class).all()
    assert (by_cqt.argmax(-1)[2:-2] == pitch_class).all()
    np.testing.assert_allclose(by_stft.max(-1), 1)


def test_classes_begin_at_c_or_a():
    assert cq_to_chroma(24, fmin=440.0).argmax(1).tolist() == [(9 + i) % 12 for i in range(24)]
    assert cq_to_chroma(24, fmin=440.0, base_c=False).argmax(1).tolist() == [i % 12 for i in range(24)]
    middle = cq_to_chroma(36, bins_per_octave=36, fmin=notes.note_to_hz("C3"))
    assert middle.argmax(1).tolist() == [((i + 1) // 3) % 12 for i in range(36)]
    weights = chroma_filters(RATE, 1000)
    np.testing.assert_allclose(weights, np.roll(chroma_filters(RATE, 1000, base_c=False), -3, 1))


@pytest.mark.parametrize("norm", [1, 2, 3, math.inf, None])
def test_silence_is_zero_and_its_gradient_finite(norm):
    def loss(signal):
        spectral = chroma_stft(signal, RATE, n_fft=256, hop_length=256, norm=norm)
        return jnp.sum(spectral + jnp.sum(tonnetz(spectral)))

    value, gradient = jax.jit(jax.value_and_grad(loss))(jnp.zeros(1000))
    assert value == 0 and np.isfinite(gradient).all()


def test_silence_by_the_constant_q_transform():
    value, gradient = jax.value_and_grad(lambda x: chroma_cqt(x, RATE, **CQT).sum())(jnp.zeros(1000))
    assert value == 0 and np.isfinite(gradient).all()
    assert not chroma_cens(jnp.zeros((5, 12))).any()


@pytest.mark.parametrize("samples", [0, 1, 300, 997])
def test_lengths(samples):
    signal = jnp.asarray(RNG.standard_normal(samples), jnp.float32)
    assert chroma_cqt(signal, RATE, **CQT).shape == (1 + samples // 256, 12)
    assert chroma_stft(signal, RATE, n_fft=256, hop_length=300).shape == (1 + samples // 300, 12)


def test_batches_and_dtypes():
    signal = jnp.asarray(RNG.standard_normal((2, 3, 1000)), jnp.float32)
    for function in (lambda x: chroma_cqt(x, RATE, **CQT), lambda x: tonnetz(chroma_stft(x, RATE, n_fft=256))):
        whole = function(signal)
        np.testing.assert_allclose(jax.vmap(jax.jit(function))(signal), whole, atol=1e-5)
        assert function(signal.astype(jnp.bfloat16)).dtype == jnp.bfloat16
        with jax.enable_x64(True):
            assert function(np.asarray(signal, np.float64)).dtype == jnp.float64


def test_statistics_are_shares_in_steps():
    frames = jnp.asarray([[8.0, 1.5, 0.5], [0.0, 0.0, 0.0], [1.0, 1.0, 2.0]])
    steps = chroma_cens(frames, smoothing=None, norm=None)
    np.testing.assert_allclose(steps, [[1, 0.5, 0], [0, 0, 0], [0.75, 0.75, 1]])
    smooth = chroma_cens(frames, smoothing=3, norm=None)
    np.testing.assert_allclose(smooth[1], (steps[0] + steps[2]) / 4, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(chroma_cens(frames, smoothing=3), axis=-1), 1, atol=1e-6)


def test_the_tonnetz_brings_fifths_together():
    notes_apart = jnp.eye(12)
    places = np.asarray(tonnetz(notes_apart))[:, :2]
    distance = np.linalg.norm(places - places[0], axis=-1)
    assert sorted(range(1, 12), key=lambda i: distance[i])[:2] in ([5, 7], [7, 5])
    np.testing.assert_allclose(tonnetz(3 * notes_apart), tonnetz(notes_apart), atol=1e-6)


@pytest.mark.parametrize("cents", [-20, 0, 35])
def test_tuning_is_found(cents):
    time = np.arange(8000) / RATE
    signal = sum(np.sin(2 * np.pi * 440 * 2 ** ((n + cents / 100) / 12) * time) for n in (0, 4, 7))
    found = jax.jit(lambda x: estimate_tuning(x, RATE))(jnp.asarray(np.stack([signal, 0 * signal]), jnp.float32))
    assert abs(found[0] - cents / 100) < 0.03
    assert found[1] == 0


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="multiple of n_chroma"):
        cq_to_chroma(84, bins_per_octave=13)
    with pytest.raises(ValueError, match="positive n_chroma"):
        chroma_filters(RATE, 512, n_chroma=0)
    with pytest.raises(ValueError, match="norm must be"):
        chroma_filters(RATE, 512, norm=-1.0)
    with pytest.raises(ValueError, match="norm must be"):
        chroma_stft(jnp.zeros(99), RATE, n_fft=64, norm=0.0)
    with pytest.raises(ValueError, match="at least one frame"):
        chroma_cens(jnp.zeros((5, 12)), smoothing=0)
    with pytest.raises(ValueError, match="resolution"):
        estimate_tuning(jnp.zeros(99), RATE, resolution=0.0)
