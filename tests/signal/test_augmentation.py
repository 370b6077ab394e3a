import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal as scipy_signal

from audiozoo.signal import augmentation as augment
from audiozoo.signal.fir import firwin
from audiozoo.signal.rows import Clips

KEY = jax.random.key(5)
RNG = np.random.default_rng(0)
RATE = 8000
NOISE = jnp.asarray(RNG.standard_normal((1, 150)), jnp.float32)
ROOMS = jnp.asarray(RNG.standard_normal((3, 120)) * np.exp(-np.arange(120) / 20), jnp.float32)
TRANSFORMS = {
    "noise": lambda key, x, n: augment.add_noise(key, x, NOISE, n),
    "room": lambda key, x, n: augment.random_room(key, x, ROOMS, n, level="rms"),
    "gain": augment.random_gain,
    "polarity": augment.random_polarity,
    "speed": augment.random_speed,
    "pitch": functools.partial(augment.random_pitch, steps=(-3, 2), n_fft=64, hop_length=16),
    "band-stop": functools.partial(augment.random_band_stop, sample_rate=RATE, centre_hz=(200.0, 2000.0), taps=101),
    "clipping": augment.random_clipping,
    "codec": functools.partial(augment.random_codec, cutoff=0.5),
    "crop": functools.partial(augment.random_crop, length=70),
    "shift": functools.partial(augment.random_shift, most=50),
}
JITTED = {name: jax.jit(transform) for name, transform in TRANSFORMS.items()}
SIGNAL = RNG.uniform(-1, 1, (2, 300)).astype(np.float32)


def samples(result):
    return np.asarray(result.signal if isinstance(result, Clips) else result)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_padding_and_batch_mates_change_nothing(name):
    signal = SIGNAL.copy()
    signal[1, 200:] = np.nan
    padded = JITTED[name](KEY, signal, jnp.array([300, 200]))
    ours = samples(padded)
    assert ours.dtype == np.float32 and np.isfinite(ours).all()
    length = int(padded.lengths[1]) if isinstance(padded, Clips) else 200
    assert not ours[1, length:].any() and ours[1, :length].any()
    alone = samples(JITTED[name](KEY, np.stack([np.zeros(200, np.float32), SIGNAL[1, :200]]), jnp.array([0, 200])))
    np.testing.assert_allclose(alone[1, :length], ours[1, :length], atol=1e-5)
    assert not alone[0].any()  # silence stays silent
    again = samples(JITTED[name](KEY, signal, jnp.array([300, 200])))
    np.testing.assert_array_equal(again, ours)
    many = [samples(JITTED[name](jax.random.key(i), signal, jnp.array([300, 200]))) for i in range(8)]
    assert any(not np.allclose(x, ours) for x in many)


@settings(max_examples=25)
@given(st.sampled_from(["noise", "room", "clipping", "crop", "shift"]), st.integers(0, 300), st.integers(0, 2**31))
def test_what_lies_behind_the_length_never_matters(name, length, seed):
    behind = np.arange(300) >= length
    lengths, key = jnp.array([length, 300]), jax.random.key(seed)
    ours, other = (samples(JITTED[name](key, np.where(behind, np.float32(fill), SIGNAL), lengths)) for fill in (0, 9))
    np.testing.assert_array_equal(ours[0], other[0])
    assert np.isfinite(ours).all() and not ours[0, length:].any()


@pytest.mark.parametrize("name", TRANSFORMS)
def test_gradients_are_finite_on_sound_and_silence(name):
    lengths = jnp.array([300, 200])
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(jnp.sin(1 + TRANSFORMS[name](KEY, x, lengths)[0]))))
    assert np.isfinite(gradient(jnp.zeros((2, 300)))).all()
    assert np.any(gradient(SIGNAL)) and np.isfinite(gradient(SIGNAL)).all()


