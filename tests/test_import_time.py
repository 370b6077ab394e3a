"""Importing is cheap because little is imported; benchmarks/import_time.py takes the time itself."""

import json
import subprocess
import sys

import pytest

import audiozoo

HEAVY = {"jax", "flax", "numpy", "scipy", "matplotlib", "typer", "rich", "soundfile", "soxr", "torch", "transformers"}
HEAVY |= {"huggingface_hub", "tokenizers", "safetensors", "optax", "orbax", "unearth", "onnx", "librosa"}


def imported_by(statement: str) -> set[str]:
    """The top-level packages that a fresh interpreter holds after a statement, and did not before."""
    code = "import sys, json; before = set(sys.modules)", statement, "print(json.dumps([*set(sys.modules) - before]))"
    out = subprocess.run([sys.executable, "-c", "\n".join(code)], capture_output=True, text=True, check=True).stdout
    return {module.split(".")[0] for module in json.loads(out.splitlines()[-1])}


def test_the_package_alone_imports_nothing_heavy():
    assert not imported_by("import audiozoo") & HEAVY


def test_the_proxy_sees_a_heavy_import():
    assert "numpy" in imported_by("import numpy")


def test_the_zoo_imports_models_and_no_tools():
    """Listing models costs jax and Flax, and not what only files, downloads or commands need."""
    tools = HEAVY - {"jax", "flax", "numpy", "scipy"}
    needless = imported_by("import audiozoo; audiozoo.list_models()") & tools - imported_by("import jax, flax.linen")
    assert not needless


def test_every_public_name_is_there():
    for name in audiozoo.__all__:
        assert getattr(audiozoo, name) is not None
    assert set(audiozoo.__all__) <= set(dir(audiozoo))


def test_a_wrong_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = audiozoo.nonsense
