"""What `audiozoo.signal` exports: it exists, says what it is, is told of in the docs, and type checkers see it."""

import importlib
import inspect
import re
from pathlib import Path

import make_signal
import pytest

from audiozoo import signal

ROOT = Path(__file__).parents[2]
NAMES = [(module, name) for module, names in signal.MODULES.items() for name in names]


def test_what_is_made_of_the_table_is_up_to_date():
    for path, text in make_signal.files().items():
        assert path.exists() and path.read_text() == text, f"{path.name} is out of date: python docs/make_signal.py"


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_name_is_there_and_documented(module, name):
    thing = getattr(signal, name)
    assert thing is getattr(importlib.import_module(f"audiozoo.signal.{module}"), name)
    assert inspect.getdoc(thing)
    pages = [page for page in (ROOT / "docs" / "signal").glob("*.md") if page.name != "README.md"]
    told = rf"signal\.{name}\b"
    assert any(re.search(told, page.read_text()) for page in pages), f"no page of docs/signal shows signal.{name}"


def test_no_module_hides_a_function():
    assert not {name for _, name in NAMES} & {path.stem for path in Path(signal.__file__).parent.glob("*.py")}
    assert len({name for _, name in NAMES}) == len(NAMES)


def test_what_is_not_there_is_named():
    with pytest.raises(AttributeError, match="has no attribute 'sftf'"):
        signal.sftf  # noqa: B018
