"""How other frameworks pack the gates of recurrent layers."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

# ONNX's order of gates in ours: LSTM input, output, forget, cell; GRU update, reset, new; a plain RNN has one.
ONNX_ORDER = {1: (0,), 3: (1, 0, 2), 4: (0, 2, 3, 1)}


def cell_of(path: str, paths: Mapping[str, Any]) -> str | None:
    """The recurrent cell that the array at `path` belongs to, `params/…/<cell>`, or None."""
    for ending in ("/input/kernel", "/input/bias", "/recurrent_kernel", "/recurrent_bias"):
        cell = path.removesuffix(ending)
        if cell != path and f"{cell}/recurrent_kernel" in paths:
            return cell
    return None


def read(
    path: str, cell: str, targets: Mapping[str, Any], take: Callable[[str], np.ndarray | None]
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The array in our layout, or None; and the foreign leaves that were sought.

    `take` gives a foreign leaf of this cell, if it is there.

    Raises:
        ValueError: the packed array does not divide into gates.
    """
    shape = tuple(targets[f"{cell}/recurrent_kernel"].shape)
    count = shape[1] // shape[0]
    leaf = path.removeprefix(f"{cell}/")
    separate = f"{cell}/recurrent_bias" in targets
    if leaf in ("input/kernel", "recurrent_kernel"):
        torch_name, onnx_name = ("weight_ih", "W") if leaf == "input/kernel" else ("weight_hh", "R")
        if (array := take(torch_name)) is not None:
            return array.T, (torch_name,)
        if (array := take(onnx_name)) is not None:
            return _reorder(_one_direction(array, 3), count).T, (onnx_name,)
        return None, (torch_name, onnx_name)
    wanted = ("bias_hh",) if leaf == "recurrent_bias" else ("bias_ih",) if separate else ("bias_ih", "bias_hh")
    found = [take(name) for name in wanted]
    arrays = [array for array in found if array is not None]
    if len(arrays) == len(wanted):
        if len({array.shape for array in arrays}) != 1:
            raise ValueError(f"{' and '.join(wanted)} differ in shape")
        return sum(arrays[1:], arrays[0]), wanted
    if (array := take("B")) is not None:
        both = _one_direction(array, 2)
        if both.shape[0] % 2:
            raise ValueError(f"B of shape {array.shape} does not hold two biases")
        first, second = (_reorder(part, count) for part in np.split(both, 2))
        return (second if leaf == "recurrent_bias" else first if separate else first + second), ("B",)
    return None, (*wanted, "B")


def write(path: str, cell: str, variables: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The array as torch's leaves of a recurrent layer; a bias that both of torch's add up to goes into the first."""
    leaf, array = path.removeprefix(f"{cell}/"), variables[path]
    if leaf == "input/kernel":
        return {"weight_ih": array.T}
    if leaf == "recurrent_kernel":
        return {"weight_hh": array.T}
    if leaf == "recurrent_bias":
        return {"bias_hh": array}
    separate = f"{cell}/recurrent_bias" in variables
    return {"bias_ih": array} if separate else {"bias_ih": array, "bias_hh": np.zeros_like(array)}


def _one_direction(array: np.ndarray, rank: int) -> np.ndarray:
    if array.ndim != rank or array.shape[0] != 1:
        raise ValueError(f"shape {array.shape}: name the direction of a bidirectional ONNX node as [0/2] or [1/2]")
    return array[0]


def _reorder(array: np.ndarray, count: int) -> np.ndarray:
    if count not in ONNX_ORDER or array.shape[0] % count:
        raise ValueError(f"{array.shape[0]} rows do not divide into {count} gates")
    parts = np.split(array, count)
    return np.concatenate([parts[index] for index in ONNX_ORDER[count]])
