"""Writes small weight files by hand, well-formed or hostile, without any of the frameworks."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

STORAGES = {"float32": "FloatStorage", "float64": "DoubleStorage", "float16": "HalfStorage", "int64": "LongStorage"}
ONNX_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "bool": 9, "float16": 10, "float64": 11}
CT2_TYPES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4, "bfloat16": 5}


class Raw(bytes):
    """Opcodes that are put into a pickle as they are."""


def opcodes(value: Any) -> bytes:
    """A value as pickle opcodes."""
    match value:
        case Raw():
            return bytes(value)
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)
        case str():
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        case tuple():
            return b"(" + b"".join(map(opcodes, value)) + b"t"
        case list():
            return b"](" + b"".join(map(opcodes, value)) + b"e"
        case dict():
            return b"}(" + b"".join(opcodes(key) + opcodes(item) for key, item in value.items()) + b"u"
    raise TypeError(type(value))


def global_(name: str) -> Raw:
    module, _, attribute = name.rpartition(".")
    return Raw(f"c{module}\n{attribute}\n".encode())


def call(name: str, *arguments: Any) -> Raw:
    return Raw(global_(name) + opcodes(arguments) + b"R")


def pickle(value: Any) -> bytes:
    return b"\x80\x02" + opcodes(value) + b"."


def storage(kind: str, key: str, size: int, *view: Any) -> Raw:
    return Raw(opcodes(("storage", global_(f"torch.{kind}"), key, "cpu", size, *view)) + b"Q")


def tensor(array: np.ndarray, key: str, *view: Any) -> Raw:
    strides = tuple(stride // array.itemsize for stride in array.strides)
    store = storage(STORAGES[array.dtype.name], key, array.size, *view)
    hooks = call("collections.OrderedDict")
    return call("torch._utils._rebuild_tensor_v2", store, 0, array.shape, strides, False, hooks)


def torch_zip(arrays: Mapping[str, np.ndarray], **members: bytes) -> bytes:
    state = {name: tensor(array, str(index)) for index, (name, array) in enumerate(arrays.items())}
    data = {f"data/{index}": array.tobytes() for index, array in enumerate(arrays.values())}
    return archive({"data.pkl": pickle(state), "byteorder": b"little", **data, "version": b"3\n", **members})


def archive(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", compression) as file:
        for name, content in members.items():
            file.writestr(f"archive/{name}", content)
    return result.getvalue()


def torch_legacy(arrays: Mapping[str, np.ndarray], root: Any = None) -> bytes:
    if root is None:
        root = {name: tensor(array, str(index), None) for index, (name, array) in enumerate(arrays.items())}
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, root, [str(i) for i in range(len(arrays))]]
    head[0] = Raw(b"\x8a\x0a" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little", signed=True))
    stores = [struct.pack("<q", array.size) + array.tobytes() for array in arrays.values()]
    return b"".join(map(pickle, head)) + b"".join(stores)


def text(value: str) -> bytes:
    return struct.pack("<H", len(value.encode()) + 1) + value.encode() + b"\0"


def ctranslate2(arrays: Mapping[str, np.ndarray], aliases: Mapping[str, str] | None = None, version: int = 6) -> bytes:
    chunks = [struct.pack("<I", version), text("WhisperSpec"), struct.pack("<II", 3, len(arrays))]
    for name, array in arrays.items():
        chunks += [text(name), struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)]
        chunks += [struct.pack("<BI", CT2_TYPES[array.dtype.name], array.nbytes), array.tobytes()]
    chunks.append(struct.pack("<I", len(aliases or {})))
    return b"".join(chunks + [text(part) for pair in (aliases or {}).items() for part in pair])


def varint(value: int) -> bytes:
    result = bytearray()
    while value > 127:
        result.append(value & 127 | 128)
        value >>= 7
    return bytes([*result, value])


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value % 2**64)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def onnx_tensor(name: str, array: np.ndarray) -> bytes:
    dims = b"".join(field(1, size) for size in array.shape)
    return dims + field(2, ONNX_TYPES[array.dtype.name]) + field(8, name) + field(9, array.tobytes())


def onnx_node(
    operator: str, inputs: Sequence[str], outputs: Sequence[str], name: str = "", extra: bytes = b""
) -> bytes:
    ends = b"".join(field(1, item) for item in inputs) + b"".join(field(2, item) for item in outputs)
    return ends + field(3, name) + field(4, operator) + extra


def onnx(initialisers: Sequence[bytes], nodes: Sequence[bytes] = ()) -> bytes:
    graph = b"".join(field(1, node) for node in nodes) + b"".join(field(5, item) for item in initialisers)
    return field(1, 8) + field(7, graph)
