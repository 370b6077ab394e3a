"""safetensors: a JSON header and raw arrays."""

import json

import ml_dtypes
import numpy as np

from audiozoo.weights.formats.wire import BFLOAT16, view

DTYPES = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": BFLOAT16,
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "I64": np.dtype(np.int64),
    "I32": np.dtype(np.int32),
    "I16": np.dtype(np.int16),
    "I8": np.dtype(np.int8),
    "U64": np.dtype(np.uint64),
    "U32": np.dtype(np.uint32),
    "U16": np.dtype(np.uint16),
    "U8": np.dtype(np.uint8),
    "BOOL": np.dtype(bool),
    "C64": np.dtype(np.complex64),
}


def parse(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file.

    Raises:
        ValueError: it is not valid.
    """
    from safetensors import SafetensorError, deserialize

    try:
        entries = deserialize(data)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    arrays = {}
    for name, entry in entries:
        if entry["dtype"] not in DTYPES:
            raise ValueError(f"{name} has the unsupported type {entry['dtype']}")
        arrays[name] = view(entry["data"], DTYPES[entry["dtype"]], entry["shape"])
    return arrays


def metadata(data: bytes) -> dict[str, str]:
    """The texts in the header of a file that `parse` accepts."""
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size]).get("__metadata__") or {}
