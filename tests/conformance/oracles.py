"""Checks that a family is compared with an implementation that is not ours: in the zoo means equal to its oracle."""

import ast
from pathlib import Path

from tests.conformance.subject import Subject

TESTS = Path(__file__).parents[1] / "models"


def check_oracle_tests(subject: Subject) -> None:
    """tests/models/test_FAMILY*_oracle.py compare stages, gradients and, where there are any, published weights."""
    family = type(subject.full.model).__module__.rpartition(".")[2]
    pages = [file.read_text() for file in sorted(TESTS.glob(f"test_{family}*_oracle.py"))]
    assert pages, f"{family} is compared with no oracle: there is no tests/models/test_{family}_oracle.py"
    published = bool(subject.full.published)
    missing = set.intersection(*(set(missing_tests(page, published=published)) for page in pages))
    assert not missing, f"the oracle tests of {family} in tests/models have none of {sorted(missing)}"


def missing_tests(source: str, *, published: bool) -> list[str]:
    """Which of the comparisons a page of oracle tests leaves out, by the names and marks of its tests."""
    tree = ast.parse(source)
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    marks = {test.name: " ".join(map(ast.unparse, test.decorator_list)) for test in tests}
    whole = [ast.unparse(node) for node in tree.body if isinstance(node, ast.Assign)]
    needed = {
        "every stage": any("stage" in name for name in marks),
        "gradients": any("gradient" in name for name in marks),
        "published weights": not published or any("mark.weights" in mark for mark in [*marks.values(), *whole]),
        "the mark `oracle`, for the whole page": any("pytestmark" in line and "mark.oracle" in line for line in whole),
    }
    return [what for what, there in needed.items() if not there]