@pytest.mark.parametrize("name", ["noise", "room", "speed", "band-stop", "codec", "shift"])
def test_dtypes_and_leading_axes_are_kept(name):
    with jax.enable_x64(True):
        wide = samples(TRANSFORMS[name](KEY, jnp.asarray(SIGNAL, jnp.float64).reshape(2, 1, 300), None))
    assert wide.dtype == np.float64 and wide.shape[:2] == (2, 1)
    narrow = samples(TRANSFORMS[name](KEY, jnp.asarray(SIGNAL, jnp.bfloat16).reshape(2, 1, 300), None))
    assert narrow.dtype == jnp.bfloat16
    if name != "codec":  # whose steps make much of little
        np.testing.assert_allclose(narrow.astype(np.float64), wide, atol=0.05)


@pytest.mark.parametrize("name", ["gain", "crop", "shift", "clipping"])
def test_no_rows_and_no_samples(name):
    assert samples(TRANSFORMS[name](KEY, jnp.zeros((0, 9)), None)).shape[0] == 0
    assert not samples(TRANSFORMS[name](KEY, jnp.zeros((2, 0)), None)).any()


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 15.0])
def test_noise_is_at_the_ratio_asked_for(snr_db):
    lengths = jnp.array([300, 120])
    ours = np.asarray(augment.add_noise(KEY, jnp.asarray(SIGNAL), NOISE, lengths, snr_db=snr_db), np.float64)
    for row, length in enumerate([300, 120]):
        clean = SIGNAL[row, :length].astype(np.float64)
        ratio = 10 * np.log10(np.sum(clean**2) / np.sum((ours[row, :length] - clean) ** 2))
        assert abs(ratio - snr_db) < 1e-3


def test_ratios_are_uniform_in_their_range():
    signal, noise = jnp.ones((4000, 8)), jnp.asarray(RNG.standard_normal(8), jnp.float32)
    mixed = np.asarray(jax.jit(lambda key: augment.add_noise(key, signal, noise, snr_db=(5.0, 20.0)))(KEY), np.float64)
    ratios = 10 * np.log10(8 / np.sum((mixed - 1) ** 2, -1))
    assert ratios.min() > 4.99 and ratios.max() < 20.01
    counts = np.histogram(ratios, np.linspace(5, 20, 11))[0]
    assert np.sum((counts - 400) ** 2 / 400) < 30  # chi-squared of 9 degrees


def test_silence_has_no_ratio():
    silent, one = jnp.zeros((1, 20)), jnp.ones((1, 20))
    assert not augment.mix_at_snr(silent, one, snr_db=0.0).any()
    np.testing.assert_array_equal(augment.mix_at_snr(one, silent, snr_db=0.0), one)


@pytest.mark.parametrize(("colour", "exponent"), [*augment.COLOURS.items(), ("1.5", 1.5)])
def test_colours_have_their_slope_and_unit_variance(colour, exponent):
    given = exponent if colour == "1.5" else colour
    noise = np.asarray(jax.jit(lambda key: augment.coloured_noise(key, (4, 2**15), exponent=given))(KEY))
    assert abs(noise.std() - 1) < (0.3 if exponent > 1 else 0.05)
    frequency, power = scipy_signal.welch(noise.astype(np.float64), nperseg=2048)
    used = (frequency > 0.004) & (frequency < 0.45)
    slope = np.polyfit(np.log(frequency[used]), np.log(power.mean(0)[used]), 1)[0]
    assert abs(slope + exponent) < 0.06


def test_longer_noise_begins_with_the_shorter():
    short, long = (augment.coloured_noise(KEY, (2, n), exponent=1.0, taps=65) for n in (50, 90))
    np.testing.assert_allclose(long[:, :50], short, atol=1e-6)
    assert not np.allclose(short[0], short[1])


