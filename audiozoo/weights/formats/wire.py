"""What the readers of binary formats share: a cursor that cannot leave its buffer, and checked array views."""

import math
import struct
from collections.abc import Sequence

import ml_dtypes
import numpy as np

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
LONGEST_NAME = 4096  # characters; names grow by joining, so that a few long ones could fill the memory
MOST_ARRAYS = 100_000  # in a file; each costs some hundred bytes of memory, but a hostile file only a few
MOST_AXES = 64  # NumPy's own limit


class Cursor:
    """Reads little-endian values from a buffer, in order."""

    def __init__(self, data: bytes | memoryview):
        self.data = memoryview(data)
        self.position = 0

    def take(self, size: int) -> memoryview:
        """The next `size` bytes, not copied.

        Raises:
            ValueError: there are not that many.
        """
        left = len(self.data) - self.position
        if not 0 <= size <= left:
            raise ValueError(f"it ends early: {size} bytes are wanted at byte {self.position}, {left} are left")
        self.position += size
        return self.data[self.position - size : self.position]

    def unpack(self, layout: str) -> tuple[int, ...]:
        """The next values of a `struct` layout, such as "BI". ValueError: see `take`."""
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))

    def integer(self, code: str) -> int:
        """The next value of one `struct` code, such as "I"."""
        return self.unpack(code)[0]


def view(buffer: bytes | memoryview, dtype: np.dtype, shape: Sequence[int]) -> np.ndarray:
    """The buffer as a read-only array, not copied.

    Raises:
        ValueError: its size is not what the shape needs.
    """
    if len(shape) > MOST_AXES or any(size < 0 for size in shape):
        raise ValueError(f"{len(shape)} axes, {min(shape)} the smallest: no shape of an array")
    needed = math.prod(shape) * dtype.itemsize
    if needed != len(buffer):
        raise ValueError(f"an array of shape {tuple(shape)} and type {dtype} takes {needed} bytes, not {len(buffer)}")
    array = np.frombuffer(buffer, np.uint8 if dtype.kind == "b" else dtype)
    if dtype.kind == "b":
        array = array != 0  # other bytes than 0 and 1 are undefined as booleans
    array = array.reshape(tuple(shape))
    array.flags.writeable = False
    return array


def name_of(text: str) -> str:
    """The name of an array, if it is one.

    Raises:
        ValueError: it is absurdly long.
    """
    if len(text) > LONGEST_NAME:
        raise ValueError(f"a name of {len(text)} characters: {text[:40]!r}…")
    return text


def check_count(count: int) -> None:
    """Raises ValueError if a file has more arrays than any model."""
    if count > MOST_ARRAYS:
        raise ValueError(f"{count} arrays or more are not a model's weights (at most {MOST_ARRAYS})")
