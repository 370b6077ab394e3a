"""For people: audio in, answers out."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiozoo.pipelines.options import Options
    from audiozoo.pipelines.pitch import PitchTrack, track_pitch
    from audiozoo.pipelines.plot import draw
    from audiozoo.pipelines.spectrograms import draw_spectrogram
    from audiozoo.pipelines.speech import detect_speech, speech_probabilities
    from audiozoo.pipelines.transcriber import Transcriber, transcribe
    from audiozoo.pipelines.transcript import Segment, Transcript, Word

_HOMES = {  # no page may have the name of a function: importing it would put the page in the function's place
    "Options": "options",
    "PitchTrack": "pitch",
    "Segment": "transcript",
    "Transcriber": "transcriber",
    "Transcript": "transcript",
    "Word": "transcript",
    "detect_speech": "speech",
    "draw": "plot",
    "draw_spectrogram": "spectrograms",
    "speech_probabilities": "speech",
    "track_pitch": "pitch",
    "transcribe": "transcriber",
}

__all__ = [
    "Options",
    "PitchTrack",
    "Segment",
    "Transcriber",
    "Transcript",
    "Word",
    "detect_speech",
    "draw",
    "draw_spectrogram",
    "speech_probabilities",
    "track_pitch",
    "transcribe",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'audiozoo.pipelines' has no attribute {name!r}")
    return getattr(importlib.import_module(f"audiozoo.pipelines.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
