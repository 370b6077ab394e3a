"""Our own files of variables: safetensors with "/"-joined paths, written atomically, checked when read.

Also the cache of conversions: what was once read from a foreign format is kept in this form.
"""

import contextlib
import hashlib
import json
import os
import pkgutil
import re
import tempfile
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from audiozoo.weights.formats import safetensors
from audiozoo.weights.layout import flatten, unflatten

KEPT_SECONDS = 90 * 86400  # of a conversion since it was last used
DIGEST = "audiozoo.crc32"  # the metadata that holds the checksum of all else


def save(path: str | os.PathLike[str], variables: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> None:
    """Writes variables (a nested dict of arrays, any of them bfloat16) so that no reader ever sees half a file.

    Raises:
        ValueError: a name that holds "/", or metadata that is not text.
        OSError: the folder cannot be written; what was there before is untouched.
    """
    from safetensors import TensorSpec, serialize_file

    arrays = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in _paths(variables).items()}
    texts = dict(metadata or {})
    if not all(isinstance(item, str) for pair in texts.items() for item in pair) or DIGEST in texts:
        raise ValueError(f"metadata must be texts, and {DIGEST!r} is ours")
    texts[DIGEST] = digest(arrays, texts)
    specs = {
        name: TensorSpec(dtype=array.dtype.name, shape=array.shape, data_ptr=array.ctypes.data, data_len=array.nbytes)
        for name, array in arrays.items()
    }
    target = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    try:
        serialize_file(specs, temporary, metadata=texts)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load(path: str | os.PathLike[str], *, verify: bool = True) -> tuple[dict[str, Any], dict[str, str]]:
    """Variables (nested dict of read-only arrays) and metadata of a file that `save` wrote.

    Any safetensors file whose names are paths is accepted; one without our checksum is not verified.

    Raises:
        ValueError: it is broken, or its content is not what was saved.
        OSError: it cannot be read.
    """
    # Twice as fast as `read_bytes`, and unlike a map of the file it cannot change under us.
    data = np.fromfile(path, np.uint8)
    try:
        arrays, metadata = safetensors.parse_with_metadata(data.data)
        expected = metadata.pop(DIGEST, None)
        if verify and expected is not None and digest(arrays, metadata) != expected:
            raise ValueError("its content is not what was saved (checksums differ)")
        return unflatten(arrays), metadata
    except ValueError as error:
        raise ValueError(f"{path} cannot be used: {error}") from error


def digest(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    """A checksum of names, types, shapes, numbers and metadata, against decay and not against malice."""
    names = sorted(arrays)
    header = [[name, arrays[name].dtype.name, list(arrays[name].shape)] for name in names]
    value = zlib.crc32(json.dumps([header, sorted(metadata.items())]).encode())
    for name in names:
        value = zlib.crc32(arrays[name].reshape(-1).view(np.uint8).data, value)
    return f"{value:08x}"


def converting_code() -> str:
    """A digest of the code that turns a published file into variables: what it converted before is then converted anew.

    Of an installation without its sources it is the package's version that counts.
    """
    from audiozoo import __version__
    from audiozoo.weights import formats

    pages = [f"formats/{page.name}.py" for page in pkgutil.iter_modules(formats.__path__)]
    made = hashlib.sha256()
    for page in ("checkpoint.py", "gates.py", "layout.py", "formats/__init__.py", *sorted(pages)):
        made.update(_source(page) or __version__.encode())
    return made.hexdigest()


def _source(page: str) -> bytes | None:
    try:
        return pkgutil.get_data("audiozoo.weights", page)  # also from within an archive
    except OSError:
        return None


def converted(key: str, convert: Callable[[], Mapping[str, Any]], directory: str | os.PathLike[str]) -> dict[str, Any]:
    """What `convert()` gives, from `directory` if it was converted before under this key.

    The key must name all that the result depends on (source hash, rename table, `converting_code`). A corrupt
    file is replaced. Processes may race: each writes a whole file, the last one stays. A folder that cannot be
    written costs the cache, not the answer. What nobody asked for in `KEPT_SECONDS` is deleted when another is written:
    nothing else would ever delete what an older version converted.
    """
    if not re.fullmatch(r"[\w.-]{1,200}", key) or key.startswith("."):
        raise ValueError(f"{key!r} is no file name: letters, digits, '.', '-' and '_' only")
    path = Path(directory) / f"{key}.safetensors"
    try:
        variables, metadata = load(path)
        if metadata.get("key") == key:
            with contextlib.suppress(OSError):
                os.utime(path)
            return variables
    except (OSError, ValueError):
        pass
    variables = dict(convert())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path, variables, {"key": key})
        _forget_unused(path.parent)
    except OSError:
        pass
    return variables


def _forget_unused(folder: Path) -> None:
    oldest = time.time() - KEPT_SECONDS
    for file in folder.glob("*.safetensors"):
        with contextlib.suppress(OSError):  # another process was quicker
            if file.stat().st_mtime < oldest:
                file.unlink()


def _paths(variables: Mapping[str, Any]) -> dict[str, Any]:
    flat = flatten(variables)
    depth = _count(variables)
    if len(flat) != depth or any("" in path.split("/") for path in flat):
        raise ValueError("names of variables must not be empty, hold '/' or collide")
    return flat


def _count(tree: Mapping[str, Any]) -> int:
    if any("/" in key for key in tree):
        raise ValueError("names of variables must not hold '/'")
    return sum(_count(value) if isinstance(value, Mapping) else 1 for value in tree.values())


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
