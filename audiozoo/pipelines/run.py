"""Clips through Whisper, window by window, several clips at a time: the part of transcribing that knows arrays."""

import dataclasses
import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from audiozoo.data import AudioError
from audiozoo.decoding.whisper_rules import Grammar
from audiozoo.models.whisper import SAMPLES_PER_POSITION, CrossKV, Whisper
from audiozoo.pipelines import moves, words
from audiozoo.pipelines.clip import FRAMES_PER_SECOND, Answer, Clip, Drafts
from audiozoo.pipelines.options import Options
from audiozoo.pipelines.tokens import TIMESTAMP, Tokenizer
from audiozoo.pipelines.transcript import Segment, Transcript, Word
from audiozoo.pipelines.windows import Samples, SpeechClock

Errors = Literal["raise", "return"]  # of recordings that cannot be read
Progress = Callable[[float], None]  # told the seconds of audio that are done, of all clips together


@dataclasses.dataclass
class Job:
    """A clip, and how its times map to those of the recording if only its speech is in it."""

    clip: Clip
    clock: SpeechClock | None = None
    duration: Callable[[], float] | None = None  # seconds of the recording, if that is not the clip's own


@dataclasses.dataclass(frozen=True)
class Told:
    """A row's prompt."""

    symbols: list[int]
    start: int  # where the start of transcript is
    given: int  # symbols at the end that belong to the text


