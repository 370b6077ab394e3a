"""pYIN against librosa: equal pitches, voicing and probabilities."""

import functools

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.stats

from audiozoo.signal import pitch_tracks
from audiozoo.signal.pitch_tracks import pyin
from tests.signal import exactness
from tests.signal.test_pitch_oracle import RATE, SIGNALS

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:With fmin")]

SMALL = {"fmin": 100.0, "fmax": 800.0, "frame_length": 1024, "max_transition_rate": 15.0}
SETTINGS = {
    "small": SMALL,
    "coarse": {
        **SMALL,
        "resolution": 0.3,
        "hop_length": 300,
        "max_transition_rate": 35.92,
        "n_thresholds": 20,
        "switch_prob": 0.1,
    },
    "fine": {**SMALL, "resolution": 0.05, "hop_length": 441, "max_transition_rate": 10.0, "center": False},
    "other priors": {**SMALL, "beta_parameters": (1, 18), "boltzmann_parameter": 0.5, "no_trough_prob": 0.5},
}
OURS = {
    "n_thresholds": "thresholds",
    "switch_prob": "switch_probability",
    "no_trough_prob": "no_trough_probability",
    "beta_parameters": "beta",
    "boltzmann_parameter": "boltzmann",
}


def ours(settings):
    settings = {OURS.get(name, name): value for name, value in settings.items()}
    return jax.jit(lambda x: pyin(x, RATE, **settings, fill=float("nan")))


@functools.cache
def theirs(sound, settings):
    return librosa.pyin(SIGNALS[sound][:RATE].astype(np.float64), sr=RATE, **SETTINGS[settings])


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize(
    "sound, settings",
    [
        ("tones", "small"),
        ("noise", "small"),
        ("bursts", "small"),
        ("silence", "small"),
        ("bursts", "coarse"),
        ("bursts", "fine"),
        ("bursts", "other priors"),
    ],
)
def test_equal_to_librosa(sound, settings, wide):
    frequency, voiced, probability = theirs(sound, settings)
    with jax.enable_x64(wide):
        mine = ours(SETTINGS[settings])(SIGNALS[sound][:RATE].astype(np.float64 if wide else np.float32))
        assert mine.frequency.shape == frequency.shape
    np.testing.assert_array_equal(mine.voiced, voiced)
    np.testing.assert_allclose(mine.frequency, frequency, rtol=1e-12 if wide else 1e-6)
    np.testing.assert_allclose(mine.voiced_probability, probability, atol=1e-12 if wide else 1e-5)


def probability_case():
    probability = theirs("bursts", "small")[2]
    narrow = librosa.pyin(SIGNALS["bursts"][:RATE], sr=RATE, **SMALL)[2].astype(np.float32)
    return ours(SMALL)(SIGNALS["bursts"][:RATE]).voiced_probability, narrow, probability


EXACTNESS = {"pYIN's probability of voice (librosa, float64 inside)": probability_case}


def test_probabilities_are_as_exact_as_float32_allows():
    for comparison in EXACTNESS.values():
        assert exactness.compare(*comparison()).ours < 1e-5


@pytest.mark.parametrize("a, b", [(2, 18), (1, 18), (2, 11.3), (0.5, 3)])
def test_the_prior_is_scipy_s(a, b):
    masses = np.diff(scipy.stats.beta.cdf(np.linspace(0, 1, 101), a, b))
    np.testing.assert_allclose(pitch_tracks._beta_masses(100, a, b), masses, atol=1e-14)


@pytest.mark.parametrize("bins, width", [(40, 11), (41, 12), (40, 12), (7, 1)])
def test_the_path_is_librosa_s(bins, width):
    """Any scores, with leaps between pitches that the transitions do not reach."""
    logs = np.log(np.random.default_rng(0).random((60, bins + 1)))
    logs[:, :-1] = np.where(np.random.default_rng(1).random((60, bins)) < 0.8, pitch_tracks._IMPOSSIBLE, logs[:, :-1])
    logs[:, -1] -= 3
    local = librosa.sequence.transition_local(bins, width, window="triangle", wrap=False)
    both = np.kron(librosa.sequence.transition_loop(2, 0.99), local)
    observed = np.exp(np.concatenate([logs[:, :-1], np.repeat(logs[:, -1:], bins, axis=1)], axis=1))
    start = np.full(2 * bins, 1 / (2 * bins))
    expected = librosa.sequence.viterbi(observed.T, both, p_init=start)
    with jax.enable_x64(True):
        np.testing.assert_array_equal(pitch_tracks._likeliest(jnp.asarray(logs), width, 0.01), expected)
