"""The `audiozoo` command.

Answers go to standard output, everything else to standard error. Exit codes: 0, all is well; 1, some of the inputs
failed (the others are done); 2, the command itself was wrong; 130, interrupted.
"""

import io
import os
import sys

EXTRA = {"typer", "rich", "matplotlib"}


def main() -> None:
    """What runs when someone types `audiozoo`."""
    try:
        from audiozoo.cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        sys.exit(f"audiozoo: the command needs {error.name}, which its extra brings: pip install 'audiozoo[cli]'")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a letter shows its number
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="audiozoo")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read the answers has left, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
