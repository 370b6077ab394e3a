"""CTranslate2's model.bin: a table of variables, then aliases (opennmt.net/CTranslate2, binary version 4 and later).

Weights quantised to int8 or int16 come with a `…_scale` (per row or one), w = q / scale; they are given as float32.
"""

import numpy as np

from audiozoo.weights.formats.wire import BFLOAT16, Cursor, check_count, name_of, view

VERSIONS = (4, 5, 6)
DTYPES = (
    np.dtype(np.float32),
    np.dtype(np.int8),
    np.dtype(np.int16),
    np.dtype(np.int32),
    np.dtype(np.float16),
    BFLOAT16,
)


def parse(data: bytes) -> dict[str, np.ndarray]:
    """The variables of a model, aliases included.

    Raises:
        ValueError: it is not valid, or of an unknown version.
    """
    cursor = Cursor(data)
    version = cursor.integer("I")
    if version not in VERSIONS:
        raise ValueError(f"binary version {version} is unknown; known are {VERSIONS}")
    _text(cursor)  # the specification, "WhisperSpec"
    _revision, count = cursor.unpack("II")
    check_count(count)
    arrays: dict[str, np.ndarray] = {}
    for _ in range(count):
        name = _text(cursor)
        if name in arrays:
            raise ValueError(f"{name} is there twice")
        shape = cursor.unpack(f"{cursor.integer('B')}I")
        code, size = cursor.unpack("BI")
        if code >= len(DTYPES):
            raise ValueError(f"{name} has the unknown type {code}")
        arrays[name] = view(cursor.take(size), DTYPES[code], shape)
    arrays = _dequantise(arrays)
    aliases = cursor.integer("I")
    check_count(aliases)
    for _ in range(aliases):
        alias, name = _text(cursor), _text(cursor)
        if alias.endswith("_scale") and alias.removesuffix("_scale") and name not in arrays:
            continue  # the scale of an alias, spent on the weight itself
        if alias in arrays or name not in arrays:
            raise ValueError(f"alias {alias} of {name}: one is taken or the other is not there")
        arrays[alias] = arrays[name]
    if cursor.position != len(data):
        raise ValueError(f"{len(data) - cursor.position} bytes follow its end")
    return arrays


def _text(cursor: Cursor) -> str:
    """A counted string whose last byte is zero."""
    raw = bytes(cursor.take(cursor.integer("H")))
    if raw[-1:] != b"\0":
        raise ValueError(f"a name at byte {cursor.position} does not end in zero")
    return name_of(raw[:-1].decode())


def _dequantise(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    result = {}
    for name, array in arrays.items():
        base = name.removesuffix("_scale")
        if base != name and base in arrays and arrays[base].dtype.kind == "i":
            continue
        scale = arrays.get(f"{name}_scale")
        if scale is None or array.dtype.kind != "i":
            result[name] = array
            continue
        if scale.dtype != np.float32 or scale.size not in (1, array.shape[0] if array.ndim else 1):
            raise ValueError(f"{name} of shape {array.shape} has a scale of shape {scale.shape}, {scale.dtype}")
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            raise ValueError(f"{name} has a scale that is not a positive number")
        rows = scale.reshape(-1, *[1] * (array.ndim - 1)) if array.ndim else scale.reshape(())
        with np.errstate(over="ignore"):  # said below, as an error
            result[name] = array.astype(np.float32) / rows
        if not np.isfinite(result[name]).all():
            raise ValueError(f"{name} is infinite by its scale")
    return result
