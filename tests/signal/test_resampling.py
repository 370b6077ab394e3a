"""Resampling: what a sweep shows, any ratio and length, and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from audiozoo.signal import resampling
from audiozoo.signal.resampling import resample, resample_poly

# passband ripple in dB, and how far what cannot be kept is down
QUALITIES = {"low": (0.01, 68), "medium": (0.001, 98), "high": (0.001, 120), "very_high": (0.001, 160)}


def tone_gain(frequency, source, target, quality):
    """Gain in dB of a complex tone's energy, past the ends."""
    n = np.arange(8000)
    tone = np.exp(2j * np.pi * frequency / source * n)
    parts = [
        np.asarray(resample(jnp.asarray(p), source_rate=source, target_rate=target, quality=quality))
        for p in (tone.real, tone.imag)
    ]
    middle = (parts[0] + 1j * parts[1])[len(parts[0]) // 4 : -len(parts[0]) // 4]
    return 20 * np.log10(np.sqrt(np.mean(np.abs(middle) ** 2)) + 1e-12)


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize(("source", "target"), [(3, 2), (2, 3)])
def test_a_sweep_finds_a_flat_passband_and_no_alias(quality, source, target):
    ripple, rejection = QUALITIES[quality]
    passband = resampling._QUALITIES[quality][1]
    with jax.enable_x64(True):
        edge = min(source, target) / 2
        for share in (0.0, 0.31, 0.7, 0.99):
            assert abs(tone_gain(share * passband * edge, source, target, quality)) < ripple
        if source > target:
            for frequency in np.linspace(1.001 * edge, source / 2, 4):
                assert tone_gain(frequency, source, target, quality) < -rejection


def direct(x, spec, up, down):
    """The definition, sample by sample."""
    taps, centre = spec.response(up, down)
    wanted = -(-len(x) * up // down)
    y = np.zeros(wanted)
    for n in range(wanted):
        place = n * down - np.arange(len(x)) * up + centre
        inside = (place >= 0) & (place < len(taps))
        y[n] = np.sum(x[inside] * taps[place[inside]])
    return y


@given(
    time=st.sampled_from([0, 1, 5, 37, 211]),
    ratio=st.sampled_from([(1, 2), (2, 1), (147, 160), (160, 441), (7, 1), (1001, 1000), (13, 997)]),
)
def test_any_length_and_ratio_is_the_definition(time, ratio):
    up, down = ratio
    x = np.random.default_rng(time).standard_normal(time)
    with jax.enable_x64(True):
        ours = resample(jnp.asarray(x), source_rate=down, target_rate=up, quality="low")
    np.testing.assert_allclose(ours, direct(x, resampling._KaiserSinc(70.0, 0.8), up, down), atol=1e-12)


@pytest.mark.parametrize(
    "edges", ["zeros", "mean", "median", "minimum", "maximum", "line", "edge", "reflect", "symmetric"]
)
def test_resample_poly_is_scipys(edges):
    x = np.random.default_rng(0).standard_normal((2, 500))
    taps = np.random.default_rng(1).standard_normal(20)
    with jax.enable_x64(True):
        for window in (("kaiser", 5.0), taps):
            expected = scipy.signal.resample_poly(
                x, 3, 2, axis=-1, window=window, padtype={"zeros": "constant"}.get(edges, edges)
            )
            ours = resample_poly(jnp.asarray(x), up=3, down=2, window=window, edges=edges)
            np.testing.assert_allclose(ours, expected, atol=1e-10)


def test_there_and_back_and_gradients_and_dtypes():
    time = np.arange(2000) / 16_000
    x = jnp.asarray(np.sin(2 * np.pi * 440 * time), jnp.float32)
    convert = lambda x: resample(x, source_rate=16_000, target_rate=24_000)
    back = resample(convert(x), source_rate=24_000, target_rate=16_000)
    np.testing.assert_allclose(back[200:-200], x[200:-200], atol=1e-5)
    assert np.isfinite(jax.grad(lambda x: jnp.sum(convert(x) ** 2))(jnp.zeros(100))).all()
    transposed = jax.linear_transpose(convert, x)(jnp.ones(3000, jnp.float32))[0]
    np.testing.assert_allclose(transposed @ x, convert(x).sum(), atol=1e-2)
    batch = jnp.stack([x, -x])
    np.testing.assert_allclose(jax.jit(jax.vmap(convert))(batch), convert(batch), atol=1e-6)
    assert convert(x.astype(jnp.bfloat16)).dtype == jnp.bfloat16
    assert resample(x, source_rate=5, target_rate=5) is x


@pytest.mark.parametrize(
    "settings",
    [
        {"source_rate": 0, "target_rate": 2},
        {"source_rate": 1.5, "target_rate": 2},
        {"source_rate": 1, "target_rate": 2, "quality": "best"},
    ],
)
def test_mistakes_are_said(settings):
    with pytest.raises(ValueError):
        resample(jnp.ones(5), **settings)
    with pytest.raises(ValueError):
        resample_poly(jnp.ones(5), up=2, down=1, edges="magic")
