import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo import zoo
from audiozoo.models.crepe import CHUNK

PRESET = zoo.preset("crepe_tiny").with_changes(width=1)
MODEL = PRESET.model
apply = jax.jit(MODEL.apply)


@pytest.fixture(scope="module")
def variables():
    return jax.jit(PRESET.init)(jax.random.key(0))


@pytest.fixture(scope="module")
def noise():
    return 0.1 * np.random.default_rng(0).standard_normal((1, 5000), dtype=np.float32)


@pytest.mark.parametrize("length", [1, 160, 3039])
def test_a_clip_is_the_same_alone_and_beside_a_longer_one(variables, noise, length):
    """To its very last frame, whose right half is beyond the clip."""
    alone = apply(variables, noise[:, :length])
    batch = np.concatenate([np.where(np.arange(5000) < length, noise, np.nan), -noise])
    padded = apply(variables, batch, np.array([length, 5000]))
    frames = 1 + length // 160
    assert alone.lengths.tolist() == [frames] and padded.lengths.tolist() == [frames, 32]
    np.testing.assert_allclose(padded.logits[:1, :frames], alone.logits, atol=2e-6)
    assert not padded.logits[0, frames:].any()


def test_chunks_of_frames_equal_all_at_once(variables):
    waveform = np.random.default_rng(1).standard_normal((1, 160 * (2 * CHUNK + 5)), dtype=np.float32)
    chunked = apply(variables, waveform).logits[0]
    assert len(chunked) == 2 * CHUNK + 6
    for start in (0, 50, 2 * CHUNK - 40):
        few = apply(variables, waveform[:, max(0, start - 4) * 160 :][:, : 48 * 160]).logits[0]
        skip = min(start, 4)
        np.testing.assert_allclose(few[skip : skip + 40], chunked[start : start + 40], atol=2e-6)


def test_silence_is_finite_with_finite_gradients(variables):
    silence = jnp.zeros((1, 2000))

    def loss(variables, x):
        return jnp.sum(apply(variables, x).logits ** 2)

    gradients = jax.jit(jax.grad(loss, argnums=(0, 1)))(variables, silence)
    assert np.isfinite(apply(variables, silence).logits).all()
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradients))


def test_loudness_does_not_matter(variables, noise):
    np.testing.assert_allclose(apply(variables, noise * 1e-3).logits, apply(variables, noise).logits, atol=1e-4)


def test_no_samples_give_no_frames(variables, noise):
    answer = apply(variables, noise, np.array([0]))
    assert answer.lengths.tolist() == [0] and not answer.logits.any()


def test_training_draws_dropout_and_moves_statistics(variables, noise):
    @jax.jit
    def answer(seed):
        rngs = {"dropout": jax.random.key(seed)}
        return MODEL.apply(variables, noise, train=True, rngs=rngs, mutable="batch_stats")

    (one, moved), (same, _), (other, _) = answer(0), answer(0), answer(1)
    np.testing.assert_array_equal(one.logits, same.logits)
    assert np.abs(one.logits - other.logits).max() > 1e-3
    before = variables["batch_stats"]["block_1"]["norm"]["var"]
    assert np.abs(moved["batch_stats"]["block_1"]["norm"]["var"] - before).max() > 1e-4


@pytest.mark.parametrize("name, parameters", [("crepe_tiny", 486_552), ("crepe_full", 22_239_976)])
def test_published_parameter_counts(name, parameters):
    shapes = jax.eval_shape(zoo.preset(name).init, jax.random.key(0))
    assert sum(x.size for x in jax.tree.leaves(shapes["params"])) == parameters == zoo.preset(name).parameters
