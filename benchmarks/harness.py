"""Runs contenders in turn (A B C A B C …), each in its own process with the same two threads, and reports medians.

The first call of each, which compiles or warms up, is kept apart from the warm ones. Memory is the peak of the whole
process. Nothing here judges: it measures and writes down.
"""

import contextlib
import contextvars
import dataclasses
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

THREADS = 2
SIZES = ((1, 1), (1, 10), (1, 600), (16, 1), (16, 10))  # (batch, seconds of sound) in the races of signals
RACE_SECONDS = 3.0  # of all contenders together, for the rounds of a race between standing ones
ROOT = Path(__file__).parents[1]
PACKAGES = (
    "jax",
    "flax",
    "torch",
    "transformers",
    "faster-whisper",
    "ctranslate2",
    "onnxruntime",
    "torchcrepe",
    "librosa",
    "torchaudio",
    "scipy",
    "soxr",
    "PyWavelets",
    "kymatio",
    "numpy",
)


@dataclasses.dataclass(frozen=True)
class Row:
    """What one contender did in one race."""

    race: str
    contender: str
    setup: float  # seconds to import, load weights, and be ready
    first: float  # seconds of the first call, compilation included
    warm: tuple[float, ...]  # seconds of each later call
    peak_mib: float | None  # None: not measured
    answer: Any

    @property
    def median(self) -> float:
        return statistics.median(self.warm)


class Contender:
    """A worker process that runs a contender when asked."""

    def __init__(self, name: str) -> None:
        command = [sys.executable, "-m", "benchmarks.worker"]
        self.name = name
        self.setup = 0.0
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def prepare(self, module: str, settings: Mapping[str, Any]) -> "Contender":
        """Gets ready for a race."""
        told = self._ask({"module": module, "contender": self.name, "settings": dict(settings)})
        self.setup = float(told["setup"])
        return self

    def run(self) -> dict[str, Any]:
        return self._ask({})

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        print(json.dumps(question), file=self.process.stdin, flush=True)
        return self._hear()

    def close(self) -> None:
        self.process.communicate()

    def _hear(self) -> dict[str, Any]:
        stdout = self.process.stdout
        line = stdout.readline() if stdout else ""
        if not line:
            raise RuntimeError(f"contender {self.name!r} ended with status {self.process.wait()}; its error is above")
        return json.loads(line)


def environment(**more: str) -> dict[str, str]:
    """This environment with every library's threads set alike."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(THREADS)), "TOKENIZERS_PARALLELISM": "false", **more}


_standing: contextvars.ContextVar[dict[str, Contender] | None] = contextvars.ContextVar("standing", default=None)


@contextlib.contextmanager
def standing() -> Iterator[None]:
    """Within it a contender keeps its process from race to race, so that hundreds of short races take minutes.

    Memory is then that of all its races, and is not reported.
    """
    workers: dict[str, Contender] = {}
    token = _standing.set(workers)
    try:
        yield
    finally:
        _standing.reset(token)
        for worker in workers.values():
            worker.close()


def sizes(longest: float = 600) -> dict[str, dict[str, int]]:
    """Names of `SIZES` and their settings, up to so many seconds."""
    told = {1: "1 s", 10: "10 s", 600: "10 min"}
    found = [(batch, seconds) for batch, seconds in SIZES if seconds <= longest]
    return {f"{batch} × {told[seconds]}": {"batch": batch, "seconds": seconds} for batch, seconds in found}


def race(name: str, module: str, contenders: Sequence[str], settings: Mapping[str, Any], repeats: int = 5) -> list[Row]:
    """One race: every contender set up and warmed, then `repeats` rounds in which each runs once.

    Of `standing` contenders, quick races have up to five times as many rounds, slow ones no fewer than two.
    """
    print(f"{name}: {', '.join(contenders)}", file=sys.stderr)
    kept = _standing.get()
    known = {} if kept is None else kept
    for contender in contenders:
        if contender not in known:
            known[contender] = Contender(contender)
    workers = [known[contender].prepare(module, settings) for contender in contenders]
    firsts = [worker.run() for worker in workers]
    rounds = [[worker.run() for worker in workers] for _ in range(repeats if kept is None else 1)]
    if kept is None:
        for worker in workers:
            worker.close()
    else:
        seconds = sum(result["seconds"] for result in rounds[0])
        further = min(5 * repeats, max(2, int(RACE_SECONDS / max(seconds, 1e-6)))) - 1
        rounds += [[worker.run() for worker in workers] for _ in range(further)]
    return [
        Row(
            race=name,
            contender=worker.name,
            setup=worker.setup,
            first=firsts[i]["seconds"],
            warm=tuple(results[i]["seconds"] for results in rounds),
            peak_mib=None if kept is not None else (rounds[-1] if rounds else firsts)[i]["peak_mib"],
            answer=firsts[i]["answer"],
        )
        for i, worker in enumerate(workers)
    ]


def races(
    module: str, who: Mapping[str, Sequence[str]], repeats: int = 7, longest: Mapping[str, float] | None = None
) -> list[Row]:
    """A race of every transform, between the contenders named, at every one of `SIZES` up to its longest."""
    results = []
    for what, contenders in who.items():
        for size, settings in sizes((longest or {}).get(what, 600)).items():
            results += race(f"{what}, {size}", module, contenders, {"what": what, **settings}, repeats)
    return results


def table(rows: Iterable[Row], ours: str = "audiozoo") -> str:
    """A Markdown table; the ratio is a contender's median over ours: above 1, audiozoo is ahead of it."""
    rows = list(rows)
    own = {row.race: row.median for row in rows if row.contender == ours}
    lines = [
        "| what | contender | warm median s | min–max s | time / audiozoo's | first call s | setup s | peak MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = "" if row.contender == ours else f"{row.median / own[row.race]:.2f}"
        peak = "" if row.peak_mib is None else f"{row.peak_mib:.0f}"
        setup = f"{row.setup:.2f}" if row.setup else ""
        lines.append(
            f"| {row.race} | {row.contender} | {row.median:.3f} | {min(row.warm):.3f}–{max(row.warm):.3f} | {ratio} "
            f"| {row.first:.2f} | {setup} | {peak} |"
        )
    return "\n".join(lines) + "\n"


def machine() -> str:
    """One paragraph that says what ran where."""
    cpu = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    memory = next((int(line.split()[1]) / 2**20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return (
        f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB; {platform.system()}, Python {platform.python_version()}; "
        f"{', '.join(versions)}; {THREADS} threads each."
    )


def save(path: Path, rows: Sequence[Row]) -> None:
    """The raw figures as JSON, so that a table can be made again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"machine": machine(), "rows": [dataclasses.asdict(row) for row in rows]}, indent=1) + "\n"
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
