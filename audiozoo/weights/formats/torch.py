"""PyTorch checkpoints, zip (since 1.6) and old-style, read by a restricted interpreter of their pickle.

Nested containers are flattened: {"model": {"conv.weight": …}, "step": 3} gives `model.conv.weight`; what is no
tensor is left out. Arrays are read-only views of their storage, so shared and expanded tensors stay shared.
"""

import dataclasses
import io
import math
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from audiozoo.weights.formats.pickles import Opaque, Stream, load
from audiozoo.weights.formats.wire import BFLOAT16, MOST_AXES, check_count, name_of, view

DTYPES = {
    "torch.float64": np.dtype(np.float64),
    "torch.float32": np.dtype(np.float32),
    "torch.float16": np.dtype(np.float16),
    "torch.bfloat16": BFLOAT16,
    "torch.float8_e4m3fn": np.dtype(ml_dtypes.float8_e4m3fn),
    "torch.float8_e5m2": np.dtype(ml_dtypes.float8_e5m2),
    "torch.int64": np.dtype(np.int64),
    "torch.int32": np.dtype(np.int32),
    "torch.int16": np.dtype(np.int16),
    "torch.int8": np.dtype(np.int8),
    "torch.uint64": np.dtype(np.uint64),
    "torch.uint32": np.dtype(np.uint32),
    "torch.uint16": np.dtype(np.uint16),
    "torch.uint8": np.dtype(np.uint8),
    "torch.bool": np.dtype(bool),
    "torch.complex64": np.dtype(np.complex64),
    "torch.complex128": np.dtype(np.complex128),
}
STORAGES = {
    "torch.DoubleStorage": "torch.float64",
    "torch.FloatStorage": "torch.float32",
    "torch.HalfStorage": "torch.float16",
    "torch.BFloat16Storage": "torch.bfloat16",
    "torch.LongStorage": "torch.int64",
    "torch.IntStorage": "torch.int32",
    "torch.ShortStorage": "torch.int16",
    "torch.CharStorage": "torch.int8",
    "torch.ByteStorage": "torch.uint8",
    "torch.BoolStorage": "torch.bool",
    "torch.ComplexFloatStorage": "torch.complex64",
    "torch.ComplexDoubleStorage": "torch.complex128",
    "torch.storage.UntypedStorage": "torch.uint8",
}
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # the first two pickles of an old-style file
DEEPEST = 64  # levels of nested containers
MOST = 1_000_000  # items of all containers, counting a shared one each time it is met
NAMES = 64_000_000  # characters of all names together
EXPANDED = 2**26  # numbers that a tensor may have beyond those of its storage, by strides of zero


@dataclasses.dataclass
class Storage:
    """A flat run of numbers that tensors are views of; `load` brings them, once."""

    dtype: np.dtype
    key: str
    offset: int = 0  # elements, into the storage called `key`
    unit: int = 0  # bytes that an old-style file counts as one: of an untyped storage 1, whatever its tensors are


