"""Audio in: files and arrays as mono samples, and real recordings to try things on."""

from audiozoo.data.audio import AudioError, duration, load_audio, printable, stream_audio
from audiozoo.data.recordings import RECORDINGS, Recording, recording

__all__ = [
    "RECORDINGS",
    "AudioError",
    "Recording",
    "duration",
    "load_audio",
    "printable",
    "recording",
    "stream_audio",
]
