"""The settings of a transcription, with faster-whisper's names, meanings and defaults where it has them."""

import dataclasses
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
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number, at least 1, not {value!r}")
        if not self.temperatures or min(self.temperatures) < 0:
            raise ValueError(f"temperatures must not be negative, and there must be one: {self.temperature!r}")
        if self.patience <= 0 or self.max_initial_timestamp < 0:
            raise ValueError("patience must be above 0, and max_initial_timestamp not below")
        if self.max_new_tokens is not None and self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be at least 1, not {self.max_new_tokens}")
        if self.hallucination_silence_threshold is not None and not self.word_timestamps:
            raise ValueError("hallucination_silence_threshold needs word_timestamps=True")

    @property
    def temperatures(self) -> tuple[float, ...]:
        given = self.temperature
        return tuple(given) if isinstance(given, tuple | list) else (given,)
