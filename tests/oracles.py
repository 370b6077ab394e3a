"""Oracles that need a hand to be imported."""

import functools
import importlib
import importlib.machinery
import sys
import types
from typing import Any


@functools.cache
def transformers() -> Any:
    """transformers with Whisper's modules, which import torchaudio where it is installed, even if it cannot be loaded
    (its compiled part is made for CUDA). Nothing here uses it."""
    stub = types.ModuleType("torchaudio")
    stub.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
    known = sys.modules.setdefault("torchaudio", stub)
    try:  # not mock.patch.dict, which would also forget every module that is imported meanwhile
        importlib.import_module("transformers.models.whisper.feature_extraction_whisper")
        importlib.import_module("transformers.models.whisper.modeling_whisper")
        return importlib.import_module("transformers")
    finally:
        if known is stub:
            del sys.modules["torchaudio"]