class Run:
    """One call of a transcriber: its model, its settings, and how far it has come."""

    def __init__(
        self,
        model: Whisper,
        variables: Mapping[str, Any],
        tokenizer: Tokenizer,
        options: Options,
        *,
        batch_size: int = 1,
        progress: Progress | None = None,
    ):
        self.model, self.variables, self.tokenizer, self.options = model, variables, tokenizer, options
        self.batch_size = batch_size
        self._progress, self._done = progress, 0.0
        self._grammar = grammar(tokenizer, options, model.config.vocabulary)

    def transcripts(self, begin: Iterable[Callable[[], Job]], *, errors: Errors = "raise") -> list[Any]:
        """All jobs, `batch_size` at a time: as one ends, the next begins.

        With `errors="return"`, a recording that cannot be read has its `AudioError` in the place of its transcript.
        """
        done: dict[int, Transcript | AudioError] = {}

        def failed(number: int, error: AudioError) -> None:
            if errors == "raise":
                error.add_note(f"(recording {number} of those to be transcribed, counted from 0)")
                raise error
            done[number] = error

        def jobs() -> Iterator[tuple[int, Job]]:
            for number, make in enumerate(begin):
                try:
                    yield number, make()
                except AudioError as error:
                    failed(number, error)

        waiting = jobs()
        active: list[tuple[int, Job]] = []
        while True:
            ready, windows = [], []
            for number, job in itertools.chain(active, waiting):
                try:
                    samples = job.clip.window()
                except AudioError as error:
                    failed(number, error)
                    continue
                if samples is None:
                    done[number] = self._transcript(job)
                else:
                    ready.append((number, job))
                    windows.append(samples)
                if len(ready) == self.batch_size:
                    break
            if not ready:
                return [done[number] for number in sorted(done)]
            self.advance([job for _, job in ready], windows)
            active = ready

    def advance(self, jobs: Sequence[Job], windows: Sequence[Samples]) -> list[list[Segment]]:
        """One window of each job; the new segments of each."""
        clips = [job.clip for job in jobs]
        before = [clip.seek for clip in clips]
        cross = self.encode(windows)
        if any(clip.language is None for clip in clips):
            self._detect(cross, clips)
        config = self.model.config
        told = [Told(*clip.prompt(config.multilingual, config.text_positions)) for clip in clips]
        answers = self._answers(cross, told, before)
        new = []
        for row, (job, answer) in enumerate(zip(jobs, answers, strict=True)):
            new.append(self._understood(job, answer, cross, row))
        moved = sum(min(clip.seek - seek, clip.frames) for clip, seek in zip(clips, before, strict=True))
        self._done += moved / FRAMES_PER_SECOND
        if self._progress is not None:
            self._progress(self._done)
        return new

    def encode(self, windows: Sequence[Samples]) -> CrossKV:
        """The windows' audio for the decoder; rows without a window are silent."""
        waveform = np.zeros((self._rows(len(windows)), self.model.config.window), np.float32)
        lengths = np.zeros(len(waveform), np.int32)
        for row, samples in enumerate(windows):
            waveform[row, : len(samples)], lengths[row] = samples, len(samples)
        pad_features = self.options.padding == "features"
        return moves.encode(
            self.variables, jnp.asarray(waveform), jnp.asarray(lengths), model=self.model, pad_features=pad_features
        )

    def _rows(self, needed: int) -> int:
        """Batches of few sizes, for few programs: powers of two, and the full batch."""
        return min(1 << (needed - 1).bit_length(), max(self.batch_size, needed))

    def languages(self, cross: CrossKV) -> list[dict[str, float]]:
        """How likely each language is in each row, the likeliest first."""
        codes, numbers = zip(*self.tokenizer.languages.items(), strict=True)
        table = moves.language_probabilities(
            self.variables, cross, jnp.int32(self.tokenizer.start), jnp.array(numbers), model=self.model
        )
        ranked = lambda row: sorted(zip(codes, map(float, row), strict=True), key=lambda pair: -pair[1])
        return [dict(ranked(row)) for row in np.asarray(table)]

    def _detect(self, cross: CrossKV, clips: Sequence[Clip]) -> None:
        for clip, found in zip(clips, self.languages(cross), strict=False):
            if clip.language is None:
                clip.language, clip.language_probability = next(iter(found.items()))

    def _answers(self, cross: CrossKV, told: Sequence[Told], seeks: Sequence[int]) -> list[Answer]:
        """The text of each window, asked again at the next temperature as long as it failed."""
        tried: list[list[Answer]] = [[] for _ in told]
        settled: list[Answer | None] = [None] * len(told)
        for attempt, temperature in enumerate(self.options.temperatures):
            open_rows = [answer is None for answer in settled]
            found = self.decode(cross, told, open_rows, temperature, [(seek, attempt) for seek in seeks])
            for row in np.flatnonzero(open_rows).tolist():
                answer = self._answer(found, row, told[row], temperature)
                tried[row].append(answer)
                if not self._failed(answer):
                    settled[row] = answer
            if None not in settled:
                break
        return [answer or self._least_bad(rest) for answer, rest in zip(settled, tried, strict=True)]

    def decode(
        self,
        cross: CrossKV,
        told: Sequence[Told],
        wanted: Sequence[bool],
        temperature: float,
        draws: Sequence[tuple[int, ...]],
        *,
        most: int | None = None,
    ) -> moves.Found:
        """Searches the wanted rows, for at most so many symbols.

        The samples of a row depend on the seed and on its own numbers in `draws` only.
        """
        o, greedy = self.options, temperature == 0
        rows, room = cross[0].keys.shape[0], self.model.config.text_positions
        prompt = self._prompt(told, wanted, rows, most or self.options.max_new_tokens or room)
        key = jax.random.key(o.seed)
        keys = [key] * rows
        for row, numbers in enumerate(draws):
            for number in numbers:
                keys[row] = jax.random.fold_in(keys[row], number)
        found = moves.decode(
            self.variables,
            cross,
            prompt,
            self._grammar,
            jnp.int32(self.tokenizer.no_speech),
            None if greedy else jnp.full(rows, temperature, jnp.float32),
            None if greedy else jnp.stack(keys),
            model=self.model,
            beams=o.beam_size if greedy else 1,
            samples=1 if greedy else o.best_of,
            steps=room // 2,
            timestamps=not o.without_timestamps,
            length_penalty=o.length_penalty,
            patience=o.patience,
        )
        return jax.device_get(found)

    def _prompt(self, told: Sequence[Told], wanted: Sequence[bool], rows: int, most: int) -> moves.Prompt:
        room = self.model.config.text_positions
        longest = max(len(one.symbols) for one in told)
        size = next((bucket for bucket in moves.prompt_buckets(room) if bucket >= longest), longest)
        tokens = np.full((rows, size), self.tokenizer.start, np.int32)
        offset, start = np.full((2, rows), size - 1, np.int32)
        given, limits = np.zeros((2, rows), np.int32)
        for row, (one, want) in enumerate(zip(told, wanted, strict=True)):
            length = len(one.symbols)
            limit = min(room // 2 - one.given, room + 1 - length, most)
            if limit < 1:
                raise ValueError(f"the prompt and the prefix are too long together: {length} of {room} symbols")
            tokens[row, size - length :] = one.symbols
            offset[row], start[row] = size - length, size - length + one.start
            given[row], limits[row] = one.given, limit if want else 0
        return moves.Prompt(*map(jnp.asarray, (tokens, offset, start, given, limits)))

    def _answer(self, found: moves.Found, row: int, told: Told, temperature: float) -> Answer:
        given = told.symbols[len(told.symbols) - told.given :]
        symbols = given + found.tokens[row, : found.lengths[row]].tolist()
        text = self.tokenizer.decode(symbols).strip()
        return Answer(
            tokens=symbols,
            temperature=temperature,
            avg_logprob=float(found.scores[row]) / (len(symbols) + 1),
            compression_ratio=compression_ratio(text),
            no_speech_prob=float(found.no_speech[row]),
        )

    def _failed(self, answer: Answer) -> bool:
        o = self.options
        unlikely = o.log_prob_threshold is not None and answer.avg_logprob < o.log_prob_threshold
        if o.no_speech_threshold is not None and answer.no_speech_prob > o.no_speech_threshold and unlikely:
            return False  # silence: no other temperature finds a text in it
        return unlikely or self._repeats(answer)

    def _repeats(self, answer: Answer) -> bool:
        most = self.options.compression_ratio_threshold
        return most is not None and answer.compression_ratio > most

    def _least_bad(self, tried: Sequence[Answer]) -> Answer:
        """All failed: the likeliest of those that do not repeat themselves, if there is one."""
        varied = [answer for answer in tried if not self._repeats(answer)]
        best = max(varied or tried, key=lambda answer: answer.avg_logprob)
        return dataclasses.replace(best, temperature=tried[-1].temperature)  # so that it is not the next prompt

    def _understood(self, job: Job, answer: Answer, cross: CrossKV, row: int) -> list[Segment]:
        """The segments that an answer adds to a clip."""
        clip = job.clip
        if clip.is_silence(answer):
            clip.skip()
            return []
        drafts = clip.draft(answer)
        if self.options.word_timestamps:
            self._give_words(clip, drafts, cross, row)
            if not clip.fit_to_words(drafts):
                return []
        new = clip.accept(answer, drafts)
        return [_restored(segment, job.clock) for segment in new] if job.clock else new

    def _give_words(self, clip: Clip, drafts: Drafts, cross: CrossKV, row: int) -> None:
        o, t = self.options, self.tokenizer
        text = [symbol for draft in drafts.segments for symbol in draft.tokens if symbol < t.end]
        if not text:
            return
        task = clip.prompt(self.model.config.multilingual, self.model.config.text_positions)
        around = [symbol for symbol in task[0][task[1] :] if symbol > t.end and symbol < t.no_timestamps]
        attention, likely = self.align(cross, row, around, text, clip.frames * moves.FRAME // SAMPLES_PER_POSITION)
        timings = words.word_timings(t, text, clip.language or "en", attention, likely)
        usual = words.usual_length(timings)
        words.shorten_at_sentences(timings, 2 * usual)
        words.merge_punctuation(timings, o.prepend_punctuations, o.append_punctuations)
        words.give_words(drafts.segments, timings, t, offset=clip.offset, last_speech=clip.last_speech, usual=usual)

    def align(
        self, cross: CrossKV, row: int, task: Sequence[int], text: Sequence[int], positions: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """How the symbols of a text (and its end) follow the audio of a row, and how likely each one is."""
        symbols = [*task, self.tokenizer.no_timestamps, *text, self.tokenizer.end]
        buckets = moves.align_buckets(self.model.config.text_positions)
        size = next((bucket for bucket in buckets if bucket >= len(symbols)), len(symbols))
        tokens = np.full(size, self.tokenizer.end, np.int32)
        tokens[: len(symbols)] = symbols
        attention, likely = moves.align(
            self.variables,
            cross,
            jnp.int32(row),
            jnp.asarray(tokens),
            jnp.int32(len(symbols)),
            jnp.int32(positions),
            jnp.int32(self.tokenizer.end),
            model=self.model,
        )
        first = len(task)  # what comes before a symbol looks for it
        attention, likely = np.asarray(attention), np.asarray(likely)
        return attention[first : first + len(text) + 1, :positions], likely[first : first + len(text)]

    def _transcript(self, job: Job) -> Transcript:
        clip = job.clip
        segments = [_restored(segment, job.clock) for segment in clip.segments] if job.clock else clip.segments
        return Transcript(
            text="".join(segment.text for segment in segments).strip(),
            language=clip.language,
            language_probability=clip.language_probability if clip.language else 0.0,
            duration=job.duration() if job.duration else clip.duration,
            segments=tuple(segments),
        )


def grammar(tokenizer: Tokenizer, options: Options, vocabulary: int) -> Grammar:
    """What these options let Whisper say."""
    t = tokenizer
    never = {t.transcribe, t.translate, t.start, t.start_of_previous, t.start_of_lm, t.no_speech}
    for symbol in options.suppress_tokens:
        never.update(t.non_speech if symbol == -1 else (symbol,))
    not_first = {*t.encode(" "), t.end} if options.suppress_blank else set()
    mask = lambda symbols: np.isin(np.arange(vocabulary), list(symbols))
    latest = round(options.max_initial_timestamp / TIMESTAMP)
    numbers = map(jnp.int32, (t.end, t.first_timestamp, latest))
    return Grammar(jnp.asarray(mask(never)), jnp.asarray(mask(not_first)), *numbers)


def compression_ratio(text: str) -> float:
    """How much smaller zlib makes a text."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def _restored(segment: Segment, clock: SpeechClock) -> Segment:
    """A segment of the joined speech, with the times of the recording."""
    if not segment.words:
        start, end = clock.original(segment.start), clock.original(segment.end, is_end=True)
        return dataclasses.replace(segment, start=start, end=end)
    moved = []
    for word in segment.words:
        span = clock.span((word.start + word.end) / 2)  # a word lies in one stretch of speech
        start, end = clock.original(word.start, span), clock.original(word.end, span)
        moved.append(Word(start, end, word.word, word.probability))
    return dataclasses.replace(segment, start=moved[0].start, end=moved[-1].end, words=tuple(moved))
