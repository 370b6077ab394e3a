"""The cache of published files: content-addressed, checked, and safe to share between processes.

A file lies at ``home()/files/<key>/<name>``, beside a receipt that says which bytes were checked. The key is the
SHA-256 of the file where one is published, and else a digest of where it comes from, so nothing is downloaded twice.
What is being written is ``<name>.part`` and takes its place only when it is whole and checked (`os.replace`). A lock
keeps two processes from writing it at once; the operating system lets go of it when a process is killed, and the next
one goes on where the download broke.
"""

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from audiozoo.weights.errors import CacheError, IntegrityError

FULL = (errno.ENOSPC, errno.EDQUOT)
_ABANDONED = 3 * 24 * 3600  # seconds after which nobody will resume a partial download


def home() -> Path:
    """The directory where audiozoo keeps what it downloads: ``AUDIOZOO_HOME``, or the user's cache directory."""
    chosen = os.environ.get("AUDIOZOO_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("audiozoo", appauthor=False))


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_of(*parts: str) -> str:
    """A key for a file whose own digest is not published, from what identifies it."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def megabytes(size: int) -> str:
    """A size in bytes, for people."""
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"


@dataclasses.dataclass(frozen=True)
class Expected:
    """What a file must be. An empty digest, or a size of zero, is not known beforehand."""

    sha256: str = ""
    size: int = 0  # bytes

    def check(self, path: Path, what: str) -> str:
        """The SHA-256 of the file at `path`.

        Raises:
            IntegrityError: it has another size or digest.
        """
        size = path.stat().st_size
        if self.size and size != self.size:
            raise IntegrityError(f"{what} has {size} bytes, and {self.size} were published")
        digest = sha256_of(path)
        if self.sha256 and digest != self.sha256.lower():
            raise IntegrityError(f"{what} has the SHA-256 {digest}, and {self.sha256} was published")
        return digest


_ALTERED = (
    "Nothing was kept. Try again; if it stays so, what lies between here and the server (a proxy, a mirror) alters "
    "files, or the publication was replaced: do not use it, and tell audiozoo's issue tracker."
)


@dataclasses.dataclass(frozen=True)
class Entry:
    """The place of one file in the cache."""

    key: str
    name: str
    expected: Expected = Expected()

    @property
    def folder(self) -> Path:
        """Where the file, its receipt and its lock lie."""
        return home() / "files" / self.key

    @property
    def path(self) -> Path:
        """The finished file; there only when it is whole and was checked."""
        return self.folder / self.name

    @property
    def part(self) -> Path:
        """The file while it is written."""
        return self.folder / f"{self.name}.part"

    @property
    def _receipt(self) -> Path:
        return self.folder / f"{self.name}.receipt.json"

    def found(self, *, sign: bool = True) -> Path | None:
        """The file, if it is here and sound. Without `sign` nothing is written.

        A file that has not been touched since it was checked is known by its receipt (size and time of change); any
        other is read through and compared with the digest. One that is not sound is as good as absent.
        """
        try:
            status = self.path.stat()
            receipt = json.loads(self._receipt.read_text())
            digest, size, changed = str(receipt["sha256"]), int(receipt["size"]), int(receipt["changed"])
        except (OSError, ValueError, KeyError, TypeError):
            return self._recheck(sign=sign)
        if self.expected.sha256 and digest != self.expected.sha256.lower():
            return self._recheck(sign=sign)
        if (status.st_size, status.st_mtime_ns) == (size, changed):
            return self.path
        return self._recheck(digest, sign=sign)

    def _recheck(self, digest: str = "", *, sign: bool) -> Path | None:
        wanted = self.expected.sha256.lower() or digest
        try:
            if not wanted or not self.path.is_file() or sha256_of(self.path) != wanted:
                return None
        except OSError:
            return None
        if sign:
            with contextlib.suppress(OSError):  # a cache that cannot be written is still good to read
                self._sign(wanted)
        return self.path

    def _sign(self, digest: str) -> None:
        status = self.path.stat()
        text = json.dumps({"sha256": digest, "size": status.st_size, "changed": status.st_mtime_ns})
        scratch = self._receipt.with_suffix(f".{os.getpid()}.part")
        scratch.write_text(text)
        os.replace(scratch, self._receipt)

    def adopt(self, known: Path) -> Path | None:
        """The file, as a link to a sound copy at `known` (another tool's cache); None where that cannot be."""
        try:
            digest = self.expected.check(known, self.name)
            with self._locked():
                self.path.unlink(missing_ok=True)
                self.path.symlink_to(known)
                self._sign(digest)
            return self.path
        except (OSError, IntegrityError):
            return None

    def fill(self, write: Callable[[BinaryIO], None]) -> Path:
        """The file, written by `write` if it is not here yet."""

        def produce(part: Path) -> None:
            try:
                with part.open("wb") as file:
                    write(file)
            except BaseException:
                part.unlink(missing_ok=True)  # there is nothing in it to go on from
                raise

        return self.obtain(produce)

    def obtain(self, produce: Callable[[Path], None]) -> Path:
        """The file, made by `produce(path of the partial file)` if it is not here yet.

        `produce` may find there what an earlier try left, and go on from it.

        Raises:
            IntegrityError: what was made is not what is expected; it is removed.
            CacheError: the cache cannot be written, or the disk is full.
        """
        if (path := self.found()) is not None:
            return path
        with writing(self.name, self.expected.size - _size(self.part)), self._locked():
            if (path := self.found()) is not None:  # another process was first
                return path
            sweep()
            digest = self._produced(produce, again=self.part.exists())
            with self.part.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(self.part, self.path)
            self._sign(digest)
        return self.path

    def _produced(self, produce: Callable[[Path], None], again: bool) -> str:
        """The digest of the whole partial file; once more from nothing (`again`) where it went on from a bad start."""
        try:
            produce(self.part)
            return self.expected.check(self.part, self.name)
        except IntegrityError as error:
            self.part.unlink(missing_ok=True)
            if not again:
                raise IntegrityError(f"{error}. {_ALTERED}") from error
        except OSError as error:
            if error.errno in FULL:
                self.part.unlink(missing_ok=True)
            raise
        return self._produced(produce, again=False)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock

        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".lock"):
            yield


@contextlib.contextmanager
def writing(what: str, size: int = 0) -> Iterator[None]:
    """Turn the operating system's errors about writing `what` (of `size` bytes, if known) into ones that help."""
    try:
        folder = home()
        folder.mkdir(parents=True, exist_ok=True)
        if size > 0 and shutil.disk_usage(folder).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield
    except CacheError:
        raise
    except OSError as error:
        if error.errno in FULL:
            needed = f" {what} needs {megabytes(size)}," if size > 0 else f" {what} does not fit,"
            raise CacheError(
                f"the disk is full:{needed} and {_free()} is free at {home()}. Free some room there, or set "
                "AUDIOZOO_HOME to a directory on another disk."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise CacheError(
                f"cannot write {what} to the cache directory {home()}: {error.strerror}. Set AUDIOZOO_HOME to a "
                "directory that you may write."
            ) from error
        raise


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _free() -> str:
    try:
        return megabytes(shutil.disk_usage(home()).free)
    except OSError:
        return "nothing"


def sweep() -> None:
    """Remove partial files that a killed process left and that nobody came back for."""
    oldest = time.time() - _ABANDONED
    for part in (home() / "files").glob("*/*.part"):
        with contextlib.suppress(OSError):  # another process may be sweeping, too
            if _last_change(part) >= oldest:
                continue
            if part.is_dir():
                shutil.rmtree(part)
            else:
                part.unlink()


def _last_change(path: Path) -> float:
    inside = path.rglob("*") if path.is_dir() else ()
    return max(item.lstat().st_mtime for item in (path, *inside))