@pytest.mark.parametrize("level", ["direct", "rms", "response"])
def test_the_direct_sound_stays_where_it_was(level):
    click = jnp.zeros((2, 100)).at[:, 10].set(0.5)
    response = np.zeros((2, 40), np.float32)
    response[0, [7, 20]] = [-0.2, 0.1]
    response[1, [0, 5, 39]] = [0.3, 0.6, -0.1]
    heard = np.asarray(augment.reverberate(click, jnp.asarray(response), jnp.array([100, 40]), level=level))
    direct = {"direct": 1.0, "response": -0.2, "rms": -0.2 / np.hypot(0.2, 0.1)}[level]
    np.testing.assert_allclose(heard[0, [10, 23]], np.array([1, -0.5]) * 0.5 * direct, atol=1e-6)
    assert np.abs(heard[1]).argmax() == 10 and heard[1, 5] != 0 and abs(heard[1, 40:]).max() == 0
    if level == "rms":
        np.testing.assert_allclose(np.sum(heard**2, 1), 0.25, rtol=1e-5)
    assert not augment.reverberate(click, jnp.zeros(9), level=level).any()


def test_speeds_are_factors_and_lengths_round_up():
    signal = jnp.asarray(np.sin(2 * np.pi * 0.05 * np.arange(400)), jnp.float32)
    rows = jnp.broadcast_to(signal, (300, 400))
    clips = jax.jit(augment.random_speed)(KEY, rows, jnp.full(300, 391))
    assert clips.signal.shape == (300, 445)
    counts = dict(zip(*np.unique(clips.lengths, return_counts=True), strict=True))
    assert set(counts) == {435, 391, 356} and min(counts.values()) > 70  # ⌈391 / 0.9⌉, 391, ⌈391 / 1.1⌉
    for row in (0, 1, 2, 3):
        length = int(clips.lengths[row])
        want = np.sin(2 * np.pi * 0.05 * np.arange(length) * {435: 0.9, 391: 1.0, 356: 1.1}[length])
        np.testing.assert_allclose(clips.signal[row, 40 : length - 40], want[40:-40], atol=2e-3)


def test_a_band_is_stopped_by_the_filter_that_scipy_knows():
    click = jnp.zeros((1, 301)).at[0, 150].set(1.0)
    ours = augment.random_band_stop(KEY, click, sample_rate=RATE, centre_hz=1000.0, width=0.6, taps=101)
    taps = firwin(101, [700, 1300], sample_rate=RATE, band="bandstop", scale=False)
    np.testing.assert_allclose(ours[0, 100:201], taps, atol=1e-6)
    gain = np.abs(np.fft.rfft(ours[0], 8000))
    assert gain[1000] < 0.01 and abs(gain[300] - 1) < 0.01 and abs(gain[2000] - 1) < 0.01


def test_levels_polarities_and_clips_are_what_they_say():
    signal = jnp.broadcast_to(jnp.asarray([0.1, -0.5, 0.2]), (2000, 3))
    gains = 20 * np.log10(np.asarray(augment.random_gain(KEY, signal, gain_db=(-6.0, 3.0)))[:, 0] / 0.1)
    assert -6.01 < gains.min() < -5.9 and 2.9 < gains.max() < 3.01 and abs(gains.mean() + 1.5) < 0.2
    signs = np.asarray(augment.random_polarity(KEY, signal, probability=0.25))[:, 0] / 0.1
    np.testing.assert_allclose(np.abs(signs), 1, rtol=1e-6)
    assert abs((signs < 0).mean() - 0.25) < 0.05
    clipped = np.asarray(augment.random_clipping(KEY, signal, threshold=(0.2, 0.6)))
    limits = -clipped[:, 1] / 0.5
    assert 0.2 <= limits.min() < 0.21 and 0.59 < limits.max() <= 0.6
    np.testing.assert_allclose(clipped[:, 2], np.minimum(0.2, limits * 0.5), rtol=1e-6)


