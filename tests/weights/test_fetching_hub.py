"""Files of a model hub: pinned by SHA-256, or held against what the hub declares for the commit."""

import pytest

from audiozoo import weights
from audiozoo.weights import errors
from audiozoo.weights.published import HubFile
from tests.weights.servers import git_blob, payload, sha256

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = payload(300_000, seed=1)
TOKENIZER = b'{"model": {}}'


def hub_file(path="model.safetensors", content=MODEL, *, pinned=True, commit=COMMIT):
    return HubFile("zoo/demo", commit, path, sha256(content) if pinned else "", len(content) if pinned else 0)


@pytest.fixture
def demo(hub, cache):
    hub.add("zoo/demo", COMMIT, "model.safetensors", MODEL)
    hub.add("zoo/demo", COMMIT, "nested/tokenizer.json", TOKENIZER, etag=git_blob(TOKENIZER))
    return hub


@pytest.mark.parametrize("pinned", [True, False])
def test_files_are_downloaded_once(demo, cache, pinned):
    path = weights.fetch(hub_file(pinned=pinned))
    assert path.read_bytes() == MODEL and path.name == "model.safetensors" and path.is_relative_to(cache)
    small = hub_file("nested/tokenizer.json", TOKENIZER, pinned=pinned)
    assert weights.fetch(small).read_bytes() == TOKENIZER
    assert weights.fetch(hub_file(pinned=pinned), offline=True) == path
    assert len(demo.downloads) == 2
    assert {item.name for item in path.parent.iterdir()} == {path.name, f"{path.name}.receipt.json", ".lock"}


def test_the_same_content_is_downloaded_once_whoever_publishes_it(demo):
    demo.add("zoo/other", COMMIT, "model.safetensors", MODEL)
    weights.fetch(hub_file())
    other = HubFile("zoo/other", COMMIT, "model.safetensors", sha256(MODEL), len(MODEL))
    assert weights.fetch(other, offline=False).read_bytes() == MODEL
    assert len(demo.downloads) == 1


@pytest.mark.parametrize("fault", ["alter", "short"])
@pytest.mark.parametrize("pinned", [True, False])
def test_an_altered_file_is_never_kept(demo, cache, fault, pinned):
    demo.faults = [fault] * 20
    with pytest.raises((errors.IntegrityError, errors.DownloadError)):
        weights.fetch(hub_file(pinned=pinned))
    assert not list(cache.glob("files/*/model.safetensors"))
    demo.faults = []
    assert weights.fetch(hub_file(pinned=pinned)).read_bytes() == MODEL


def test_a_small_file_is_held_against_its_git_digest(demo, cache):
    demo.faults = ["alter"]
    with pytest.raises(errors.IntegrityError, match="not what the hub declares"):
        weights.fetch(hub_file("nested/tokenizer.json", TOKENIZER, pinned=False))
    assert not list(cache.glob("files/*/tokenizer.json"))


def test_another_file_at_the_commit_is_refused_before_it_is_downloaded(demo):
    with pytest.raises(errors.IntegrityError, match=r"the hub has the SHA-256 .* was published"):
        weights.fetch(hub_file(content=b"what was published"))
    assert not demo.downloads


def test_a_file_that_nobody_vouches_for_is_refused(demo):
    demo.add("zoo/demo", COMMIT, "odd.bin", MODEL, etag="weak")
    with pytest.raises(errors.IntegrityError, match=r"cannot be checked\. Give the source a SHA-256"):
        weights.fetch(hub_file("odd.bin", pinned=False))
    assert weights.fetch(hub_file("odd.bin")).read_bytes() == MODEL


def test_a_branch_is_no_revision(demo):
    demo.add("zoo/demo", "main", "model.safetensors", MODEL)
    demo.headers["/zoo/demo/resolve/main/model.safetensors"]["X-Repo-Commit"] = COMMIT
    with pytest.raises(errors.IntegrityError, match="a revision must be a full one"):
        weights.fetch(hub_file(commit="main", pinned=False))


def test_breaks_and_busy_servers_are_ridden_out(demo, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    demo.faults = ["truncate", "reset"]
    assert weights.fetch(hub_file()).read_bytes() == MODEL
    assert len(demo.downloads) == 3


def test_what_is_missing_is_named(demo):
    with pytest.raises(errors.NotFoundError, match=r"the hub has no nothing\.bin of zoo/demo at 0123456789ab"):
        weights.fetch(hub_file("nothing.bin"))


def test_offline_and_no_network(demo, cache, monkeypatch):
    with pytest.raises(errors.OfflineError, match=r"model\.safetensors of zoo/demo .*not in the cache"):
        weights.fetch(hub_file(), offline=True)
    assert not demo.requests
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(errors.DownloadError, match="Check the network"):
        weights.fetch(hub_file())


@pytest.mark.parametrize("pinned", [True, False])
def test_another_tools_cache_is_used_and_checked(demo, cache, tmp_path, pinned):
    from huggingface_hub import hf_hub_download

    found = hf_hub_download(
        "zoo/demo", "model.safetensors", revision=COMMIT, endpoint=demo.url, cache_dir=_other(tmp_path)
    )
    path = weights.fetch(hub_file(pinned=pinned), offline=True)
    assert path.read_bytes() == MODEL and path.samefile(found)
    assert len(demo.downloads) == 1
    path.resolve().write_bytes(MODEL[:-1] + b"!")
    with pytest.raises(errors.OfflineError):
        weights.fetch(hub_file(pinned=pinned), offline=True)
    assert weights.fetch(hub_file(pinned=pinned)).read_bytes() == MODEL


def _other(tmp_path):
    return tmp_path / "other_tools"
