"""What each reader makes of well-formed files, and of files that want more than to be read."""

import json
import struct
import sys
import zipfile

import ml_dtypes
import numpy as np
import pytest

from audiozoo.weights import read
from tests.weights import forge

ARRAYS = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "conv.bias": np.array([0.5, -1.5], np.float16),
    "count": np.array(7, np.int64),
}


@pytest.fixture
def load(tmp_path):
    def load(content, format):
        path = tmp_path / "weights.bin"
        path.write_bytes(content)
        return read(path, format)

    return load


def safetensors(arrays):
    header, content = {}, b""
    names = {"float32": "F32", "float16": "F16", "int64": "I64", "bfloat16": "BF16", "bool": "BOOL"}
    for name, array in arrays.items():
        offsets = [len(content), len(content) + array.nbytes]
        header[name] = {"dtype": names[array.dtype.name], "shape": list(array.shape), "data_offsets": offsets}
        content += array.tobytes()
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + content


WRITERS = {
    "safetensors": ("safetensors", safetensors),
    "torch zip": ("torch", forge.torch_zip),
    "torch legacy": ("torch", forge.torch_legacy),
    "onnx": ("onnx", lambda arrays: forge.onnx([forge.onnx_tensor(*item) for item in arrays.items()])),
    "ctranslate2": (
        "ctranslate2",
        lambda arrays: forge.ctranslate2({k: v for k, v in arrays.items() if v.dtype != np.int64}),
    ),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_names_shapes_types_and_numbers(load, writer):
    format, write = WRITERS[writer]
    arrays = load(write(ARRAYS), format)
    wanted = {name: array for name, array in ARRAYS.items() if format != "ctranslate2" or array.dtype != np.int64}
    assert arrays.keys() == wanted.keys()
    for name, array in wanted.items():
        assert arrays[name].dtype == array.dtype and arrays[name].shape == array.shape
        np.testing.assert_array_equal(arrays[name], array)
        assert not arrays[name].flags.writeable


@pytest.mark.parametrize("writer", WRITERS)
def test_every_truncation_is_refused(load, writer):
    format, write = WRITERS[writer]
    content = write(ARRAYS)
    for size in range(len(content)):
        if format == "onnx" and size <= 2:  # a message may end after any field: it only has no graph then
            continue
        with pytest.raises(ValueError, match="no usable"):
            load(content[:size], format)


def test_an_unknown_format_names_the_known_ones(load):
    with pytest.raises(ValueError, match="safetensors, torch, ctranslate2, onnx"):
        load(b"", "pickle")


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nothing.pt", "torch")


def test_brain_floats(load):
    array = np.array([1.5, -2.0, 3e38], ml_dtypes.bfloat16)
    for content, format in (
        (safetensors({"a": array}), "safetensors"),
        (forge.ctranslate2({"a": array}), "ctranslate2"),
    ):
        assert load(content, format)["a"].dtype == ml_dtypes.bfloat16
        np.testing.assert_array_equal(load(content, format)["a"], array)


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (exec, (f"with open({str(self.path)!r}, 'w') as file: file.write('ran')",))


@pytest.mark.parametrize("legacy", [False, True])
def test_a_malicious_pickle_is_refused_and_nothing_runs(load, tmp_path, legacy):
    import pickle

    sign = tmp_path / "it ran"
    raw = pickle.dumps({"a": Bomb(sign)}, protocol=2)
    content = forge.torch_legacy({}, forge.Raw(raw[2:-1])) if legacy else forge.archive({"data.pkl": raw})
    ran, armed = [], [True]  # a hook cannot be taken away, only told to rest
    # The interpreter reports every import, exec, open, system call and unpickled global through audit hooks.
    sys.addaudithook(lambda event, arguments: ran.append((event, arguments)) if armed and event in EVENTS else None)
    with pytest.raises(ValueError, match=r"asks for (builtins|__builtin__)\.exec"):
        load(content, "torch")
    assert not ran and not sign.exists()
    pickle.loads(raw)
    armed.clear()
    assert ran and sign.exists()  # the bomb is live, and the hooks would have seen it


EVENTS = {"exec", "compile", "os.system", "subprocess.Popen", "pickle.find_class"}


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "posix.system",
        "builtins.eval",
        "torch.load",
        "numpy.load",
        "torch._utils._rebuild_tensor_v2.__globals__",
    ],
)
def test_only_tensors_and_containers_have_names(load, name):
    with pytest.raises(ValueError, match="only tensors, containers and numbers"):
        load(forge.archive({"data.pkl": forge.pickle({"a": forge.call(name, "x")})}), "torch")


@pytest.mark.parametrize("function", [1, "text", None, (), {}])
def test_what_is_no_function_is_not_called(load, function):
    raw = forge.Raw(forge.opcodes(function) + forge.opcodes(()) + b"R")
    with pytest.raises(ValueError, match="no function"):
        load(forge.archive({"data.pkl": forge.pickle(raw)}), "torch")


