import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal.continuous_wavelets import (
    MexicanHat,
    Morlet,
    Paul,
    Sampled,
    cone_of_influence,
    frequency_scales,
    icwt,
    scale_frequencies,
)
from audiozoo.signal.continuous_wavelets import cwt as eager_cwt
from audiozoo.signal.spectral import magnitude

RNG = np.random.default_rng(0)
WAVELETS = [Morlet(), Paul(), MexicanHat(), Morlet(8.0), Paul(2)]
ALL = [*WAVELETS, Sampled("morl"), Sampled("mexh"), Sampled("cmor1.5-1.0")]
noise = lambda *shape: RNG.standard_normal(shape)


def cwt(signal, scales, **settings):
    return jax.jit(lambda x: eager_cwt(x, scales, **settings))(signal)


def mother(wavelet, t):
    """Torrence & Compo's table 1, over time."""
    if isinstance(wavelet, Morlet):
        return np.pi**-0.25 * np.exp(1j * wavelet.omega * t - t**2 / 2)
    if isinstance(wavelet, Paul):
        m = wavelet.order
        return 2**m * math.factorial(m) / math.sqrt(np.pi * math.factorial(2 * m)) * (1 - 1j * t) ** -(m + 1)
    return (1 - t**2) * np.exp(-(t**2) / 2) / math.sqrt(math.gamma(2.5))


@pytest.mark.parametrize("wavelet", WAVELETS, ids=str)
def test_the_transform_is_its_definition(wavelet):
    signal, scales = noise(2, 90), [6.0, 9.0, 20.0]
    with jax.enable_x64(True):
        ours = cwt(signal, scales, wavelet=wavelet)
    place = np.arange(90)
    for i, s in enumerate(scales):  # equation 2
        daughters = s**-0.5 * mother(wavelet, (place - place[:, None]) / s).conj()
        wrapped = 1e-9 if not isinstance(wavelet, Paul) else 5e-3  # whose tails reach round
        np.testing.assert_allclose(ours[..., i], signal @ daughters.T, atol=wrapped)


@pytest.mark.parametrize("wavelet", WAVELETS, ids=str)
def test_frequencies_are_where_a_tone_is_loudest(wavelet):
    scales = frequency_scales(np.geomspace(200, 2000, 240), wavelet=wavelet, sample_rate=16_000)
    np.testing.assert_allclose(
        scale_frequencies(scales, wavelet=wavelet, sample_rate=16_000), np.geomspace(200, 2000, 240)
    )
    tone = jnp.cos(2 * np.pi * 620 / 16_000 * np.arange(2000))
    loudness = jnp.abs(cwt(tone, scales, wavelet=wavelet))[500:1500].max(axis=0)
    assert np.geomspace(200, 2000, 240)[loudness.argmax()] == pytest.approx(620, rel=0.01)


@pytest.mark.parametrize("wavelet", WAVELETS, ids=str)
def test_amplitude_is_the_amplitude_of_a_tone(wavelet):
    scales = frequency_scales(np.geomspace(0.02, 0.08, 200), wavelet=wavelet)
    tone = 0.3 * jnp.cos(2 * np.pi * 0.04 * np.arange(2000))
    transform = cwt(tone, scales, wavelet=wavelet, normalise="amplitude")
    assert jnp.abs(transform)[800:1200].max() == pytest.approx(0.3, rel=2e-3)


@pytest.mark.parametrize("wavelet", WAVELETS, ids=str)
def test_the_inverse(wavelet):
    time = np.arange(400)
    signal = np.cos(2 * np.pi * time / 15) * np.exp(-(((time - 180) / 50) ** 2))
    scales = np.geomspace(0.05, 400, 160)
    with jax.enable_x64(True):
        back = icwt(cwt(signal, scales, wavelet=wavelet), scales, wavelet=wavelet)
    np.testing.assert_allclose(back, signal, atol=3e-3)


