"""What the signatures say of shapes and types is true of every model, all the way down."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from audiozoo import zoo


def traced(*arguments: str) -> dict[str, str]:
    command = [sys.executable, "-m", "tests.conformance.annotated", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def problems() -> dict[str, str]:
    return traced()


@pytest.mark.parametrize("name", zoo.PRESETS)
def test_annotations_hold(problems, name):
    assert not problems[name]


def test_an_untrue_annotation_is_caught():
    assert "standardise_frames" in traced("wrong")["toy"]
