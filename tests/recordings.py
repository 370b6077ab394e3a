"""Real recordings for tests, by name and hash; the first use downloads, later ones do not.

The Asterisk prompts come out of two Debian packages, which any machine with `apt-get` can download; where there is none
(or it has never been told what Debian has), tests that need the prompts are skipped, and say so.
"""

import dataclasses
import functools
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

from audiozoo import weights
from audiozoo.data import RECORDINGS, recording

PACKAGES = {
    "asterisk-core-sounds-en-wav": "2be3ea287d83299d143815fa804f11179a75b7affd4a758b98b55f5afc18a35d",
    "asterisk-core-sounds-en": "973e797d28e37fa6ca3c0a9d6fa717e77cf1268ae916bf09fd3503113cdffa50",
}
PACKAGE_VERSION = "1.6.1-1"
VOICE = "en_US_f_Allison"
PROMPTS = 568


@dataclasses.dataclass(frozen=True)
class Turn:
    start: float  # seconds
    end: float
    speaker: str
    text: str = ""


@dataclasses.dataclass(frozen=True)
class Prompt:
    """One sentence in a woman's voice, 8 kHz, 16 bits."""

    name: str  # "vm-and", "digits/7"
    path: Path
    text: str

    @property
    def spoken(self) -> bool:
        """Whether the text is what is said; "[beep]" and "(4 seconds of silence)" only tell what is heard."""
        return not set(self.text) & set("[]()")


def jfk() -> Path:
    """11 s, 16 kHz, from the start full of speech: "And so, my fellow Americans, ask not …"."""
    return recording("jfk", progress=False)


def telephone() -> Path:
    """30 s, 16 kHz, two people; 6.69 s without speech at the start."""
    return recording("telephone", progress=False)


def arctic() -> Path:
    """4 s, 16 kHz, one read sentence."""
    return recording("arctic", progress=False)


def telephone_turns() -> list[Turn]:
    """Who speaks when in `telephone()`, by hand."""
    source = RECORDINGS["telephone"].turns
    assert source
    rows = [line.split() for line in weights.fetch(source, progress=False).read_text().splitlines()]
    return [Turn(float(row[3]), float(row[3]) + float(row[4]), row[7]) for row in rows]


def telephone_text() -> list[Turn]:
    """What is said in `telephone()`, sentence by sentence, by hand."""
    source = RECORDINGS["telephone"].text
    assert source
    rows = [line.split(maxsplit=5) for line in weights.fetch(source, progress=False).read_text().splitlines()]
    return [Turn(float(row[3]), float(row[4]), row[2], row[5]) for row in rows]


@functools.cache
def prompts() -> tuple[Prompt, ...]:
    """The 568 English prompts of Asterisk with their texts, sorted by name."""
    folder = weights.home() / "recordings" / f"asterisk-en-{PACKAGE_VERSION}"
    if not folder.is_dir():
        _unpack_prompts(folder)
    lines = (folder / "prompts.txt").read_text(encoding="utf-8").splitlines()
    texts = dict(line.split(": ", 1) for line in lines if line and not line.startswith(";"))
    names = sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.wav"))
    return tuple(Prompt(name, folder / f"{name}.wav", texts[name].strip()) for name in names)


def _unpack_prompts(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        unpacked = Path(scratch) / "unpacked"
        unpacked.mkdir()
        for package, sha256 in PACKAGES.items():
            archive = _download(package, Path(scratch))
            found = hashlib.sha256(archive).hexdigest()
            assert found == sha256, f"{package} {PACKAGE_VERSION} has SHA-256 {found}, not {sha256}"
            _unpack(_ar_member(archive, "data.tar.xz"), unpacked)
        assert len(list(unpacked.rglob("*.wav"))) == PROMPTS
        try:
            unpacked.rename(folder)
        except OSError:  # another process was quicker
            if not folder.is_dir():
                raise


def _download(package: str, folder: Path) -> bytes:
    if not shutil.which("apt-get"):
        pytest.skip(f"the prompts are in the Debian package {package}, and there is no apt-get")
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    # as root, apt would warn that its own user cannot write here
    command = [
        "apt-get",
        "download",
        f"{package}={PACKAGE_VERSION}",
        *(["-o", "APT::Sandbox::User=root"] if root else []),
    ]
    run = functools.partial(subprocess.run, cwd=folder, capture_output=True, text=True, timeout=300)
    done = run(command)
    if done.returncode and root:  # a fresh machine has no lists of packages yet
        run(["apt-get", "update"])
        done = run(command)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` failed (`apt-get update` first?): {done.stderr.strip()}")
    (file,) = folder.glob(f"{package}_*.deb")
    return file.read_bytes()


def _ar_member(archive: bytes, name: str) -> bytes:
    """A member of a Unix `ar` archive: after 8 bytes, each has a header of 60 bytes and starts on an even byte."""
    assert archive[:8] == b"!<arch>\n"
    position = 8
    while position < len(archive):
        header = archive[position : position + 60]
        size = int(header[48:58])
        if header[:16].decode("ascii").rstrip().rstrip("/") == name:
            return archive[position + 60 : position + 60 + size]
        position += 60 + size + size % 2
    raise LookupError(f"the archive has no member {name}")


def _unpack(tar: bytes, folder: Path) -> None:
    """The sounds and their texts; the archives are pinned by their digests, so the names in them can be trusted."""
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:xz") as members:
        for member in members:
            content = members.extractfile(member) if member.isreg() else None
            _, below, name = member.name.partition(f"/{VOICE}/")
            if content and below:
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_bytes(content.read())
            elif content and member.name.endswith("/core-sounds-en.txt.gz"):
                (folder / "prompts.txt").write_bytes(gzip.decompress(content.read()))
