import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal.framing import pad_each
from audiozoo.signal.kaldi import KaldiFrames, KaldiMels, kaldi_fbank, kaldi_mel_filters, kaldi_mfcc, kaldi_spectrogram

RNG = np.random.default_rng(0)
NOISE = RNG.standard_normal((2, 3, 1_200)).astype(np.float32) * 1_000
SHORT = KaldiFrames(sample_rate=8_000, frame_length=4, frame_shift=2.5)  # 32 samples every 20
FEATURES = {
    "spectrogram": kaldi_spectrogram,
    "fbank": lambda x, **k: kaldi_fbank(x, mels=KaldiMels(8), **k),
    "mfcc": lambda x, **k: kaldi_mfcc(x, mels=KaldiMels(8), num_ceps=5, **k),
}


@pytest.mark.parametrize("features", FEATURES.values(), ids=FEATURES)
def test_eager_jit_and_vmap_agree(features):
    eager = features(NOISE)
    assert eager.shape[:3] == (2, 3, 6) and eager.dtype == jnp.float32
    np.testing.assert_allclose(jax.jit(features)(NOISE), eager, atol=2e-4)
    np.testing.assert_allclose(jax.vmap(jax.vmap(features))(NOISE), eager, atol=2e-4)


@settings(max_examples=40)
@given(st.integers(0, 997), st.booleans(), st.integers(1, 400), st.integers(2, 330))
def test_frames_are_counted(samples, snip_edges, hop, size):
    frames = KaldiFrames(sample_rate=1_000, frame_length=size, frame_shift=hop, snip_edges=snip_edges)
    shape = jax.eval_shape(lambda: kaldi_spectrogram(jnp.zeros(samples), frames=frames)).shape
    assert shape == (frames.count(samples), frames.n_fft // 2 + 1)
    np.testing.assert_array_equal(frames.count(np.array([samples, samples])), [shape[0]] * 2)


@pytest.mark.parametrize("samples", [0, 1, 31, 32, 33, 97])
@pytest.mark.parametrize("snip_edges", [False, True])
def test_any_length_has_finite_features(samples, snip_edges):
    frames = dataclasses.replace(SHORT, frame_shift=5.0, snip_edges=snip_edges)  # hops longer than frames
    assert np.isfinite(jax.jit(lambda x: kaldi_spectrogram(x, frames=frames))(NOISE[0, 0, :samples])).all()


@pytest.mark.parametrize("lengths", [(0, 31, 120), (16, 53, 97)])
@pytest.mark.parametrize("snip_edges, subtract_mean", [(True, True), (False, False), (False, True)])
def test_padding_never_leaks(lengths, snip_edges, subtract_mean):
    frames = dataclasses.replace(SHORT, snip_edges=snip_edges)
    features = functools.partial(FEATURES["mfcc"], frames=frames, subtract_mean=subtract_mean)
    clips = np.where(np.arange(120) < np.array(lengths)[:, None], NOISE[0, :, :120], np.nan)
    batch = jax.jit(lambda x, lengths: features(x, lengths=lengths))(clips, np.array(lengths))
    for clip, length, together in zip(clips, lengths, batch, strict=True):
        alone = jax.jit(features)(clip[:length])
        np.testing.assert_allclose(together[: len(alone)], alone, atol=1e-3)
        assert not together[len(alone) :].any()


@pytest.mark.parametrize("mode", ["reflect", "constant", "edge", "wrap", "symmetric"])
def test_each_signal_is_padded_at_its_own_end(mode):
    signal = NOISE[0, 0, :9]
    both = jax.jit(lambda lengths: pad_each(jnp.stack([signal] * 5), lengths, 11, 20, mode))(np.array([9, 4, 2, 1, 0]))
    for length, row in zip([9, 4, 2, 1], both, strict=False):
        alone = np.pad(signal[:length], (11, 20), mode)
        np.testing.assert_array_equal(row[: len(alone)], alone)
    assert not both[4].any()
    assert pad_each(jnp.zeros((2, 0)), jnp.array([0, 0]), 1, 2, mode).shape == (2, 3)


def test_dtype_is_kept():
    for features in FEATURES.values():
        features = jax.jit(features)
        half = features(jnp.asarray(NOISE[0, 0], jnp.bfloat16))
        assert half.dtype == jnp.bfloat16
        exact = features(jnp.asarray(NOISE[0, 0], jnp.bfloat16).astype(jnp.float32))
        np.testing.assert_array_equal(half, exact.astype(jnp.bfloat16))
        with jax.enable_x64(True):
            double = features(jnp.asarray(NOISE[0, 0], jnp.float64))
            assert double.dtype == jnp.float64
        np.testing.assert_allclose(features(NOISE[0, 0]), double, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("features", FEATURES.values(), ids=FEATURES)
def test_silence_has_a_value_and_a_gradient(features):
    silence = jnp.zeros(600)
    quiet = jax.jit(features)(silence)
    assert np.isfinite(quiet).all() and quiet[0, 0] == pytest.approx(np.log(2.0**-23))
    assert np.isfinite(jax.jit(jax.grad(lambda x: features(x).sum()))(silence)).all()
    assert np.isfinite(jax.jit(jax.grad(lambda x: features(x).sum()))(silence.at[:300].set(NOISE[0, 0, :300]))).all()


def test_magnitudes_have_a_gradient_in_silence_too():
    energies = lambda x: kaldi_fbank(x, use_power=False, use_log_fbank=False).sum()
    gradient = jax.jit(jax.grad(energies))(jnp.zeros(500))
    assert not gradient.any()


def test_the_second_gradient_is_finite():
    def slope(x):
        return jax.grad(lambda y: kaldi_mfcc(y, frames=SHORT, mels=KaldiMels(8), num_ceps=5).sum())(x)

    curvature = jax.jit(lambda x: jax.jvp(slope, (x,), (x,))[1])
    assert np.isfinite(curvature(NOISE[0, 0, :99])).all() and np.isfinite(curvature(jnp.zeros(99))).all()


def test_dither_is_noise_by_a_key():
    @functools.partial(jax.jit, static_argnums=1)
    def dithered(seed, dither=1.0):
        settings = {"frames": KaldiFrames(dither=dither), "use_log_fbank": False, "key": jax.random.key(seed)}
        return kaldi_fbank(jnp.zeros(1_000), **settings)

    np.testing.assert_array_equal(dithered(0), dithered(0))
    assert not np.array_equal(dithered(0), dithered(1))
    np.testing.assert_allclose(dithered(0, 3.0), 9 * dithered(0), rtol=1e-3)


@pytest.mark.parametrize("window_type", ["povey", "hamming"])
def test_frames_with_dither_are_prepared_like_those_without(window_type):
    frames = KaldiFrames(window_type=window_type, snip_edges=False)
    faint = dataclasses.replace(frames, dither=1e-9)
    plain = jax.jit(lambda x: kaldi_mfcc(x, frames=frames))(NOISE + 500)
    dithered = jax.jit(lambda x: kaldi_mfcc(x, frames=faint, key=jax.random.key(0)))(NOISE + 500)
    np.testing.assert_allclose(dithered, plain, atol=2e-3)


def test_a_vocal_tract_warp_moves_filters_but_not_the_ends():
    plain, longer = (kaldi_mel_filters(16_000.0, 2_048, KaldiMels(30), vtln_warp=w) for w in (1.0, 1.2))
    hertz = np.fft.rfftfreq(2_048, 1 / 16_000)
    centres = [hertz[bank.argmax(0)] for bank in (plain, longer)]
    middle = (centres[0] > 200) & (centres[0] < 6_000)
    np.testing.assert_allclose(centres[1][middle], centres[0][middle] / 1.2, atol=10)
    assert plain[0].sum() == longer[0].sum() == 0 and plain.max() <= 1


def test_energy_stands_where_it_is_asked_for():
    loud = jnp.asarray(NOISE[0, 0])
    plain = jax.jit(kaldi_fbank)(loud)
    with_energy = functools.partial(kaldi_fbank, use_energy=True)
    first, last = (jax.jit(functools.partial(with_energy, htk_compat=h))(loud) for h in (False, True))
    np.testing.assert_array_equal(first[:, 1:], plain)
    np.testing.assert_array_equal(last[:, :-1], plain)
    np.testing.assert_array_equal(first[:, 0], last[:, -1])
    floored = jax.jit(functools.partial(with_energy, energy_floor=1e30))(loud)
    assert (floored[:, 0] == np.float32(np.log(1e30))).all()


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"frame_length": 0.01}, "2 samples or more"),
        ({"sample_rate": -1.0}, "2 samples or more"),
        ({"frame_shift": 0.0}, "2 samples or more"),
        ({"frame_length": 25.5, "sample_rate": 8_010.0, "round_to_power_of_two": False, "frame_shift": 10}, None),
        ({"sample_rate": 1_000.0, "frame_length": 25.0, "round_to_power_of_two": False}, "odd"),
        ({"preemphasis_coefficient": 1.1}, "in \\[0, 1\\]"),
        ({"dither": -1.0}, "standard deviation"),
        ({"window_type": "hann"}, "window_type is one of povey"),
    ],
)
def test_frames_that_make_no_sense_are_refused(wrong, message):
    if message is None:  # even at last: fine
        assert KaldiFrames(**wrong).n_fft == 204
        return
    with pytest.raises(ValueError, match=message):
        KaldiFrames(**wrong)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="3 mel filters"):
        KaldiMels(2)
    with pytest.raises(ValueError, match="dither takes a key"):
        kaldi_fbank(jnp.zeros(500), frames=KaldiFrames(dither=1.0))
    with pytest.raises(ValueError, match="key takes dither"):
        kaldi_fbank(jnp.zeros(500), key=jax.random.key(0))
    with pytest.raises(ValueError, match="not lie in order"):
        kaldi_fbank(jnp.zeros(500), mels=KaldiMels(high_freq=9_000.0))
    with pytest.raises(ValueError, match="VTLN warp of"):
        kaldi_fbank(
            jnp.zeros(500), vtln_warp=0.5, mels=KaldiMels(vtln_low=3_900.0, vtln_high=4_000.0, low_freq=3_950.0)
        )
    with pytest.raises(ValueError, match="1 to 23 cosine coefficients, not 24"):
        kaldi_mfcc(jnp.zeros(500), num_ceps=24)
