"""Oracles that need a hand to be imported."""

import functools
import importlib
import importlib.util
import sys
import types
from typing import Any


@functools.cache
def torchaudio() -> Any:
    """torchaudio's Python, or None where it is not installed.

    Its compiled part, which on the package index is made for another torch and for CUDA, is said to be absent: the
    package is then whole without it, as it has Python twins of all that is used here.
    """
    if importlib.util.find_spec("torchaudio") is None:
        return None
    if "torchaudio" not in sys.modules:
        extension = types.ModuleType("torchaudio._extension")
        vars(extension).update(
            _IS_TORCHAUDIO_EXT_AVAILABLE=False, _IS_ALIGN_AVAILABLE=False, fail_if_no_align=lambda function: function
        )
        sys.modules["torchaudio._extension"] = extension
    for module in ("compliance.kaldi", "functional", "transforms"):
        importlib.import_module(f"torchaudio.{module}")
    return sys.modules["torchaudio"]


@functools.cache
def transformers() -> Any:
    """transformers with Whisper's modules, which import torchaudio where it is installed, whether it loads or not."""
    torchaudio()
    importlib.import_module("transformers.models.whisper.feature_extraction_whisper")
    importlib.import_module("transformers.models.whisper.modeling_whisper")
    return importlib.import_module("transformers")
