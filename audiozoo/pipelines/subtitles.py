"""Transcripts as files: plain text, subtitles (SRT, WebVTT), tables (TSV) and JSON, as openai-whisper writes them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from audiozoo.pipelines.transcript import Transcript

Format = Literal["txt", "srt", "vtt", "tsv", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)


def write(transcript: Transcript, path: str | Path, format: Format | None = None) -> Path:
    """Writes a transcript to a file, in the format that its ending names unless told.

    Raises:
        ValueError: an unknown format.
    """
    path = Path(path)
    text = render(transcript, format or path.suffix.lstrip("."))  # type: ignore[arg-type]
    path.write_text(text, encoding="utf-8")
    return path


def render(transcript: Transcript, format: Format) -> str:
    """A transcript in one of `FORMATS`.

    Raises:
        ValueError: an unknown format.
    """
    segments = transcript.segments
    if format == "txt":
        return "".join(f"{segment.text.strip()}\n" for segment in segments)
    if format == "srt":
        blocks = enumerate(cues(transcript, decimal_mark=",", hours=True), start=1)
        return "".join(f"{number}\n{start} --> {end}\n{text}\n\n" for number, (start, end, text) in blocks)
    if format == "vtt":
        blocks = cues(transcript, decimal_mark=".", hours=False)
        return "WEBVTT\n\n" + "".join(f"{start} --> {end}\n{text}\n\n" for start, end, text in blocks)
    if format == "tsv":
        rows = (
            f"{round(1000 * segment.start)}\t{round(1000 * segment.end)}\t{_one_cell(segment.text)}\n"
            for segment in segments
        )
        return "start\tend\ttext\n" + "".join(rows)
    if format == "json":
        return json.dumps(transcript.to_dict())
    raise ValueError(f"no transcript format is called {format!r}; there are {', '.join(FORMATS)}")


def cues(transcript: Transcript, *, decimal_mark: str, hours: bool) -> Iterator[tuple[str, str, str]]:
    """Start, end and text of each subtitle, one a segment; from the words where there are word times."""
    for segment in transcript.segments:
        if segment.words is None:
            start, end, text = segment.start, segment.end, segment.text.strip().replace("-->", "->")
        elif segment.words:
            start, end = segment.words[0].start, segment.words[-1].end
            text = segment.words[0].word.strip() + "".join(word.word for word in segment.words[1:])
        else:
            continue
        clock = lambda seconds: clock_time(seconds, decimal_mark=decimal_mark, hours=hours)
        yield clock(start), clock(end), text


def clock_time(seconds: float, *, decimal_mark: str = ".", hours: bool = False) -> str:
    """``[hours:]minutes:seconds.milliseconds``; `hours` writes them even where there are none.

    Raises:
        ValueError: a time before zero.
    """
    if seconds < 0:
        raise ValueError(f"a subtitle cannot be at {seconds} s")
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, whole = divmod(whole, 60)
    hour, minutes = divmod(minutes, 60)
    front = f"{hour:02d}:" if hours or hour else ""
    return f"{front}{minutes:02d}:{whole:02d}{decimal_mark}{milliseconds:03d}"


def _one_cell(text: str) -> str:
    return text.strip().replace("\t", " ")
