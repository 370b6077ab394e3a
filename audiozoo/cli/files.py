"""What the commands over files share: a bar while one works, its answer where it belongs, its error in one line."""

import contextlib
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import typer

from audiozoo.data import AudioError, duration, printable
from audiozoo.data.files import replacing

SEVERAL = {"txt", "text", "json", "rttm"}  # formats in which the answers about several files can follow each other
EXTENSIONS = {"text": "txt"}  # of formats whose name is none


class Tick(Protocol):
    """Is told how many seconds of a file are done, and in which stage of the work, if it has several."""

    def __call__(self, seconds: float, stage: str = "", /) -> None: ...


class Wrong(typer.Exit):
    """Wrong usage, told in one line; typer's own way would put the line in a box and break it."""

    def __init__(self, message: str):
        say(message)
        super().__init__(2)


@dataclasses.dataclass(frozen=True)
class Answer:
    """About one file."""

    render: Callable[[str], Iterable[str]]  # in a format other than JSON, piece by piece
    record: Callable[[], dict[str, Any]]  # for JSON; a value may be an iterator over numbers, in blocks
    draw: Callable[[Path], Any]  # a picture


def picture_of(draw: Callable[[Path], Any]) -> Answer:
    """An answer that is a picture and nothing else."""
    return Answer(lambda format: (), dict, draw)


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Where answers go: to a folder, as one file per input and format, or to standard output."""

    formats: tuple[str, ...]  # none, where a picture is all that is asked for
    folder: Path | None
    plot: bool
    overwrite: bool = False
    mark: str = ""  # of pictures of one kind: NAME.mark.png
    picture: Path | None = None  # exactly this, for one input

    def written(self, name: str) -> list[Path]:
        """The files that an input's answers of this name go to."""
        formats = self.formats if self.folder else ()
        names = [f"{name}.{EXTENSIONS.get(format, format)}" for format in formats]
        if self.plot:  # `song.png` beside `song.wav` may be its cover
            mark = self.mark or ("" if self.folder else "audiozoo")
            names.append(f"{name}.{mark}.png" if mark else f"{name}.png")
        paths = [(self.folder or Path()) / one for one in names]
        return paths if self.picture is None else [*paths[:-1], self.picture]

    def refuse_to_lose(self, name: str, inputs: Sequence[Path]) -> None:
        """Neither an input nor, unless that was asked for, any other file may be written over.

        Raises:
            FileExistsError: with what to do instead.
        """
        for path in self.written(name):
            if path.exists() and any(one.exists() and path.samefile(one) for one in inputs):
                raise FileExistsError(f"{printable(path)} is an input; choose another --output-dir")
            if os.path.lexists(path) and not self.overwrite:
                raise FileExistsError(f"{printable(path)} exists; --overwrite replaces it")

    def check(self, files: Sequence[Path]) -> None:
        """Refuses what would mix on standard output, and a folder that cannot be one, before the work is done.

        Raises:
            Wrong: with what to do instead.
        """
        if self.picture is not None and (len(files) > 1 or self.folder is not None):
            raise Wrong("--output is for one file; --output-dir is for several")
        if self.folder is None:
            if len(self.formats) > 1:
                raise Wrong("several formats need --output-dir")
            alone = sorted(set(self.formats) - SEVERAL)
            if len(files) > 1 and alone:
                raise Wrong(f"{alone[0]} of several files needs --output-dir")
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".audiozoo-"):
                pass
        except OSError as error:
            raise Wrong(f"--output-dir {self.folder}: {error.strerror or error}") from None


