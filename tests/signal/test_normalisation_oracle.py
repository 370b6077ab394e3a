"""Sliding normalisation against torchaudio, whose function is Kaldi's apply-cmvn-sliding."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from audiozoo.signal.normalisation import cmvn, sliding_cmvn
from tests.signal import exactness
from tests.signal.torchaudio_oracle import torchaudio

pytestmark = pytest.mark.oracle

FEATURES = (np.random.default_rng(0).standard_normal((2, 700, 5)) * 4 - 8).astype(np.float32)


@functools.cache
def case(window, min_window, center, variance):
    options = {"window": window, "min_window": min_window, "center": center, "variance": variance}
    ours = jax.jit(lambda x: sliding_cmvn(x, **options))(FEATURES)
    theirs = (
        torchaudio.functional.sliding_window_cmn(
            torch.as_tensor(FEATURES.astype(t)), window, min_window, center, variance
        ).numpy()
        for t in (np.float32, np.float64)
    )
    return ours, *theirs


EXACTNESS = {
    "sliding mean, 600 frames (torchaudio)": lambda: case(600, 100, False, False),
    "sliding mean and variance, 600 frames (torchaudio)": lambda: case(600, 100, False, True),
    "sliding mean and variance, 51 frames, centred (torchaudio)": lambda: case(51, 100, True, True),
    "causal mean, 300 frames (torchaudio)": lambda: case(300, 1, False, False),
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    exactness.check(*EXACTNESS[transform]())


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("variance", [False, True])
@pytest.mark.parametrize("window, min_window", [(600, 100), (50, 10), (51, 90), (2000, 900)])
def test_every_setting_is_torchaudio_s(window, min_window, center, variance):
    options = {"window": window, "min_window": min_window, "center": center, "variance": variance}
    theirs = torchaudio.functional.sliding_window_cmn(
        torch.as_tensor(FEATURES[:, :120]).double(), window, min_window, center, variance
    )
    with jax.enable_x64(True):
        ours = sliding_cmvn(jnp.asarray(FEATURES[:, :120], jnp.float64), **options)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_a_window_over_all_is_the_whole_clip_s():
    """The centred window is shifted at the ends until it holds every frame."""
    theirs = torchaudio.functional.sliding_window_cmn(torch.as_tensor(FEATURES).double(), 700, 1, True, True)
    np.testing.assert_allclose(cmvn(jnp.asarray(FEATURES)), theirs, atol=1e-5)