@pytest.mark.parametrize(("law", "bits"), [("mu", 8), ("a", 6), (None, 4)])
def test_codes_are_few(law, bits):
    signal = jnp.asarray(np.linspace(-1, 1, 20_001), jnp.float32)
    coded = np.asarray(augment.random_codec(KEY, signal, bits=(bits,), law=law))
    assert 2**bits - 1 <= len(np.unique(coded)) <= 2**bits
    if law == "mu":
        small = np.log1p(255 * np.abs(signal)) / np.log(256) * np.sign(signal)
        steps = np.clip(np.round(small * 128), -128, 127) / 128
        expected = np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255
        assert np.mean(np.abs(coded - expected) > 1e-5) < 0.001  # but for ties


def test_crops_start_anywhere():
    ramp = jnp.broadcast_to(jnp.arange(1.0, 31.0), (3000, 30))
    clips = jax.jit(lambda key, n: augment.random_crop(key, ramp, n, length=10))(KEY, jnp.full(3000, 20))
    starts = np.asarray(clips.signal)[:, 0].astype(int) - 1
    np.testing.assert_array_equal(clips.signal, starts[:, None] + np.arange(1, 11))
    np.testing.assert_allclose(np.bincount(starts, minlength=11) / 3000, 1 / 11, atol=0.025)
    whole = augment.random_crop(KEY, ramp[:2], jnp.array([4, 0]), length=40)
    np.testing.assert_array_equal(whole.signal[0], np.r_[1:5, np.zeros(36)])
    assert whole.lengths.tolist() == [4, 0] and not whole.signal[1].any()


@pytest.mark.parametrize("wrap", [True, False])
def test_shifts_go_both_ways(wrap):
    ramp = jnp.broadcast_to(jnp.arange(1.0, 11.0), (500, 10))
    shifted = np.asarray(augment.random_shift(KEY, ramp, jnp.full(500, 7), most=2, wrap=wrap))
    seen = {tuple(row[:7].astype(int)) for row in shifted}
    rows = [np.roll(np.arange(1, 8), k) for k in range(-2, 3)]
    lost = {-2: slice(5, 7), -1: slice(6, 7), 0: slice(0, 0), 1: slice(0, 1), 2: slice(0, 2)}
    for k, row in zip(range(-2, 3), rows, strict=True):
        row[lost[k]] = row[lost[k]] if wrap else 0
    assert seen == {tuple(int(x) for x in row) for row in rows} and not shifted[:, 7:].any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: augment.add_noise(KEY, x, x, snr_db=(20.0, 5.0)), "rising pair"),
        (lambda x: augment.add_noise(KEY, x, x[:0]), "no samples"),
        (lambda x: augment.mix_at_snr(x, x[1:], snr_db=1.0), "equally long"),
        (lambda x: augment.coloured_noise(KEY, (9,), exponent="mauve"), "mauve"),
        (lambda x: augment.coloured_noise(KEY, (9,), taps=4), "odd taps"),
        (lambda x: augment.reverberate(x, x, level="loud"), "loud"),
        (lambda x: augment.random_gain(KEY, x, gain_db=(3.0, 1.0)), "gain_db"),
        (lambda x: augment.random_polarity(KEY, x, probability=1.5), "probability"),
        (lambda x: augment.random_speed(KEY, x, factors=()), "factors"),
        (lambda x: augment.random_pitch(KEY, x, steps=()), "steps"),
        (lambda x: augment.random_band_stop(KEY, x, sample_rate=100), "centre_hz"),
        (lambda x: augment.random_band_stop(KEY, x, sample_rate=9e3, taps=2), "odd number"),
        (lambda x: augment.random_clipping(KEY, x, threshold=-1.0), "threshold"),
        (lambda x: augment.random_codec(KEY, x, bits=()), "bits"),
        (lambda x: augment.random_codec(KEY, x, bits=(99,)), "1 to 24"),
        (lambda x: augment.random_crop(KEY, x, length=0), "positive"),
        (lambda x: augment.random_shift(KEY, x, most=-1), "most"),
        (lambda x: augment.random_gain(KEY, x, jnp.array([1, 2])), "lengths have shape"),
    ],
)
def test_what_makes_no_sense_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call(jnp.ones(9))