@dataclasses.dataclass
class Tensor:
    storage: Storage
    dtype: np.dtype
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def parse(data: bytes) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint, by their dotted path in it.

    Raises:
        ValueError: it is broken, or asks for anything but tensors, containers and numbers.
    """
    root, fetch = _parse_zip(data) if data[:2] == b"PK" else _parse_legacy(data)
    stores: dict[tuple[str, np.dtype], np.ndarray] = {}

    def numbers(storage: Storage) -> np.ndarray:
        where = (storage.key, storage.dtype)
        if where not in stores:
            stores[where] = fetch(storage)
        return stores[where]

    return {name: _materialise(tensor, numbers) for name, tensor in _flatten(root).items()}


def _parse_zip(data: bytes) -> tuple[Any, Callable[[Storage], np.ndarray]]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, NotImplementedError, struct.error) as error:
        raise ValueError(f"a broken archive: {error}") from error
    entries = {entry.filename: entry for entry in archive.infolist()}
    if any(name.endswith("/constants.pkl") for name in entries):
        raise ValueError("a TorchScript program, not a checkpoint: it holds code")
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 for entry in entries.values()):
        raise ValueError("its archive is compressed or encrypted; checkpoints are stored plainly")
    if len(entries) != len(archive.infolist()) or sum(entry.file_size for entry in entries.values()) > len(data):
        raise ValueError("entries of its archive overlap")
    roots = [name for name in entries if name.endswith("data.pkl") and name.count("/") <= 1]
    if len(roots) != 1:
        raise ValueError("an archive without a data.pkl is no PyTorch checkpoint")
    prefix = roots[0].removesuffix("data.pkl")

    def member(name: str) -> bytes:
        if prefix + name not in entries:
            raise ValueError(f"{name} is not in its archive")
        try:
            return archive.read(entries[prefix + name])
        except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, struct.error, OSError) as error:
            raise ValueError(f"a broken archive, {name}: {error}") from error

    order = member("byteorder").decode("ascii") if f"{prefix}byteorder" in entries else "little"
    if order not in ("little", "big"):
        raise ValueError(f"byte order {order[:20]!r} is unknown")

    def fetch(storage: Storage) -> np.ndarray:
        return _numbers(member(f"data/{storage.key}"), storage.dtype, order)

    return load(Stream(member("data.pkl")), BUILDERS, _persistent), fetch


def _parse_legacy(data: bytes) -> tuple[Any, Callable[[Storage], np.ndarray]]:
    stream = Stream(data)
    _magic, protocol, system, root, keys = (_next(stream, index) for index in range(5))
    if protocol != PROTOCOL or not isinstance(system, dict) or not isinstance(keys, list | tuple):
        raise ValueError("it does not begin like a PyTorch checkpoint")
    order = "little" if system.get("little_endian", True) else "big"
    sizes = {storage.key: storage.unit for storage in _storages(root)}
    places: dict[str, memoryview] = {}
    position, whole = stream.tell(), memoryview(data)
    for key in keys:
        if key not in sizes or key in places:
            raise ValueError(f"storage {str(key)[:40]!r} is there twice or used by no tensor")
        (count,) = struct.unpack_from("<q" if order == "little" else ">q", data, position)
        position += 8
        if not 0 <= count * sizes[key] <= len(data) - position:
            raise ValueError(f"it ends early: storage {str(key)[:40]!r} claims {count} numbers")
        places[key] = whole[position : position + count * sizes[key]]
        position += count * sizes[key]

    def fetch(storage: Storage) -> np.ndarray:
        if storage.key not in places:
            raise ValueError(f"storage {storage.key[:40]!r} is not in it")
        return _numbers(places[storage.key], storage.dtype, order)

    return root, fetch


def _next(stream: Stream, index: int) -> Any:
    """One of the pickles that an old-style file begins with; only the fourth holds tensors."""
    value = load(stream, BUILDERS if index == 3 else {}, _persistent)
    if index == 0 and value != MAGIC:
        raise ValueError("neither an archive nor an old-style PyTorch file")
    return value


def _numbers(raw: bytes | memoryview, dtype: np.dtype, order: str) -> np.ndarray:
    if len(raw) % dtype.itemsize:
        raise ValueError(f"a storage of {len(raw)} bytes holds no whole number of {dtype}")
    numbers = view(raw, dtype, (len(raw) // dtype.itemsize,))
    swapped = numbers if order == "little" else numbers.byteswap()
    swapped.flags.writeable = False
    return swapped


def _persistent(token: Any) -> Storage:
    """("storage", type, key, location, size), and in old files a view (key, offset, size) of it or None."""
    if not isinstance(token, tuple) or len(token) not in (5, 6) or token[0] != "storage":
        raise ValueError("it refers to something that is no storage")
    kind, key = token[1], token[2]
    dtype = getattr(kind, "builder", None)
    if not isinstance(dtype, _StorageType) or not isinstance(key, str):
        raise ValueError("a storage without type or key")
    offset = 0
    if len(token) == 6 and token[5] is not None:
        part = token[5]
        if not (isinstance(part, tuple) and len(part) == 3 and _is_count(part[1])):
            raise ValueError("a view of a storage without offset")
        offset = part[1]
    return Storage(dtype.dtype, key, offset, dtype.dtype.itemsize)


@dataclasses.dataclass(frozen=True)
class _StorageType:
    """What `torch.FloatStorage` stands for; it is named, never called."""

    dtype: np.dtype

    def __call__(self, *_: Any) -> Any:
        raise ValueError("its pickle makes a storage out of nothing")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    if not isinstance(storage, Storage):
        raise ValueError("a tensor without storage")
    return _tensor_of(storage, storage.dtype, offset, shape, strides)


def _tensor_of_type(
    storage: Any, offset: Any, shape: Any, strides: Any, _grad: Any, _hooks: Any, dtype: Any, *_
) -> Tensor:
    """`_rebuild_tensor_v3`: an untyped storage and the type beside it."""
    kind = getattr(dtype, "builder", None)
    if not isinstance(storage, Storage) or not isinstance(kind, _Type):
        raise ValueError("a tensor without storage or type")
    return _tensor_of(dataclasses.replace(storage, dtype=kind.dtype), kind.dtype, offset, shape, strides)


def _tensor_of(storage: Storage, dtype: np.dtype, offset: Any, shape: Any, strides: Any) -> Tensor:
    if not (isinstance(shape, tuple) and isinstance(strides, tuple) and len(shape) == len(strides) <= MOST_AXES):
        raise ValueError("a tensor without shape and strides")
    if not all(map(_is_count, (offset, *shape, *strides))):
        raise ValueError("a tensor whose offset, shape or strides are no counts")
    return Tensor(storage, dtype, offset, shape, strides)


@dataclasses.dataclass(frozen=True)
class _Type:
    """What `torch.float32` stands for."""

    dtype: np.dtype

    def __call__(self, *_: Any) -> Any:
        raise ValueError("its pickle calls a type")


def _first(value: Any = None, *_: Any) -> Any:
    return value


def _mapping(items: Any = (), *_: Any) -> dict[Any, Any]:
    """An OrderedDict, in old pickles with a list of pairs."""
    if isinstance(items, dict):
        return items
    pairs = [tuple(item) for item in items if isinstance(item, list | tuple)]
    if any(len(pair) != 2 or not isinstance(pair[0], str | int | float | None) for pair in pairs):
        raise ValueError("a dictionary from something that is no pairs")
    return {str(key): value for key, value in pairs}


def _sequence(items: Any = (), *_: Any) -> Any:
    return items if isinstance(items, list | tuple) else []


def _opaque(*_: Any) -> Opaque:
    return Opaque()


BUILDERS: dict[str, Callable[..., Any]] = {
    **{name: _StorageType(DTYPES[dtype]) for name, dtype in STORAGES.items()},
    **{name: _Type(dtype) for name, dtype in DTYPES.items()},
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_type,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch.Size": _sequence,
    "torch.device": _opaque,
    "collections.OrderedDict": _mapping,
    "collections.defaultdict": lambda *_: {},
    "builtins.set": _sequence,
    "builtins.frozenset": _sequence,
    "builtins.list": _sequence,
    "builtins.dict": _mapping,
    "__builtin__.set": _sequence,
    "_codecs.encode": lambda text="", *_: text,
}


def _children(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(str(key), item) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [(str(index), item) for index, item in enumerate(value)]
    return []


def _flatten(root: Any) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    budget = [MOST, NAMES]

    def visit(value: Any, prefix: str, path: tuple[int, ...]) -> None:
        if isinstance(value, Tensor):
            if prefix in found:
                raise ValueError(f"two tensors are called {prefix[:80]!r}")
            budget[1] -= len(name_of(prefix))
            found[prefix] = value
        if not isinstance(value, Tensor | dict | list | tuple):
            return
        budget[0] -= 1 if isinstance(value, Tensor) else 1 + len(value)
        if min(budget) < 0 or len(path) > DEEPEST or id(value) in path:
            raise ValueError("its containers are nested too deeply, contain themselves, or are too many")
        for key, child in _children(value):
            if isinstance(child, Tensor | dict | list | tuple):
                visit(child, name_of(f"{prefix}.{key}" if prefix else key), (*path, id(value)))

    visit(root, "" if not isinstance(root, Tensor) else "tensor", ())
    check_count(len(found))
    if not found:
        raise ValueError("it holds no tensor")
    return found


def _storages(root: Any) -> list[Storage]:
    return [tensor.storage for tensor in _flatten(root).values()]


def _materialise(tensor: Tensor, numbers: Callable[[Storage], np.ndarray]) -> np.ndarray:
    """The view that the tensor is, checked against the storage's bounds."""
    flat = numbers(tensor.storage)
    start = tensor.storage.offset + tensor.offset
    if math.prod(tensor.shape) > max(EXPANDED, len(flat)):
        raise ValueError(f"a tensor of shape {tensor.shape} expands a storage of {len(flat)} numbers too far")
    if 0 in tensor.shape:
        return np.zeros(tensor.shape, tensor.dtype)
    last = start + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    if last >= len(flat):
        raise ValueError(f"a tensor of shape {tensor.shape} reaches beyond its storage of {len(flat)} numbers")
    strides = tuple(stride * tensor.dtype.itemsize for stride in tensor.strides)
    # Over bytes, because ml_dtypes' arrays offer no buffer and as_strided does not know their types.
    return np.ndarray(tensor.shape, tensor.dtype, flat.view(np.uint8), start * tensor.dtype.itemsize, strides)
