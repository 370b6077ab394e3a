"""safetensors: the size of a JSON header, the header, the arrays one after the other.

Read without a copy, which the library cannot (its NumPy reader takes 0.3 s for 150 MB, this one nothing); the tests
hold it to accept what the library accepts.
"""

import json
from typing import Any

import ml_dtypes
import numpy as np

from audiozoo.weights.formats.wire import BFLOAT16, check_count, name_of, view

LARGEST_HEADER = 16_000_000  # bytes: a hundred thousand arrays; as JSON it takes thirty times that in memory
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


def parse(data: bytes | memoryview) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, views of `data`.

    Raises:
        ValueError: it is not valid.
    """
    return parse_with_metadata(data)[0]


def parse_with_metadata(data: bytes | memoryview) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays, views of `data`, and the texts in the header.

    Raises:
        ValueError: it is not valid.
    """
    buffer = memoryview(data)
    size = int.from_bytes(buffer[:8], "little")
    if len(buffer) < 8 or not 2 <= size <= min(LARGEST_HEADER, len(buffer) - 8):
        raise ValueError(f"its header is said to take {size} bytes; the file has {len(buffer)}")
    entries = _header(bytes(buffer[8 : 8 + size]))
    metadata = entries.pop("__metadata__", None)
    metadata = {} if metadata is None else metadata
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError("its metadata are not texts")
    content = buffer[8 + size :]
    check_count(len(entries))
    spans = {name: _span(name, entry) for name, entry in entries.items()}
    end = 0
    for start, stop in sorted(spans.values()):
        if start != end or stop < start:
            raise ValueError(f"its arrays overlap or leave a gap at byte {min(start, end)}")
        end = stop
    if end != len(content):
        raise ValueError(f"its arrays take {end} bytes; the file has {len(content)}")
    arrays = {}
    for name, (start, stop) in spans.items():
        try:
            arrays[name_of(name)] = view(content[start:stop], DTYPES[entries[name]["dtype"]], entries[name]["shape"])
        except ValueError as error:
            raise ValueError(f"{name[:80]}: {error}") from None
    return arrays, metadata


def _header(raw: bytes) -> dict[str, Any]:
    """The JSON object, in which no name may come twice.

    Raises:
        ValueError: it is none.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a name is in its header twice")
        return result

    if raw[:1] != b"{":
        raise ValueError("its header is no JSON object")
    try:
        return json.loads(raw.decode(), object_pairs_hook=unique)
    except RecursionError:
        raise ValueError("its header is nested too deeply") from None


def _span(name: str, entry: Any) -> tuple[int, int]:
    """From which byte to which an array lies; the entry is checked as a whole."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name[:80]} needs a dtype, a shape and data_offsets")
    shape, offsets = entry["shape"], entry["data_offsets"]
    for counts in (shape, offsets):
        if not isinstance(counts, list) or not all(type(n) is int and 0 <= n < 2**62 for n in counts):
            raise ValueError(f"{name[:80]} has a shape or offsets that are no counts")
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in DTYPES:
        raise ValueError(f"{name[:80]} has the unsupported type {str(entry['dtype'])[:40]}")
    if len(offsets) != 2:
        raise ValueError(f"{name[:80]} has {len(offsets)} offsets, not two")
    return offsets[0], offsets[1]
