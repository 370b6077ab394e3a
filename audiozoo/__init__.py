"""audiozoo: every audio model is a pure JAX function from samples to answers, with weights you can trust.

    import audiozoo

    audiozoo.pipelines.transcribe("speech.wav").text
    model, variables = audiozoo.load("crepe_tiny")

Nothing heavy is imported until it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from audiozoo import data, decoding, layers, models, ops, pipelines, signal, weights, zoo
    from audiozoo.zoo import create, info, list_models, load, save

_ROOMS = ("data", "decoding", "layers", "models", "ops", "pipelines", "signal", "weights", "zoo")
_ZOO = ("create", "info", "list_models", "load", "save")

__all__ = [
    "__version__",
    "create",
    "data",
    "decoding",
    "info",
    "layers",
    "list_models",
    "load",
    "models",
    "ops",
    "pipelines",
    "save",
    "signal",
    "weights",
    "zoo",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"audiozoo.{name}")
    if name in _ZOO:
        return getattr(importlib.import_module("audiozoo.zoo"), name)
    raise AttributeError(f"module 'audiozoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