def chosen_formats(values: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The formats of one or more options, each perhaps several with commas.

    Raises:
        Wrong: an unknown one.
    """
    names = [name.strip().lower() for value in values for name in value.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise Wrong(f"no format is called {name!r}; there are {', '.join(known)}")
    return tuple(dict.fromkeys(names)) or (known[0],)


def for_each(files: Sequence[Path], outputs: Outputs, work: Callable[[Path, Tick], Answer]) -> None:
    """Does `work` on every file and puts the answers where they belong; a file that fails does not stop the others.

    Raises:
        typer.Exit: with code 1, after all files, if some failed.
    """
    names, failed = output_names(files), 0
    for file, name in zip(files, names, strict=True):
        if name != file.stem and (outputs.folder or outputs.plot):
            say(f"{printable(file)}: is written as {printable(name)}, for {printable(file.stem)} is taken")
    for index, file in enumerate(files):
        try:
            outputs.refuse_to_lose(names[index], files)
            with bar(file, index, len(files)) as tick:
                answer = work(file, tick)
            _put(answer, file, names[index], outputs, heading=len(files) > 1)
        except BrokenPipeError:
            raise
        except (ValueError, OSError, RuntimeError, MemoryError, ImportError) as error:
            failed += 1
            say(one_line(error, printable(file)))
    if failed:
        if len(files) > 1:
            say(f"{failed} of {len(files)} files failed")
        raise typer.Exit(1)


def output_names(files: Sequence[Path]) -> list[str]:
    """A name for each input's outputs: its stem, with a number where an earlier input has that already."""
    taken: set[str] = set()
    names = []
    for file in files:
        stem = name = file.stem
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


@contextlib.contextmanager
def bar(file: Path, index: int, count: int) -> Iterator[Tick]:
    """A function to tell how many seconds of the file are done; shows a bar where a person is looking."""
    if not sys.stderr.isatty():
        yield lambda seconds, stage="": None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    total = None
    with contextlib.suppress(AudioError):  # `work` will say it
        total = duration(file)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    # Answers are printed after the bar is gone, so that nothing has to pass through rich.
    progress = Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    )
    counted = f" ({index + 1} of {count})" if count > 1 else ""
    with progress:
        name = escape(printable(file.name)) + counted
        task = progress.add_task(name, total=total)

        def tick(seconds: float, stage: str = "", /) -> None:
            progress.update(task, completed=seconds, description=(stage and f"{name}: {stage}") or name)

        yield tick


def say(line: str) -> None:
    """A line for the person, not for the script."""
    print(f"audiozoo: {line}", file=sys.stderr, flush=True)


def one_line(error: BaseException, subject: str = "") -> str:
    """An error's message as one line that names its subject."""
    if isinstance(error, MemoryError):
        text = "there is not enough memory for it"
    elif isinstance(error, OSError) and error.strerror and error.filename is not None:
        text = f"{printable(error.filename)}: {error.strerror}"
    else:
        text = " ".join(str(error).split()) or type(error).__name__
    return text if text.startswith(subject) else f"{subject}: {text}"


def _put(answer: Answer, file: Path, name: str, outputs: Outputs, *, heading: bool) -> None:
    if outputs.folder is None and outputs.formats:
        (format,) = outputs.formats
        if heading and format not in ("json", "rttm"):
            sys.stdout.write(f"==> {printable(file)} <==\n")
        sys.stdout.writelines(_text(answer, file, format))
        sys.stdout.flush()
    paths = outputs.written(name)
    for format, path in zip(outputs.formats if outputs.folder else (), paths, strict=False):
        _written(path, _text(answer, file, format))
    if outputs.plot:
        answer.draw(paths[-1])
        _tell(paths[-1], outputs)


def _text(answer: Answer, file: Path, format: str) -> Iterable[str]:
    return _json({"file": str(file), **answer.record()}) if format == "json" else answer.render(format)


def _json(record: dict[str, Any]) -> Iterator[str]:
    """One line, as `json.dumps` writes it; numbers that come in blocks are never all there at once."""
    yield "{"
    for index, (key, value) in enumerate(record.items()):
        yield f"{', ' if index else ''}{json.dumps(key)}: "
        if isinstance(value, Iterator):
            yield "["
            for number, block in enumerate(value):
                yield (", " if number else "") + json.dumps(block)[1:-1]
            yield "]"
        else:
            yield json.dumps(value, ensure_ascii=False)
    yield "}\n"


def _written(path: Path, text: Iterable[str]) -> None:
    with replacing(path) as scratch, scratch.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(text)
    print(path, flush=True)


def _tell(picture: Path, outputs: Outputs) -> None:
    if outputs.folder is None and outputs.formats:  # standard output has the answer already
        say(f"drew {picture}")
    else:
        print(picture, flush=True)
