import jax
import jax.numpy as jnp
import numpy as np

from audiozoo.layers.attention import MultiHeadAttention

LAYER = MultiHeadAttention(width=12, heads=3)


def test_equals_flax():
    x = jax.random.normal(jax.random.key(0), (2, 5, 12))
    import flax.linen as nn

    theirs = nn.MultiHeadDotProductAttention(num_heads=3)
    mask = jnp.tril(jnp.ones((5, 5), bool))[None, None]
    variables = theirs.init(jax.random.key(1), x)
    variables = jax.tree.map(lambda leaf: leaf + 0.1 * jnp.arange(leaf.size).reshape(leaf.shape) % 0.7, variables)
    ours = {
        name: {
            "kernel": part["kernel"].reshape(12, 12),
            "bias": part["bias"].reshape(12),
        }
        for name, part in variables["params"].items()
    }
    np.testing.assert_allclose(LAYER.apply({"params": ours}, x, mask), theirs.apply(variables, x, mask=mask), atol=1e-5)


def test_memories_may_be_folded():
    x = jax.random.normal(jax.random.key(0), (2, 5, 12))
    variables = LAYER.init(jax.random.key(1), x)

    def folded(layer, x):
        memory = layer.remember(x)
        flat = memory._replace(keys=memory.keys.reshape(6, 5, 4), values=memory.values.reshape(6, 5, 4))
        return layer.attend(layer.queries(x), flat)

    np.testing.assert_allclose(LAYER.apply(variables, x, method=folded), LAYER.apply(variables, x), atol=1e-6)


def test_the_key_may_have_no_bias():
    shapes = jax.eval_shape(MultiHeadAttention(12, 3, key_bias=False).init, jax.random.key(0), jnp.zeros((1, 2, 12)))
    assert "bias" not in shapes["params"]["key"] and "bias" in shapes["params"]["value"]
