"""How the weights of a preset were published: which files, where they lie, how their names map to ours."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from audiozoo.weights.layout import RenameTable


@dataclasses.dataclass(frozen=True)
class HubFile:
    """A file of a model-hub repository at a revision.

    An empty `sha256` means the digest that the hub declares for that commit; a `size` of zero, that it is not known.
    """

    repository: str  # "openai/whisper-small"
    revision: str  # the full commit
    path: str
    sha256: str
    size: int  # bytes


@dataclasses.dataclass(frozen=True)
class PackageFile:
    """A file inside a package archive (a wheel, or a source archive) of a package index; never imported or built."""

    package: str
    version: str
    path: str | tuple[str, ...]  # inside the archive, an sdist's with or without its top folder; several are joined
    sha256: str  # of the archive
    size: int  # bytes of the archive
    kind: Literal["wheel", "sdist"] = "wheel"

    def __post_init__(self) -> None:
        if len(self.sha256) != 64:  # it names the archive's place in the cache, too
            raise ValueError(f"a package file needs its archive's SHA-256, not {self.sha256!r}")


@dataclasses.dataclass(frozen=True)
class JoinedFile:
    """A file that was cut in parts to publish it, perhaps in several archives; the parts in order make it whole."""

    parts: tuple[HubFile | PackageFile, ...]


@dataclasses.dataclass(frozen=True)
class LocalFile:
    """A file or folder of this machine (``~`` is the user's). With no SHA-256 it is taken as it is.

    Of a folder, `weights.read` takes the file (or the shards that an index lists) with the format's customary name.
    """

    path: str
    sha256: str = ""


Source = HubFile | PackageFile | JoinedFile | LocalFile


@dataclasses.dataclass(frozen=True)
class Published:
    """One publication of a model's weights. `files` holds "weights" and what goes with them ("tokenizer", "config")."""

    format: Literal["safetensors", "torch", "ctranslate2", "onnx"]
    files: Mapping[str, Source]
    renames: RenameTable
    licence: str
    homepage: str = ""
