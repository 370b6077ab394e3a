"""Package archives from the indexes that pip is configured for. Nothing of a package is imported, built or run."""

import dataclasses
import importlib
import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from audiozoo.weights.cache import megabytes
from audiozoo.weights.errors import DownloadError, IntegrityError, NotFoundError
from audiozoo.weights.published import PackageFile

if TYPE_CHECKING:
    from unearth import Package
    from unearth.fetchers import PyPIClient

_BLOCK = 1 << 18
_TRIES = 3
_PAUSE = 0.5  # seconds before the second try; doubled for each further one
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)


@dataclasses.dataclass(frozen=True)
class PipSettings:
    """Where and how pip would look for packages."""

    index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    cert: str | None = None  # file or folder of certificate authorities
    client_cert: str | None = None
    proxy: str | None = None
    timeout: float = 15.0  # seconds without a byte

    @property
    def places(self) -> str:
        """For messages: the indexes, without passwords."""
        return ", ".join(_without_password(url) for url in (*self.index_urls, *self.find_links))


def pip_settings() -> PipSettings:
    """pip's settings as its own option parser reads them: configuration files, ``PIP_*`` variables, its default index.

    Without pip (environments made by other tools have none), the ``PIP_*`` variables alone.

    Raises:
        NotFoundError: no index is known.
    """
    try:
        from pip._internal.commands import create_command
    except ImportError:
        settings = _settings_of_environment()
    else:
        try:
            options, _ = create_command("download").parser.parse_args([])
        except (Exception, SystemExit) as error:  # pip's way to say that its configuration is broken
            raise DownloadError(f"pip cannot read its configuration: {error}. Try `pip config debug`.") from error
        settings = _settings_of_pip(options)
    if not settings.index_urls and not settings.find_links:
        raise NotFoundError(
            "no package index is known: pip is not installed here, or is told to use no index. Install pip "
            "(`python -m ensurepip`), or set PIP_INDEX_URL or PIP_FIND_LINKS."
        )
    return settings


def _settings_of_pip(options: Any) -> PipSettings:
    indexes = () if options.no_index else (options.index_url, *options.extra_index_urls)
    return PipSettings(
        index_urls=tuple(url for url in indexes if url),
        find_links=tuple(os.path.expanduser(place) for place in options.find_links),
        trusted_hosts=tuple(options.trusted_hosts),
        cert=options.cert,
        client_cert=options.client_cert,
        proxy=options.proxy,
        timeout=float(options.timeout),
    )


def _settings_of_environment() -> PipSettings:
    def words(name: str) -> tuple[str, ...]:
        return tuple(os.environ.get(name, "").split())

    no_index = os.environ.get("PIP_NO_INDEX", "").strip().lower() not in ("", "0", "false", "no", "off", "n", "f")
    indexes = () if no_index else words("PIP_INDEX_URL") + words("PIP_EXTRA_INDEX_URL")
    timeout = os.environ.get("PIP_DEFAULT_TIMEOUT") or "15"
    try:
        seconds = float(timeout)
    except ValueError:
        raise DownloadError(f"PIP_DEFAULT_TIMEOUT must be seconds, not {timeout!r}") from None
    return PipSettings(
        index_urls=indexes,
        find_links=tuple(os.path.expanduser(place) for place in words("PIP_FIND_LINKS")),
        trusted_hosts=words("PIP_TRUSTED_HOST"),
        cert=os.environ.get("PIP_CERT"),
        client_cert=os.environ.get("PIP_CLIENT_CERT"),
        proxy=os.environ.get("PIP_PROXY"),
        timeout=seconds,
    )


def download(source: PackageFile, part: Path, report: Callable[[int], None]) -> None:
    """Fetch the archive of `source` into the file `part`, going on from what an earlier try left there.

    The bytes are complete afterwards, but not yet checked.

    Raises:
        NotFoundError: no index has that package, version or kind of archive.
        DownloadError: no index, or not the file, could be reached.
    """
    settings = pip_settings()
    with _client(settings) as client:
        link = _find(source, settings, client)
        if link.is_file:
            _copy(link.file_path, part, report)
        else:
            _transfer(client, link.url_without_fragment, part, source.size, report)


