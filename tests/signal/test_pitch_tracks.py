import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.signal import periodicity, pitch_tracks
from audiozoo.signal.pitch_tracks import pyin
from tests.signal.test_pitch import RATE, cents, harmonic

RNG = np.random.default_rng(0)
VOICE = {"fmin": 100.0, "fmax": 800.0, "frame_length": 1024, "hop_length": 256, "resolution": 0.25}
_pyin = jax.jit(lambda x: pyin(x, RATE, **VOICE))


def test_a_glide_between_silences_is_tracked():
    hz = 200 * 2 ** (np.arange(16_000) / 16_000)
    signal = harmonic(hz, 16_000)
    signal[:4000] = signal[12_000:] = 0
    signal += 0.001 * RNG.standard_normal(16_000).astype(np.float32)
    found = _pyin(signal)
    at = np.arange(len(found.voiced)) * 256
    inside = (at > 4600) & (at < 11_400)
    assert np.asarray(found.voiced)[inside].all()
    assert not np.asarray(found.voiced)[(at < 3400) | (at > 12_600)].any()
    assert np.abs(cents(found.frequency, hz[np.minimum(at, 15_999)]))[inside].max() < 25
    assert np.asarray(found.voiced_probability)[inside].min() > 0.8


def test_resolution_is_what_pitches_are_apart():
    settings = {**VOICE, "resolution": 0.05, "max_transition_rate": 5.0, "integration": 512}
    found = jax.jit(lambda x: pyin(x, RATE, **settings))(harmonic(333.3))
    assert np.abs(cents(found.frequency[5:-5], 333.3)).max() <= 5 / 2 + 1.5


def test_one_wrong_octave_does_not_lead_it_astray():
    signal = harmonic(440.0, 8000)
    signal[4000:4300] = harmonic(220.0, 300)
    found = np.asarray(_pyin(signal).frequency)[4:-4]
    assert np.abs(cents(found, 440)).max() < 120


def dense_model(logs, width, switch):
    """Logarithms of all transitions, and of the observations of all states."""
    bins = logs.shape[1] - 1
    weights, distance, _ = pitch_tracks._transitions(bins, width)
    local = np.zeros((bins, bins))
    for weight, step in zip(weights, distance, strict=True):
        local += weight * np.eye(bins, k=step)
    local /= local.sum(1, keepdims=True)
    with np.errstate(divide="ignore"):
        matrix = np.log(np.kron([[1 - switch, switch], [switch, 1 - switch]], local))
    matrix = np.maximum(matrix, pitch_tracks._IMPOSSIBLE)
    return matrix, np.concatenate([logs[:, :-1], np.repeat(logs[:, -1:], bins, axis=1)], axis=1)


@pytest.mark.parametrize("unrolled", [256, 1])
@pytest.mark.parametrize("bins, width", [(30, 7), (31, 8), (9, 41), (12, 1)])
def test_the_path_is_the_best(bins, width, unrolled, monkeypatch):
    monkeypatch.setattr(pitch_tracks, "_UNROLLED", unrolled)
    logs = np.log(RNG.random((2, 40, bins + 1)))
    logs[..., :-1] = np.where(RNG.random((2, 40, bins)) < 0.7, pitch_tracks._IMPOSSIBLE, logs[..., :-1])
    with jax.enable_x64(True):
        ours = jax.jit(lambda x: pitch_tracks._likeliest(x, width, 0.01))(logs)
    for path, row in zip(np.asarray(ours), logs, strict=True):
        matrix, observed = dense_model(row, width, 0.01)
        best = observed[0]
        for now in observed[1:]:
            best = (best[:, None] + matrix).max(0) + now
        score = observed[np.arange(40), path].sum() + matrix[path[:-1], path[1:]].sum()
        assert score == pytest.approx(best.max(), rel=1e-12)  # of equally good paths, any


def test_probabilities_are_shared_out_whole():
    heights = jnp.asarray(np.abs(RNG.standard_normal((5, 60))), jnp.float32)
    masses = pitch_tracks._beta_masses(100, 2.0, 18.0)
    given, missed = pitch_tracks._candidates(heights, masses, 2.0, 0.01)
    np.testing.assert_allclose(given.sum(-1) / pitch_tracks._SCALE + missed, 1, atol=1e-6)
    assert masses.sum() == pytest.approx(1) and (masses >= 0).all()
    flat, rest = pitch_tracks._candidates(jnp.ones((1, 9)), masses, 2.0, 0.01)
    assert not flat.any() and rest[0] == pytest.approx(1)


def test_blocks_of_frames_are_the_whole(monkeypatch):
    signal = harmonic(np.linspace(150, 600, 5000), 5000)[None] * np.array([[1], [0.1]], np.float32)
    whole = _pyin(signal)
    monkeypatch.setattr(periodicity, "_FRAMES_AT_ONCE", 7)
    again = jax.jit(lambda x: pyin(x, RATE, **VOICE))(signal)
    np.testing.assert_array_equal(again.frequency, whole.frequency)
    np.testing.assert_array_equal(again.voiced, whole.voiced)
    np.testing.assert_allclose(again.voiced_probability, whole.voiced_probability, atol=1e-5)


def test_shapes_dtypes_and_vmap():
    signal = jnp.asarray(harmonic(220, 3000)).reshape(1, 1, 3000) * jnp.ones((2, 3, 1))
    whole = _pyin(signal)
    assert whole.frequency.shape == whole.voiced.shape == whole.voiced_probability.shape == (2, 3, 12)
    assert whole.frequency.dtype == jnp.float32 and whole.voiced.dtype == bool
    np.testing.assert_array_equal(jax.vmap(_pyin)(signal[0]).frequency, whole.frequency[0])
    assert _pyin(signal[0, 0].astype(jnp.bfloat16)).frequency.dtype == jnp.bfloat16
    for samples, frames in ((0, 1), (257, 2)):
        assert _pyin(jnp.zeros(samples)).frequency.shape == (frames,)
    assert pyin(jnp.zeros((2, 1000)), RATE, **VOICE, center=False).frequency.shape == (2, 0)
    with jax.enable_x64(True):
        assert jax.eval_shape(_pyin, jnp.zeros(1000)).voiced_probability.dtype == jnp.float64


def test_silence_is_unvoiced_and_finite():
    for signal in (jnp.zeros(3000), jnp.ones(3000)):
        found = _pyin(signal)
        assert np.isfinite(found.frequency).all() and np.isfinite(found.voiced_probability).all()
    quiet = _pyin(jnp.zeros(3000))
    assert not quiet.voiced.any() and not quiet.voiced_probability.any()
    assert np.isnan(jax.jit(lambda x: pyin(x, RATE, **VOICE, fill=np.nan))(jnp.zeros(3000)).frequency).all()
    gradient = jax.jit(jax.grad(lambda x: _pyin(x).frequency.sum() + _pyin(x).voiced_probability.sum()))
    assert not gradient(jnp.zeros(3000)).any() and not gradient(jnp.asarray(harmonic(200, 3000))).any()


def test_what_makes_no_sense_is_refused():
    signal = jnp.zeros(3000)
    wrong = {"thresholds": 0, "beta": (0, 1), "boltzmann": 0, "resolution": 1.0, "switch_probability": 0.0}
    for name, value in {**wrong, "no_trough_probability": 1.5, "max_transition_rate": -1.0}.items():
        with pytest.raises(ValueError, match="not"):
            pyin(signal, RATE, **{**VOICE, name: value})
    with pytest.raises(ValueError, match="not from 200 to 100"):
        pyin(signal, RATE, fmin=200, fmax=100)
