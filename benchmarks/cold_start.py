"""From the start of a process to the text of the eleven-second recording, weights already on disk.

A compiling library pays on its first call. audiozoo's command keeps its compiled programs between processes;
"no compile cache" is the very first run on a machine.
"""

import subprocess
import sys
import tempfile
import time

from benchmarks import harness

MODEL = "whisper_tiny_en"
PROGRAM = """
from benchmarks.transcribe import CONTENDERS
print(CONTENDERS[{name!r}](model={model!r}, audio="jfk", beam_size={beam})())
"""


def once(name: str, beam: int, **environment: str) -> tuple[float, str]:
    """Seconds that a fresh process takes, and its text."""
    program = PROGRAM.format(name=name, model=MODEL, beam=beam)
    inherited = {name: value for name, value in harness.environment().items() if not name.startswith("JAX_")}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=harness.ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - start, done.stdout.strip().splitlines()[-1]


def rows(repeats: int = 5, beam: int = 1) -> list[harness.Row]:
    times: dict[str, list[float]] = {}
    texts: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as kept:
        cache = {"JAX_COMPILATION_CACHE_DIR": kept, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        cache["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
        once("audiozoo", beam, **cache)
        runs: dict[str, tuple[str, dict[str, str]]] = {
            "audiozoo": ("audiozoo", cache),
            "audiozoo, no compile cache": ("audiozoo", {}),
            "faster-whisper": ("faster-whisper", {}),
            "transformers": ("transformers", {}),
        }
        for _ in range(repeats):
            for label, (name, environment) in runs.items():
                seconds, texts[label] = once(name, beam, **environment)
                times.setdefault(label, []).append(seconds)
    race = f"cold start, {MODEL}, 11 s, {'greedy' if beam == 1 else f'beam {beam}'}"
    return [
        harness.Row(race, label, 0.0, seconds[0], tuple(seconds), None, texts[label])
        for label, seconds in times.items()
    ]