def test_a_compressed_archive_is_refused(load):
    content = forge.archive({"data.pkl": forge.pickle({}), "data/0": bytes(10**6)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="compressed"):
        load(content, "torch")


def test_a_flipped_bit_in_an_archive_is_noticed(load):
    content = bytearray(forge.torch_zip(ARRAYS))
    content[content.index(ARRAYS["conv.weight"].tobytes()) + 5] ^= 1
    with pytest.raises(ValueError, match="CRC"):
        load(bytes(content), "torch")


def test_quantised_ctranslate2_weights_are_given_as_fractions(load):
    numbers = np.array([[1, -2], [3, 127]], np.int8)
    scale = np.array([2.0, 4.0], np.float32)
    arrays = {"a/weight": numbers, "a/weight_scale": scale, "flag": np.array(3, np.int8)}
    single = {"b/weight": numbers.astype(np.int16), "b/weight_scale": np.array([8.0], np.float32)}
    aliases = {"c/weight": "a/weight", "c/weight_scale": "a/weight_scale"}
    found = load(forge.ctranslate2({**arrays, **single}, aliases), "ctranslate2")
    assert found.keys() == {"a/weight", "b/weight", "c/weight", "flag"}
    np.testing.assert_array_equal(found["a/weight"], numbers / scale[:, None])
    np.testing.assert_array_equal(found["b/weight"], numbers / np.float32(8))
    np.testing.assert_array_equal(found["c/weight"], found["a/weight"])
    assert found["flag"] == 3 and found["flag"].dtype == np.int8


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_a_scale_is_a_positive_number(load, scale):
    arrays = {"a": np.ones((1, 2), np.int8), "a_scale": np.array([scale], np.float32)}
    with pytest.raises(ValueError, match="a has a scale"):
        load(forge.ctranslate2(arrays), "ctranslate2")


def test_a_scale_that_makes_infinite_weights_is_refused(load):
    arrays = {"a": np.full((1, 2), 100, np.int8), "a_scale": np.array([1e-40], np.float32)}
    with pytest.raises(ValueError, match="a is infinite"):
        load(forge.ctranslate2(arrays), "ctranslate2")


def test_an_unknown_ctranslate2_version_is_named(load):
    with pytest.raises(ValueError, match="version 9"):
        load(forge.ctranslate2(ARRAYS | {"count": np.zeros(1, np.int8)}, version=9), "ctranslate2")


def test_onnx_arrays_that_lost_their_name_are_called_after_their_user(load):
    weight = np.ones((2, 3, 5), np.float32)
    lost = [
        "onnx::Conv_12",
        "345",
        "onnx::LSTM_7",
        "onnx::LSTM_8",
        "onnx::LSTM_9",
        "onnx::MatMul_3",
        "onnx::Pow_1",
        "12",
    ]
    nodes = [
        forge.onnx_node("Conv", ["x", "onnx::Conv_12", "345"], ["y"], "/dec/ups/ups.0/conv_pre/Conv_1"),
        forge.onnx_node("LSTM", ["y", "onnx::LSTM_7", "onnx::LSTM_8", "onnx::LSTM_9"], ["z"], "/rnn/LSTM"),
        forge.onnx_node("MatMul", ["z", "onnx::MatMul_3"], ["w"], "/out/MatMul"),
        forge.onnx_node("Pow", ["w", "onnx::Pow_1"], ["v"], "/norm/Pow"),
        forge.onnx_node("Conv", ["v", "12"], ["u"], "/taken/Conv"),
    ]
    names = [*lost, "taken.weight"]
    found = load(forge.onnx([forge.onnx_tensor(name, weight) for name in names], nodes), "onnx")
    assert found.keys() == {
        *("dec.ups.0.conv_pre.weight", "dec.ups.0.conv_pre.bias", "rnn.W", "rnn.R", "rnn.B", "out.weight"),
        *("onnx::Pow_1", "12", "taken.weight"),
    }


def test_onnx_constants_and_subgraphs_are_read(load):
    inner = forge.field(5, forge.onnx_tensor("inner.weight", np.ones(2, np.float32)))
    value = forge.field(5, forge.field(1, "value") + forge.field(5, forge.onnx_tensor("", np.arange(3))))
    branch = forge.field(5, forge.field(1, "then_branch") + forge.field(6, inner))
    nodes = [
        forge.onnx_node("Constant", [], ["constant.weight"], extra=value),
        forge.onnx_node("If", ["c"], ["y"], "If_0", extra=branch),
    ]
    found = load(forge.onnx([], nodes), "onnx")
    np.testing.assert_array_equal(found["constant.weight"], np.arange(3))
    np.testing.assert_array_equal(found["inner.weight"], np.ones(2))


@pytest.mark.parametrize(
    "extra", [forge.field(14, 1), forge.field(13, forge.field(1, "location") + forge.field(2, "/etc/passwd"))]
)
def test_onnx_weights_in_other_files_are_refused(load, extra):
    raw = forge.field(1, 4) + forge.field(2, 2) + forge.field(8, "w") + extra
    with pytest.raises(ValueError, match="w lies in another file"):
        load(forge.onnx([raw]), "onnx")


@pytest.mark.parametrize(
    "change",
    [
        {"data_offsets": [0, 7]},
        {"data_offsets": [4, 8]},
        {"data_offsets": [8, 0]},
        {"data_offsets": [-8, 0]},
        {"data_offsets": [0.0, 8.0]},
        {"data_offsets": [0, 8, 8]},
        {"data_offsets": "08"},
        {"shape": [3]},
        {"shape": [2**40, 2**40]},
        {"shape": [-2]},
        {"shape": [True, 2]},
        {"shape": None},
        {"shape": [1] * 100 + [2]},
        {"dtype": "F12"},
        {"dtype": ["F32"]},
        {"more": 1},
    ],
    ids=str,
)
def test_safetensors_headers_are_checked(load, change):
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | change
    raw = json.dumps({"a": entry}).encode()
    with pytest.raises(ValueError, match="no usable safetensors"):
        load(struct.pack("<Q", len(raw)) + raw + bytes(8), "safetensors")
