"""What is written about the models is what the presets say."""

import importlib.util
from pathlib import Path

import pytest

from audiozoo import zoo

FILE = Path(__file__).parents[1] / "docs" / "make_models.py"


@pytest.fixture(scope="module")
def make_models():
    spec = importlib.util.spec_from_file_location("make_models", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_models_are_up_to_date(make_models):
    for path, text in make_models.pages().items():
        assert path.exists() and path.read_text() == text, f"{path.name} is out of date: python docs/make_models.py"


def test_every_model_is_in_both_tables(make_models):
    for name, preset in zoo.PRESETS.items():
        assert f"`{name}`" in make_models.short_table()
        assert f"`{name}`" in make_models.page()
        assert f"{preset.parameters:,}" in make_models.page()


def test_a_readme_without_a_place_for_the_table_is_named(make_models):
    with pytest.raises(ValueError, match="models:begin"):
        make_models.with_table("# A page")
