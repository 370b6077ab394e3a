"""The arrays of a checkpoint as they are asked for: whole or in parts, weight norm folded; what is left is known."""

import re
from collections.abc import Iterable, Mapping

import numpy as np


class Checkpoint:
    """Foreign arrays by name. `weight_g` and `weight_v` are seen as the `weight` that they stand for."""

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        self.norms = find_weight_norms(arrays)
        hidden = {name for pair in self.norms.values() for name in pair}
        self.pieces = {name: arrays[name] for name in hidden}
        self.arrays = {name: array for name, array in arrays.items() if name not in hidden}
        self.taken: dict[str, set[tuple[int, int]]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.arrays or name in self.norms

    def take(self, name: str, part: tuple[int, int] = (0, 1)) -> np.ndarray:
        """Part i of n equal ones along the first axis.

        Raises:
            ValueError: it does not divide so, or its weight norm does not fit together.
        """
        self.taken.setdefault(name, set()).add(part)
        if name not in self.arrays:
            scale, direction = self.norms[name]
            self.arrays[name] = fold_weight_norm(self.pieces[scale], self.pieces[direction])
        array = self.arrays[name]
        index, count = part
        if count == 1:
            return array
        if array.ndim == 0 or array.shape[0] % count:
            raise ValueError(f"{name} of shape {array.shape} does not split into {count} equal parts")
        size = array.shape[0] // count
        return array[index * size : (index + 1) * size]

    def unused(self, ignore: Iterable[str]) -> list[str]:
        """What nobody took, with its shape. A part left over is no loss where it is zero (CTranslate2 fills biases)."""
        patterns = [re.compile(pattern) for pattern in ignore]
        found = []
        for name in (*self.arrays, *(self.norms.keys() - self.arrays.keys())):
            if any(pattern.search(name) for pattern in patterns):
                continue
            if name in self.taken:
                found += self._left(name)
            elif name in self.norms:
                found.append(f"{name} (weight norm)")
            else:
                found.append(f"{name} {self.arrays[name].shape}")
        return found

    def _left(self, name: str) -> list[str]:
        parts = self.taken[name]
        counts = {count for _, count in parts}
        array = self.arrays.get(name)
        if len(counts) != 1 or array is None or array.ndim == 0 or array.shape[0] % max(counts):
            return []  # taken whole, or already known to be misshapen
        (count,) = counts
        pieces = np.split(array, count)
        return [f"{name}[{i}/{count}]" for i in range(count) if (i, count) not in parts and np.any(pieces[i])]


def find_weight_norms(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[str, str]]:
    """From the name of each weight that is stored as a weight norm to the names of its scale and its direction.

    `weight_g`, `weight_v` (torch before 2.0) or `parametrizations.weight.original0`, `.original1` (since).
    """
    found = {}
    for name in arrays:
        if match := re.fullmatch(r"(.*weight\w*)_g", name, re.DOTALL):
            weight, direction = match[1], match[1] + "_v"
        elif match := re.fullmatch(r"((?:.*[./])?)parametrizations([./])(\w+)\2original0", name, re.DOTALL):
            weight, direction = match[1] + match[3], name[:-1] + "1"
        else:
            continue
        if direction in arrays and weight not in arrays:
            found[weight] = (name, direction)
    return found


def fold_weight_norm(g: np.ndarray, v: np.ndarray) -> np.ndarray:
    """w = g v / |v|, the norm over the axes where g has size one (Salimans and Kingma, 2016, arXiv:1602.07868).

    Raises:
        ValueError: the shapes are not of one weight norm, or they are no fractions.
    """
    fits = g.ndim in (0, v.ndim) and all(a in (1, b) for a, b in zip(g.shape, v.shape, strict=False))
    if not fits or not (is_floating(g.dtype) and is_floating(v.dtype)):
        raise ValueError(f"{g.dtype} {g.shape} and {v.dtype} {v.shape} are no scale and direction of a weight norm")
    axes = tuple(axis for axis in range(v.ndim) if g.ndim == 0 or g.shape[axis] == 1)
    wide = v.astype(np.float64)
    norm = np.sqrt((wide**2).sum(axes, keepdims=True))
    unit = np.divide(wide, norm, out=np.zeros_like(wide), where=norm > 0)
    return (g.astype(np.float64) * unit).astype(v.dtype)


def is_floating(dtype: np.dtype) -> bool:
    """True for ml_dtypes' bfloat16 and float8 as well, whose kind is not "f"."""
    return dtype.kind == "f" or dtype.name.startswith(("bfloat", "float"))
