"""What an installation needs to know of itself: version, names, typing marker, extras."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import audiozoo

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TEST = [Requirement(text) for text in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]]


def test_the_version_is_a_release_number():
    assert re.fullmatch(r"\d+\.\d+\.\d+", audiozoo.__version__)


def test_types_are_shipped():
    assert (Path(audiozoo.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("requirement", TEST, ids=lambda r: r.name)
def test_what_is_installed_satisfies_the_declared_bounds(requirement):
    if requirement.name != "audiozoo":
        assert requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)


def test_every_dependency_has_a_lower_bound():
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    requirements = [Requirement(text) for group in groups for text in group]
    assert not [r.name for r in requirements if r.name != "audiozoo" and not str(r.specifier).startswith((">=", "=="))]


def test_the_package_depends_on_no_framework_but_jax():
    names = {Requirement(text).name.lower() for text in PROJECT["dependencies"]}
    assert not names & {"torch", "transformers", "tensorflow", "onnxruntime", "librosa", "numba"}
