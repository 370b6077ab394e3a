"""The signal library beside librosa, PyTorch and scipy: all of `benchmarks/signal_*.py` in one session.

`python -m benchmarks signals` runs them all; `python -m benchmarks.signal_spectral` one group by itself, with memory.
"""

import importlib
from collections.abc import Iterable

from benchmarks import harness

GROUPS = (
    "signal_spectral",
    "signal_perceptual",
    "signal_frontends",
    "signal_filters",
    "signal_constant_q",
    "signal_music",
    "signal_wavelets",
    "signal_augmentation",
)


def rows() -> list[harness.Row]:
    """Every race of every group, between contenders that keep their processes."""
    with harness.standing():
        return [row for group in GROUPS for row in importlib.import_module(f"benchmarks.{group}").rows()]


def table(rows: Iterable[harness.Row], ours: str = "audiozoo") -> str:
    """A line a race: our median and first call, and every other's median over ours."""
    races: dict[str, dict[str, harness.Row]] = {}
    for row in rows:
        races.setdefault(row.race, {})[row.contender] = row
    lines = ["| what, batch × length | audiozoo ms | first call s | others' time / audiozoo's |", "|---|---:|---:|---|"]
    for race, found in races.items():
        own = found[ours]
        others = [f"{name} {row.median / own.median:.2f}" for name, row in found.items() if name != ours]
        behind = any(row.median < own.median for row in found.values())
        name = f"**{race}**" if behind else race
        lines.append(f"| {name} | {own.median * 1e3:.2f} | {own.first:.2f} | {', '.join(others)} |")
    return "\n".join(lines) + "\n\nBold: audiozoo is behind somebody.\n"
