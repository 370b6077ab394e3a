"""Quantisation, levels, loudness and rooms: what theory says of them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.signal import levels, loudness, quantisation, rooms

SINE = np.sin(2 * np.pi * 997 / 48_000 * np.arange(48_000)).astype(np.float32)


@pytest.mark.parametrize("bits", [4, 8, 12])
def test_a_bit_is_six_decibels(bits):
    x = jnp.asarray(SINE * (1 - 2.0 ** (1 - bits)))
    ratio = quantisation.signal_to_noise(x, quantisation.quantise(x, bits=bits))
    assert abs(ratio - (6.02 * bits + 1.76 + 20 * np.log10(1 - 2.0 ** (1 - bits)))) < 0.7
    codes = quantisation.quantise_codes(x, bits=bits)
    np.testing.assert_array_equal(codes * 2.0 ** (1 - bits), quantisation.quantise(x, bits=bits))


def test_dither_makes_the_error_independent_of_the_signal_on_average():
    quiet = jnp.full(200_000, 0.3 * 2.0**-7)  # a third of a step, which would be rounded away
    assert not quantisation.quantise(quiet, bits=8).any()
    dithered = quantisation.quantise(quiet, bits=8, key=jax.random.key(0))
    assert abs(dithered.mean() / quiet[0] - 1) < 0.03
    np.testing.assert_allclose(jnp.var(dithered) * 2.0**14, 0.25, atol=0.01)  # (1 + 2) / 12 of a step squared
    same = quantisation.quantise(quiet, bits=8, key=jax.random.key(0))
    np.testing.assert_array_equal(dithered, same)


def test_quantising_is_straight_through_and_clips():
    gradient = jax.grad(lambda x: jnp.sum(quantisation.quantise(x, bits=8)))(jnp.array([0.0, 0.3, 2.0]))
    np.testing.assert_array_equal(gradient, [1, 1, 0])
    assert quantisation.quantise(jnp.array([2.0, -2.0]), bits=2).tolist() == [0.5, -1.0]
    assert quantisation.signal_to_noise(jnp.zeros(3), jnp.zeros(3)) == 200
    assert np.isfinite(jax.grad(lambda x: quantisation.signal_to_noise(x, 0 * x))(jnp.zeros(3))).all()


@pytest.mark.parametrize("law", ["mu", "a"])
def test_companding_is_undone(law):
    x = jnp.linspace(-1, 1, 1001)
    packed = quantisation.compress(x, law=law)
    np.testing.assert_allclose(quantisation.expand(packed, law=law), x, atol=1e-6)
    assert (np.diff(packed) > 0).all() and np.isfinite(jax.grad(lambda x: quantisation.compress(x, law=law))(0.0))
    samples = jnp.arange(-32768, 32768, 7)
    again = quantisation.g711_decode(quantisation.g711_encode(samples, law=law), law=law)
    assert np.abs(again - samples).max() <= 1024 and again.dtype == jnp.int16
    codes = jnp.arange(256, dtype=jnp.uint8)
    twice = quantisation.g711_decode(
        quantisation.g711_encode(quantisation.g711_decode(codes, law=law), law=law), law=law
    )
    np.testing.assert_array_equal(twice, quantisation.g711_decode(codes, law=law))


@pytest.mark.parametrize("start", ["torchaudio", "librosa", "kaldi"])
@pytest.mark.parametrize("time", [0, 1, 2, 3, 500])
def test_emphasis_is_undone(start, time):
    x = jnp.asarray(np.random.default_rng(0).standard_normal(time), jnp.float32)
    y = jax.jit(lambda x: levels.de_emphasis(levels.pre_emphasis(x, start=start), start=start))(x)
    np.testing.assert_allclose(y, x, atol=2e-5)
    assert y.shape == x.shape and y.dtype == x.dtype


def test_levels_of_a_sine_and_of_silence():
    x = jnp.asarray(SINE)
    np.testing.assert_allclose(levels.level(x), np.sqrt(0.5), rtol=1e-4)
    np.testing.assert_allclose(levels.rms(x)[10:-10], np.sqrt(0.5), rtol=1e-2)
    np.testing.assert_allclose(levels.peak(levels.normalise_peak(x, to=0.5)), 0.5, rtol=1e-6)
    between = jnp.asarray(np.sin(np.pi / 2 * np.arange(400) + np.pi / 4))
    assert levels.peak(between) < 0.71 and levels.true_peak(between) > 0.99
    assert abs(levels.remove_dc(x + 1).mean()) < 1e-5 and abs(levels.remove_dc(x + 1, pole=0.995)[-1000:].mean()) < 1e-2
    for f in (levels.rms, levels.level, levels.normalise_peak, levels.remove_dc):
        assert np.isfinite(jax.jit(jax.grad(lambda x, f=f: jnp.sum(f(x))))(jnp.zeros(3000))).all()
    assert levels.peak(jnp.zeros(0)) == 0 and levels.level(jnp.zeros(0)) == 0


def test_loudness_of_the_standards_own_tone():
    """BS.1770: a full-scale sine at 997 Hz in one front channel is -3.01 LUFS (here -3.01 + the gain error)."""
    for exact in (True, False):
        measure = functools.partial(loudness.integrated_loudness, sample_rate=48_000, exact=exact)
        measured = jax.jit(measure)(jnp.asarray(SINE))
        assert abs(measured + 3.01) < 0.06
    quieter = jax.jit(lambda x: loudness.normalise_loudness(x, sample_rate=48_000, to=-23.0))(jnp.asarray(SINE))
    np.testing.assert_allclose(jax.jit(measure)(quieter), -23, atol=1e-3)
    assert loudness.momentary_loudness(quieter, sample_rate=48_000).shape == (7,)


def test_loudness_of_silence_is_the_gate_and_has_a_gradient():
    measure = jax.jit(lambda x: loudness.integrated_loudness(x, sample_rate=8000))
    assert measure(jnp.zeros(8000)) == -70
    assert np.isfinite(jax.grad(measure)(jnp.zeros(8000))).all()
    gated = jnp.concatenate([jnp.asarray(SINE[:24_000]), jnp.zeros(24_000)])
    assert measure(gated) > measure(jnp.asarray(SINE)) - 1.5


@pytest.mark.parametrize("call", [
    lambda x: quantisation.quantise(x, bits=0),
    lambda x: quantisation.compress(x, law="b"),
    lambda x: quantisation.compress(x, parameter=0.0),
    lambda x: quantisation.mu_law_encode(x, levels=1),
    lambda x: levels.pre_emphasis(x, start="magic"),
    lambda x: levels.rms(x, hop_length=0),
    lambda x: loudness.integrated_loudness(x, sample_rate=8000),
    lambda x: loudness.integrated_loudness(jnp.ones((6, 8000)), sample_rate=8000, channels=True),
    lambda x: rooms.sabine_time([1, 1, 1], 0.0),
    lambda x: impulse(absorption=2.0),
    lambda x: impulse(room=[1, 1, -1]),
    lambda x: impulse(source=np.array([9.0, 1, 1])),
])  # fmt: skip
def test_mistakes_are_said(call):
    with pytest.raises(ValueError):
        call(jnp.ones(40))


def impulse(**settings):
    defaults = {"room": [5.0, 4.0, 3.0], "source": np.array([1.0, 2.0, 1.5]), "microphones": np.array([3.0, 1.0, 1.2])}
    settings = {**defaults, "absorption": 0.3, "sample_rate": 8000, "length": 1500, **settings}
    if isinstance(settings["microphones"], jax.Array):
        return rooms.room_impulse_response(**settings)
    return jax.jit(lambda: rooms.room_impulse_response(**settings))()


def test_without_walls_only_the_direct_sound_arrives():
    x = impulse(absorption=1.0, max_order=0, microphones=np.array([1.0 + 343 / 8000 * 50, 2.0, 1.5]))
    expected = np.zeros(1500)
    expected[50] = 1 / (4 * np.pi * 343 / 8000 * 50)
    np.testing.assert_allclose(x, expected, atol=1e-5)


def test_rooms_are_reciprocal_and_late_images_do_not_matter():
    there = impulse()
    back = impulse(source=np.array([3.0, 1.0, 1.2]), microphones=np.array([1.0, 2.0, 1.5]))
    np.testing.assert_allclose(there, back, atol=1e-6)
    np.testing.assert_allclose(impulse(max_order=30), there, atol=1e-6)
    np.testing.assert_allclose(impulse(length=700), there[:700], atol=1e-6)
    both = impulse(microphones=np.array([[3.0, 1.0, 1.2], [2.0, 3.0, 2.0]]))
    np.testing.assert_allclose(both[0], there, atol=1e-7)


def test_a_position_has_a_gradient():
    energy = lambda point: jnp.sum(impulse(microphones=point, length=300) ** 2)
    gradient = jax.jit(jax.grad(energy))(jnp.array([3.0, 1.0, 1.2]))
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_how_long_a_room_rings():
    length, rate, seconds = 8000, 8000, 0.4
    decay = 10 ** (-3 * np.arange(length) / rate / seconds)
    np.testing.assert_allclose(rooms.reverberation_time(jnp.asarray(decay), sample_rate=rate), seconds, rtol=1e-3)
    cube = {"room": [4.0, 4.1, 3.9], "source": np.array([1.1, 2.3, 1.7]), "microphones": np.array([2.9, 1.2, 2.4])}
    response = impulse(**cube, absorption=0.15, length=6000)
    measured = rooms.reverberation_time(response, sample_rate=8000)
    assert 0.7 < measured / rooms.sabine_time(cube["room"], 0.15) < 1.3
    assert rooms.eyring_time(cube["room"], 0.15) < rooms.sabine_time(cube["room"], 0.15)
    assert rooms.reverberation_time(jnp.zeros(100), sample_rate=8000) == 0
