"""What every model in the zoo gets, because it is in the zoo. The checks themselves are in tests/conformance/."""

import pytest

from audiozoo import zoo
from tests.conformance import suite
from tests.conformance.subject import Subject

SUBJECTS = {name: Subject(preset) for name, preset in zoo.PRESETS.items()}


def first_of_each(key) -> dict[str, Subject]:
    """A small twin of each preset, under the first name of those that have the key in common."""
    found: dict = {}
    for name, subject in SUBJECTS.items():
        found.setdefault(key(subject), (name, subject))
    return dict(found.values())


TWINS = first_of_each(lambda twin: (twin.model, twin.preset.shortest, twin.preset.streams, twin.preset.leaks))
KINDS = first_of_each(suite.kind_of)
CASES = [(name, check) for name in TWINS for check in suite.EVERY_TWIN]
CASES += [(name, check) for name, twin in KINDS.items() for check in suite.checks_of_kind(twin)]


def label(value) -> str:
    return value if isinstance(value, str) else value.__name__.removeprefix("check_")


@pytest.mark.parametrize("check", suite.EVERY_PRESET, ids=label)
@pytest.mark.parametrize("name", zoo.PRESETS)
def test_every_preset(name, check):
    check(SUBJECTS[name])


@pytest.mark.parametrize("name, check", CASES, ids=label)
def test_every_twin(name, check, tmp_path):
    check(TWINS[name], *([tmp_path] if check in suite.NEED_A_FOLDER else []))


def test_every_preset_has_a_twin_that_is_checked():
    models = [subject.model for subject in TWINS.values()]
    assert all(subject.model in models for subject in SUBJECTS.values())
