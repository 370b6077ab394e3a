"""The readers of ONNX, CTranslate2 and safetensors against the libraries that own the formats."""

import json
import struct

import ctranslate2
import hypothesis.strategies as st
import numpy as np
import onnx
import pytest
import safetensors
import safetensors.numpy
import torch
from hypothesis import given, settings
from onnx import TensorProto, helper, numpy_helper

from audiozoo.weights import read
from audiozoo.weights.formats import safetensors as ours

pytestmark = pytest.mark.oracle

TYPES = {
    name: getattr(TensorProto, name)
    for name in (
        *("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E5M2", "COMPLEX64", "COMPLEX128", "BOOL"),
        *("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"),
    )
}


def onnx_file(tmp_path, tensors, nodes=()):
    graph = helper.make_graph(list(nodes), "graph", [], [], tensors)
    path = tmp_path / "model.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def assert_same(array, tensor):
    expected = numpy_helper.to_array(tensor)
    assert array.dtype == expected.dtype and array.shape == expected.shape
    assert array.tobytes() == expected.tobytes()


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
@pytest.mark.parametrize("kind", TYPES)
def test_onnx_types(tmp_path, kind, raw):
    values = np.array([[0, 1, 100], [127, 5, 3]]) - (0 if kind.startswith(("U", "BOOL")) else 50)
    dtype = helper.tensor_dtype_to_np_dtype(TYPES[kind])
    array = values.astype(dtype)
    content = array.tobytes() if raw else array
    tensor = helper.make_tensor("a", TYPES[kind], array.shape, content, raw=raw)
    assert_same(read(onnx_file(tmp_path, [tensor]), "onnx")["a"], tensor)


def test_onnx_extreme_integers_in_their_own_fields(tmp_path):
    info = np.iinfo(np.int64)
    numbers = np.array([info.min, -1, 0, 1, 127, 128, info.max])
    unsigned = np.array([0, 2**63, 2**64 - 1], np.uint64)
    tensors = [
        helper.make_tensor("signed", TensorProto.INT64, numbers.shape, numbers),
        helper.make_tensor("unsigned", TensorProto.UINT64, unsigned.shape, unsigned),
        helper.make_tensor("scalar", TensorProto.FLOAT, (), [2.5]),
        helper.make_tensor("empty", TensorProto.FLOAT, (0, 3), []),
        helper.make_tensor("text", TensorProto.STRING, (1,), [b"not a number"]),
    ]
    arrays = read(onnx_file(tmp_path, tensors), "onnx")
    assert arrays.keys() == {"signed", "unsigned", "scalar", "empty"}
    for tensor in tensors[:4]:
        assert_same(arrays[tensor.name], tensor)


def test_onnx_long_lists_of_integers_are_decoded_in_pieces(tmp_path, monkeypatch):
    from audiozoo.weights.formats import protobuf

    monkeypatch.setattr(protobuf, "CHUNK", 64)
    numbers = np.random.default_rng(0).integers(-(2**62), 2**62, 1000) >> np.arange(1000) % 62
    tensor = helper.make_tensor("a", TensorProto.INT64, numbers.shape, numbers)
    assert_same(read(onnx_file(tmp_path, [tensor]), "onnx")["a"], tensor)


def test_onnx_subgraphs_and_constants(tmp_path):
    inner = numpy_helper.from_array(np.arange(3.0), "inner")
    constant = helper.make_node("Constant", [], ["constant"], value=numpy_helper.from_array(np.arange(4), ""))
    branch = helper.make_graph([constant], "branch", [], [], [inner])
    node = helper.make_node("If", ["flag"], ["y"], then_branch=branch, else_branch=branch)
    arrays = read(onnx_file(tmp_path, [], [node]), "onnx")
    assert_same(arrays["inner"], inner)
    np.testing.assert_array_equal(arrays["constant"], np.arange(4))


def test_onnx_external_data_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    graph = helper.make_graph([], "g", [], [], [numpy_helper.from_array(np.ones(1000), "a")])
    onnx.save(helper.make_model(graph), path, save_as_external_data=True, size_threshold=0)
    with pytest.raises(ValueError, match="a lies in another file"):
        read(path, "onnx")


