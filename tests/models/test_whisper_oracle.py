"""Whisper against transformers' and OpenAI's PyTorch implementations, stage by stage, and its gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from audiozoo import weights
from audiozoo.models.whisper import Whisper, sinusoids
from audiozoo.models.whisper_presets import OPENAI, PRESETS, TRANSFORMERS
from tests.models import reference_whisper as reference

pytestmark = pytest.mark.oracle

CONFIG = reference.CONFIG
MODEL = Whisper(CONFIG)
TOKENS = np.random.default_rng(1).integers(0, CONFIG.vocabulary, (2, 11))
STAGES = ["conv_1", "conv_2", *(f"block_{i}" for i in range(CONFIG.encoder_layers)), "norm"]


def assert_same(ours, theirs, tolerance=1e-5):
    theirs = np.asarray(theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else theirs)
    assert np.shape(ours) == theirs.shape
    assert np.abs(np.asarray(ours) - theirs).max() <= tolerance * np.abs(theirs).max()


def start(model, waveform, tokens):
    return model(waveform, tokens=tokens)


@pytest.fixture(scope="module")
def shapes():
    waveform = jax.ShapeDtypeStruct((1, CONFIG.window), jnp.float32)
    tokens = jax.ShapeDtypeStruct((1, 4), jnp.int32)
    return jax.eval_shape(lambda x, t: MODEL.init(jax.random.key(0), x, tokens=t), waveform, tokens)


@pytest.fixture(scope="module", params=["transformers", "openai"])
def oracle(request):
    return request.param


@pytest.fixture(scope="module")
def torch_model(oracle):
    return (reference.of_transformers if oracle == "transformers" else reference.of_openai)(CONFIG)


@pytest.fixture(scope="module")
def variables(oracle, torch_model, shapes):
    table = TRANSFORMERS if oracle == "transformers" else OPENAI
    return weights.to_variables(reference.arrays(torch_model), shapes, table)


@pytest.fixture(scope="module")
def spectrogram():
    return np.random.default_rng(0).normal(0, 0.7, (2, 2 * CONFIG.audio_positions, 80)).astype(np.float32)


def their_logits(oracle, torch_model, mel, tokens):
    tokens = torch.from_numpy(tokens)
    if oracle == "transformers":
        return torch_model(mel, decoder_input_ids=tokens).logits
    return torch_model(mel, tokens)


def our_logits(model, mel, tokens):
    hidden, _, _ = model.decoder.teach(tokens, jnp.zeros(len(tokens), jnp.int32), model.cross(model.encoder(mel)))
    return model.logits(hidden)


def their_modules(oracle, torch_model):
    if oracle == "transformers":
        encoder, decoder = torch_model.model.encoder, torch_model.model.decoder
        return [encoder.conv1, encoder.conv2, *encoder.layers, encoder.layer_norm], decoder.layers
    encoder, decoder = torch_model.encoder, torch_model.decoder
    return [encoder.conv1, encoder.conv2, *encoder.blocks, encoder.ln_post], decoder.blocks


def test_every_stage(oracle, torch_model, variables, spectrogram):
    seen = []

    def keep(module, inputs, output):
        seen.append(output[0] if isinstance(output, tuple) else output)

    encoder, decoder = their_modules(oracle, torch_model)
    hooks = [module.register_forward_hook(keep) for module in [*encoder, *decoder]]
    with torch.no_grad():
        logits = their_logits(oracle, torch_model, torch.from_numpy(spectrogram).mT, TOKENS)
    for hook in hooks:
        hook.remove()
    ours, captured = MODEL.apply(
        variables,
        spectrogram,
        TOKENS,
        method=our_logits,
        capture_intermediates=lambda module, name: name in ("__call__", "advance"),
        mutable="intermediates",
    )
    inside = captured["intermediates"]
    mine = [inside["encoder"][stage]["__call__"][0] for stage in STAGES]
    mine += [inside["decoder"][f"block_{layer}"]["advance"][0][0] for layer in range(CONFIG.decoder_layers)]
    assert len(mine) == len(seen)
    for stage, (one, other) in enumerate(zip(mine, seen, strict=True)):
        assert_same(one, other.mT if stage < 2 else other)
    assert_same(ours, logits)


def test_gradients(oracle, torch_model, variables, shapes, spectrogram):
    factors = np.random.default_rng(2).normal(size=(*TOKENS.shape, CONFIG.vocabulary)).astype(np.float32)
    torch_model.zero_grad()
    mel = torch.from_numpy(spectrogram).mT.requires_grad_()
    (their_logits(oracle, torch_model, mel, TOKENS).log_softmax(-1) * torch.from_numpy(factors)).sum().backward()
    theirs = {name: p.grad.numpy() for name, p in torch_model.named_parameters() if p.grad is not None}

    def loss(variables, mel):
        logits = MODEL.apply(variables, mel, TOKENS, method=our_logits)
        return (jax.nn.log_softmax(logits) * factors).sum()

    ours, mel_gradient = jax.jit(jax.grad(loss, argnums=(0, 1)))(variables, spectrogram)
    assert_same(mel_gradient, mel.grad.mT)
    expected = weights.to_variables(theirs, shapes, TRANSFORMERS if oracle == "transformers" else OPENAI)
    for (path, gradient), other in zip(jax.tree.leaves_with_path(ours), jax.tree.leaves(expected), strict=True):
        largest = np.abs(np.asarray(other)).max()
        assert largest > 0, path
        np.testing.assert_allclose(gradient, other, atol=2e-5 * largest, rtol=0, err_msg=str(path))


def test_alignment_scores(variables, torch_model, oracle, spectrogram):
    features = MODEL.apply(variables, spectrogram, method=lambda model, mel: model.encoder(mel))
    cross = MODEL.apply(variables, features, method="cross")
    ours = MODEL.apply(variables, TOKENS, jnp.zeros(2, jnp.int32), cross, method="align")
    mel, tokens = torch.from_numpy(spectrogram).mT, torch.from_numpy(TOKENS)
    chosen = lambda layers: torch.stack([layers[layer][:, head] for layer, head in CONFIG.alignment_heads], 1)
    if oracle == "transformers":  # keeps the scores after their softmax only
        with torch.no_grad():
            output = torch_model(mel, decoder_input_ids=tokens, output_attentions=True)
        assert_same(jax.nn.softmax(ours.scores), chosen(output.cross_attentions))
        assert_same(ours.logits, output.logits)
        return
    scores = []
    keep = lambda module, inputs, output: scores.append(output[1])
    hooks = [block.cross_attn.register_forward_hook(keep) for block in torch_model.decoder.blocks]
    with torch.no_grad():
        logits = torch_model(mel, tokens)
    for hook in hooks:
        hook.remove()
    assert_same(ours.scores, chosen(scores))
    assert_same(ours.logits, logits)


@pytest.mark.parametrize("width", [384, 1280])
def test_encoder_positions(width):
    """Theirs are made in float32, whose phase is off by 1e-4 after 1500 positions."""
    from whisper.model import sinusoids as theirs

    np.testing.assert_allclose(sinusoids(1500, width), theirs(1500, width), rtol=0, atol=2.5e-4)
    np.testing.assert_allclose(sinusoids(50, width), theirs(50, width), rtol=0, atol=5e-6)


@pytest.mark.parametrize("name", PRESETS)
def test_parameter_counts_equal_openais(name, monkeypatch):
    import whisper.model

    config = PRESETS[name].model.config
    monkeypatch.setattr(whisper.model, "sinusoids", lambda length, channels: torch.empty(length, channels))
    with torch.device("meta"):
        encoder = whisper.model.AudioEncoder(
            config.mel_bins, config.audio_positions, config.width, config.heads, config.encoder_layers
        )
        decoder = whisper.model.TextDecoder(
            config.vocabulary, config.text_positions, config.width, config.heads, config.decoder_layers
        )
    count = sum(parameter.numel() for part in (encoder, decoder) for parameter in part.parameters())
    assert count == PRESETS[name].parameters


@pytest.mark.parametrize("name", PRESETS)
def test_alignment_heads_equal_openais(name):
    import base64
    import gzip

    import whisper

    theirs = name.removeprefix("whisper_").replace("_en", ".en").replace("_", "-").replace("large", "large-v1")
    theirs = theirs.replace("-v1-v", "-v")
    packed = whisper._ALIGNMENT_HEADS[theirs]
    config = PRESETS[name].model.config
    heads = np.frombuffer(gzip.decompress(base64.b85decode(packed)), bool).reshape(-1, config.heads)
    assert heads.shape[0] == config.decoder_layers
    assert config.alignment_heads == tuple(map(tuple, np.argwhere(heads).tolist()))
