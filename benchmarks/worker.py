"""Contenders in a process of their own: each is set up, then run whenever the parent asks.

Called by `benchmarks.harness` as `python -m benchmarks.worker`; hears and speaks JSON lines. `{"module": …,
"contender": …, "settings": …}` sets one up in the place of the one before, `{}` runs it.
"""

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable

from benchmarks.harness import THREADS


def main() -> None:
    if hasattr(os, "sched_setaffinity"):  # XLA takes all the processors that it sees
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    speak = sys.stdout
    sys.stdout = sys.stderr  # what a library prints is no answer of ours

    def say(**fields: object) -> None:
        print(json.dumps(fields), file=speak, flush=True)

    run: Callable[[], object] = lambda: None
    for line in sys.stdin:
        asked = json.loads(line)
        start = time.perf_counter()
        if asked:
            contenders = importlib.import_module(asked["module"]).CONTENDERS
            run = contenders[asked["contender"]](**asked["settings"])
            say(setup=time.perf_counter() - start)
            continue
        answer = run()
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
        say(seconds=seconds, peak_mib=peak, answer=answer)


if __name__ == "__main__":
    main()
