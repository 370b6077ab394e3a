"""The wire format of protocol buffers: what is in a message without knowing its schema (protobuf.dev, "Encoding")."""

from collections.abc import Iterator

import numpy as np

MOST_FIELDS = 2_000_000  # of a file; a large model has a tenth of that
LONGEST = 10  # bytes of an integer
CHUNK = 1 << 20  # bytes of packed integers that are decoded at once

Field = tuple[
    int, int, int | memoryview
]  # number, wire type (0 integer, 1 eight bytes, 2 counted, 5 four bytes), value


class Reader:
    """Takes messages apart, and stops at a file with more fields than any model."""

    def __init__(self) -> None:
        self.seen = 0

    def fields(self, data: memoryview) -> Iterator[Field]:
        """The fields of a message, in order.

        Raises:
            ValueError: one does not fit in, is of an unknown wire type, or there are too many.
        """
        position = 0
        while position < len(data):
            self.seen += 1
            if self.seen > MOST_FIELDS:
                raise ValueError(f"more than {MOST_FIELDS} fields are not a model")
            key, position = varint(data, position)
            number, kind = key >> 3, key & 7
            if kind == 0:
                value, position = varint(data, position)
                yield number, kind, value
                continue
            if kind == 2:
                size, position = varint(data, position)
            elif kind in (1, 5):
                size = 8 if kind == 1 else 4
            else:
                raise ValueError(f"wire type {kind} is unknown")
            if size > len(data) - position:
                raise ValueError(f"it ends early: a field of {size} bytes where {len(data) - position} are left")
            yield number, kind, data[position : position + size]
            position += size

    def messages(self, data: memoryview) -> Iterator[tuple[int, memoryview]]:
        """The fields that are bytes: texts, arrays, other messages."""
        for number, _, value in self.fields(data):
            if isinstance(value, memoryview):
                yield number, value


def varint(data: memoryview, position: int) -> tuple[int, int]:
    """The integer at `position`, seven bits a byte from the low end, and where it ends."""
    value = 0
    for index, byte in enumerate(data[position : position + LONGEST]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value & (1 << 64) - 1, position + index + 1
    raise ValueError("an integer without end")


def varints(data: memoryview) -> np.ndarray:
    """Packed integers as uint64 (negative ones as two's complement)."""
    raw = np.frombuffer(data, np.uint8)
    if len(raw) and raw[-1] >= 128:
        raise ValueError("an integer without end")
    chunks, start = [], 0
    while start < len(raw):
        chunk = raw[start : start + CHUNK]
        ends = np.flatnonzero(chunk < 128)
        if not len(ends):
            raise ValueError("an integer without end")
        chunks.append(_decode(chunk, ends))
        start += int(ends[-1]) + 1
    return np.concatenate(chunks) if chunks else np.zeros(0, np.uint64)


def _decode(raw: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The integers whose last bytes are at `ends`, all at once."""
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > LONGEST:
        raise ValueError("an integer without end")
    values = np.zeros(len(ends), np.uint64)
    for index in range(int(lengths.max())):
        longer = lengths > index
        values[longer] |= (raw[starts[longer] + index] & 127).astype(np.uint64) << np.uint64(7 * index)
    return values
