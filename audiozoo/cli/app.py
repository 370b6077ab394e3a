"""The commands. What they need is imported when they run, so that `audiozoo --help` answers at once."""

import contextlib
import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from audiozoo.cli.files import Answer, Tick

app = typer.Typer(
    name="audiozoo",
    help="Audio models on JAX: speech to text, voice activity, pitch.",
    epilog="Answers go to standard output. Exit codes: 0 all is well, 1 some inputs failed, 2 wrong usage, "
    "130 interrupted. AUDIOZOO_HOME is where downloads are kept; AUDIOZOO_OFFLINE=1 uses nothing else.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ROWS = 4096  # of an answer, written at once

Files = Annotated[list[Path], typer.Argument(metavar="FILES...", help="Sound files: any format, rate and channels.")]
OutputDir = Annotated[
    Path | None, typer.Option("--output-dir", "-o", help="Write one file per input and format here.", metavar="DIR")
]
Plot = Annotated[
    bool,
    typer.Option(
        "--plot", help="Draw a picture of each file: NAME.png in the output folder, or NAME.audiozoo.png here."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist; inputs never are.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    """What is asked of the command itself."""
    if version:
        from audiozoo import __version__

        print(f"audiozoo {__version__}")
        raise typer.Exit


@app.command()
def transcribe(
    files: Files,
    model: Annotated[str, typer.Option("--model", "-m", help="`audiozoo list --task speech-to-text` names them.")] = (
        "whisper_tiny_en"
    ),
    language: Annotated[str | None, typer.Option(help="A code such as en; detected by default.")] = None,
    task: Annotated[Literal["transcribe", "translate"], typer.Option(help="translate: into English.")] = "transcribe",
    beam_size: Annotated[int, typer.Option(min=1, help="1 is greedy: faster.")] = 5,
    word_timestamps: Annotated[bool, typer.Option("--word-timestamps", help="Find the time of every word.")] = False,
    vad: Annotated[bool, typer.Option("--vad", help="Transcribe only where there is speech.")] = False,
    format: Annotated[
        list[str] | None, typer.Option("--format", "-f", help="txt, srt, vtt, tsv, json; several with commas.")
    ] = None,
    output_dir: OutputDir = None,
    plot: Plot = False,
    overwrite: Overwrite = False,
) -> None:
    """Write down what is said in recordings of any length."""
    from audiozoo.cli import files as shared
    from audiozoo.pipelines import Transcriber, subtitles

    outputs = shared.Outputs(shared.chosen_formats(format or [], subtitles.FORMATS), output_dir, plot, overwrite)
    outputs.check(files)
    _prepare()
    transcriber = _ready(Transcriber.load, model, hint="--model")
    settings: dict[str, Any] = {"language": language, "task": task, "beam_size": beam_size, "vad": vad}
    settings["word_timestamps"] = word_timestamps
    if vad:
        _ready(lambda _: transcriber.voice_activity, "the model of --vad", hint="--vad")  # once, before any file
    try:
        transcriber.options(**settings)
    except ValueError as error:
        raise shared.Wrong(str(error)) from None

    def work(file: Path, tick: "Tick") -> "Answer":
        listening = lambda seconds: tick(seconds, "finding speech")
        transcript = transcriber(file, progress=tick, vad_progress=listening if vad else None, **settings)
        return shared.Answer(
            lambda format: subtitles.render(transcript, format),  # type: ignore[arg-type]
            transcript.to_dict,
            lambda picture: _draw(file, picture, transcript=transcript),
        )

    shared.for_each(files, outputs, work)


@app.command()
def detect_speech(
    files: Files,
    model: Annotated[str, typer.Option("--model", "-m", help="`audiozoo list --task voice-activity` names them.")] = (
        "silero_vad_v6"
    ),
    threshold: Annotated[float, typer.Option(min=0.0, max=1.0, help="Probability from which on it is speech.")] = 0.5,
    format: Annotated[
        list[str] | None, typer.Option("--format", "-f", help="text (start, end in seconds), json, rttm.")
    ] = None,
    output_dir: OutputDir = None,
    plot: Plot = False,
    overwrite: Overwrite = False,
) -> None:
    """Find where there is speech."""
    from audiozoo import pipelines
    from audiozoo.cli import files as shared

    outputs = shared.Outputs(shared.chosen_formats(format or [], ("text", "json", "rttm")), output_dir, plot, overwrite)
    outputs.check(files)
    _prepare()
    network = _ready(_of_task("voice-activity"), model, hint="--model")

    def work(file: Path, tick: "Tick") -> "Answer":
        found = pipelines.detect_speech(file, model=network, threshold=threshold, progress=tick)
        name = "_".join(file.stem.split()) or "_"
        lines = {
            "text": [f"{one.start:.3f}\t{one.end:.3f}\n" for one in found],
            "rttm": [
                f"SPEAKER {name} 1 {one.start:.3f} {one.end - one.start:.3f} <NA> <NA> speech <NA> <NA>\n"
                for one in found
            ],
        }
        record = {"speech": [{"start": round(one.start, 3), "end": round(one.end, 3)} for one in found]}
        return shared.Answer(
            lambda format: lines[format],
            lambda: record,
            lambda picture: _draw(file, picture, speech=found),
        )

    shared.for_each(files, outputs, work)


@app.command()
def pitch(
    files: Files,
    model: Annotated[str, typer.Option("--model", "-m", help="`audiozoo list --task pitch` names them.")] = (
        "crepe_tiny"
    ),
    decoder: Annotated[
        Literal["weighted_argmax", "viterbi"], typer.Option(help="viterbi: a smooth path, no octave jumps.")
    ] = "weighted_argmax",
    fmin: Annotated[float, typer.Option(min=1.0, help="Hertz, the lowest pitch to look for.")] = 50.0,
    fmax: Annotated[float, typer.Option(min=1.0, help="Hertz, the highest; 550 for speech.")] = 2006.0,
    format: Annotated[
        list[str] | None, typer.Option("--format", "-f", help="csv (time in s, frequency in Hz, confidence), json.")
    ] = None,
    output_dir: OutputDir = None,
    plot: Plot = False,
    overwrite: Overwrite = False,
) -> None:
    """Track the pitch of one voice or instrument."""
    from audiozoo import pipelines
    from audiozoo.cli import files as shared

    outputs = shared.Outputs(shared.chosen_formats(format or [], ("csv", "json")), output_dir, plot, overwrite)
    outputs.check(files)
    if fmin >= fmax:
        raise shared.Wrong(f"--fmin {fmin:g} must be below --fmax {fmax:g}")
    _prepare()
    settings: dict[str, Any] = {"decoder": decoder, "fmin": fmin, "fmax": fmax}
    network = _ready(_of_task("pitch"), model, hint="--model")

    def work(file: Path, tick: "Tick") -> "Answer":
        track = pipelines.track_pitch(file, model=network, progress=tick, **settings)
        return shared.Answer(
            lambda format: _csv(track),
            lambda: {
                "time": _rounded(track.time, 3),
                "frequency": _rounded(track.frequency, 3),
                "confidence": _rounded(track.confidence, 4),
            },
            lambda picture: _draw(file, picture, pitch=track),
        )

    shared.for_each(files, outputs, work)


@app.command()
def spectrogram(
    files: Files,
    kind: Annotated[str, typer.Option("--kind", "-k", help="What is drawn; an unknown one lists them all.")] = "mel",
    output: Annotated[
        Path | None,
        typer.Option("--output", help="The picture: png, pdf, svg, …; by default NAME.KIND.png here.", metavar="PNG"),
    ] = None,
    output_dir: OutputDir = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw recordings of any length as pictures over time and frequency."""
    from audiozoo.cli import files as shared
    from audiozoo.pipelines import canvas
    from audiozoo.pipelines.spectrograms import KINDS, columns, paint

    if kind not in KINDS:
        raise shared.Wrong(f"no spectrogram is called {kind!r}; there are {', '.join(KINDS)}")
    if output is not None:
        try:
            canvas.check_name(output)
        except ValueError as error:
            raise shared.Wrong(f"--output {error}") from None
    outputs = shared.Outputs((), output_dir, True, overwrite, mark=kind, picture=output)
    outputs.check(files)
    _prepare()

    def work(file: Path, tick: "Tick") -> "Answer":
        found = columns(file, kind, progress=tick)
        return shared.picture_of(lambda picture: paint(found, kind, path=picture, title=canvas.title_of(file)))

    shared.for_each(files, outputs, work)


@app.command("list")
def list_command(
    pattern: Annotated[str, typer.Argument(help="A shell pattern such as 'whisper*'.")] = "*",
    task: Annotated[str | None, typer.Option(help="Such as speech-to-text, voice-activity, pitch.")] = None,
    pretrained: Annotated[bool, typer.Option("--pretrained", help="Only those with published weights.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the models of the zoo."""
    from audiozoo import zoo

    cards = [(name, zoo.preset(name)) for name in zoo.list_models(pattern, task=task, pretrained=pretrained or None)]
    if as_json:
        rows = [
            {"name": name, "task": card.task, "parameters": card.parameters, "pretrained": bool(card.published)}
            | {"summary": card.summary}
            for name, card in cards
        ]
        print(json.dumps(rows, indent=2))
        return
    cells = [(name, card.task, f"{card.parameters:,}", card.summary) for name, card in cards]
    widths = [max((len(row[column]) for row in cells), default=0) for column in range(3)]
    for name, kind, count, summary in cells:
        print(f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {count:>{widths[2]}}  {summary}")
    if not cells:
        print("audiozoo: no model is like that", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def info(
    names: Annotated[list[str], typer.Argument(metavar="MODELS...", help="Names as `audiozoo list` shows them.")],
    as_json: AsJson = False,
) -> None:
    """Tell what is known of a model: size, paper, licence, sources."""
    from audiozoo import zoo

    cards = [_known(zoo.info, name) for name in names]
    if as_json:
        print(json.dumps([dataclasses.asdict(card) for card in cards], indent=2))
    else:
        print("\n\n".join(map(str, cards)))


@app.command()
def pull(
    names: Annotated[list[str], typer.Argument(metavar="MODELS...", help="Names, or patterns such as 'crepe*'.")],
) -> None:
    """Fetch the published files of models ahead of time."""
    from audiozoo import zoo
    from audiozoo.cli.files import one_line, say

    wanted: list[str] = []
    for name in names:
        wanted += zoo.list_models(name, pretrained=True) or [_known(zoo.info, name).name]
    failed = False
    for name in dict.fromkeys(wanted):
        try:
            for kind, path in zoo.files(name).items():
                print(f"{name}\t{kind}\t{path}", flush=True)
        except (OSError, ValueError) as error:
            failed = True
            say(one_line(error, name))
    if failed:
        raise typer.Exit(1)


@app.command()
def demo(
    output_dir: Annotated[
        Path,
        typer.Option("--output-dir", "-o", help="Where the pictures go; earlier ones are replaced.", metavar="DIR"),
    ] = Path("demo"),
    recording: Annotated[
        list[str] | None, typer.Option("--recording", help="jfk, telephone, arctic; the first two by default.")
    ] = None,
) -> None:
    """Fetch published weights and real recordings; transcribe, detect speech, track pitch, draw."""
    from audiozoo.cli import demo as show
    from audiozoo.cli.files import Outputs, Wrong
    from audiozoo.data import RECORDINGS

    names = recording or ["jfk", "telephone"]
    for name in names:
        if name not in RECORDINGS:
            raise Wrong(f"no recording is called {name!r}; there are {', '.join(RECORDINGS)}")
    Outputs(("txt",), output_dir, plot=True).check([])
    _prepare()
    show.run(names, output_dir)


def _csv(track: Any) -> Iterator[str]:
    yield "time,frequency,confidence\n"
    columns = (_rounded(column, digits) for column, digits in zip(track, (3, 3, 4), strict=True))
    for block in zip(*columns, strict=True):
        yield "".join(f"{t:.3f},{f:.3f},{c:.4f}\n" for t, f, c in zip(*block, strict=True))


def _rounded(numbers: Any, digits: int) -> Iterator[list[float]]:
    """In blocks, for a list takes ten times the memory of the array."""
    for start in range(0, len(numbers), ROWS):
        yield [round(float(number), digits) for number in numbers[start : start + ROWS]]


def _prepare() -> None:
    """Compiled programs outlive the process, unless the user has told JAX where to keep them or not to."""
    import jax

    from audiozoo import weights

    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        folder = weights.home() / "compiled"
        _forget_half_written(folder)
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_compilation_cache_max_size", 2**30)  # bytes; what was not used for longest goes first


def _forget_half_written(folder: Path) -> None:
    """A program without the time of its last use, as a killed process leaves it, would keep JAX from adding others."""
    names = set(os.listdir(folder)) if folder.is_dir() else set()  # one look for all, as every command does this
    for name in names:
        if name.endswith("-cache") and f"{name.removesuffix('-cache')}-atime" not in names:
            with contextlib.suppress(OSError):
                if (folder / name).stat().st_mtime < time.time() - 60:  # it may be being written just now
                    (folder / name).unlink()


def _known(look_up: Any, name: str) -> Any:
    """What `look_up` knows of a model; a name that nobody knows is wrong usage."""
    from audiozoo import zoo
    from audiozoo.cli.files import Wrong

    try:
        return look_up(name)
    except zoo.UnknownModel as error:
        raise Wrong(str(error)) from None


def _of_task(task: str) -> Any:
    """A function that loads a model for this task, by name or path, as (model, variables)."""
    from audiozoo.pipelines.choice import chosen

    return lambda model: tuple(chosen(model, task))[1:]


def _ready(load: Any, model: str, *, hint: str) -> Any:
    """A loaded model; a name or task that does not fit is wrong usage, weights that cannot be had are a failure."""
    from audiozoo.cli.files import Wrong, one_line, say

    try:
        return _known(load, model)
    except OSError as error:
        say(one_line(error, model))
        raise typer.Exit(1) from None
    except ValueError as error:
        raise Wrong(f"{hint} {model}: {error}") from None


def _draw(file: Path, picture: Path, **found: Any) -> Path:
    from audiozoo.pipelines.plot import draw

    return draw(file, path=picture, **found)
