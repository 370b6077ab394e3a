import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal.framing import pad, pad_each
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


@settings(max_examples=15)
@given(st.integers(0, 97), st.booleans(), st.integers(1, 40), st.integers(2, 33))
def test_frames_are_counted(samples, snip_edges, hop, size):
    frames = KaldiFrames(
        sample_rate=1_000, frame_length=size, frame_shift=hop, snip_edges=snip_edges, window_type="hamming"
    )
    features = kaldi_spectrogram(jnp.asarray(NOISE[0, 0, :samples]), frames=frames)
    assert features.shape == (frames.count(samples), frames.n_fft // 2 + 1)
    assert np.isfinite(features).all()
    np.testing.assert_array_equal(frames.count(np.array([samples, samples])), [len(features)] * 2)


@settings(max_examples=10)
@given(st.lists(st.integers(0, 120), min_size=3, max_size=3), st.booleans(), st.booleans())
def test_padding_never_leaks(lengths, snip_edges, subtract_mean):
    frames = KaldiFrames(sample_rate=8_000, frame_length=4, frame_shift=2.5, snip_edges=snip_edges)
    clips = jnp.where(jnp.arange(120) < np.array(lengths)[:, None], NOISE[0, :, :120], jnp.nan)
    batch = FEATURES["mfcc"](clips, frames=frames, lengths=jnp.array(lengths), subtract_mean=subtract_mean)
    for clip, length, together in zip(clips, lengths, batch, strict=True):
        alone = FEATURES["mfcc"](clip[:length], frames=frames, subtract_mean=subtract_mean)
        np.testing.assert_allclose(together[: len(alone)], alone, atol=1e-3)
        assert not together[len(alone) :].any()


@settings(max_examples=15)
@given(
    st.integers(1, 9), st.integers(0, 20), st.integers(0, 20), st.sampled_from(["reflect", "constant", "edge", "wrap"])
)
def test_each_signal_is_padded_at_its_own_end(length, before, after, mode):
    signal = jnp.asarray(NOISE[0, :2, :9])
    both = pad_each(signal, jnp.array([9, length]), before, after, mode)
    np.testing.assert_array_equal(both[0], pad(signal[0], before, after, mode))
    alone = pad(signal[1, :length], before, after, mode)
    np.testing.assert_array_equal(both[1, : len(alone)], alone)
    assert not pad_each(signal, jnp.array([0, 0]), before, after, mode).any()
    assert pad_each(signal[:, :0], jnp.array([0, 0]), before, after, mode).shape == (2, before + after)


def test_dtype_is_kept():
    for features in FEATURES.values():
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
    quiet = features(silence)
    assert np.isfinite(quiet).all() and quiet[0, 0] == pytest.approx(np.log(2.0**-23))
    assert np.isfinite(jax.jit(jax.grad(lambda x: features(x).sum()))(silence)).all()
    assert np.isfinite(jax.jit(jax.grad(lambda x: features(x).sum()))(silence.at[:300].set(NOISE[0, 0, :300]))).all()


def test_magnitudes_have_a_gradient_in_silence_too():
    gradient = jax.grad(lambda x: kaldi_fbank(x, use_power=False, use_log_fbank=False).sum())(jnp.zeros(500))
    assert not gradient.any()


def test_the_second_gradient_is_finite():
    def slope(x):
        return jax.grad(lambda y: kaldi_mfcc(y, frames=SHORT, mels=KaldiMels(8), num_ceps=5).sum())(x)

    curvature = jax.jit(lambda x: jax.jvp(slope, (x,), (x,))[1])
    assert np.isfinite(curvature(NOISE[0, 0, :99])).all() and np.isfinite(curvature(jnp.zeros(99))).all()


def test_dither_is_noise_by_a_key():
    frames = KaldiFrames(dither=1.0)
    dithered = lambda seed: kaldi_fbank(jnp.zeros(16_000), frames=frames, use_log_fbank=False, key=jax.random.key(seed))
    np.testing.assert_array_equal(dithered(0), dithered(0))
    assert not np.array_equal(dithered(0), dithered(1))
    wide = kaldi_fbank(jnp.zeros(16_000), frames=KaldiFrames(dither=3.0), use_log_fbank=False, key=jax.random.key(0))
    np.testing.assert_allclose(wide, 9 * dithered(0), rtol=1e-3)


def test_a_vocal_tract_warp_moves_filters_but_not_the_ends():
    plain, longer = (kaldi_mel_filters(16_000.0, 2_048, KaldiMels(30), vtln_warp=w) for w in (1.0, 1.2))
    hertz = np.fft.rfftfreq(2_048, 1 / 16_000)
    centres = [hertz[bank.argmax(0)] for bank in (plain, longer)]
    middle = (centres[0] > 200) & (centres[0] < 6_000)
    np.testing.assert_allclose(centres[1][middle], centres[0][middle] / 1.2, atol=10)
    assert plain[0].sum() == longer[0].sum() == 0 and plain.max() <= 1


def test_energy_stands_where_it_is_asked_for():
    loud = jnp.asarray(NOISE[0, 0])
    plain = kaldi_fbank(loud)
    first, last = (kaldi_fbank(loud, use_energy=True, htk_compat=h) for h in (False, True))
    np.testing.assert_array_equal(first[:, 1:], plain)
    np.testing.assert_array_equal(last[:, :-1], plain)
    np.testing.assert_array_equal(first[:, 0], last[:, -1])
    assert (kaldi_fbank(loud, use_energy=True, energy_floor=1e30)[:, 0] == np.float32(np.log(1e30))).all()


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
    with pytest.raises(ValueError, match="1 to 23 cepstra, not 24"):
        kaldi_mfcc(jnp.zeros(500), num_ceps=24)