@pytest.mark.filterwarnings("ignore")  # the exporter's own
def test_names_that_torchs_exporter_loses_are_found(tmp_path):
    """Its constant folding joins batch norm into convolutions, transposes MatMul's weights, and stacks an LSTM's."""

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.pre = torch.nn.Sequential(torch.nn.Conv1d(3, 4, 3), torch.nn.BatchNorm1d(4))
            self.rnn = torch.nn.LSTM(4, 5, bidirectional=True, batch_first=True)
            self.out = torch.nn.Linear(10, 2)

        def forward(self, x):
            return self.out(self.rnn(self.pre(x).transpose(1, 2))[0])

    model = Net().eval()
    torch.nn.init.uniform_(model.pre[1].running_var, 0.5, 2)
    path = tmp_path / "net.onnx"
    torch.onnx.export(model, (torch.randn(1, 3, 9),), str(path), dynamo=False)
    arrays = read(path, "onnx")
    batch_norm = model.pre[1]
    factor = (batch_norm.weight / (batch_norm.running_var + batch_norm.eps).sqrt()).detach().numpy()
    weight = model.pre[0].weight.detach().numpy() * factor[:, None, None]
    np.testing.assert_allclose(arrays["pre.0.weight"], weight, rtol=1e-5, atol=1e-6)
    assert {"rnn.W", "rnn.R", "rnn.B"} <= arrays.keys()
    np.testing.assert_array_equal(arrays["rnn.W"][1, :5], model.rnn.weight_ih_l0_reverse[:5].detach().numpy())
    np.testing.assert_allclose(arrays["out.weight"].T, model.out.weight.detach().numpy())
    np.testing.assert_array_equal(arrays["out.bias"], model.out.bias.detach().numpy())
    assert not [name for name, array in arrays.items() if name.startswith("onnx::") and array.dtype.kind == "f"]


class Spec(ctranslate2.specs.ModelSpec):
    """A model of CTranslate2 with one linear layer and a tied copy of it."""

    def __init__(self, weight, bias):
        super().__init__()
        self.layer, self.copy = ctranslate2.specs.common_spec.LinearSpec(), ctranslate2.specs.common_spec.LinearSpec()
        self.layer.weight, self.layer.bias, self.copy.weight, self.flag = weight, bias, weight, np.int8(3)

    @property
    def name(self):
        return "TestSpec"


@pytest.mark.parametrize("quantisation", [None, "float16", "bfloat16", "int8", "int16", "int8_float16"])
def test_ctranslate2_files_of_every_quantisation(tmp_path, quantisation):
    rng = np.random.default_rng(0)
    weight, bias = rng.standard_normal((6, 5), dtype=np.float32), rng.standard_normal(6, dtype=np.float32)
    spec = Spec(weight.copy(), bias.copy())
    spec.validate()
    spec.optimize(quantization=quantisation)
    spec.save(str(tmp_path))
    arrays = read(tmp_path / "model.bin", "ctranslate2")
    assert {"layer/weight", "layer/bias", "copy/weight", "flag"} == arrays.keys()
    step = {None: 0, "float16": 1e-3, "bfloat16": 8e-3, "int16": 2e-3}.get(quantisation, 1.01 / 127)
    largest = np.abs(weight).max(axis=1, keepdims=True)
    found = arrays["layer/weight"].astype(np.float32)
    assert (np.abs(found - weight) <= step * largest / (2 if "int" in str(quantisation) else 1) + 1e-8).all()
    np.testing.assert_array_equal(arrays["copy/weight"], arrays["layer/weight"])
    np.testing.assert_allclose(arrays["layer/bias"].astype(np.float32), bias, rtol=8e-3)
    if quantisation is None:
        np.testing.assert_array_equal(found, weight)


FAULTS = st.dictionaries(st.sampled_from(["dtype", "shape", "data_offsets"]), st.none(), max_size=1)
OFFSETS = st.lists(st.integers(-1, 20), min_size=0, max_size=3)


@st.composite
def headers(draw):
    """safetensors headers that are right, or nearly."""
    entries, end = {}, 0
    for index in range(draw(st.integers(0, 3))):
        dtype, size = draw(st.sampled_from([("F32", 4), ("F16", 2), ("U8", 1), ("BOOL", 1), ("I64", 8), ("BF16", 2)]))
        shape = draw(st.lists(st.integers(0, 3), max_size=3))
        length = int(np.prod(shape)) * size
        entry = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + length]}
        end += length
        if draw(st.integers(0, 5)) == 0:
            entry["data_offsets"] = draw(OFFSETS)
        if draw(st.integers(0, 8)) == 0:
            entry["shape"] = draw(st.lists(st.one_of(st.integers(-1, 4), st.floats(0, 3), st.booleans()), max_size=2))
        entries[f"a{index}"] = entry
    if draw(st.booleans()):
        entries["__metadata__"] = draw(st.sampled_from([{"a": "b"}, {"a": 1}, {}, None, [], "text"]))
    raw = json.dumps(entries).encode() + b" " * draw(st.integers(0, 8))
    size = len(raw) + draw(st.sampled_from([0, 0, 0, 0, -1, 1]))
    return struct.pack("<Q", max(size, 0)) + raw + bytes(max(end + draw(st.sampled_from([0, 0, 0, 0, 1, -1])), 0))


@given(headers())
@settings(max_examples=800)
def test_safetensors_are_accepted_exactly_where_the_library_does(content):
    try:
        theirs = dict(safetensors.deserialize(content))
    except safetensors.SafetensorError:
        theirs = None
    try:
        arrays = ours.parse(content)
    except ValueError:
        arrays = None
    assert (arrays is None) == (theirs is None), (arrays, theirs)
    for name, entry in (theirs or {}).items():
        assert arrays[name].shape == tuple(entry["shape"])
        if entry["dtype"] != "BOOL":
            assert arrays[name].tobytes() == bytes(entry["data"])
