"""The main job on real audio, shown: what is said and when, where there is speech, at which pitch, in a picture."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import typer

from audiozoo import data, pipelines, zoo
from audiozoo.cli.files import one_line, say
from audiozoo.pipelines.plot import CONFIDENT, draw

SPEECH_TO_TEXT, VOICE_ACTIVITY, PITCH = "whisper_tiny_en", "silero_vad_v6", "crepe_tiny"
VOICE_HZ = (50.0, 550.0)  # where people speak


def run(names: Sequence[str], folder: Path) -> None:
    """Shows each recording; one that cannot be had does not stop the others.

    Raises:
        typer.Exit: with code 1 if something could not be shown.
    """
    failed = False
    try:
        say(f"loading {SPEECH_TO_TEXT}, {VOICE_ACTIVITY} and {PITCH}")
        transcriber = pipelines.Transcriber.load(SPEECH_TO_TEXT)
        voice_activity, pitch = zoo.load(VOICE_ACTIVITY), zoo.load(PITCH)
    except (OSError, ValueError) as error:
        say(one_line(error))
        raise typer.Exit(1) from None
    for name in names:
        try:
            say(f"listening to {name}")
            audio = data.recording(name)
            transcript = transcriber(audio, word_timestamps=True)
            speech = pipelines.detect_speech(audio, model=voice_activity)
            track = pipelines.track_pitch(audio, model=pitch, decoder="viterbi", fmin=VOICE_HZ[0], fmax=VOICE_HZ[1])
            picture = draw(
                audio,
                path=folder / f"{name}.png",
                transcript=transcript,
                speech=speech,
                pitch=track,
                title=data.RECORDINGS[name].summary,
            )
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            failed = True
            say(one_line(error, name))
        else:
            sys.stdout.write(described(name, transcript, speech, track, picture))
            sys.stdout.flush()
    if failed:
        raise typer.Exit(1)


def described(name: str, transcript: Any, speech: Sequence[Any], pitch: Any, picture: Path) -> str:
    """All that was found, for people."""
    lines = [f"{name}: {data.RECORDINGS[name].summary}", "", "  text"]
    for segment in transcript.segments:
        lines.append(f"    {segment.start:6.2f} – {segment.end:6.2f} s  {segment.text.strip()}")
    lines += ["", "  words, each with the second at which it begins"]
    words = [f"{word.start:.2f} {word.word.strip()}" for segment in transcript.segments for word in segment.words or ()]
    lines += _wrapped(words)
    lines += ["", f"  speech, {sum(one.end - one.start for one in speech):.1f} s"]
    lines += _wrapped([f"{one.start:.2f} – {one.end:.2f}" for one in speech])
    heard = np.asarray(pitch.frequency)[np.asarray(pitch.confidence) >= CONFIDENT]
    lines += ["", "  pitch"]
    if heard.size:
        low, middle, high = np.percentile(heard, (10, 50, 90))
        lines.append(f"    {middle:.0f} Hz in the middle, mostly {low:.0f} to {high:.0f} Hz")
    else:
        lines.append("    none that is sure")
    return "\n".join([*lines, "", f"  picture: {picture}", "", ""])


def _wrapped(items: Sequence[str], width: int = 100) -> list[str]:
    """As many items in a line as fit, none broken."""
    lines = [""]
    for item in items:
        if lines[-1] and len(lines[-1]) + len(item) + 3 > width:
            lines.append("")
        lines[-1] += ("   " if lines[-1] else "") + item
    return [f"    {line}" for line in lines]
