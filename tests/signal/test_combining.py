import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.signal.augmentation import random_crop, random_gain, random_polarity
from audiozoo.signal.combining import chain, mixup, one_of, sometimes
from audiozoo.signal.masking import time_mask

KEY = jax.random.key(2)
double = functools.partial(random_gain, gain_db=20.0)  # ten times
half = functools.partial(random_gain, gain_db=-20.0)


def test_a_chain_applies_all_with_keys_of_their_own():
    coin = functools.partial(random_polarity, probability=0.5)
    signs = np.asarray(jax.jit(lambda key: chain(coin, coin)(key, jnp.ones((2000, 1))))(KEY))
    assert abs((signs < 0).mean() - 0.5) < 0.05  # with one key, all would be turned back
    np.testing.assert_allclose(chain(double, half)(KEY, jnp.ones((2, 3)), jnp.array([3, 1])), [[1, 1, 1], [1, 0, 0]])
    np.testing.assert_array_equal(chain()(KEY, jnp.ones(4)), np.ones(4))


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_sometimes_is_by_row(probability):
    rows = jax.jit(lambda key, n: sometimes(double, probability)(key, jnp.ones((3000, 2)), n))(KEY, jnp.full(3000, 1))
    changed = np.asarray(rows)[:, 0] > 5
    assert abs(changed.mean() - probability) < 0.03 and not rows[:, 1].any()


def test_one_of_is_by_row_and_evenly():
    rows = np.asarray(jax.jit(lambda key: one_of(double, half, chain())(key, jnp.ones((3000, 2))))(KEY))[:, 0]
    for value in (10, 0.1, 1):
        assert abs(np.isclose(rows, value).mean() - 1 / 3) < 0.03


def test_rows_of_features_are_chosen_whole():
    mask = sometimes(functools.partial(time_mask, width=8, fill=-1.0), 0.5, axes=2)
    features = np.asarray(jax.jit(mask)(KEY, jnp.ones((400, 9, 3))))
    touched = (features == -1).any((1, 2)).mean()
    assert abs(touched - 0.5 * 8 / 9) < 0.08


def test_a_row_is_the_same_beside_others():
    policy = jax.jit(chain(sometimes(double, 0.5), one_of(half, random_polarity)))
    ours = policy(KEY, jnp.ones((4, 6)), jnp.array([6, 2, 5, 6]))
    alone = policy(KEY, jnp.ones((3, 8)), jnp.array([1, 2, 5]))
    np.testing.assert_allclose(alone[1:3, :6], ours[1:3], rtol=1e-6)


def test_mixup_mixes_rows_and_labels_alike():
    values, labels = jnp.asarray(np.random.default_rng(0).standard_normal((8, 5)), jnp.float32), jnp.eye(8)
    mixed = jax.jit(functools.partial(mixup, alpha=0.5))(KEY, values, jnp.array([5, 4, 3, 2, 1, 0, 5, 5]))
    assert sorted(mixed.partner.tolist()) == list(range(8)) and mixed.lengths is not None
    lengths = np.array([5, 4, 3, 2, 1, 0, 5, 5])
    clean = np.where(np.arange(5) < lengths[:, None], values, 0)
    weight = np.asarray(mixed.weight)[:, None]
    np.testing.assert_allclose(mixed.values, weight * clean + (1 - weight) * clean[mixed.partner], atol=1e-6)
    np.testing.assert_array_equal(mixed.lengths, np.maximum(lengths, lengths[mixed.partner]))
    np.testing.assert_allclose(mixed.of(labels).sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(mixed.of(labels) @ clean, mixed.values, atol=1e-6)


def test_weights_are_of_the_beta_distribution():
    weight = np.asarray(jax.jit(lambda key: mixup(key, jnp.ones((4000, 1)), alpha=0.4).weight)(KEY), np.float64)
    assert weight.min() >= 0 and weight.max() <= 1 and abs(weight.mean() - 0.5) < 0.03
    assert abs(weight.var() - 1 / (4 * (2 * 0.4 + 1))) < 0.01


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="alpha"):
        mixup(KEY, jnp.ones((2, 2)), alpha=0)
    with pytest.raises(ValueError, match="probability"):
        sometimes(double, 1.5)
    with pytest.raises(ValueError, match="some transforms"):
        one_of()
    with pytest.raises(ValueError, match="keep the shape"):
        chain(functools.partial(random_crop, length=2))(KEY, jnp.ones((2, 4)))
