"""What every model in the zoo gets, because it is in the zoo. The checks themselves are in tests/conformance/."""

import pytest

from audiozoo import zoo
from tests.conformance import suite
from tests.conformance.subject import Subject


def twins() -> dict[str, Subject]:
    """A small twin of each preset, under the first name of those whose twins are equal."""
    found: dict[str, Subject] = {}
    models = []
    for name, preset in zoo.PRESETS.items():
        subject = Subject(preset)
        if (subject.model, preset.shortest, preset.streams, preset.leaks) not in models:
            models.append((subject.model, preset.shortest, preset.streams, preset.leaks))
            found[name] = subject
    return found


TWINS = twins()
CASES = [(name, check) for name, subject in TWINS.items() for check in suite.checks_of(subject)]


def label(value) -> str:
    return value if isinstance(value, str) else value.__name__.removeprefix("check_")


@pytest.mark.parametrize("check", suite.EVERY_PRESET, ids=label)
@pytest.mark.parametrize("name", zoo.PRESETS)
def test_every_preset(name, check):
    check(Subject(zoo.PRESETS[name]))


@pytest.mark.parametrize("name, check", CASES, ids=label)
def test_every_twin(name, check, tmp_path):
    check(TWINS[name], *([tmp_path] if check in suite.NEED_A_FOLDER else []))


def test_every_preset_has_a_twin_that_is_checked():
    models = [subject.model for subject in TWINS.values()]
    assert all(Subject(preset).model in models for preset in zoo.PRESETS.values())
