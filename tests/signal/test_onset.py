import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal.onset import onset_strength, spectral_flux, spectral_flux_multi

RNG = np.random.default_rng(0)
RATE = 8000
SMALL = {"n_fft": 256, "hop_length": 64, "n_mels": 20}
_strength = jax.jit(lambda x: onset_strength(x, RATE, **SMALL))


def clicks(every, samples=16_000):
    return jnp.where(jnp.arange(samples) % every == every // 2, 1.0, 0.0).astype(jnp.float32)


def test_clicks_are_where_the_strength_peaks():
    strength = np.asarray(_strength(clicks(4000)))
    peaks = np.flatnonzero(strength > 0.5 * strength.max())
    groups = np.split(peaks, np.flatnonzero(np.diff(peaks) > 5) + 1)
    assert len(groups) == 4
    for group, click in zip(groups, range(2000, 16_000, 4000), strict=True):
        assert abs(group[0] * 64 - click) <= 2 * 64


@settings(max_examples=10)
@given(st.integers(0, 9), st.integers(1, 7), st.integers(1, 4), st.integers(1, 9), st.integers(0, 4))
def test_flux_is_its_definition(frames, bands, lag, max_size, delay):
    levels = RNG.standard_normal((2, frames, bands))
    mirrored = np.pad(levels, [(0, 0), (0, 0), (20, 20)], "symmetric")
    around = [mirrored[..., 20 + b - max_size // 2 :][..., :max_size].max(-1) for b in range(bands)]
    reference = np.stack(around, -1)
    flux = np.maximum(levels[:, lag:] - reference[:, : max(0, frames - lag)], 0).mean(-1)
    expected = np.pad(flux, [(0, 0), (min(lag, frames) + delay, 0)])[:, :frames]
    ours = jax.jit(lambda x: spectral_flux(x, lag=lag, max_size=max_size, delay=delay))(levels.astype(np.float32))
    assert ours.shape == (2, frames)
    np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_bands_by_themselves():
    levels = jnp.asarray(RNG.standard_normal((12, 8)), jnp.float32)
    channels = spectral_flux_multi(levels, (0, 3, 8), detrend=True)
    assert channels.shape == (12, 2)
    np.testing.assert_allclose(channels[:, 0], spectral_flux(levels[:, :3], detrend=True), atol=1e-6)
    np.testing.assert_allclose(channels[:, 1], spectral_flux(levels[:, 3:], detrend=True), atol=1e-6)
    same = spectral_flux(levels, reference=levels, aggregate=jnp.median)
    np.testing.assert_allclose(same, spectral_flux(levels, aggregate=jnp.median), atol=1e-6)


def test_a_wider_reference_forgives_vibrato():
    wobbling = jnp.asarray(np.eye(9)[[4, 5, 4, 3, 4, 5] * 3] * 40, jnp.float32)
    assert spectral_flux(wobbling).max() > 4
    assert spectral_flux(wobbling, max_size=3).max() == 0


def test_shapes_dtypes_and_vmap():
    signal = jnp.asarray(RNG.standard_normal((2, 3, 1000)), jnp.float32)
    whole = _strength(signal)
    assert whole.shape == (2, 3, 16) and whole.dtype == jnp.float32
    np.testing.assert_allclose(jax.vmap(jax.vmap(_strength))(signal), whole, atol=1e-4)
    np.testing.assert_allclose(onset_strength(signal[0, 0], RATE, **SMALL), whole[0, 0], atol=1e-4)
    loud = signal * jnp.asarray([1e-3, 1, 1e3])[:, None]  # each clip has a loudest of its own
    np.testing.assert_allclose(_strength(loud)[0, 0], _strength(loud[0, 0]), atol=1e-4)
    assert _strength(signal.astype(jnp.bfloat16)).dtype == jnp.bfloat16
    for samples in (0, 1, 63, 65):
        assert _strength(jnp.ones(samples)).shape == (1 + samples // 64,)
    with jax.enable_x64(True):
        assert onset_strength(jnp.zeros(500), RATE, **SMALL).dtype == jnp.float64


def test_silence_has_finite_values_and_gradients():
    gradient = jax.jit(jax.grad(lambda x: _strength(x).sum()))
    for signal in (jnp.zeros(2000), jnp.zeros(2000).at[1000:].set(jnp.sin(jnp.arange(1000.0)))):
        assert np.isfinite(_strength(signal)).all() and np.isfinite(gradient(signal)).all()
    assert not _strength(jnp.zeros(2000)).any()


def test_what_makes_no_sense_is_refused():
    levels = jnp.zeros((5, 4))
    for setting in ({"lag": 0}, {"max_size": 0}, {"delay": -1}):
        with pytest.raises(ValueError, match="lag and max_size are positive"):
            spectral_flux(levels, **setting)
    with pytest.raises(ValueError, match="a reference of shape"):
        spectral_flux(levels, reference=levels[:2])
    for edges in ((0,), (0, 5), (3, 1), (1, 1), (-1, 2)):
        with pytest.raises(ValueError, match="edges are two or more bands"):
            spectral_flux_multi(levels, edges)
