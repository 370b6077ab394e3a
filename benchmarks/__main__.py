"""Runs the races and writes them down: `python -m benchmarks [NAME…] [--output docs/benchmarks.md]`.

Figures of each race go to benchmarks/results/NAME.json, the page is made of all results that are there.
"""

import argparse
import importlib
import json
from pathlib import Path

from benchmarks import harness

RACES = {
    "transcribe": "Transcription",
    "cold_start": "Cold start: from the start of a process to the text",
    "speech": "Voice activity",
    "pitch": "Pitch",
    "signals": "The signal library",
    "signal_hour": "The signal library: an hour at once",
}
RESULTS = Path(__file__).parent / "results"
HEAD = """# Benchmarks

Every contender runs in a process of its own, with two threads, on the same samples and the same weights in float32, in
turn (A B C A B C …) in one session. The first call, which compiles, stands apart from the warm ones; memory is the
peak of the whole process. The ratio is a contender's median over audiozoo's: above 1, audiozoo is ahead. Repeat it
with `make bench`, or `python -m benchmarks NAME` for one of {names}.
"""


def page() -> str:
    """The results as Markdown, with the machine that made each, and what `benchmarks/notes` says of them."""
    parts = [HEAD.format(names=", ".join(f"`{name}`" for name in RACES))]
    for name, title in RACES.items():
        results = RESULTS / f"{name}.json"
        if not results.exists():
            continue
        kept = json.loads(results.read_text())
        rows = [harness.Row(**{**row, "warm": tuple(row["warm"])}) for row in kept["rows"]]
        notes = RESULTS / f"{name}.md"
        parts += [f"## {title}\n", table(name, rows), f"*{kept['machine']}*\n"]
        if notes.exists():
            parts.append(notes.read_text())
    return "\n".join(parts)


def table(name: str, rows: list[harness.Row]) -> str:
    """As the race itself wants it, if it does."""
    return getattr(importlib.import_module(f"benchmarks.{name}"), "table", harness.table)(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(RACES))
    parser.add_argument("--output", type=Path, default=harness.ROOT / "docs" / "benchmarks.md")
    parser.add_argument("--page-only", action="store_true", help="make the page of the results that are there")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(RACES):
        parser.error(f"no race {', '.join(sorted(unknown))}; there are {', '.join(RACES)}")
    for name in [] if arguments.page_only else arguments.names or RACES:
        rows = importlib.import_module(f"benchmarks.{name}").rows()
        harness.save(RESULTS / f"{name}.json", rows)
        print(table(name, rows))
    arguments.output.write_text(page())


if __name__ == "__main__":
    main()
