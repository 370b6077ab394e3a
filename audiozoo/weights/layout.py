"""Foreign arrays to Flax variables: the one place that knows how other frameworks lay out a layer's weights.

A family gives a `RenameTable`; everything else (transposition, fused projections, packed gates, weight norm) is here.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from audiozoo.weights import gates
from audiozoo.weights.checkpoint import Checkpoint, is_floating

ALIASES = {  # our leaf -> what others call it, the likeliest first
    "kernel": ("weight", "kernel"),
    "scale": ("weight", "gamma", "scale"),
    "embedding": ("weight", "embedding"),
    "bias": ("bias", "beta"),
    "mean": ("running_mean", "mean"),
    "var": ("running_var", "var"),
}
BOOKKEEPING = r"(^|[./])num_batches_tracked$"  # counts that torch keeps beside the statistics; nobody's parameter


@dataclasses.dataclass(frozen=True)
class RenameTable:
    r"""From our module paths to the names in a checkpoint.

    `scopes` are (pattern, replacement) pairs for `re.sub`, applied in order to a module's path without its collection
    and without its leaf, such as ``decoder/block_3/attention/query``; then every "/" becomes `separator` and the
    leaf's foreign name is appended: `weight` for a kernel, `running_mean` for a mean and so on (`ALIASES`; the first
    that the checkpoint has). So a family mostly lists modules:

        RenameTable(
            scopes=(
                (r"block_(\d)/conv", r"conv\1"),                        # block_2/conv/kernel -> conv2.weight
                (r"(query|key|value)$", r"in_proj_*"),                  # query/bias -> in_proj_bias: * is the leaf
                (r"attention/query", r"attention/linear_0[0/3]"),       # the first third of its output features
                (r"lstm/layer_(\d)/backward", r"lstm/*_l\1_reverse"),   # torch: weight_ih_l0_reverse, bias_hh_l0_…
                (r"onnx_lstm/backward", r"onnx_lstm[1/2]"),             # ONNX: the second direction of W, R and B
            ),
            leaves=((r"positions/embedding$", "encodings"),),           # the first that matches the full path
            layouts=((r"upsample_\d/kernel$", "conv_transpose"),),      # where leaf and rank do not tell
            ignore=(r"^optimizer\.",),                                  # of the checkpoint, and no parameter of ours
        )

    A recurrent cell is known by its leaves: `<cell>/recurrent_kernel` (features, gates), `<cell>/input/kernel`
    (in, gates), `<cell>/input/bias` and, for a GRU, `<cell>/recurrent_bias`; only `<cell>` is renamed. Gates are in
    torch's order (LSTM: input, forget, cell, output; GRU: reset, update, new); ONNX's W, R, B are found and reordered.
    Weight norm under either of torch's names is folded into the weight that it stands for.
    Layouts: "linear" (out, in), "conv" (out, in, *window), "conv_transpose" (in, out, *window), "same".
    """

    scopes: tuple[tuple[str, str], ...] = ()
    leaves: tuple[tuple[str, str], ...] = ()
    separator: str = "."
    layouts: tuple[tuple[str, str], ...] = ()
    ignore: tuple[str, ...] = ()

    def module(self, scope: str) -> str:
        """The foreign name of our module path, with `*` and `[i/n]` still in it."""
        for pattern, replacement in self.scopes:
            scope = re.sub(pattern, replacement, scope)
        return re.sub(r"/(?!\d+\])", lambda _: self.separator, scope.strip("/"))  # not the slash of [i/n]

    def join(self, module: str, leaf: str) -> tuple[str, tuple[int, int]]:
        """The name of an array, and which part of how many equal ones it is."""
        module, part = split_part(module)
        head, _, last = module.rpartition(self.separator)
        if "*" in last:
            name = f"{head}{self.separator}" if head else ""
            return name + last.replace("*", leaf), part
        return (f"{module}{self.separator}{leaf}" if module else leaf), part

    def first(self, rules: Iterable[tuple[str, str]], path: str) -> str | None:
        """The replacement of the first rule whose pattern is found in `path`."""
        for pattern, replacement in rules:
            if match := re.search(pattern, path):
                return match.expand(replacement)
        return None


def split_part(name: str) -> tuple[str, tuple[int, int]]:
    """`linear_0[1/3]` -> `linear_0`, (1, 3); without a suffix the whole: (0, 1)."""
    match = re.search(r"\[(\d+)/(\d+)\]", name)
    if match is None:
        return name, (0, 1)
    index, count = int(match[1]), int(match[2])
    if not index < count:
        raise ValueError(f"rename table: {name!r} asks for part {index} of {count}; parts count from 0")
    return name[: match.start()] + name[match.end() :], (index, count)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested dict as {"a/b/c": leaf}."""
    flat = {}
    for key, value in tree.items():
        flat |= flatten(value, f"{prefix}{key}/") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flatten`.

    Raises:
        ValueError: a path is both an array and a module.
    """
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *scopes, leaf = path.split("/")
        node = tree
        for scope in scopes:
            node = node.setdefault(scope, {})
            if not isinstance(node, dict):
                raise ValueError(f"{path!r} lies inside {scope!r}, which is an array")
        if leaf in node:
            raise ValueError(f"{path!r} is there twice, or both an array and a module")
        node[leaf] = value
    return tree


def to_variables(arrays: Mapping[str, np.ndarray], shapes: Mapping[str, Any], table: RenameTable) -> dict[str, Any]:
    """Variables like `shapes` (from `jax.eval_shape(preset.init, key)`), filled from `arrays`.

    Floating-point arrays are given the type that `shapes` asks for.

    Raises:
        ValueError: one message that lists every array that is missing, unused or of another shape or type.
    """
    targets = flatten(shapes)
    checkpoint = Checkpoint(arrays)
    variables, missing, misfits = {}, [], []
    for path, target in targets.items():
        try:
            variables[path] = _read(checkpoint, path, target, targets, table)
        except KeyError as error:
            missing.append(f"{error.args[0]} (for {path} {tuple(target.shape)})")
        except ValueError as error:
            misfits.append(f"{path}: {error}")
    unused = checkpoint.unused((*table.ignore, BOOKKEEPING))
    problems = [("missing", missing), ("unused", unused), ("misshapen", misfits)]
    if missing or unused or misfits:
        lines = [f"{title} ({len(items)}):\n  " + "\n  ".join(items) for title, items in problems if items]
        raise ValueError("the weights do not fit the model; " + "\n".join(lines))
    return unflatten(variables)


def _read(checkpoint: Checkpoint, path: str, target: Any, targets: Mapping[str, Any], table: RenameTable) -> np.ndarray:
    """One of our arrays. KeyError: the names that were sought; ValueError: why what was found does not fit."""
    scope, leaf = _split(path)
    cell = gates.cell_of(path, targets)
    if cell is not None:
        module = table.module(_split(f"{cell}/")[0])

        def take(name: str) -> np.ndarray | None:
            full, part = table.join(module, name)
            return checkpoint.take(full, part) if full in checkpoint else None

        array, sought = gates.read(path, cell, targets, take)
        if array is None:
            raise KeyError(" or ".join(table.join(module, name)[0] for name in sought))
        return fit(array, target)
    names = [table.join(table.module(scope), name) for name in _leaves(path, leaf, table)]
    for name, part in names:
        if name in checkpoint:
            array = checkpoint.take(name, part)
            return fit(LAYOUTS[_layout(path, table)](array, tuple(target.shape)), target)
    raise KeyError(names[0][0])


def _leaves(path: str, leaf: str, table: RenameTable) -> tuple[str, ...]:
    override = table.first(table.leaves, path)
    return (override,) if override is not None else ALIASES.get(leaf, (leaf,))


def _split(path: str) -> tuple[str, str]:
    """`params/a/b/kernel` -> `a/b`, `kernel`."""
    _collection, *scopes, leaf = path.split("/")
    return "/".join(scopes), leaf


def _layout(path: str, table: RenameTable) -> str:
    layout = table.first(table.layouts, path)
    if layout is None:
        return "conv" if path.endswith("/kernel") else "same"
    if layout not in LAYOUTS:
        raise ValueError(f"rename table: unknown layout {layout!r}; there are {', '.join(LAYOUTS)}")
    return layout


def _conv(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(out, in, *window) -> (*window, in, out); a Linear is one without a window."""
    return np.moveaxis(array, (0, 1), (-1, -2)) if array.ndim >= 2 else array


def _conv_transpose(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(in, out / groups, *window) -> (*window, in / groups, out), the window reversed.

    torch defines it as the gradient of a convolution, `jax.lax.conv_transpose` as a convolution of the spread input.
    """
    if array.ndim < 2 or len(shape) < 2 or shape[-2] < 1 or array.shape[0] % shape[-2]:
        return array
    groups = array.shape[0] // shape[-2]
    split = array.reshape(groups, shape[-2], *array.shape[1:])
    moved = np.moveaxis(split, (1, 0, 2), (-3, -2, -1))
    joined = moved.reshape(*moved.shape[:-2], groups * array.shape[1])
    return np.flip(joined, tuple(range(joined.ndim - 2)))


LAYOUTS: dict[str, Callable[[np.ndarray, tuple[int, ...]], np.ndarray]] = {
    "linear": _conv,
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "same": lambda array, shape: array,
}


def fit(array: np.ndarray, target: Any) -> np.ndarray:
    """`array` in the shape and type of `target`; only axes of size one may be added or dropped.

    Raises:
        ValueError: another shape, or integers for a floating-point parameter (and the other way round).
    """
    shape = tuple(target.shape)
    if [n for n in array.shape if n != 1] != [n for n in shape if n != 1]:
        raise ValueError(f"the checkpoint's has shape {array.shape} in our layout, wanted {shape}")
    dtype = np.dtype(target.dtype)
    if is_floating(array.dtype) != is_floating(dtype):
        raise ValueError(f"the checkpoint's is {array.dtype}, wanted {dtype}")
    return np.asarray(array.reshape(shape), dtype, order="C")


def from_variables(variables: Mapping[str, Any], table: RenameTable) -> dict[str, np.ndarray]:
    """The inverse of `to_variables`, in torch's layout and under the first name of each alias.

    Axes of size one that `to_variables` dropped do not come back; a summed LSTM bias becomes `bias_ih`, beside a
    `bias_hh` of zeros; a part of a fused array that no variable fills is zero. Grouped transposed convolutions are
    not known by their kernel alone, so they are taken for ungrouped.

    Raises:
        ValueError: two variables claim one name, or the parts of a fused array differ in shape.
    """
    flat = {path: np.asarray(value) for path, value in flatten(variables).items()}
    parts: dict[str, dict[tuple[int, int], np.ndarray]] = {}
    for path, array in flat.items():
        cell = gates.cell_of(path, flat)
        if cell is not None:
            module, leaves = table.module(_split(f"{cell}/")[0]), gates.write(path, cell, flat)
        else:
            scope, leaf = _split(path)
            inverse = INVERSES[_layout(path, table)](array)
            module, leaves = table.module(scope), {_leaves(path, leaf, table)[0]: inverse}
        for leaf, foreign in leaves.items():
            name, part = table.join(module, leaf)
            if part in parts.setdefault(name, {}):
                raise ValueError(f"{path} and another variable are both called {name}")
            parts[name][part] = foreign
    return {name: _join_parts(name, found) for name, found in parts.items()}


def _join_parts(name: str, parts: Mapping[tuple[int, int], np.ndarray]) -> np.ndarray:
    """The whole of equal parts, zeros where one is absent."""
    if len({count for _, count in parts}) != 1 or len({array.shape for array in parts.values()}) != 1:
        raise ValueError(f"the parts of {name} differ in shape or number")
    (_, count), some = next(iter(parts.items()))
    pieces = [parts.get((index, count), np.zeros_like(some)) for index in range(count)]
    return np.ascontiguousarray(np.concatenate(pieces)) if count > 1 else np.asarray(some, order="C")


def _conv_back(array: np.ndarray) -> np.ndarray:
    return np.moveaxis(array, (-1, -2), (0, 1)) if array.ndim >= 2 else array


def _conv_transpose_back(array: np.ndarray) -> np.ndarray:
    return np.moveaxis(np.flip(array, tuple(range(array.ndim - 2))), (-2, -1), (0, 1)) if array.ndim >= 2 else array


INVERSES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": _conv_back,
    "conv": _conv_back,
    "conv_transpose": _conv_transpose_back,
    "same": lambda array: array,
}
