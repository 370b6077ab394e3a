"""ONNX models, read for their arrays only: initialisers and constants of the graph and its subgraphs.

Field numbers are those of onnx.proto (github.com/onnx/onnx). Exporters
often lose the names of weights they transform (`onnx::Conv_123`, `123`); such an array is called after the node that
uses it: `/dec/pre/Conv` makes it `dec.pre.weight`.
"""

import dataclasses
import re

import ml_dtypes
import numpy as np

from audiozoo.weights.formats.protobuf import Field, Reader, varints
from audiozoo.weights.formats.wire import BFLOAT16, MOST_AXES, check_count, name_of, view

DTYPES = {
    1: np.dtype(np.float32),
    2: np.dtype(np.uint8),
    3: np.dtype(np.int8),
    4: np.dtype(np.uint16),
    5: np.dtype(np.int16),
    6: np.dtype(np.int32),
    7: np.dtype(np.int64),
    9: np.dtype(bool),
    10: np.dtype(np.float16),
    11: np.dtype(np.float64),
    12: np.dtype(np.uint32),
    13: np.dtype(np.uint64),
    14: np.dtype(np.complex64),
    15: np.dtype(np.complex128),
    16: BFLOAT16,
    17: np.dtype(ml_dtypes.float8_e4m3fn),
    19: np.dtype(ml_dtypes.float8_e5m2),
}
STRING = 8
INPUTS = {  # what the inputs of a node are called in torch, or in ONNX where torch packs them otherwise
    "Conv": {1: "weight", 2: "bias"},
    "ConvTranspose": {1: "weight", 2: "bias"},
    "Gemm": {1: "weight", 2: "bias"},
    "MatMul": {0: "weight", 1: "weight"},
    "LSTM": {1: "W", 2: "R", 3: "B"},
    "GRU": {1: "W", 2: "R", 3: "B"},
    "RNN": {1: "W", 2: "R", 3: "B"},
    "BatchNormalization": {1: "weight", 2: "bias", 3: "running_mean", 4: "running_var"},
    "InstanceNormalization": {1: "weight", 2: "bias"},
    "LayerNormalization": {1: "weight", 2: "bias"},
    "GroupNormalization": {1: "weight", 2: "bias"},
    "PRelu": {1: "weight"},
    "Gather": {0: "weight"},
    "Add": {0: "bias", 1: "bias"},
}
LOST = re.compile(r"(onnx::\w+_)?\d+|")
DEEPEST = 16  # levels of subgraphs


@dataclasses.dataclass
class Graph:
    """What is kept of a model, its subgraphs included."""

    reader: Reader = dataclasses.field(default_factory=Reader)
    arrays: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    users: dict[str, tuple[str, str, int]] = dataclasses.field(default_factory=dict)  # node, operator, input index


