"""A progress bar for people, and nothing for scripts."""

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def bar(label: str, total: int, shown: bool | None) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of bytes that are there so far.

    `shown` None means: where `rich` is installed and standard error is a terminal.
    """
    terminal = sys.stderr is not None and sys.stderr.isatty()
    if not (terminal if shown is None else shown):
        yield lambda done: None
        return
    try:
        from rich import progress as rich
        from rich.console import Console
    except ImportError:
        yield lambda done: None
        return
    columns = (rich.TextColumn("{task.description}"), rich.BarColumn(), rich.DownloadColumn())
    console = Console(stderr=True)
    with rich.Progress(*columns, rich.TransferSpeedColumn(), console=console, transient=True) as progress:
        task = progress.add_task(label, total=total or None)
        yield lambda done: progress.update(task, completed=done)
