"""A package index and a model hub on the loopback interface, with faults to order."""

import base64
import hashlib
import io
import json
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, unquote


def payload(size: int, seed: int = 0) -> bytes:
    """Bytes that do not compress and are the same in every run."""
    return hashlib.shake_256(str(seed).encode()).digest(size)


def wheel(members: Mapping[str, bytes]) -> bytes:
    """A zip archive; names are written as given, traversal and all."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def sdist(top: str, members: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_blob(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


class Server:
    """Serves files, and does the faults in `faults` one by one, each on one download (GET of a file).

    Faults: "truncate" (half of the body, then the connection ends), "reset" (ends at once), "alter" (one byte is
    another), "short"/"long" (a whole answer with fewer or more bytes), "slow" (64 small pieces), or a status
    such as 503.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}  # path on the server: content
        self.pages: dict[str, tuple[str, bytes]] = {}  # path: content type and content
        self.headers: dict[str, dict[str, str]] = {}  # path: more headers
        self.faults: list[str | int] = []
        self.page_faults: list[int] = []
        self.downloads: list[str] = []  # path of each GET of a file, and its Range
        self.requests: list[str] = []
        self.seen: list[Mapping[str, str]] = []  # the headers of each request
        self.resumes = True  # whether Range is understood
        self.pause = 0.05  # seconds between the pieces of a slow answer
        self.url = ""

    @contextmanager
    def running(self) -> Iterator["Server"]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


class Index(Server):
    """A package index: HTML pages (PEP 503) or JSON (PEP 691)."""

    json_pages = False
    hashes = True  # whether pages tell digests

    @property
    def simple(self) -> str:
        return f"{self.url}/simple/"

    def add(self, package: str, filename: str, content: bytes, digest: str = "") -> None:
        self.files[f"/files/{filename}"] = content
        names = [name for name in self.files if name.rpartition("/")[2].partition("-")[0] == package.replace("-", "_")]
        links = []
        for name in names:
            links.append((name, digest or sha256(self.files[name])))
        if self.json_pages:
            entries = [
                {"filename": name.rpartition("/")[2], "url": name, "hashes": {"sha256": value} if self.hashes else {}}
                for name, value in links
            ]
            page = json.dumps({"meta": {"api-version": "1.0"}, "name": package, "files": entries})
            kind = "application/vnd.pypi.simple.v1+json"
        else:
            anchors = "".join(
                f'<a href="{quote(name)}{f"#sha256={value}" if self.hashes else ""}">{name.rpartition("/")[2]}</a>'
                for name, value in links
            )
            page, kind = f"<!DOCTYPE html><html><body>{anchors}</body></html>", "text/html"
        self.pages[f"/simple/{package}/"] = (kind, page.encode())


class Hub(Server):
    """A model hub: `resolve` addresses with a commit and a digest in the headers."""

    def add(self, repository: str, revision: str, path: str, content: bytes, *, etag: str | None = None) -> None:
        where = f"/{repository}/resolve/{revision}/{path}"
        self.files[where] = content
        self.headers[where] = {"X-Repo-Commit": revision, "ETag": f'"{etag or sha256(content)}"'}


def _handler(owner: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = unquote(self.path.partition("?")[0])
            owner.requests.append(f"{self.command} {path}")
            owner.seen.append(dict(self.headers))
            if path in owner.pages:
                if owner.page_faults:
                    self.answer(owner.page_faults.pop(0), b"")
                    return
                kind, content = owner.pages[path]
                self.answer(200, content, {"Content-Type": kind})
            elif path in owner.files:
                self.file(path)
            else:
                self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})

        def answer(self, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def file(self, path: str) -> None:
            content, headers = owner.files[path], owner.headers.get(path, {})
            if self.command == "HEAD":
                self.answer(200, b"", {**headers, "Content-Length": str(len(content))})
                return
            start = 0
            if owner.resumes and (extent := self.headers.get("Range")):
                start = int(extent.removeprefix("bytes=").rstrip("-"))
            owner.downloads.append(f"{path} {self.headers.get('Range', '')}".strip())
            fault = owner.faults.pop(0) if owner.faults else ""
            if isinstance(fault, int):
                self.answer(fault, b"")
                return
            if fault == "alter":
                middle = (start + len(content)) // 2
                content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
            elif fault in ("short", "long"):
                content = content[:-10] if fault == "short" else content + b"more"
            if start:
                headers = {**headers, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            self.send(206 if start else 200, content[start:], headers, fault)

        def send(self, status: int, body: bytes, headers: Mapping[str, str], fault: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if fault in ("truncate", "reset"):
                self.wfile.write(body[: len(body) // 2] if fault == "truncate" else b"")
                self.close_connection = True
            elif fault == "slow":
                for begin in range(0, len(body), len(body) // 64 + 1):
                    self.wfile.write(body[begin : begin + len(body) // 64 + 1])
                    self.wfile.flush()
                    time.sleep(owner.pause)
            else:
                self.wfile.write(body)

        def handle(self) -> None:
            with suppress(OSError):  # the client may be killed
                super().handle()

    return Handler


def basic(user: str, password: str) -> str:
    """The Authorization header of a user."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
