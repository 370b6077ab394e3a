"""torchcrepe's decoders, without the noise that it adds to hide its rounding to bins."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from audiozoo.decoding import pitch
from tests.models.reference_crepe import torchcrepe

pytestmark = pytest.mark.oracle

RANGES = [(50.0, 2006.0), (100.0, 400.0)]


@pytest.fixture
def package(monkeypatch):
    package = torchcrepe()
    monkeypatch.setattr(package.convert, "dither", lambda cents: cents)
    if hasattr(package.decode.weighted_argmax, "weights"):
        monkeypatch.delattr(package.decode.weighted_argmax, "weights")
    return package


@pytest.fixture(scope="module")
def logits():
    """Ridges in noise: what argmax and the best path see differently."""
    rng = np.random.default_rng(0)
    ridge = 150 + np.cumsum(rng.integers(-3, 4, 120))
    peaks = 5 * np.exp(-(((np.arange(360) - ridge[:, None]) / 3) ** 2))
    return jnp.asarray(peaks + 2 * rng.standard_normal((120, 360)) - 3, jnp.float32)[None]


def postprocess(package, logits, decoder, fmin, fmax):
    probabilities = torch.from_numpy(np.array(jax.nn.sigmoid(logits))).transpose(1, 2)
    return package.postprocess(probabilities, fmin, fmax, decoder, return_periodicity=True)


@pytest.mark.parametrize("fmin, fmax", RANGES)
def test_argmax(package, logits, fmin, fmax):
    frequency, periodicity = postprocess(package, logits, package.decode.argmax, fmin, fmax)
    ours = pitch.decode_argmax(logits, fmin=fmin, fmax=fmax)
    np.testing.assert_allclose(ours.frequency, frequency, rtol=1e-5)
    np.testing.assert_allclose(ours.confidence, periodicity, rtol=1e-6)


@pytest.mark.parametrize("fmin, fmax", RANGES)
def test_the_average_around_a_bin(package, logits, fmin, fmax):
    """torchcrepe takes the sigmoid of the probabilities once more; given such weights, the average is the same."""
    frequency, _ = postprocess(package, logits, package.decode.weighted_argmax, fmin, fmax)
    probabilities = pitch.in_range(logits, fmin, fmax)
    twice = jnp.where(probabilities > 0, jax.nn.sigmoid(probabilities), 0)
    ours = pitch.averaged(twice, probabilities.argmax(axis=-1))
    np.testing.assert_allclose(ours.frequency, frequency, rtol=1e-5)


@pytest.mark.parametrize("fmin, fmax", RANGES)
def test_the_best_path(package, logits, fmin, fmax):
    frequency, periodicity = postprocess(package, logits, package.decode.viterbi, fmin, fmax)
    ours = pitch.decode_viterbi(logits, fmin=fmin, fmax=fmax)
    np.testing.assert_allclose(pitch.bins_to_frequency(ours.bins), frequency, rtol=1e-5)
    np.testing.assert_allclose(ours.confidence, periodicity, rtol=1e-6)
    assert (ours.bins != pitch.decode_argmax(logits, fmin=fmin, fmax=fmax).bins).mean() > 0.05
