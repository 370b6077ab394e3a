"""Published weights read as data: no code of a file is ever run.

Every reader takes untrusted files. What is wrong with one is a `ValueError`; time and memory stay proportional to
the file's size whatever it claims.
"""

import json
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
# What a folder's weights are customarily called.
CUSTOMARY = {
    "safetensors": ("model.safetensors",),
    "torch": ("pytorch_model.bin", "model.pt", "model.pth"),
    "ctranslate2": ("model.bin",),
    "onnx": ("model.onnx",),
}
INDEXES = {"safetensors": "model.safetensors.index.json", "torch": "pytorch_model.bin.index.json"}
# What a parser trips over in a broken file, beside the ValueErrors that it raises with its own words.
BROKEN = (ArithmeticError, AttributeError, EOFError, LookupError, RecursionError, TypeError, struct.error)


def read(path: str | os.PathLike[str], format: str) -> dict[str, np.ndarray]:
    """The arrays of a weight file, by their names in it. They may be read-only views that share memory.

    Of a folder, those of the file with the format's customary name, or of all shards that its index lists.

    Raises:
        ValueError: an unknown format, or a file that is not (a whole, valid, harmless) one of this format; a folder
            without weights, or whose index does not fit its shards.
        OSError: the file cannot be opened.
    """
    if format not in READERS:
        raise ValueError(f"unknown weight format {format!r}; there are {', '.join(READERS)}")
    if Path(path).is_dir():
        return _read_folder(Path(path), format)
    data = Path(path).read_bytes()
    try:
        return READERS[format](data)
    except (ValueError, *BROKEN) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path} is no usable {format} file: {reason}") from error


def _read_folder(folder: Path, format: str) -> dict[str, np.ndarray]:
    for name in CUSTOMARY[format]:
        if (folder / name).is_file():
            return read(folder / name, format)
    index = folder / INDEXES.get(format, "")
    if not index.is_file():
        wanted = (*CUSTOMARY[format], *(INDEXES[each] for each in (format,) if each in INDEXES))
        raise ValueError(f"{folder} has no {format} weights: none of {', '.join(wanted)} is in it")
    places = _shards(index)
    arrays: dict[str, np.ndarray] = {}
    for shard in sorted(set(places.values())):
        if not (folder / shard).is_file():
            raise ValueError(f"{index} lists {shard!r}, which is not in the folder")
        found = read(folder / shard, format)
        wanted = {name for name, place in places.items() if place == shard}
        if found.keys() != wanted:
            odd = sorted(found.keys() ^ wanted)
            raise ValueError(f"{index} and {shard} differ in {len(odd)} arrays, such as {odd[0][:80]!r}")
        arrays.update(found)
    return arrays


def _shards(index: Path) -> dict[str, str]:
    """From the name of each array to the file, in the index's own folder, that holds it."""
    try:
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        plain = all(
            isinstance(place, str) and place == Path(place).name and "\\" not in place for place in places.values()
        )
    except (ValueError, *BROKEN) as error:
        raise ValueError(f"{index} is no index of shards: {str(error) or type(error).__name__}") from error
    if not plain:
        raise ValueError(f"{index} lists files that are not in its folder")
    return places
