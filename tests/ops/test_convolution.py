import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.layers.convolution import Conv1d
from audiozoo.ops.convolution import conv1d, direct_conv1d, spectral_conv1d, stretched_conv1d


def by_definition(x, kernel, stride, padding):
    x = np.pad(x.astype(np.float64), ((0, 0), padding, (0, 0)))
    starts = range(0, x.shape[1] - len(kernel) + 1, stride)
    return np.stack([np.einsum("bqi,qio->bo", x[:, t : t + len(kernel)], kernel) for t in starts], axis=1)


def random(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape, dtype=np.float32)


def assert_close(ours, theirs, tolerance=2e-6):
    assert ours.shape == theirs.shape
    assert np.abs(np.asarray(ours) - theirs).max() <= tolerance * np.abs(theirs).max()


# time, taps, padding: signals shorter, as long, and longer than the kernel; padding that no sample ever reaches.
SHAPES = [(1, 1, (0, 0)), (1, 8, (7, 0)), (8, 64, (31, 32)), (16, 64, (31, 32)), (32, 64, (31, 32)), (33, 7, (0, 0))]
SHAPES += [(40, 40, (0, 0)), (40, 9, (20, 3)), (5, 3, (9, 11)), (20, 17, (0, 16)), (21, 17, (16, 0))]


def rounding(x, kernel):
    """What float32 may lose of the largest sum there could be."""
    return 1e-6 * np.abs(x).max() * np.abs(kernel).sum(axis=(0, 1)).max()


@pytest.mark.parametrize("time, taps, padding", SHAPES)
def test_spectral_is_the_sum_over_taps(time, taps, padding):
    x, kernel = random(2, time, 3), random(taps, 3, 2)
    ours = spectral_conv1d(jnp.asarray(x), jnp.asarray(kernel), padding=padding)
    np.testing.assert_allclose(ours, by_definition(x, kernel, 1, padding), atol=rounding(x, kernel), rtol=0)


@pytest.mark.parametrize("stride", [1, 4, 7])
@pytest.mark.parametrize("time, taps, padding", SHAPES)
def test_stretched_is_the_sum_over_taps(time, taps, padding, stride):
    x, kernel = random(2, time, 1), random(taps, 1, 3)
    ours = stretched_conv1d(jnp.asarray(x), jnp.asarray(kernel), stride=stride, padding=padding)
    np.testing.assert_allclose(ours, by_definition(x, kernel, stride, padding), atol=rounding(x, kernel), rtol=0)


@pytest.mark.parametrize("inputs, stride", [(1, 4), (1, 1), (5, 1), (5, 3)])
def test_the_chosen_way_and_its_gradients_equal_the_direct_one(inputs, stride):
    x, kernel = random(3, 100, inputs), random(30, inputs, 4)

    def loss(way):
        return lambda x, kernel: jnp.sum(jnp.sin(way(x, kernel, stride=stride, padding=(14, 15))))

    assert_close(
        conv1d(x, kernel, stride=stride, padding=(14, 15)), direct_conv1d(x, kernel, stride=stride, padding=(14, 15))
    )
    ours, theirs = (jax.grad(loss(way), argnums=(0, 1))(x, kernel) for way in (conv1d, direct_conv1d))
    assert_close(ours[0], theirs[0], 1e-5)
    assert_close(ours[1], theirs[1], 1e-5)


def test_half_precision_stays_so():
    x, kernel = jnp.asarray(random(1, 64, 2), jnp.bfloat16), jnp.asarray(random(32, 2, 2), jnp.bfloat16)
    assert conv1d(x, kernel, padding=(16, 15)).dtype == jnp.bfloat16


@pytest.mark.parametrize("shape, kernel", [((1, 8, 2), (3, 1, 4)), ((1, 2, 1), (3, 1, 4))])
def test_what_does_not_fit_is_refused(shape, kernel):
    with pytest.raises(ValueError, match=r"channels|shorter"):
        conv1d(jnp.zeros(shape), jnp.zeros(kernel))


def test_the_layer_adds_its_bias():
    layer, x = Conv1d(3, 17, padding=(8, 8)), jnp.asarray(random(2, 20, 2))
    variables = layer.init(jax.random.key(0), x)
    variables = {"params": {**variables["params"], "bias": jnp.arange(3.0)}}
    expected = direct_conv1d(x, variables["params"]["kernel"], padding=(8, 8)) + jnp.arange(3.0)
    np.testing.assert_allclose(layer.apply(variables, x), expected, atol=1e-5)
