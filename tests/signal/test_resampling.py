"""Resampling: what a sweep shows, any ratio and length, linearity and duality, memory and gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal import resampling
from audiozoo.signal.resampling import resample, resample_poly, resample_sinc
from tests.signal import resamplers

# As docs/signal/sound.md says: flat to (0.1 dB), ripple in dB below 0.8 of the Nyquist frequency, alias, image.
SWEEPS = {
    "low": (0.80, 3e-3, -70, -80),
    "medium": (0.88, 1e-4, -100, -110),
    "high": (0.913, 1e-6, -135, -145),
    "very_high": (0.945, 1e-8, -183, -190),
}


@pytest.mark.parametrize("quality", SWEEPS)
@pytest.mark.parametrize(("source", "target"), [(44_100, 16_000), (16_000, 44_100)])
def test_a_sweep_finds_a_flat_passband_and_no_alias(quality, source, target):
    flat, ripple, alias, image = SWEEPS[quality]
    found = resamplers.measure(resamplers.ours(quality), source, target, passband=0.8, count=20)
    assert found.ripple < ripple and found.image < image
    assert found.flat > flat - 1 / 20  # as finely as the tones are laid
    assert found.alias < alias or source < target


def test_full_scale_in_float32_stays_130_decibels_above_its_own_noise():
    tone = np.sin(2 * np.pi * 997 / 44_100 * np.arange(20_000))
    convert = functools.partial(resample, source_rate=44_100, target_rate=16_000)
    with jax.enable_x64(True):
        wanted = np.asarray(convert(jnp.asarray(tone.astype(np.float32).astype(np.float64))))
    error = np.asarray(convert(jnp.asarray(tone, jnp.float32))) - wanted
    assert 10 * np.log10(np.mean(error**2) / np.mean(wanted**2)) < -130


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


RATIOS = [(1, 2), (2, 1), (147, 160), (160, 441), (441, 80), (7, 1), (1001, 1000), (13, 997), (44_101, 44_100)]


@settings(max_examples=25)
@given(time=st.sampled_from([0, 1, 2, 37, 211]), ratio=st.sampled_from(RATIOS))
def test_any_length_and_ratio_is_the_definition(time, ratio):
    up, down = ratio
    x = np.random.default_rng(time).standard_normal(time)
    with jax.enable_x64(True):
        ours = jax.jit(lambda x: resample(x, source_rate=down, target_rate=up, quality="low"))(x)
    np.testing.assert_allclose(
        ours, direct(x, resampling._KaiserSinc(*resampling._QUALITIES["low"]), up, down), atol=1e-12
    )


@settings(max_examples=10)
@given(up=st.integers(1, 400), down=st.integers(1, 400), time=st.integers(0, 90))
def test_whatever_the_ratio(up, down, time):
    """Linear, of the right length, and the transpose of the way back: <down x, y> / up = <x, up y> / down."""
    rng = np.random.default_rng(0)
    rates = {"source_rate": down, "target_rate": up}
    x, y = rng.standard_normal((2, time)), rng.standard_normal(-(-time * up // down))
    with jax.enable_x64(True):
        there = jax.jit(lambda x: tuple(f(x, **rates) for f in (resample, resample_sinc)))
        back = jax.jit(lambda y: tuple(f(y, source_rate=up, target_rate=down) for f in (resample, resample_sinc)))
        for made, returned, mixed in zip(there(x), back(y), there(2 * x - x[::-1]), strict=True):
            assert made.shape == (2, len(y))
            np.testing.assert_allclose(mixed, 2 * made - made[::-1], atol=1e-11)
            np.testing.assert_allclose(made @ y / up, x @ returned[:time] / down, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "rates", [(44_100, 16_000), (48_000, 44_100), (8000, 44_100), (44_100, 44_101), (7, 5), (997, 991)]
)
def test_memory_and_cost_are_linear_in_the_length_and_small(rates):
    convert = jax.jit(functools.partial(resample, source_rate=rates[0], target_rate=rates[1]))
    programs = [
        convert.lower(jax.ShapeDtypeStruct((length,), jnp.float32)).compile() for length in (1_000_000, 10_000_000)
    ]
    (short, _), (long, memory) = (
        (program.cost_analysis()["flops"], program.memory_analysis().temp_size_in_bytes) for program in programs
    )
    assert long < 10.5 * short
    samples = 10_000_000 * max(1, rates[1] / rates[0])
    assert memory < 6 * 4 * samples
    assert long < 3000 * samples


EDGES = ["zeros", "mean", "median", "minimum", "maximum", "line", "edge", "reflect", "symmetric", "wrap"]


@pytest.mark.parametrize("edges", EDGES)
def test_resample_poly_is_scipys(edges):
    x = np.random.default_rng(0).standard_normal((2, 500))
    taps = np.random.default_rng(1).standard_normal(20)
    with jax.enable_x64(True):
        for window in (("kaiser", 5.0), taps):
            expected = scipy.signal.resample_poly(
                x, 3, 2, axis=-1, window=window, padtype={"zeros": "constant"}.get(edges, edges)
            )
            run = functools.partial(resample_poly, up=3, down=2, window=window, edges=edges)
            np.testing.assert_allclose(jax.jit(run)(x), expected, atol=1e-10)


def test_there_and_back_and_gradients_and_dtypes():
    time = np.arange(2000) / 16_000
    x = jnp.asarray(np.sin(2 * np.pi * 440 * time), jnp.float32)
    convert = jax.jit(lambda x: resample(x, source_rate=16_000, target_rate=24_000))
    back = resample(convert(x), source_rate=24_000, target_rate=16_000)
    np.testing.assert_allclose(back[200:-200], x[200:-200], atol=1e-5)
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(convert(x) ** 2)))
    assert not gradient(jnp.zeros(100)).any()
    batch = jnp.stack([x, -x])
    np.testing.assert_allclose(jax.vmap(convert)(batch), convert(batch), atol=1e-6)
    assert jax.eval_shape(convert, x.astype(jnp.bfloat16)).dtype == jnp.bfloat16
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
    with pytest.raises(ValueError, match=r"sample rates|quality"):
        resample(jnp.ones(5), **settings)
    with pytest.raises(ValueError, match="edges"):
        resample_poly(jnp.ones(5), up=2, down=1, edges="magic")
    with pytest.raises(ValueError, match="positive width"):
        resample_sinc(jnp.ones(5), source_rate=1, target_rate=2, rolloff=0)
