"""PCEN against librosa."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal

from audiozoo.signal import energy_normalisation as en
from tests.signal import exactness

pytestmark = pytest.mark.oracle

RNG = np.random.default_rng(0)
ENERGIES = (RNG.gamma(0.5, 1e6, (500, 40)) * np.linspace(0.01, 1, 500)[:, None] ** 6).astype(np.float32)
B = en.pcen_smoothing(sample_rate=22_050, hop_length=512)


def case(**options):
    single, double = (librosa.pcen(ENERGIES.T.astype(t), **options).T for t in (np.float32, np.float64))
    ours = jax.jit(lambda x: en.pcen(x, smoothing=B, **options))(ENERGIES)
    return ours, single.astype(np.float32), double


EXACTNESS = {
    "PCEN (librosa, float64 inside)": case,
    "PCEN, gain 0.8, power 0.25 (librosa, float64 inside)": lambda: case(gain=0.8, power=0.25, bias=10.0),
    "PCEN, power 0 (librosa, float64 inside)": lambda: case(power=0.0),
    "PCEN, bias 0 (librosa, float64 inside)": lambda: case(bias=0.0),
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    assert exactness.compare(*EXACTNESS[transform]()).ours < 2e-6


def test_the_smoothing_is_librosa_s():
    t_frames = 0.4 * 22_050 / 512
    np.testing.assert_allclose(B**2 * t_frames**2 + B, 1, rtol=1e-12)  # what its formula solves
    theirs = librosa.pcen(ENERGIES.T.astype(np.float64), sr=16_000, hop_length=160, time_constant=0.2).T
    smoothing = en.pcen_smoothing(0.2, sample_rate=16_000, hop_length=160)
    np.testing.assert_allclose(en.pcen(jnp.asarray(ENERGIES), smoothing=smoothing), theirs, rtol=1e-4, atol=1e-5)


def test_states_are_librosa_s():
    state = RNG.gamma(1, 1e5, 40)
    energies = ENERGIES.astype(np.float64)
    theirs, end = librosa.pcen(energies.T, b=B, zi=(1 - B) * state[:, None], return_zf=True)
    with jax.enable_x64(True):
        ours, last = en.pcen_with_state(jnp.asarray(energies), jnp.asarray(state), smoothing=B)
    np.testing.assert_allclose(ours, theirs.T, rtol=1e-9)
    np.testing.assert_allclose((1 - B) * np.asarray(last), end[:, 0], rtol=1e-9)
    start = (1 - B) * energies[:1].T
    theirs = librosa.pcen(energies.T, b=B, zi=start)
    with jax.enable_x64(True):
        np.testing.assert_allclose(en.pcen(jnp.asarray(energies), smoothing=B, start="first"), theirs.T, rtol=1e-9)


def test_the_average_is_as_exact_as_scipy_s():
    b, a = np.array([B]), np.array([1, B - 1])
    start = np.full((1, 40), 1 - B)
    single, double = (
        scipy.signal.lfilter(b.astype(t), a.astype(t), ENERGIES.astype(t), axis=0, zi=start.astype(t))[0]
        for t in (np.float32, np.float64)
    )
    exactness.check(en.moving_average(jnp.asarray(ENERGIES), smoothing=B)[0], single, double)
