import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiozoo.signal import frontends

RNG = np.random.default_rng(0)
NOISE = (0.1 * RNG.standard_normal((2, 2, 4_001))).astype(np.float32)
CENTRED = {
    "panns": (frontends.panns_log_mel, frontends.PANNS[32_000]),
    "panns 8 kHz": (functools.partial(frontends.panns_log_mel, sample_rate=8_000), frontends.PANNS[8_000]),
    "tacotron2": (frontends.tacotron2_log_mel, frontends.TACOTRON2),
    "speecht5": (frontends.speecht5_log_mel, frontends.SPEECHT5),
    "hifigan": (frontends.hifigan_log_mel, frontends.HIFIGAN),
    "vggish": (frontends.vggish_log_mel, frontends.VGGISH),
    "yamnet": (frontends.yamnet_log_mel, frontends.VGGISH),
}
FIXED = {"ast": frontends.ast_features, "wav2vec2": frontends.wav2vec2_normalise, "clap": frontends.clap_log_mel}
ALL = {name: function for name, (function, _) in CENTRED.items()} | FIXED
PATCHES = {"vggish": frontends.vggish_patches, "yamnet": frontends.yamnet_patches}


@pytest.mark.parametrize("name", ALL)
def test_batches_jit_and_dtypes(name):
    function = jax.jit(ALL[name])
    batch = jax.jit(jax.vmap(function))(NOISE)
    assert batch.dtype == jnp.float32
    np.testing.assert_allclose(ALL[name](NOISE), batch, atol=1e-4)
    half = jnp.asarray(NOISE[0, 0], jnp.bfloat16)
    assert function(half).dtype == jnp.bfloat16
    exact = function(half.astype(jnp.float32))
    np.testing.assert_array_equal(function(half), exact.astype(jnp.bfloat16))
    with jax.enable_x64(True):
        double = function(NOISE[0, 0].astype(np.float64))
        assert double.dtype == jnp.float64
    np.testing.assert_allclose(batch[0, 0], double, atol=1e-4)


@given(st.integers(0, 40_000))
def test_frames_are_counted(samples):
    signal = jax.ShapeDtypeStruct((3, samples), jnp.float32)
    for function, settings in CENTRED.values():
        assert jax.eval_shape(function, signal).shape == (3, settings.count(samples), settings.n_mels)
        np.testing.assert_array_equal(settings.count(np.array([samples])), [settings.count(samples)])
    assert (
        frontends.TACOTRON2.count(samples) == 1 + samples // 256 and frontends.HIFIGAN.count(samples) == samples // 256
    )
    assert jax.eval_shape(frontends.ast_features, signal).shape == (3, 1024, 128)
    assert jax.eval_shape(frontends.clap_log_mel, signal).shape == (3, 1001, 64)
    for name, count in {"vggish": frontends.vggish_patch_count, "yamnet": frontends.yamnet_patch_count}.items():
        assert jax.eval_shape(PATCHES[name], signal).shape == (3, count(samples), 96, 64)
        np.testing.assert_array_equal(count(np.array([samples])), [count(samples)])


def test_patches_are_frames():
    clip = np.resize(NOISE[0, 0], 40_000)
    frames, patches = jax.jit(frontends.vggish_log_mel)(clip), jax.jit(frontends.vggish_patches)(clip)
    np.testing.assert_allclose(patches, frames[:192].reshape(2, 96, 64), atol=1e-5)
    frames, patches = (
        jax.jit(frontends.yamnet_log_mel)(np.pad(clip, (0, 6_320))),
        jax.jit(frontends.yamnet_patches)(clip),
    )
    assert len(patches) == 5
    for i, patch in enumerate(patches):
        np.testing.assert_allclose(patch, frames[48 * i : 48 * i + 96], atol=1e-5)


def alone_and_together(function, lengths, samples):
    clips = np.resize(NOISE[0], (len(lengths), samples))
    clips = np.where(np.arange(samples) < np.array(lengths)[:, None], clips, np.nan)
    together = jax.jit(function)(clips, np.array(lengths))
    return [(jax.jit(function)(clip[:n]), row) for clip, n, row in zip(clips, lengths, together, strict=True)]


@pytest.mark.parametrize("name", CENTRED)
def test_padding_never_leaks(name):
    for alone, row in alone_and_together(ALL[name], (2_500, 1_301, 2, 0), 2_500):
        np.testing.assert_allclose(row[: len(alone)], alone, atol=1e-4)
        assert not row[len(alone) :].any()


@pytest.mark.parametrize("name", FIXED)
def test_padding_never_leaks_where_the_size_is_fixed(name):
    for alone, row in alone_and_together(FIXED[name], (2_500, 401, 1, 0), 2_500):
        np.testing.assert_allclose(row[: len(alone)], alone, atol=1e-4)
        assert not row[len(alone) :].any()


@pytest.mark.parametrize("name", PATCHES)
def test_padding_never_leaks_into_patches(name):
    for alone, row in alone_and_together(PATCHES[name], (31_001, 20_000, 15_600, 7), 31_001):
        np.testing.assert_allclose(row[: len(alone)], alone, atol=1e-4)
        assert not row[len(alone) :].any()


SILENT = {"panns": -100, "panns 8 kHz": -100, "tacotron2": np.log(1e-5), "hifigan": np.log(1e-5), "speecht5": -10}
SILENT |= {"vggish": np.log(0.01), "yamnet": np.log(0.001), "wav2vec2": 0, "clap": -100}


@pytest.mark.parametrize("name", ALL)
def test_silence_has_a_value_and_a_gradient(name):
    silence = jnp.zeros(1_601)
    loss = jax.jit(jax.grad(lambda x: jnp.sum(ALL[name](x) ** 2)))
    if name in SILENT:
        np.testing.assert_allclose(jax.jit(ALL[name])(silence), SILENT[name], rtol=1e-6)
    assert np.isfinite(loss(silence)).all()
    half = loss(silence.at[:800].set(NOISE[0, 0, :800]))
    assert np.isfinite(half).all() and half.any()


def test_ast_says_what_padding_is():
    features = frontends.ast_features(jnp.asarray(NOISE[0, 0]))
    np.testing.assert_allclose(features[23:], 4.2677393 / 2 / 4.5689974, rtol=1e-6)
    assert (features[:23] != features[23]).all()


def test_normalised_samples_have_mean_zero_and_variance_one():
    normal = frontends.wav2vec2_normalise(jnp.asarray(NOISE * 5 + 3))
    np.testing.assert_allclose(normal.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(normal.var(-1), 1, atol=1e-5)


def test_clap_fills_ten_seconds():
    a_tenth = jax.jit(frontends.clap_log_mel)(jnp.asarray(np.resize(NOISE[0, 0], 48_000)))
    np.testing.assert_allclose(a_tenth[102:200], a_tenth[202:300], atol=1e-3)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="32000, 16000, 8000 Hz, not 44100"):
        frontends.panns_log_mel(jnp.zeros(99), sample_rate=44_100)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="not 480001: cut"):
        frontends.clap_log_mel(jnp.zeros(480_001))
    with pytest.raises(ValueError, match="must be positive, not 0"):
        frontends.vggish_log_mel(jnp.zeros(999), offset=0)
    with pytest.raises(ValueError, match="must be positive, not -1"):
        frontends.wav2vec2_normalise(jnp.zeros(9), epsilon=-1)
    with pytest.raises(ValueError, match="want lengths of"):
        frontends.wav2vec2_normalise(jnp.zeros((2, 9)), np.array([9]))
