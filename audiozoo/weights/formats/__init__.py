"""Published weights read as data: no code of a file is ever run.

Every reader takes untrusted files. What is wrong with one is a `ValueError`; time and memory stay proportional to
the file's size whatever it claims.
"""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from audiozoo.weights.formats import ctranslate2, onnx, safetensors, torch

READERS: dict[str, Callable[[bytes], dict[str, np.ndarray]]] = {
    "safetensors": safetensors.parse,
    "torch": torch.parse,
    "ctranslate2": ctranslate2.parse,
    "onnx": onnx.parse,
}
# What a parser trips over in a broken file, beside the ValueErrors that it raises with its own words.
BROKEN = (ArithmeticError, AttributeError, EOFError, LookupError, RecursionError, TypeError, struct.error)


def read(path: str | os.PathLike[str], format: str) -> dict[str, np.ndarray]:
    """The arrays of a weight file, by their names in it. They may be read-only views that share memory.

    Raises:
        ValueError: an unknown format, or a file that is not (a whole, valid, harmless) one of this format.
        OSError: the file cannot be opened.
    """
    if format not in READERS:
        raise ValueError(f"unknown weight format {format!r}; there are {', '.join(READERS)}")
    data = Path(path).read_bytes()
    try:
        return READERS[format](data)
    except (ValueError, *BROKEN) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path} is no usable {format} file: {reason}") from error
