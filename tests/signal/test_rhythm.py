import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from audiozoo.signal.onset import onset_strength
from audiozoo.signal.rhythm import fourier_tempogram, tempo, tempo_frequencies, tempogram

RNG = np.random.default_rng(0)
RATE, HOP = 8000, 128


def clicks(beats, seconds=8):
    sound = np.zeros(seconds * RATE, np.float32)
    for at in np.arange(0.1, seconds - 0.1, 60 / beats):
        sound[int(at * RATE) :][:50] += np.hanning(50)
    return jnp.asarray(sound)


@pytest.mark.parametrize("beats", [70, 100, 138, 180])
def test_the_tempo_of_clicks_is_found(beats):
    envelope = onset_strength(clicks(beats), RATE, n_fft=512, hop_length=HOP, n_mels=40)
    gram = jax.jit(lambda x: tempogram(x, win_length=250))(envelope)
    found = tempo(gram, RATE, HOP, start=beats * 1.1)
    lag = 60 * RATE / HOP / beats
    assert abs(found - beats) < beats / lag  # as near as a lag
    assert np.isclose(tempo(gram, RATE, HOP, start=beats * 1.1, by_frame=True), found, rtol=0.03).mean() > 0.9
    spectrum = np.abs(fourier_tempogram(envelope, win_length=250)).mean(0)
    at = 60 * np.arange(126) * RATE / (250 * HOP)
    near = (at > 0.7 * beats) & (at < 1.4 * beats)
    assert abs(at[near][spectrum[near].argmax()] - beats) < at[1]


@examples(max_examples=10)
@given(st.integers(0, 20), st.integers(1, 12), st.booleans())
def test_a_tempogram_is_its_definition(frames, win_length, center):
    envelope = RNG.random((2, frames)) + 0.1
    reach = win_length // 2 if center and frames else 0
    padded = np.pad(envelope, [(0, 0), (reach, reach)], "linear_ramp") if reach else envelope
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(win_length) / win_length) if win_length > 1 else np.ones(1)
    rows = []
    for start in range(max(0, min(frames, padded.shape[1] - win_length + 1))):
        x = padded[:, start : start + win_length] * window
        rows.append([(x[:, : win_length - k] * x[:, k:]).sum(1) for k in range(win_length)])
    settings = {"win_length": win_length, "center": center, "normalise": False}
    ours = jax.jit(lambda x: tempogram(x, **settings))(envelope.astype(np.float32))
    assert ours.shape == (2, len(rows), win_length)
    if rows:
        np.testing.assert_allclose(ours, np.transpose(rows, (2, 0, 1)), atol=1e-5)


def test_lag_zero_is_one_and_the_largest():
    gram = tempogram(jnp.asarray(RNG.random((3, 50)), jnp.float32), win_length=20)
    np.testing.assert_allclose(gram[..., 0], 1, atol=1e-6)
    assert gram.max() <= 1 + 1e-6


def test_shapes_dtypes_and_vmap():
    envelope = jnp.asarray(RNG.random((2, 3, 60)), jnp.float32)
    for function in (lambda x: tempogram(x, win_length=16), lambda x: fourier_tempogram(x, win_length=16)):
        whole = function(envelope)
        np.testing.assert_allclose(jax.jit(function)(envelope), whole, atol=1e-5)
        np.testing.assert_allclose(jax.vmap(jax.vmap(function))(envelope), whole, atol=1e-5)
    gram = tempogram(envelope, win_length=16)
    assert gram.shape == (2, 3, 60, 16) and tempo(gram, 100, 10).shape == (2, 3)
    assert tempo(gram, 100, 10, by_frame=True).shape == (2, 3, 60)
    assert tempogram(envelope.astype(jnp.bfloat16), win_length=16).dtype == jnp.bfloat16
    with jax.enable_x64(True):
        wide = tempogram(jnp.asarray(RNG.random(30)), win_length=8)
        assert wide.dtype == jnp.float64 and tempo(wide, 100, 10).dtype == jnp.float64


def test_silence_has_finite_values_and_gradients():
    gradient = jax.jit(jax.grad(lambda x: tempogram(x, win_length=16).sum()))
    for envelope in (jnp.zeros(40), jnp.zeros(40).at[30:].set(1.0)):
        assert np.isfinite(tempogram(envelope, win_length=16)).all() and np.isfinite(gradient(envelope)).all()
    assert not tempogram(jnp.zeros(40)).any()
    assert np.isfinite(tempo(tempogram(jnp.zeros(600)), 22_050, 512))


def test_the_prior_and_the_limit_decide_where_nothing_else_does():
    even = jnp.zeros((5, 200))
    beats = tempo_frequencies(200, 8000, 100)
    assert beats[0] == np.inf and beats[40] == 60 * 8000 / 100 / 40
    assert tempo(even, 8000, 100, start=120.0) == 120
    assert tempo(even, 8000, 100, start=400.0, highest=200.0) == beats[beats < 200][0]
    assert tempo(even, 8000, 100, start=400.0, highest=None) == 400


def test_what_makes_no_sense_is_refused():
    gram = jnp.zeros((5, 20))
    with pytest.raises(ValueError, match="start and deviation"):
        tempo(gram, 100, 10, start=0)
    with pytest.raises(ValueError, match=r"below 0\.1"):
        tempo(gram, 100, 10, highest=0.1)
    for function in (tempogram, fourier_tempogram):
        with pytest.raises(ValueError, match="positive"):
            function(jnp.zeros(9), win_length=0)
    with pytest.raises(ValueError, match="does not fit"):
        tempogram(jnp.zeros(9), win_length=4, window=jnp.ones(5))
