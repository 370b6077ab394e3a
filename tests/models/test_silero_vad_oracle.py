"""Silero VAD against its own ONNX and TorchScript files, and stage by stage against a definition in PyTorch."""

import jax
import numpy as np
import onnxruntime
import pytest
import soundfile
import torch
import torch.nn.functional as F

import audiozoo
from audiozoo import weights
from audiozoo.models.silero_vad import SileroVAD, SileroVADConfig
from tests.models import silero_files
from tests.models.silero_weights import random_variables
from tests.recordings import jfk, telephone

pytestmark = pytest.mark.oracle

CONFIG = SileroVADConfig(n_fft=64, channels=(12, 10, 8, 14))
MODEL = SileroVAD(CONFIG)


def assert_close(ours, theirs, tolerance=1e-5):
    theirs = theirs.detach().numpy()
    assert np.shape(ours) == theirs.shape
    assert np.abs(np.asarray(ours) - theirs).max() <= tolerance * np.abs(theirs).max()


def torch_parameters(variables):
    """Our parameters as torch tensors in torch's layouts, that gather gradients."""

    def convert(path, array):
        array = np.asarray(array)
        array = array.transpose(2, 1, 0) if array.ndim == 3 else array.T
        return torch.tensor(array.copy(), requires_grad=True)

    return jax.tree_util.tree_map_with_path(convert, variables["params"])


def reference(p, waveform):
    """Chunk after chunk, as the published graph does. Returns every stage, chunk by chunk."""
    chunk, context = CONFIG.chunk_length, CONFIG.context
    x = F.pad(waveform, (context, -waveform.shape[1] % chunk))
    cell = torch.nn.LSTMCell(CONFIG.channels[-1], CONFIG.channels[-1])
    named = {
        "weight_ih": p["lstm"]["input"]["kernel"],
        "bias_ih": p["lstm"]["input"]["bias"],
        "weight_hh": p["lstm"]["recurrent_kernel"],
        "bias_hh": p["lstm"]["recurrent_bias"],
    }
    state = (torch.zeros(len(x), CONFIG.channels[-1]),) * 2
    stages = {name: [] for name in ("stft", "encoder", "lstm", "logits")}
    for start in range(0, x.shape[1] - context, chunk):
        piece = F.pad(x[:, None, start : start + context + chunk], (0, CONFIG.n_fft // 4), mode="reflect")
        spectra = F.conv1d(piece, p["encoder"]["stft"]["kernel"], stride=CONFIG.n_fft // 2)
        real, imaginary = spectra.chunk(2, dim=1)
        y = torch.sqrt(real**2 + imaginary**2)
        stages["stft"].append(y.transpose(1, 2))
        for index, stride in enumerate((1, 2, 2, 1)):
            conv = p["encoder"][f"conv_{index}"]
            y = F.relu(F.conv1d(y, conv["kernel"], conv["bias"], stride, padding=1))
        stages["encoder"].append(y[..., 0])
        state = torch.func.functional_call(cell, named, (y[..., 0], state))
        stages["lstm"].append(state[0])
        logit = F.conv1d(F.relu(state[0])[..., None], p["classifier"]["kernel"], p["classifier"]["bias"])
        stages["logits"].append(logit[:, 0, 0])
    return {name: torch.stack(values, dim=1) for name, values in stages.items()}


@pytest.fixture(scope="module")
def variables():
    return random_variables(MODEL)


@pytest.fixture(scope="module")
def waveform():
    return np.random.default_rng(0).normal(0, 0.3, (2, 9 * CONFIG.chunk_length - 20)).astype(np.float32)


def test_every_stage_equals_the_reference(variables, waveform):
    answer, state = MODEL.apply(variables, waveform, capture_intermediates=True, mutable="intermediates")
    state = state["intermediates"]
    theirs = reference(torch_parameters(variables), torch.tensor(waveform))
    assert_close(state["encoder"]["stft"]["__call__"][0], theirs["stft"])
    assert_close(state["encoder"]["__call__"][0], theirs["encoder"])
    assert_close(state["lstm"]["__call__"][0][0], theirs["lstm"])
    assert_close(answer.logits, theirs["logits"])
    assert_close(answer.probabilities, torch.sigmoid(theirs["logits"]))


def test_gradients_equal_the_reference(variables, waveform):
    weight = np.random.default_rng(1).standard_normal((2, 9)).astype(np.float32)
    loss = lambda v, x: (MODEL.apply(v, x).logits * weight).sum()
    ours, ours_of_waveform = jax.grad(loss, (0, 1))(variables, waveform)
    parameters, x = torch_parameters(variables), torch.tensor(waveform, requires_grad=True)
    (reference(parameters, x)["logits"] * torch.tensor(weight)).sum().backward()
    gradients = jax.tree.map(lambda parameter: parameter.grad, parameters)
    back = lambda g: g.permute(2, 1, 0) if g.ndim == 3 else g.T if g.ndim == 2 else g
    jax.tree.map(lambda a, b: assert_close(a, back(b)), ours["params"], gradients)
    assert_close(ours_of_waveform, x.grad)


@pytest.fixture(scope="module")
def published():
    return audiozoo.load("silero_vad_v6")


def of_onnx(samples):
    session = onnxruntime.InferenceSession(weights.fetch(silero_files.ONNX))
    x, state, found = np.pad(samples, (64, -len(samples) % 512)), np.zeros((2, 1, 128), np.float32), []
    for start in range(0, len(x) - 64, 512):
        inputs = {"input": x[None, start : start + 576], "state": state, "sr": np.array(16_000)}
        probability, state = session.run(None, inputs)
        found.append(probability[0, 0])
    return np.array(found)


@pytest.mark.weights
@pytest.mark.parametrize("recording", [telephone, jfk])
def test_published_weights_answer_as_the_onnx_file(published, recording):
    model, variables = published
    samples, _ = soundfile.read(recording(), dtype="float32")
    theirs = of_onnx(samples)
    assert theirs.min() < 0.1 and theirs.max() > 0.9
    ours = jax.jit(model.apply)(variables, samples[None])
    np.testing.assert_allclose(ours.probabilities[0], theirs, atol=1e-5)

    stream = jax.jit(lambda *arguments: model.apply(*arguments, method="stream"))
    state, found = model.initial_state(1), []
    for start in range(0, len(samples), 7_000):
        answer, state = stream(variables, samples[None, start : start + 7_000], state)
        found.append(answer.probabilities[0, : answer.lengths[0]])
    answer, _ = model.apply(variables, state, method="flush")
    found.append(answer.probabilities[0, : answer.lengths[0]])
    np.testing.assert_allclose(np.concatenate(found), theirs, atol=1e-5)


@pytest.mark.weights
@pytest.mark.filterwarnings("ignore:`torch.jit.load` is:DeprecationWarning")
def test_published_weights_answer_as_the_torchscript_file(published):
    model, variables = published
    samples, _ = soundfile.read(telephone(), dtype="float32")
    script = torch.jit.load(str(weights.fetch(silero_files.TORCHSCRIPT)))
    with torch.no_grad():
        theirs = script.audio_forward(torch.tensor(samples)[None], 16_000)
    ours = jax.jit(model.apply)(variables, samples[None])
    np.testing.assert_allclose(ours.probabilities, theirs, atol=1e-5)
