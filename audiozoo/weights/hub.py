"""Files of model-hub repositories, through huggingface_hub: its endpoint, credentials, proxies and transfer protocols.

Where no SHA-256 is published beforehand, the file is held against the digest that the hub itself declares for that
immutable commit: the object id of large files is a SHA-256, that of small ones the SHA-1 of a git blob.
"""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audiozoo.weights.cache import FULL
from audiozoo.weights.errors import DownloadError, IntegrityError, NotFoundError, WeightsError
from audiozoo.weights.published import HubFile

_DIGEST = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}")
_TRIES = 3  # beside those of the library itself
_PAUSE = 0.5  # seconds before the second try; doubled for each further one


def describe(source: HubFile) -> str:
    """For messages: which file, of which repository, at which commit."""
    return f"{source.path} of {source.repository} at {source.revision[:12]}"


def already_here(source: HubFile) -> Path | None:
    """The file in huggingface_hub's own cache, if another tool has put it there and it is sound.

    That cache names a file by the digest that the hub declared for it.
    """
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(source.repository, source.path, revision=source.revision)
    if not isinstance(found, str):
        return None
    path = Path(found).resolve()
    digest = source.sha256.lower() or path.name
    return path if _DIGEST.fullmatch(digest) and matches(path, digest) else None


def declared(source: HubFile) -> tuple[str, int]:
    """The digest (SHA-256, or git's SHA-1) and the size that the hub declares for the file at that commit.

    Raises:
        IntegrityError: the hub declares none where none is published, or another one, or answers for another commit.
        NotFoundError, DownloadError: see `download`.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(source.repository, source.path, revision=source.revision, endpoint=_endpoint())
    metadata = _asked(source, lambda: get_hf_file_metadata(url, endpoint=_endpoint()))
    digest, wanted = (metadata.etag or "").lower(), source.sha256.lower()
    if metadata.commit_hash != source.revision:
        raise IntegrityError(
            f"{describe(source)}: the hub answers for the commit {metadata.commit_hash}; a revision must be a full one"
        )
    if wanted and len(digest) == 64 and digest != wanted:
        raise IntegrityError(f"{describe(source)}: the hub has the SHA-256 {digest}, and {wanted} was published")
    if not wanted and not _DIGEST.fullmatch(digest):
        raise IntegrityError(
            f"{describe(source)}: no digest is published for it, and the hub declares none ({digest or 'no etag'}), "
            "so it cannot be checked. Give the source a SHA-256."
        )
    return wanted or digest, metadata.size or source.size


def matches(path: Path, digest: str) -> bool:
    """Whether the file has the digest: a SHA-256 (64 digits) or the SHA-1 of a git blob (40)."""
    if len(digest) == 64:
        made: Any = hashlib.sha256()
    else:
        made = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            made.update(block)
    return made.hexdigest() == digest


def download(source: HubFile, part: Path, report: Callable[[int], None]) -> None:
    """Fetch the file into `part`. It is whole afterwards, but not yet checked.

    Raises:
        NotFoundError: the hub has no such repository, revision or file, or shows it only to others.
        DownloadError: the hub could not be reached.
    """
    from huggingface_hub import hf_hub_download

    # The library keeps its half-done downloads in this folder, and goes on from them after a break.
    folder = part.with_name(f"{part.name.removesuffix('.part')}.hub.part")

    def ask() -> str:
        return hf_hub_download(
            source.repository,
            source.path,
            revision=source.revision,
            local_dir=folder,
            cache_dir=folder / "none",  # else it would copy from its own cache, sound or not
            endpoint=_endpoint(),
            tqdm_class=_reporting(report),
        )

    try:
        os.replace(_asked(source, ask), part)
    except OSError as error:
        if error.errno in FULL:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None  # read now: the library reads it when it is imported


def _asked(source: HubFile, ask: Callable[[], Any]) -> Any:
    """What `ask` gives, tried again while the network fails, its errors told in our words."""
    from huggingface_hub import errors

    # Of httpx, or of its successor: whichever the library is built on.
    http_error: type[Exception] = next(
        kind for kind in errors.HfHubHTTPError.__mro__ if kind.__module__.startswith("httpx")
    )
    trouble: BaseException | None = None
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE * 2 ** (attempt - 1))
        try:
            return ask()
        except WeightsError:
            raise
        except errors.GatedRepoError as error:
            raise NotFoundError(
                f"{describe(source)} is shown only to those who accepted its terms: do so on the hub's page of "
                f"{source.repository}, and log in with `hf auth login`"
            ) from error
        except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.RemoteEntryNotFoundError) as error:
            raise NotFoundError(f"the hub has no {describe(source)} ({type(error).__name__})") from error
        except errors.OfflineModeIsEnabled as error:
            raise DownloadError(f"{describe(source)}: HF_HUB_OFFLINE is set; unset it") from error
        except errors.HFValidationError as error:
            raise NotFoundError(f"{describe(source)} is no name of a repository's file: {error}") from error
        except (OSError, RuntimeError, http_error) as error:  # of the protocol in use: HTTP, or the hub's own
            if isinstance(error, OSError) and error.errno is not None:  # of this machine's disk, not of the hub
                raise
            trouble = error.__cause__ if isinstance(error.__cause__, Exception) else error
    raise DownloadError(
        f"{describe(source)} could not be fetched: {str(trouble).splitlines()[0] if str(trouble) else trouble!r}. "
        "Check the network (and HF_ENDPOINT, if you set it), and try again."
    ) from trouble


def _reporting(report: Callable[[int], None]) -> type:
    """A stand-in for the library's progress bar that draws nothing and passes the count on."""
    from huggingface_hub.utils import tqdm

    class Reporting(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **(kwargs | {"disable": True}))
            self._done = float(kwargs.get("initial") or 0)

        def update(self, n: float | None = 1) -> bool | None:
            self._done += n or 0
            report(int(self._done))
            return None

    return Reporting
