"""The restricted reader of PyTorch files against `torch.load`, over both file formats, all types and layouts."""

import io
from collections import OrderedDict

import ml_dtypes
import numpy as np
import pytest
import torch

from audiozoo.weights import read

pytestmark = pytest.mark.oracle

DTYPES = [
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16, torch.uint32, torch.uint64),
    *(torch.bool, torch.complex64, torch.complex128),
]
FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def to_numpy(tensor):
    """As NumPy sees it, types that it lacks through their bits."""
    tensor = tensor.detach().contiguous()
    special = {
        torch.bfloat16: (torch.int16, ml_dtypes.bfloat16),
        torch.float8_e4m3fn: (torch.uint8, ml_dtypes.float8_e4m3fn),
        torch.float8_e5m2: (torch.uint8, ml_dtypes.float8_e5m2),
    }
    if tensor.dtype in special:
        bits, dtype = special[tensor.dtype]
        return tensor.view(bits).numpy().view(dtype)
    return tensor.numpy()


def roundtrip(tmp_path, value, zipped):
    path = tmp_path / "file.pt"
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    return read(path, "torch")


def assert_same(array, tensor):
    expected = to_numpy(tensor)
    assert array.dtype == expected.dtype and array.shape == expected.shape
    np.testing.assert_array_equal(np.ascontiguousarray(array).tobytes(), expected.tobytes())


@FORMATS
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_type(tmp_path, dtype, zipped):
    numbers = torch.from_numpy(np.random.default_rng(0).uniform(0, 100, (3, 4)))
    tensor = (numbers > 50) if dtype == torch.bool else numbers.to(dtype)
    assert_same(roundtrip(tmp_path, {"a": tensor}, zipped)["a"], tensor)


@FORMATS
def test_every_layout(tmp_path, zipped):
    base = torch.arange(120.0).reshape(4, 5, 6)
    tensors = {
        "transposed": base.permute(2, 0, 1),
        "sliced": base[1:, ::2, 1:5:3],
        "expanded": torch.arange(3.0)[:, None].expand(3, 7),
        "window": torch.arange(9.0).unfold(0, 4, 2),
        "scalar": torch.tensor(3.5),
        "empty": torch.zeros(0, 3),
        "row_of_shared": base[2],
        "shared": base,
        "parameter": torch.nn.Parameter(base[0].clone()),
        "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    }
    arrays = roundtrip(tmp_path, tensors, zipped)
    assert arrays.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert_same(arrays[name], tensor)
    if zipped:
        assert np.shares_memory(arrays["shared"], arrays["row_of_shared"])


@FORMATS
def test_a_training_checkpoint_is_flattened(tmp_path, zipped):
    """As Resemblyzer's and most trainers' files: the model beside its optimizer, counters and settings."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.LSTM(4, 5, bidirectional=True))
    optimizer = torch.optim.Adam(model.parameters())
    model[1](model[0](torch.randn(8, 3))).sum().backward()
    optimizer.step()
    value = {
        "step": 7,
        "model_state": model.state_dict(),
        "optimizer_state": optimizer.state_dict(),
        "settings": {"name": "größe", "sizes": [1, 2.5, None, True], "kind": torch.float16, "set": {1, 2}},
        "device": torch.device("cpu"),
        "list": [torch.ones(2), (torch.zeros(3),)],
        "size": torch.Size([1, 2]),
    }
    arrays = roundtrip(tmp_path, value, zipped)
    for name, tensor in model.state_dict().items():
        assert_same(arrays[f"model_state.{name}"], tensor)
    assert_same(arrays["optimizer_state.state.0.exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"])
    assert_same(arrays["list.1.0"], torch.zeros(3))
    assert (
        len(arrays) == len(model.state_dict()) + 3 * 4 + 2
    )  # Adam keeps three for each of the four parameters with a gradient


@FORMATS
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_pickle_protocol(tmp_path, protocol, zipped):
    value = OrderedDict(first=torch.arange(5), second=OrderedDict(third=torch.ones(2, 2)))
    path = tmp_path / "file.pt"
    torch.save(value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    arrays = read(path, "torch")
    assert_same(arrays["first"], value["first"])
    assert_same(arrays["second.third"], torch.ones(2, 2))


def test_big_endian_files(tmp_path, monkeypatch):
    from torch.serialization import LoadEndianness, set_default_load_endianness

    tensor = torch.arange(6, dtype=torch.float32)
    path = tmp_path / "big.pt"
    torch.save({"a": tensor}, path)
    patched = rewrite(path, {"byteorder": b"big"})
    path.write_bytes(patched)
    set_default_load_endianness(LoadEndianness.BIG)
    try:
        expected = torch.load(io.BytesIO(patched), weights_only=True)["a"]
    finally:
        set_default_load_endianness(None)
    assert_same(read(path, "torch")["a"], expected)
    assert not torch.equal(expected, tensor)


def rewrite(path, replaced):
    """The archive with some members' content replaced."""
    import zipfile

    result = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(result, "w") as new:
        for entry in old.infolist():
            name = entry.filename.split("/", 1)[1]
            new.writestr(entry.filename, replaced.get(name, old.read(entry)))
    return result.getvalue()


def test_a_whole_model_is_refused_because_it_names_classes(tmp_path):
    path = tmp_path / "model.pt"
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(ValueError, match=r"torch\.nn\.modules\.linear\.Linear"):
        read(path, "torch")


def test_torchscript_is_refused(tmp_path):
    path = tmp_path / "script.pt"
    with pytest.warns(DeprecationWarning):
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), path)
    with pytest.raises(ValueError, match="TorchScript"):
        read(path, "torch")
