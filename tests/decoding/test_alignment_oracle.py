"""Attention maps and paths of openai-whisper."""

import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.decoding import alignment

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("shape", [(3, 40), (20, 300), (60, 9)])
def test_paths_are_openai_whispers(shape):
    from whisper import timing

    cost = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    np.testing.assert_array_equal(alignment.warp(cost), timing.dtw_cpu(cost.astype(np.float64)))


def test_attention_maps_are_openai_whispers():
    import torch
    from whisper import timing

    scores = (3 * np.random.default_rng(0).standard_normal((6, 25, 1500))).astype(np.float32)
    positions = 800
    weights = torch.tensor(scores[:, :, :positions]).softmax(dim=-1)
    deviation, mean = torch.std_mean(weights, dim=-2, keepdim=True, unbiased=False)
    theirs = timing.median_filter((weights - mean) / deviation, 7).mean(dim=0)
    ours = alignment.attention_map(jnp.asarray(scores), jnp.int32(25), jnp.int32(positions))
    np.testing.assert_allclose(ours[:, :positions], theirs, rtol=1e-4, atol=1e-5)
