"""What the scripts share that make parts of pages: text between two marks, and files written or only checked."""

import sys
from collections.abc import Mapping
from pathlib import Path


def between(text: str, mark: str, script: str, new: str) -> str:
    """The text with what is between the marks `mark:begin` and `mark:end` made anew.

    Raises:
        ValueError: it has no such marks.
    """
    begin, end = f"<!-- {mark}:begin (made by docs/{script}) -->", f"<!-- {mark}:end -->"
    if begin not in text or end not in text:
        raise ValueError(f"there is no place for what docs/{script} makes: write the lines {begin!r} and {end!r}")
    return f"{text.split(begin)[0]}{begin}\n{new}\n{end}{text.split(end)[1]}"


def write(files: Mapping[Path, str], script: str) -> int:
    """Writes the files that are out of date, or with `--check` only names them, and is then 1 if there are any."""
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    check = "--check" in sys.argv[1:]
    for path in stale:
        if check:
            print(f"{path.name} is out of date: python docs/{script}", file=sys.stderr)
        else:
            path.write_text(files[path])
    return int(check and bool(stale))