def parse(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of a model by name.

    Raises:
        ValueError: it is not valid, or keeps its weights in other files.
    """
    graph = Graph()
    bodies = [value for number, value in graph.reader.messages(memoryview(data)) if number == 7]
    if not bodies:
        raise ValueError("it has no graph")
    for body in bodies:
        _read_graph(body, graph, 0)
    return _rename(graph)


def _text(raw: memoryview) -> str:
    return name_of(bytes(raw).decode())


def _read_graph(data: memoryview, graph: Graph, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError("its graphs are nested too deeply")
    for number, value in graph.reader.messages(data):
        if number == 5:
            name, array = _read_tensor(value, graph.reader)
            _keep(graph, name, array)
        elif number == 15:
            raise ValueError("it has sparse weights, which are not read")
        elif number == 1:
            _read_node(value, graph, depth)


def _keep(graph: Graph, name: str, array: np.ndarray | None) -> None:
    if array is None:
        return
    if name in graph.arrays:
        same = graph.arrays[name]
        if same.dtype != array.dtype or same.shape != array.shape or same.tobytes() != array.tobytes():
            raise ValueError(f"{name} is there twice and differs")
    graph.arrays[name] = array
    check_count(len(graph.arrays))


def _read_node(data: memoryview, graph: Graph, depth: int) -> None:
    inputs, outputs, attributes, name, operator = [], [], [], "", ""
    for number, value in graph.reader.messages(data):
        if number == 1:
            inputs.append(_text(value))
        elif number == 2:
            outputs.append(_text(value))
        elif number == 3:
            name = _text(value)
        elif number == 4:
            operator = _text(value)
        elif number == 5:
            attributes.append(value)
    for index, source in enumerate(inputs):
        graph.users.setdefault(source, (name, operator, index))
    for attribute in attributes:
        for number, value in graph.reader.messages(attribute):
            if number == 5 and operator == "Constant" and outputs:
                _keep(graph, outputs[0], _read_tensor(value, graph.reader)[1])
            elif number in (6, 11):
                _read_graph(value, graph, depth + 1)


def _read_tensor(data: memoryview, reader: Reader) -> tuple[str, np.ndarray | None]:
    """Its name and numbers; None for texts."""
    shape: list[int] = []
    kind, name, raw, external = 0, "", None, False
    typed: list[Field] = []
    for number, wire, value in reader.fields(data):
        if number == 1:
            shape += [value] if isinstance(value, int) else varints(value[: 10 * MOST_AXES + 10]).tolist()
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number == 8 and isinstance(value, memoryview):
            name = _text(value)
        elif number == 9 and isinstance(value, memoryview):
            raw = value
        elif number == 13 or (number == 14 and value == 1):
            external = True
        elif number in (4, 5, 7, 10, 11):
            typed.append((number, wire, value))
    if kind == STRING:
        return name, None
    if external:
        raise ValueError(f"{name or 'an array'} lies in another file; weights beside the model are not read")
    if kind not in DTYPES:
        raise ValueError(f"{name or 'an array'} has the unknown type {kind}")
    if any(size >= 2**63 for size in shape):
        raise ValueError(f"{name or 'an array'} has a negative size")
    return name, view(raw if raw is not None else _typed_data(typed, DTYPES[kind]), DTYPES[kind], shape)


def _typed_data(typed: list[Field], dtype: np.dtype) -> memoryview:
    """The bytes of numbers that are in a field of their own type, packed or one by one."""
    chunks = []
    for number, wire, value in typed:
        if number in (4, 10):  # float_data, double_data: the bytes themselves; complex numbers are pairs of them
            if isinstance(value, int):
                raise ValueError("a fraction written as an integer")
            chunks.append(bytes(value))
            continue
        integers = varints(value) if isinstance(value, memoryview) else np.array([value], np.uint64)
        if wire not in (0, 2):
            raise ValueError("an integer written as a fraction")
        if dtype.kind in "iub" or dtype.itemsize > 2:
            chunks.append(integers.astype(np.uint8 if dtype.kind == "b" else dtype).tobytes())
        else:  # float16 and the like: the integer holds their bits
            chunks.append(integers.astype(np.dtype(f"u{dtype.itemsize}")).tobytes())
    return memoryview(b"".join(chunks))


def _rename(graph: Graph) -> dict[str, np.ndarray]:
    """Arrays whose name was lost are called after the first node that uses them, where that name is free."""
    named = {name: array for name, array in graph.arrays.items() if not LOST.fullmatch(name)}
    for name, array in graph.arrays.items():
        if LOST.fullmatch(name):
            better = _name_by_use(*graph.users[name]) if name in graph.users else None
            named[better if better and better not in named else name] = array
    return named


def _name_by_use(node: str, operator: str, index: int) -> str | None:
    leaf = INPUTS.get(operator, {}).get(index)
    parts = [part for part in node.split("/") if part]
    if leaf is None or not parts:
        return None
    if len(parts) > 1 and re.fullmatch(rf"{re.escape(operator)}(_\d+)?", parts[-1]):
        parts = parts[:-1]
    modules: list[str] = []
    for part in parts:
        if modules and part.startswith(f"{modules[-1]}."):  # torch says /pre/pre.0/Conv for the first of a Sequential
            modules.pop()
        modules.append(part)
    return name_of(".".join([*modules, leaf]))
