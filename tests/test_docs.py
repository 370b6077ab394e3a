"""What is written is so: the tables of models, the links, the README's code."""

import re
import shutil
from pathlib import Path

import make_models
import numpy as np
import pytest

from audiozoo import zoo
from audiozoo.data import load_audio
from tests import recordings

FILE = Path(make_models.__file__)


def test_the_tables_of_models_are_up_to_date():
    for path, text in make_models.pages().items():
        assert path.exists() and path.read_text() == text, f"{path.name} is out of date: python docs/make_models.py"


def test_every_model_is_in_both_tables():
    for name, preset in zoo.PRESETS.items():
        assert f"`{name}`" in make_models.short_table()
        assert f"`{name}`" in make_models.page()
        assert f"{preset.parameters:,}" in make_models.page()


def test_a_readme_without_a_place_for_the_table_is_named():
    with pytest.raises(ValueError, match="models:begin"):
        make_models.with_table("# A page")


PAGES = sorted([*FILE.parents[1].glob("*.md"), *FILE.parent.rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    inside = [link for link in links if "://" not in link]
    assert not [link for link in inside if not (page.parent / link).exists()]


def test_the_readme_shows_code():
    assert len(blocks(FILE.parents[1] / "README.md")) >= 2


def blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.mark.weights
def test_the_code_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(recordings.jfk(), "speech.wav")
    samples = load_audio("speech.wav", 16_000)
    there = {"waveform": samples[None, :32_000], "lengths": np.array([32_000])}
    for block in blocks(FILE.parents[1] / "README.md"):
        exec(compile(block, "README.md", "exec"), there)
    assert "ask not" in there["transcript"].text
    assert (tmp_path / "speech.png").stat().st_size > 10_000
    assert there["answer"].lengths.tolist() == [63]
    assert there["gradient"].shape == (1, 32_000)
    assert there["log_mel"].shape == (1, 201, 80) and there["lower"].shape == (1, 32_000)
