"""Whisper in PyTorch, twice: transformers' and OpenAI's own, small, with random weights far from the identity."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from whisper.model import ModelDimensions, MultiHeadAttention, Whisper

from audiozoo.models.whisper import WhisperConfig, sinusoids
from audiozoo.models.whisper_presets import OPENAI
from audiozoo.weights.layout import flatten
from tests.oracles import transformers

MultiHeadAttention.use_sdpa = False  # so that it returns its scores

CONFIG = WhisperConfig(
    width=48,
    encoder_layers=3,
    decoder_layers=2,
    heads=3,
    vocabulary=211,
    audio_positions=60,
    text_positions=24,
    alignment_heads=((0, 2), (1, 1)),
)


def perturb(model: torch.nn.Module) -> None:
    """Every parameter, norms and biases too, gets noise: weights that are all one or zero would hide a swap."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn_like(parameter))


def of_transformers(config: WhisperConfig) -> Any:
    torch.manual_seed(0)
    settings = transformers().WhisperConfig(
        vocab_size=config.vocabulary,
        num_mel_bins=config.mel_bins,
        d_model=config.width,
        encoder_layers=config.encoder_layers,
        decoder_layers=config.decoder_layers,
        encoder_attention_heads=config.heads,
        decoder_attention_heads=config.heads,
        encoder_ffn_dim=4 * config.width,
        decoder_ffn_dim=4 * config.width,
        max_source_positions=config.audio_positions,
        max_target_positions=config.text_positions,
        attn_implementation="eager",
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=3,
        dropout=0.0,
    )
    model = transformers().WhisperForConditionalGeneration(settings).eval()
    perturb(model)
    exact_positions(model.model.encoder.embed_positions.weight, config)
    return model


def of_openai(config: WhisperConfig) -> Whisper:
    torch.manual_seed(0)
    dimensions = ModelDimensions(
        config.mel_bins,
        config.audio_positions,
        config.width,
        config.heads,
        config.encoder_layers,
        config.vocabulary,
        config.text_positions,
        config.width,
        config.heads,
        config.decoder_layers,
    )
    model = Whisper(dimensions).eval()
    torch.nn.init.normal_(model.decoder.positional_embedding)
    perturb(model)
    exact_positions(model.encoder.positional_embedding, config)
    return model


def exact_positions(positions: torch.Tensor, config: WhisperConfig) -> None:
    """Both compute the sinusoids in float32, 1e-4 off at position 1500; here the exact ones are compared with."""
    exact = torch.from_numpy(sinusoids(config.audio_positions, config.width))
    with torch.no_grad():
        positions.copy_(exact)


def arrays(model: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def with_weights(config: WhisperConfig, variables: Mapping[str, Any]) -> Whisper:
    """OpenAI's model with our arrays."""
    model = of_openai(config)
    state = model.state_dict()
    for path, array in flatten(variables).items():
        _collection, *scopes, leaf = path.split("/")
        name = OPENAI.first(OPENAI.leaves, path) or {"bias": "bias"}.get(leaf, "weight")
        full, _part = OPENAI.join(OPENAI.module("/".join(scopes)), name)
        array = np.asarray(array)
        array = np.moveaxis(array, (-1, -2), (0, 1)) if leaf == "kernel" else array
        state[full] = torch.from_numpy(array.copy()).reshape(state[full].shape)
    model.load_state_dict(state)
    return model