def test_published_factors_of_the_inverse():
    from audiozoo.signal.continuous_wavelets import _admissibility

    for wavelet, c_delta, peak in (
        (Morlet(), 0.776, np.pi**-0.25),
        (Paul(), 1.132, 1.079),
        (MexicanHat(), 3.541, 0.867),
    ):
        assert _admissibility(wavelet) == pytest.approx(c_delta * peak, rel=0.025)  # the table's, from two samples on


@pytest.mark.parametrize("wavelet", ALL, ids=str)
@settings(max_examples=2)
@given(time=st.integers(1, 50))
def test_any_length_jit_vmap_dtype(wavelet, time):
    signal = jnp.asarray(noise(2, time), jnp.float32)
    transform = lambda x: cwt(x, [1.0, 2.0, 30.0], wavelet=wavelet)
    ours = jax.jit(transform)(signal)
    assert ours.shape == (2, time, 3)
    complex_one = not (isinstance(wavelet, MexicanHat) or wavelet in (Sampled("morl"), Sampled("mexh")))
    assert ours.dtype == (jnp.complex64 if complex_one else jnp.float32)
    np.testing.assert_allclose(jax.jit(jax.vmap(transform))(signal), ours, atol=1e-5)
    np.testing.assert_allclose(transform(signal[0].astype(jnp.bfloat16)), ours[0], atol=0.1)


@pytest.mark.parametrize("wavelet", ALL, ids=str)
def test_silence(wavelet):
    def loudness(x):
        transform = cwt(x, [2.0, 9.0], wavelet=wavelet)
        return jnp.sum(magnitude(transform.astype(jnp.complex64)) + jnp.abs(transform) ** 2)

    value, gradient = jax.jit(jax.value_and_grad(loudness))(jnp.zeros(40))
    assert value == 0 and np.isfinite(gradient).all()
    gradient = jax.jit(jax.grad(loudness))(jnp.asarray(noise(40), jnp.float32))
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0.1


def test_the_cone_of_influence():
    for wavelet in (Morlet(), Paul(), MexicanHat()):
        cone = cone_of_influence(101, wavelet=wavelet)
        np.testing.assert_array_equal(cone, cone[::-1])
        assert cone.argmax() == 50 and cone[10] == pytest.approx(10.5 / wavelet.efolding)
        spike = jnp.zeros(101).at[0].set(1)
        power = jnp.abs(cwt(spike, [float(cone[20])], wavelet=wavelet)[:, 0]) ** 2
        if not isinstance(wavelet, MexicanHat):  # whose magnitude swings through zero
            assert float(power[20] / power[0]) == pytest.approx(math.exp(-2), rel=0.35)


@pytest.mark.parametrize(
    "mistake, message",
    [
        (lambda: cwt(jnp.ones(4), []), "positive"),
        (lambda: cwt(jnp.ones(4), [1.0, 0.0]), "positive"),
        (lambda: cwt(jnp.ones(4), [math.inf]), "positive"),
        (lambda: cwt(jnp.ones(0), [1.0]), "sample"),
        (lambda: cwt(jnp.ones(4), [1.0], normalise="peak"), "peak"),
        (lambda: cwt(jnp.ones(4), [1.0], normalise="amplitude", wavelet=Sampled("morl")), "energy"),
        (lambda: cwt(jnp.ones(4), [1.0], wavelet=Sampled("gaus1")), "gaus1"),
        (lambda: cwt(jnp.ones(4), [0.01], wavelet=Sampled("morl")), "too small"),
        (lambda: icwt(jnp.ones((4, 1)), [1.0]), "two scales"),
        (lambda: icwt(jnp.ones((4, 3)), [1.0, 2.0, 5.0]), "factor"),
        (lambda: icwt(jnp.ones((4, 3)), [1.0, 2.0]), "2 scales"),
    ],
)
def test_mistakes_are_named(mistake, message):
    with pytest.raises(ValueError, match=message):
        mistake()
