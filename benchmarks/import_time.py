"""How long `import audiozoo` takes, against `import jax, flax.linen`: medians over fresh processes, taken in turns.

python benchmarks/import_time.py
"""

import statistics
import subprocess
import sys
import time

STATEMENTS = {
    "nothing": "pass",
    "jax and flax.linen": "import jax, flax.linen",
    "audiozoo": "import audiozoo",
    "audiozoo and its zoo": "import audiozoo; audiozoo.list_models()",
    "audiozoo, ready to transcribe": "import audiozoo; audiozoo.pipelines.transcribe",
}


def seconds(statement: str) -> float:
    """The wall time of a fresh interpreter that runs one statement."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def main(rounds: int = 7) -> None:
    """Prints a table; the interpreter's own start is taken off."""
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(rounds):
        for name, statement in STATEMENTS.items():
            times[name].append(seconds(statement))
    median = {name: statistics.median(values) for name, values in times.items()}
    base = median["jax and flax.linen"] - median["nothing"]
    for name, value in median.items():
        print(f"{name:<32} {value:6.2f} s  {(value - median['nothing']) / base:5.2f} x jax and flax.linen")


if __name__ == "__main__":
    main()
