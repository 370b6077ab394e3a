"""Audio in: files and arrays as mono samples, and real recordings to try things on."""

from audiozoo.data.audio import AudioError, duration, load_audio, stream_audio

__all__ = ["AudioError", "duration", "load_audio", "stream_audio"]