def _client(settings: PipSettings) -> "PyPIClient":
    from unearth.auth import MultiDomainBasicAuth
    from unearth.fetchers import PyPIClient

    return PyPIClient(
        trusted_hosts=settings.trusted_hosts,
        verify=_verification(settings),
        timeout=settings.timeout,
        follow_redirects=True,
        auth=MultiDomainBasicAuth(prompting=False, index_urls=settings.index_urls),
        proxy=settings.proxy or None,
    )


def _verification(settings: PipSettings) -> ssl.SSLContext | bool:
    """Whom to trust: pip's `cert`, what requests (hence pip) takes from the environment, or the HTTP library's choice
    (``SSL_CERT_FILE``, else the common authorities)."""
    cert = settings.cert or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if not cert and not settings.client_cert:
        return True
    folder = cert if cert and os.path.isdir(cert) else None
    try:
        verify = ssl.create_default_context(cafile=None if folder else cert, capath=folder)
        if settings.client_cert:
            verify.load_cert_chain(settings.client_cert)
    except OSError as error:
        raise DownloadError(
            f"the certificates ({cert or settings.client_cert}) cannot be read: {error}. "
            "Correct `cert` in pip's configuration, PIP_CERT or REQUESTS_CA_BUNDLE."
        ) from error
    return verify


def _http_library(client: "PyPIClient") -> Any:
    """The module that unearth's client is built on: httpx, or its successor httpx2."""
    return importlib.import_module(type(client).__mro__[1].__module__.partition(".")[0])


class _Remembering:
    """A fetcher of index pages that tries again, and remembers what went wrong: the finder only logs it."""

    def __init__(self, client: "PyPIClient") -> None:
        self._client = client
        self.troubles: list[str] = []

    def get(self, url: str, *, headers: Any = None) -> Any:
        return self._ask(self._client.get, url, headers)

    def head(self, url: str, *, headers: Any = None) -> Any:
        return self._ask(self._client.head, url, headers)

    def get_stream(self, url: str, *, headers: Any = None) -> Any:
        return self._client.get_stream(url, headers=headers)

    def iter_secure_origins(self) -> Any:
        return self._client.iter_secure_origins()

    def _ask(self, method: Callable[..., Any], url: str, headers: Any) -> Any:
        http = _http_library(self._client)
        trouble = ""
        for attempt in range(_TRIES):
            _pause(attempt)
            try:
                response = method(url, headers=headers)
            except http.TransportError as error:
                trouble = str(error) or type(error).__name__
                continue
            if response.is_success:
                return response
            trouble = f"HTTP {response.status_code}"
            if response.status_code not in _TRANSIENT:
                break
        if trouble != "HTTP 404":  # that one is how an index says that it does not know the package
            self.troubles.append(f"{_without_password(url)}: {trouble}")
        # An empty page: the finder goes on with the next index, and does not log what the caller will say in full.
        page = {"Content-Type": "text/html"}
        return http.Response(200, headers=page, content=b"", request=http.Request("GET", url))


