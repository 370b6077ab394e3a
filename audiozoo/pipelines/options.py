"""The settings of a transcription, with faster-whisper's names, meanings and defaults where it has them."""

import dataclasses
import math
from typing import Literal


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How to transcribe. Times are in seconds.

    Raises:
        ValueError: a setting outside its range.
    """

    language: str | None = None  # a code such as "en"; None: detected in the first window
    task: Literal["transcribe", "translate"] = "transcribe"  # translate: into English
    beam_size: int = 5  # at temperature 0; 1 is greedy
    patience: float = 1.0
    length_penalty: float = 1.0
    best_of: int = 5  # samples at temperatures above 0
    temperature: float | tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # the next one when a window failed
    compression_ratio_threshold: float | None = 2.4  # above it, the text repeats itself: failed
    log_prob_threshold: float | None = -1.0  # an average below it: failed
    no_speech_threshold: float | None = 0.6  # above it, and the average above not reached: silence, not failed
    condition_on_previous_text: bool = True  # the text so far is the next window's prompt
    prompt_reset_on_temperature: float = 0.5  # ... unless it was found at a temperature above this
    initial_prompt: str | tuple[int, ...] | None = None  # as if it had been said before
    prefix: str | None = None  # the first window's text begins with it
    hotwords: str | None = None  # words to expect, in the prompt of every window
    suppress_blank: bool = True
    suppress_tokens: tuple[int, ...] = (-1,)  # symbols never said; -1 stands for all that are not speech
    without_timestamps: bool = False
    max_initial_timestamp: float = 1.0
    max_new_tokens: int | None = None  # in a window
    word_timestamps: bool = False
    prepend_punctuations: str = "\"'“¿([{-"  # joined to the word that follows
    append_punctuations: str = "\"'.。,，!！?？:：”)]}、"  # joined to the word before
    hallucination_silence_threshold: float | None = None  # with word times: skip longer silences around odd words
    vad: bool = False  # transcribe only where there is speech
    padding: Literal["samples", "features"] = "samples"  # what fills the last window; "features" as the references do
    seed: int = 0  # of the samples at temperatures above 0

    def __post_init__(self) -> None:
        if self.task not in ("transcribe", "translate"):
            raise ValueError(f"task is 'transcribe' or 'translate', not {self.task!r}")
        if self.padding not in ("samples", "features"):
            raise ValueError(f"padding is 'samples' or 'features', not {self.padding!r}")
        for name in ("beam_size", "best_of"):
            _check(name, getattr(self, name), _is_whole(getattr(self, name), 1), "a whole number, at least 1")
        for name in ("patience", "max_initial_timestamp", "prompt_reset_on_temperature"):
            lowest = math.nextafter(0, 1) if name == "patience" else 0
            _check(name, getattr(self, name), _is_number(getattr(self, name), lowest), "a number, not below 0")
        _check("length_penalty", self.length_penalty, _is_number(self.length_penalty), "a number")
        for name in ("compression_ratio_threshold", "log_prob_threshold", "no_speech_threshold"):
            value = getattr(self, name)
            _check(name, value, value is None or _is_number(value), "a number, or None")
        some = bool(self.temperatures) and all(_is_number(value, 0) for value in self.temperatures)
        _check("temperature", self.temperature, some, "a number, not below 0, or several")
        most = self.max_new_tokens
        _check("max_new_tokens", most, most is None or _is_whole(most, 1), "a whole number, at least 1, or None")
        symbols = isinstance(self.suppress_tokens, tuple | list) and all(_is_whole(i, -1) for i in self.suppress_tokens)
        _check("suppress_tokens", self.suppress_tokens, symbols, "a tuple of symbols' numbers, -1 for non-speech")
        prompt = self.initial_prompt
        fits = prompt is None or isinstance(prompt, str)
        fits = fits or (isinstance(prompt, tuple | list) and all(_is_whole(i, 0) for i in prompt))
        _check("initial_prompt", prompt, fits, "a text, or a tuple of symbols' numbers")
        for name in ("prefix", "hotwords", "language"):
            _check(name, getattr(self, name), isinstance(getattr(self, name), str | None), "a text, or None")
        silence = self.hallucination_silence_threshold
        _check(
            "hallucination_silence_threshold", silence, silence is None or _is_number(silence, 0), "seconds, or None"
        )
        if silence is not None and not self.word_timestamps:
            raise ValueError("hallucination_silence_threshold needs word_timestamps=True")

    @property
    def temperatures(self) -> tuple[float, ...]:
        given = self.temperature
        return tuple(given) if isinstance(given, tuple | list) else (given,)


def _check(name: str, value: object, fits: bool, wanted: str) -> None:
    if not fits:
        raise ValueError(f"{name} must be {wanted}, not {value!r}")


def _is_number(value: object, least: float = -math.inf) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= least


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
