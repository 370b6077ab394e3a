"""Folders of weights, whole and in shards."""

import json

import numpy as np
import pytest

from audiozoo import weights

A, B = {"a": np.arange(3.0)}, {"b": np.ones((2, 2), np.float32)}


@pytest.fixture
def shards(tmp_path):
    """Two shards; writes the index of the given places."""
    weights.save(tmp_path / "part-1.safetensors", A)
    weights.save(tmp_path / "part-2.safetensors", B)

    def index(places):
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
        return tmp_path

    return index


def test_a_folder_has_one_customary_file(tmp_path):
    weights.save(tmp_path / "model.safetensors", A)
    (tmp_path / "config.json").write_text("{}")
    assert weights.read(tmp_path, "safetensors").keys() == {"a"}


def test_shards_are_read_together(shards):
    found = weights.read(shards({"a": "part-1.safetensors", "b": "part-2.safetensors"}), "safetensors")
    np.testing.assert_array_equal(found["a"], A["a"])
    np.testing.assert_array_equal(found["b"], B["b"])


@pytest.mark.parametrize(
    "places, words",
    [
        ({"a": "part-1.safetensors", "b": "part-3.safetensors"}, "not in the folder"),
        ({"a": "part-1.safetensors", "c": "part-2.safetensors"}, "differ in 2 arrays"),
        ({"a": "../part-1.safetensors"}, "not in its folder"),
        ({"a": "/etc/passwd"}, "not in its folder"),
        ({"a": ".."}, "not in"),
        ({"a": 1}, "not in its folder"),
        (["a"], "no index of shards"),
    ],
)
def test_an_index_that_does_not_fit_is_refused(shards, places, words):
    with pytest.raises(ValueError, match=words):
        weights.read(shards(places), "safetensors")


@pytest.mark.parametrize("format", ["safetensors", "torch", "ctranslate2", "onnx"])
def test_a_folder_without_weights_says_what_is_wanted(tmp_path, format):
    with pytest.raises(ValueError, match=f"has no {format} weights: none of .*model"):
        weights.read(tmp_path, format)
