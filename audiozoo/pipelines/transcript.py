"""What transcribing gives: text, with times."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Word:
    """A word with its leading space and its punctuation; times in seconds of the clip."""

    start: float
    end: float
    word: str
    probability: float


@dataclasses.dataclass(frozen=True)
class Segment:
    """A stretch of text that the model put between two timestamps; times in seconds of the clip."""

    start: float
    end: float
    text: str  # begins with a space where the language writes one
    tokens: tuple[int, ...]
    temperature: float  # at which the text was found
    avg_logprob: float  # mean log-probability of the window's tokens
    compression_ratio: float  # of the window's text by zlib; repetitions make it large
    no_speech_prob: float
    seek: int = 0  # hundredths of a second: where the window that it was read from begins
    words: tuple[Word, ...] | None = None  # None unless word times were asked for


@dataclasses.dataclass(frozen=True)
class Transcript:
    """The text of a clip."""

    text: str
    language: str | None  # a code such as "en"; None: not given, and nothing was said to tell it by
    language_probability: float  # 1 if the language was given, or is the only one; 0 if there is none
    duration: float  # seconds of audio
    segments: tuple[Segment, ...]

    def to_dict(self) -> dict[str, Any]:
        """As openai-whisper's `transcribe` returns it, for JSON; `words` only where there are any."""
        segments = []
        for number, segment in enumerate(self.segments):
            fields = {"id": number, **dataclasses.asdict(segment), "tokens": list(segment.tokens)}
            fields.pop("words")
            if segment.words is not None:
                fields["words"] = [dataclasses.asdict(word) for word in segment.words]
            segments.append(fields)
        return {"text": self.text, "segments": segments, "language": self.language}
