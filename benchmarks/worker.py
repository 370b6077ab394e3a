"""One contender in a process of its own: set up once, then run whenever the parent asks.

Called by `benchmarks.harness` as `python -m benchmarks.worker MODULE CONTENDER SETTINGS`; speaks JSON lines.
"""

import importlib
import json
import os
import resource
import sys
import time

from benchmarks.harness import THREADS


def main() -> None:
    module, contender, settings = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):  # XLA takes all the processors that it sees
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    speak = sys.stdout
    sys.stdout = sys.stderr  # what a library prints is no answer of ours

    def say(**fields: object) -> None:
        print(json.dumps(fields), file=speak, flush=True)

    start = time.perf_counter()
    run = importlib.import_module(module).CONTENDERS[contender](**json.loads(settings))
    say(setup=time.perf_counter() - start)
    for _ in sys.stdin:
        start = time.perf_counter()
        answer = run()
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
        say(seconds=seconds, peak_mib=peak, answer=answer)


if __name__ == "__main__":
    main()
