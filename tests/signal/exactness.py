"""How exact a transform is: its float32 error beside its oracle's own, both against a float64 reference.

A test module `tests/signal/test_<module>_oracle.py` lists its comparisons in a dict and tests each of them:

    EXACTNESS = {"stft (librosa)": lambda: (ours32, oracle32, reference64), ...}

    @pytest.mark.parametrize("transform", EXACTNESS)
    def test_as_exact_as_its_oracle(transform):
        exactness.check(*EXACTNESS[transform]())

`python -m tests.signal.exactness [module ...]` prints them all as the table of the documentation.
"""

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

EPSILON = float(np.finfo(np.float32).eps)  # an error below this is that of writing the answer down in float32
FACTOR = 2.0
Comparison = Callable[[], tuple[Any, Any, Any]]  # ours in float32, the oracle's in float32, the reference in float64


class Exactness(NamedTuple):
    """Largest and root-mean-square errors, relative to the largest and the root-mean-square value of the reference."""

    ours: float
    oracle: float
    ours_rms: float
    oracle_rms: float

    @property
    def good(self) -> bool:
        """No more than twice the oracle's error, or too small to matter: by the largest and by the mean error."""
        return self.ours <= max(FACTOR * self.oracle, EPSILON) and self.ours_rms <= max(
            FACTOR * self.oracle_rms, EPSILON
        )


def compare(ours32: Any, oracle32: Any, reference64: Any) -> Exactness:
    """The errors of two float32 answers (real or complex, JAX, NumPy or torch on the CPU) against a float64 one."""
    ours, oracle, reference = np.asarray(ours32), np.asarray(oracle32), np.asarray(reference64)
    narrow, wide = {np.dtype("float32"), np.dtype("complex64")}, {np.dtype("float64"), np.dtype("complex128")}
    if ours.dtype not in narrow or oracle.dtype not in narrow or reference.dtype not in wide:
        raise TypeError(f"want float32, float32 and float64, not {ours.dtype}, {oracle.dtype} and {reference.dtype}")
    if not ours.shape == oracle.shape == reference.shape:
        raise ValueError(f"shapes differ: {ours.shape}, {oracle.shape}, {reference.shape}")
    peak, level = np.abs(reference).max(), _rms(reference)
    if not level > 0:
        raise ValueError("the reference is silent, so that no error is relative to it")
    mine, theirs = ours - reference, oracle - reference  # in float64
    return Exactness(
        float(np.abs(mine).max() / peak),
        float(np.abs(theirs).max() / peak),
        float(_rms(mine) / level),
        float(_rms(theirs) / level),
    )


def check(ours32: Any, oracle32: Any, reference64: Any) -> Exactness:
    """`compare`, and an AssertionError with the figures if ours is the worse by more than a factor of two."""
    figures = compare(ours32, oracle32, reference64)
    assert figures.good, f"float32 error more than {FACTOR:g} times the oracle's: {figures}"
    return figures


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.abs(values) ** 2)))


def table(comparisons: Mapping[str, Comparison]) -> Iterable[str]:
    """Lines of a Markdown table, one row a comparison."""
    yield "| transform (oracle) | our largest error | the oracle's | our RMS error | the oracle's |"
    yield "|---|---|---|---|---|"
    for name, comparison in comparisons.items():
        yield f"| {name} | " + " | ".join(f"{figure:.1e}" for figure in compare(*comparison())) + " |"


def main(names: list[str]) -> None:
    """Print the table of each named module (`spectral`), or of all that have one."""
    files = sorted(Path(__file__).parent.glob("test_*_oracle.py"))
    for module in (file.stem for file in files if not names or file.stem[5:-7] in names):
        comparisons = getattr(importlib.import_module(f"tests.signal.{module}"), "EXACTNESS", None)
        if comparisons:
            print(f"\n{module[5:-7]}\n", *table(comparisons), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