def _find(source: PackageFile, settings: PipSettings, client: "PyPIClient") -> Any:
    """The link to the archive of that very digest, or failing that (an index that tells none) of that kind."""
    from unearth import PackageFinder

    fetcher = _Remembering(client)
    finder = PackageFinder(
        session=fetcher,
        index_urls=settings.index_urls,
        find_links=[place for place in settings.find_links if "://" in place or os.path.exists(place)],
        trusted_hosts=settings.trusted_hosts,
        ignore_compatibility=True,  # it is only read, so wheels of other machines will do
    )
    known = list(finder.find_all_packages(source.package, allow_yanked=True))
    fitting = [package for package in known if _is_version(package, source.version)]
    fitting = [package for package in fitting if package.link.is_wheel == (source.kind == "wheel")]
    exact = [package for package in fitting if _digest(package) == source.sha256.lower()]
    silent = [package for package in fitting if not _digest(package)]
    if exact or silent:
        return (exact or silent)[0].link
    if fitting:
        raise IntegrityError(
            f"{source.package} {source.version}: the package index offers {fitting[0].link.filename} with the SHA-256 "
            f"{_digest(fitting[0])}, and {source.sha256} was published. Do not use it; is the mirror altered?"
        )
    if fetcher.troubles:
        raise DownloadError(
            f"{source.package} {source.version} could not be looked up: {'; '.join(fetcher.troubles)}. "
            "Check the network and pip's settings (`pip config list`), and try again."
        )
    wanted = f"no {source.kind} of {source.package} {source.version} at {settings.places}"
    versions = ", ".join(dict.fromkeys(package.version or "?" for package in known))
    raise NotFoundError(
        f"{wanted}; {'it has ' + versions if versions else 'it does not know that package'}. "
        "pip's settings (`pip config list`) say where to look; add an index that has it (PIP_EXTRA_INDEX_URL)."
    )


def _is_version(package: "Package", version: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return package.version is not None and Version(package.version) == Version(version)
    except InvalidVersion:
        return package.version == version


def _digest(package: "Package") -> str:
    return (package.link.hash_option or {}).get("sha256", [""])[0].lower()


def _copy(path: Path, part: Path, report: Callable[[int], None]) -> None:
    try:
        source = path.open("rb")
    except OSError as error:
        raise DownloadError(f"{path}, which the package index names, cannot be read: {error.strerror}") from error
    with source, part.open("wb") as out:
        while block := source.read(_BLOCK):
            out.write(block)
            report(out.tell())


def _transfer(client: "PyPIClient", url: str, part: Path, size: int, report: Callable[[int], None]) -> None:
    transport_error = _http_library(client).TransportError
    most, failures = 0, 0
    while True:
        try:
            trouble = _transfer_once(client, url, part, size, report)
        except transport_error as error:
            trouble = str(error) or type(error).__name__
        if not trouble:
            return
        done = part.stat().st_size if part.exists() else 0
        # A bad line may break a long download many times: only tries that brought nothing count.
        most, failures = (done, 1) if done > most else (most, failures + 1)
        if failures == _TRIES:
            break
        _pause(failures)
    raise DownloadError(
        f"{_without_password(url)}: {trouble}. {megabytes(done)} of {megabytes(size)} are here and will be kept: "
        "check the network and try again."
    )


def _transfer_once(client: "PyPIClient", url: str, part: Path, size: int, report: Callable[[int], None]) -> str:
    """One try, from where the file ends. What went wrong, if another try may help; an empty text when whole."""
    have = part.stat().st_size if part.exists() else 0
    if size and have == size:
        return ""
    if have > size:  # more than was published, or of unknown size: no part to go on from
        have = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with client.get_stream(url, headers=headers) as response:
        status, extent = response.status_code, response.headers.get("Content-Range", "")
        if status in _TRANSIENT:
            return f"HTTP {status}"
        if status == 416 or (status == 206 and not extent.startswith(f"bytes {have}-")):
            part.unlink(missing_ok=True)  # the server has another idea of the file: start over
            return "the server cannot go on where the download broke"
        if status not in (200, 206):
            raise DownloadError(f"{_without_password(url)}: HTTP {status}. Check the package index and try again.")
        have = have if status == 206 else 0
        with part.open("ab" if have else "wb") as out:
            for block in response.iter_raw():
                have += len(block)
                if size and have > size:  # never more than was published, whatever the server sends
                    raise IntegrityError(f"{_without_password(url)} has more than the {size} bytes published")
                out.write(block)
                report(have)
    return "" if have == size or not size else "the connection broke"


def _pause(attempt: int) -> None:
    if attempt:
        time.sleep(_PAUSE * 2 ** (attempt - 1))


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if parts.netloc else url
