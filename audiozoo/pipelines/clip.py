"""One clip on its way through the windows: what the next window is, what it is told, and what its answer means.

The windows' starts follow faster-whisper's (`generate_segments`): a window begins where the last whole segment of the
one before ended. Positions are counted in mel frames of 10 ms.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float

from audiozoo.pipelines.moves import FRAME
from audiozoo.pipelines.options import Options
from audiozoo.pipelines.tokens import TIMESTAMP, Tokenizer
from audiozoo.pipelines.transcript import Segment
from audiozoo.pipelines.windows import Reader, Samples
from audiozoo.pipelines.words import Draft

FRAMES_PER_SECOND = 100
_PUNCTUATION = "\"'“¿([{-\"'.。,，!！?？:：”)]}、"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What decoding found in a window."""

    tokens: list[int]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


@dataclasses.dataclass
class Drafts:
    """The segments of a window, before they are known to be kept."""

    segments: list[Draft]
    seek: int  # where the next window begins
    ends_in_silence: bool  # nothing is said after the last segment


class Clip:
    """The state of one clip."""

    def __init__(self, blocks: Iterable[Samples], tokenizer: Tokenizer, options: Options, window: int):
        self._reader = Reader(blocks)
        self._tokenizer = tokenizer
        self._options = options
        self._window_frames = window // FRAME
        self.seek = 0
        self.frames = 0  # of the present window that hold audio
        self.language: str | None = None
        self.language_probability = 1.0
        self.segments: list[Segment] = []
        self.last_speech = 0.0  # seconds
        self._said = self._initial_prompt()
        self._prompt_from = 0  # what was said before is no longer a prompt

    def _initial_prompt(self) -> list[int]:
        given = self._options.initial_prompt
        if given is None:
            return []
        return self._tokenizer.encode(" " + given.strip()) if isinstance(given, str) else list(given)

    @property
    def duration(self) -> float:
        """Seconds that have arrived."""
        return self._reader.length / (FRAME * FRAMES_PER_SECOND)

    @property
    def offset(self) -> float:
        """Where the present window begins, in seconds."""
        return self.seek / FRAMES_PER_SECOND

    def window(self) -> Samples | None:
        """The samples of the next window in which there are any but zeros; None at the end of the clip.

        Whisper hears a "you" or a "Thank you." in perfect silence, so it is not asked.
        """
        while True:
            samples = self._reader.read(self.seek * FRAME, self._window_frames * FRAME)
            self.frames = len(samples) // FRAME
            if not self.frames:
                return None
            if samples.any():
                return samples
            self.skip()

    def prompt(self, multilingual: bool, room: int) -> tuple[list[int], int, int]:
        """What the decoder is told: symbols, the place of the start of transcript, and how many are of the text.

        At most ``room // 2 - 1`` symbols are taken of the prefix, and of hotwords and what was said before together.
        """
        t, o, most = self._tokenizer, self._options, room // 2 - 1
        fits = most if o.without_timestamps else most - 1  # a timestamp comes before the prefix
        prefix = t.encode(" " + o.prefix.strip())[:fits] if o.prefix and self.seek == 0 else []
        hints = t.encode(" " + o.hotwords.strip())[:most] if o.hotwords and not prefix else []
        said = self._said[self._prompt_from :]
        before = said[max(0, len(said) - (most - len(hints))) :]
        symbols = [t.start_of_previous, *hints, *before] if hints or before else []
        start = len(symbols)
        symbols.append(t.start)
        if multilingual:
            symbols += [t.languages[self.language or "en"], t.transcribe if o.task == "transcribe" else t.translate]
        if o.without_timestamps:
            symbols.append(t.no_timestamps)
        elif prefix:
            prefix = [t.first_timestamp, *prefix]
        return symbols + prefix, start, len(prefix)

    def is_silence(self, answer: Answer) -> bool:
        """Whether the model thinks that nothing is said in this window, and was not sure of what it heard."""
        o = self._options
        if o.no_speech_threshold is None or answer.no_speech_prob <= o.no_speech_threshold:
            return False
        return o.log_prob_threshold is None or answer.avg_logprob <= o.log_prob_threshold

    def skip(self) -> None:
        """Nothing of this window is kept."""
        self.seek += self.frames

    def draft(self, answer: Answer) -> Drafts:
        """The answer cut into segments at its pairs of timestamps."""
        t, first = answer.tokens, self._tokenizer.first_timestamp
        ends_in_silence = len(t) >= 2 and t[-2] < first <= t[-1]
        cuts = [i for i in range(1, len(t)) if t[i] >= first and t[i - 1] >= first]
        seconds = lambda symbol: self.offset + (symbol - first) * TIMESTAMP
        if not cuts:
            times = [symbol for symbol in t if symbol >= first]
            end = seconds(times[-1]) if times and times[-1] != first else self.offset + self.frames / FRAMES_PER_SECOND
            return Drafts([Draft(self.offset, end, t)], self.seek + self.frames, ends_in_silence)
        if ends_in_silence:
            cuts.append(len(t))
        parts = [t[i:j] for i, j in zip([0, *cuts], cuts, strict=False)]
        segments = [Draft(seconds(part[0]), seconds(part[-1]), part) for part in parts]
        unfinished = self.seek + round((t[cuts[-1] - 1] - first) * TIMESTAMP * FRAMES_PER_SECOND)
        return Drafts(segments, self.seek + self.frames if ends_in_silence else unfinished, ends_in_silence)

    def fit_to_words(self, drafts: Drafts) -> bool:
        """After the words have their times: where the next window begins. False: nothing of this window is kept."""
        here, offset = self.seek, self.offset
        end = _last_end(drafts.segments)
        if not drafts.ends_in_silence and end is not None and end > offset:
            drafts.seek = round(end * FRAMES_PER_SECOND)
        threshold = self._options.hallucination_silence_threshold
        if threshold is not None:
            first = next((segment for segment in drafts.segments if segment.words), None)
            if first is not None and _is_odd(first) and first.start - offset > threshold:
                self.seek = here + round((first.start - offset) * FRAMES_PER_SECOND)
                return False
            self._drop_hallucinations(drafts, threshold)
        end = _last_end(drafts.segments)
        self.last_speech = self.last_speech if end is None else end
        return True

    def _drop_hallucinations(self, drafts: Drafts, threshold: float) -> None:
        """Odd words between silences, or beside other odd words, were not said: the next window begins at them."""
        heard, stop = self.last_speech, self.offset + self.frames / FRAMES_PER_SECOND
        window_end = (self.seek + self._window_frames) / FRAMES_PER_SECOND
        for i, segment in enumerate(drafts.segments):
            if not segment.words:
                continue
            if _is_odd(segment):
                following = next((later for later in drafts.segments[i + 1 :] if later.words), None)
                resumes = following.words[0].start if following else stop
                before = (
                    segment.start - heard > threshold or segment.start < threshold or segment.start - self.offset < 2.0
                )
                after = (
                    resumes - segment.end > threshold
                    or (following is not None and _is_odd(following))
                    or window_end - segment.end < 2.0
                )
                if before and after:
                    drafts.seek = round(max(self.offset + 1, segment.start) * FRAMES_PER_SECOND)
                    if self._reader.ended and self.duration - segment.end < threshold:
                        drafts.seek = max(drafts.seek, self._reader.length // FRAME)
                    del drafts.segments[i:]
                    return
            heard = segment.end

    def accept(self, answer: Answer, drafts: Drafts) -> list[Segment]:
        """Keeps what says something, remembers it for the next prompt, and goes on; the new segments."""
        o, new = self._options, []
        for draft in drafts.segments:
            text = self._tokenizer.decode(draft.tokens)
            if draft.start == draft.end or not text.strip():
                continue
            self._said += draft.tokens
            new.append(
                Segment(
                    start=round(draft.start, 2),
                    end=round(draft.end, 2),
                    text=text,
                    tokens=tuple(draft.tokens),
                    temperature=answer.temperature,
                    avg_logprob=answer.avg_logprob,
                    compression_ratio=answer.compression_ratio,
                    no_speech_prob=answer.no_speech_prob,
                    seek=self.seek,
                    words=tuple(draft.words) if o.word_timestamps else None,
                )
            )
        if not o.condition_on_previous_text or answer.temperature > o.prompt_reset_on_temperature:
            self._prompt_from = len(self._said)
        # A window that gets nowhere would be asked again for ever.
        self.seek = drafts.seek if drafts.seek > self.seek else self.seek + self.frames
        self.segments += new
        return new


def _last_end(segments: Sequence[Draft]) -> float | None:
    for segment in reversed(segments):
        if segment.words:
            return segment.words[-1].end
    return segments[-1].end if segments else None


def _is_odd(segment: Draft) -> bool:
    """Whether its first words are too unlikely, too short or too long to have been said."""
    words = [word for word in segment.words if word.word not in _PUNCTUATION][:8]
    if not segment.words:
        return False
    score = 0.0
    for word in words:
        length = word.end - word.start
        score += (word.probability < 0.15) + max(0.0, (0.133 - length) * 15) + max(0.0, length - 2.0)
    return score >= 3 or score + 0.01 >= len(words)


def padded(samples: Samples, size: int) -> Float[np.ndarray, " size"]:
    """Samples with silence after them."""
    return np.pad(samples, (0, size - len(samples)))
