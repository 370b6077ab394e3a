"""A test that cannot fail is a defect: every check passes the toy that is right, and fails the toy that is not."""

import dataclasses

import pytest

from tests.conformance import contract, devices, gradients, invariance, mistakes, oracles, persistence, suite, values
from tests.conformance.subject import Subject
from tests.conformance.toys import Abrupt, Deaf, Forgetful, streaming_toy, toy

RIGHT = Subject(toy())
CHECKS = {*suite.EVERY_PRESET, *suite.EVERY_TWIN, *suite.checks_of_kind(RIGHT)} - {oracles.check_oracle_tests}

CULPRITS = {  # what is wrong: which checks have to see it
    "answers nothing": [values.check_no_samples],
    "ignores dtype": [devices.check_bfloat16],
    "half parameters": [devices.check_parameters_are_float32],
    "automatic names": [contract.check_names],
    "statistics of padding": [gradients.check_statistics_see_no_padding],
    "convolves padding": [invariance.check_padding, invariance.check_batch_mates],
    "averages padding": [invariance.check_padding, invariance.check_batch_mates],
    "checks no waveform": [mistakes.check_wrong_waveforms],
    "checks no lengths": [mistakes.check_wrong_lengths],
    "fixed batch": [persistence.check_export],
    "nan at silence": [values.check_finite],
    "nan gradient at silence": [gradients.check_gradients_are_finite],
    "overflows": [values.check_finite],
    "hears nothing": [gradients.check_every_parameter_learns],
    "hears batch-mates": [
        invariance.check_batch_mates,
        invariance.check_transforms,
        values.check_nan_stays_in_its_row,
        devices.check_eight_devices,
    ],
    "random": [invariance.check_pure, invariance.check_transforms],
    "dead parameter": [gradients.check_every_parameter_learns],
    "branches on values": [invariance.check_transforms],
    "constant init": [devices.check_init_is_deterministic],
    "bare tuple": [values.check_declared_outputs],
    "half outputs": [devices.check_bfloat16],
    "wrong shapes": [values.check_declared_outputs],
    "never equal": [invariance.check_traced_once, contract.check_value],
}
WRONG_CARDS = [
    ({"parameters": 1_000}, contract.check_parameter_count),
    ({"task": "Speech To Text"}, contract.check_card),
    ({"paper": ""}, contract.check_card),
    ({"leaks": "it does not"}, invariance.check_leak_is_real),
    ({"streams": True}, invariance.check_streaming),
]


def run(check, subject, folder):
    check(subject, *([folder] if check in suite.NEED_A_FOLDER else []))


@pytest.mark.parametrize("check", sorted(CHECKS, key=lambda check: check.__name__), ids=lambda check: check.__name__)
def test_the_right_toy_passes(check, tmp_path):
    run(check, RIGHT, tmp_path)


@pytest.mark.parametrize(
    "fault, check",
    [(fault, check) for fault, checks in CULPRITS.items() for check in checks],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_the_culprit_is_caught(fault, check, tmp_path):
    with pytest.raises(Exception):  # noqa: B017 - whatever way it comes to light
        run(check, Subject(toy(fault)), tmp_path)


@pytest.mark.parametrize("card, check", WRONG_CARDS, ids=lambda v: getattr(v, "__name__", None) or next(iter(v)))
def test_a_wrong_card_is_caught(card, check):
    with pytest.raises((AssertionError, AttributeError)):
        check(Subject(dataclasses.replace(toy(), **card)))


@pytest.mark.parametrize("kind", [Forgetful, Deaf, Abrupt])
def test_a_wrong_stream_is_caught(kind):
    with pytest.raises(AssertionError):
        invariance.check_streaming(Subject(streaming_toy(kind)))


def test_a_family_without_oracle_tests_is_caught():
    with pytest.raises(AssertionError, match=r"test_toys_oracle\.py"):
        oracles.check_oracle_tests(RIGHT)


def test_oracle_tests_that_leave_something_out_are_caught():
    page = """
pytestmark = pytest.mark.oracle
def test_every_stage(): ...
@pytest.mark.weights
def test_published(): ...
"""
    assert oracles.missing_tests(page, published=True) == ["gradients"]
    assert oracles.missing_tests("def test_x(): ...", published=False) == [
        "every stage",
        "gradients",
        "the mark `oracle`, for the whole page",
    ]


def test_every_check_is_in_the_suite():
    """A check that is written and not listed would check nothing."""
    modules = (contract, devices, gradients, invariance, mistakes, oracles, persistence, values)
    written = {f for module in modules for name, f in vars(module).items() if name.startswith("check_")}
    listed = {*CHECKS, oracles.check_oracle_tests, *suite.WHERE_IT_STREAMS, *suite.WHERE_IT_LEAKS}
    assert {f.__name__ for f in written} - {"check_waveform"} == {f.__name__ for f in listed}
