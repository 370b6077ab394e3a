"""Speech to text, for recordings of any length, one or many at once.

    from audiozoo.pipelines import transcribe

    transcribe("speech.wav").text
    transcribe(["a.wav", "b.flac"], model="whisper_base", language="de", batch_size=8)

What is searched, what is asked again and where windows begin follows faster-whisper (SYSTRAN, 2023), so that with
equal settings the texts are equal. One default differs: the last window is filled up with silent *samples*, as in
Whisper's training, where the references fill the *spectrogram* with zeros; ``padding="features"`` does that too. A
window's spectrogram is normalised by its own maximum, not by that of the whole recording, which may be hours long.
"""

import dataclasses
import functools
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

import numpy as np

from audiozoo import zoo
from audiozoo.data import AudioError, load_audio, printable, stream_audio
from audiozoo.models.preset import Model
from audiozoo.models.whisper import Whisper
from audiozoo.pipelines import moves
from audiozoo.pipelines.choice import Choice, chosen
from audiozoo.pipelines.clip import Clip
from audiozoo.pipelines.options import Options
from audiozoo.pipelines.run import Errors, Job, Progress, Run, Told
from audiozoo.pipelines.speech import detect_speech
from audiozoo.pipelines.tokens import Tokenizer
from audiozoo.pipelines.transcript import Segment
from audiozoo.pipelines.windows import Samples, Span, SpeechClock, only

TASK = "speech-to-text"
VOICE_ACTIVITY = "silero_vad_v6"
SAMPLE_RATE = 16_000


@dataclasses.dataclass(frozen=True)
class Transcriber:
    """A Whisper model, ready to transcribe again and again."""

    model: Whisper
    variables: Mapping[str, Any]
    tokenizer: Tokenizer
    offline: bool | None = None  # where `voice_activity` may come from, as for `audiozoo.load`

    @functools.cached_property
    def voice_activity(self) -> tuple[Model, Mapping[str, Any]]:
        """What the option `vad` needs: the model that finds speech and its weights, loaded once, when first asked for.

        Raises:
            audiozoo.zoo.WeightsUnavailable: as `audiozoo.load`.
        """
        return zoo.load(VOICE_ACTIVITY, offline=self.offline)

    @classmethod
    def load(
        cls, model: Choice = "whisper_tiny_en", *, dtype: Any = None, offline: bool | None = None
    ) -> "Transcriber":
        """A model of the zoo by its name, one that `audiozoo.save` wrote at a path, or a pair (model, variables).

        The tokenizer is that of the published model which it is, or is the most like.

        Raises:
            ValueError: a model for another task, or one whose publication has no tokenizer.
            FileNotFoundError: no such file.
            audiozoo.zoo.UnknownModel, audiozoo.zoo.WeightsUnavailable: as `audiozoo.load`.
        """
        name, network, variables = chosen(model, TASK, dtype=dtype, offline=offline)
        files = zoo.files(name, offline=offline)
        if "tokenizer" not in files or not isinstance(network, Whisper):
            raise ValueError(f"the publication of {name} has no tokenizer; audiozoo.load gives the model without one")
        return cls(network, variables, Tokenizer(files["tokenizer"]), offline)

    def __call__(
        self,
        audio: Any,
        *,
        sample_rate: float | None = None,
        batch_size: int = 8,
        progress: Progress | None = None,
        vad_progress: Progress | None = None,
        errors: Errors = "raise",
        **options: Any,
    ) -> Any:
        """See `transcribe`."""
        settings = self.options(**options)
        if errors not in get_args(Errors):
            raise ValueError(f"errors is 'raise' or 'return', not {errors!r}")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        many = isinstance(audio, list | tuple)
        recordings = audio if many else [audio]
        run = self._run(settings, min(batch_size, max(len(recordings), 1)), progress)
        begin = (functools.partial(self._job, one, sample_rate, settings, vad_progress) for one in recordings)
        done = run.transcripts(begin, errors=errors)
        return done if many else done[0]

    def segments(
        self, audio: Any, *, sample_rate: float | None = None, progress: Progress | None = None, **options: Any
    ) -> Iterator[Segment]:
        """The segments of one recording, each as soon as it is found. Arguments and errors as for `transcribe`."""
        settings = self.options(**options)
        run, job = self._run(settings, 1, progress), self._job(audio, sample_rate, settings)
        while (samples := job.clip.window()) is not None:
            yield from run.advance([job], [samples])[0]

    def detect_language(
        self, audio: Any, *, sample_rate: float | None = None, padding: str = "samples"
    ) -> dict[str, float]:
        """How likely each language is, the likeliest first, from the first thirty seconds.

        Raises:
            ValueError: an English-only model, or audio that cannot be read or is too short.
        """
        if not self.model.config.multilingual:
            raise ValueError("this model knows English only; a multilingual one, such as whisper_base, tells languages")
        settings = self.options(padding=padding)
        samples = self._job(audio, sample_rate, settings).clip.window()
        if samples is None:
            raise ValueError("the audio is too short to hold a language")
        run = self._run(settings, 1, None)
        return run.languages(run.encode([samples]))[0]

    def warmup(self, *, batch_size: int = 1, **options: Any) -> None:
        """Compiles what transcribing with these options needs at its first temperature, so that nobody waits for it."""
        settings = self.options(**options)
        run, config, t = self._run(settings, batch_size, None), self.model.config, self.tokenizer
        silence = np.zeros(config.window, np.float32)
        cross = run.encode([silence] * batch_size)
        if config.multilingual and settings.language is None:
            run.languages(cross)
        task = [t.start, *([t.languages["en"], t.transcribe] if config.multilingual else [])]
        prompts = moves.prompt_buckets(config.text_positions)
        for size in prompts[: 3 if settings.condition_on_previous_text else 1]:
            filler = [t.start_of_previous] * (size - len(task) if size > prompts[0] else 0)
            told = [Told([*filler, *task], len(filler), 0)] * batch_size
            run.decode(cross, told, [True] * batch_size, settings.temperatures[0], [(0, 0)] * batch_size, most=1)
        if settings.word_timestamps:
            for size in moves.align_buckets(config.text_positions):
                run.align(cross, 0, task, [t.end] * (size - len(task) - 2), 1)

    def options(self, **options: Any) -> Options:
        """The options, if this model can do as they say.

        Raises:
            TypeError: an option that does not exist.
            ValueError: a value outside its range, or something that an English-only model cannot do.
        """
        unknown = sorted(set(options) - {field.name for field in dataclasses.fields(Options)})
        if unknown:
            raise TypeError(f"transcribe has no option {', '.join(unknown)}; see audiozoo.pipelines.Options")
        settings = Options(**options)
        language = settings.language
        if not self.model.config.multilingual:
            if language not in (None, "en") or settings.task == "translate":
                wish = "translate" if settings.task == "translate" else f"write {language!r}"
                raise ValueError(f"this model knows English only, it cannot {wish}; use one without .en in its name")
        elif language is not None and language not in self.tokenizer.languages:
            raise ValueError(f"no language {language!r}; there are {', '.join(sorted(self.tokenizer.languages))}")
        return settings

    def _run(self, settings: Options, batch_size: int, progress: Progress | None) -> Run:
        return Run(self.model, self.variables, self.tokenizer, settings, batch_size=batch_size, progress=progress)

    def _job(
        self, audio: Any, sample_rate: float | None, settings: Options, vad_progress: Progress | None = None
    ) -> Job:
        """A recording to be done; a file is read block by block, as it is needed."""
        source = _Source(audio, sample_rate)
        clip_of = lambda blocks: Clip(blocks, self.tokenizer, settings, self.model.config.window)
        if settings.vad:
            spans = source.speech(self.voice_activity, vad_progress)
            clock = SpeechClock(spans, SAMPLE_RATE) if spans else None
            job = Job(clip_of(only(source.blocks(), spans)), clock, source.duration)
        else:
            job = Job(clip_of(source.blocks()))
        if settings.language or not self.model.config.multilingual:
            job.clip.language = settings.language or "en"
        return job


def transcribe(
    audio: Any,
    *,
    model: Choice | Transcriber = "whisper_tiny_en",
    sample_rate: float | None = None,
    batch_size: int = 8,
    progress: Progress | None = None,
    vad_progress: Progress | None = None,
    errors: Errors = "raise",
    **options: Any,
) -> Any:
    """The text of a recording, or of each recording in a list.

    Args:
        audio: a file, or an array of samples (see `audiozoo.data.load_audio`; an empty one has an empty text), or a
            list of these.
        model: a name of the zoo, a path that `audiozoo.save` wrote, a pair (model, variables), or a `Transcriber`,
            which spares loading it every time.
        sample_rate: hertz, of arrays; 16,000 if not given.
        batch_size: recordings whose windows run together, where there are many.
        progress: called with the seconds of audio that are done, of all recordings together.
        vad_progress: with the option `vad`, called with the seconds of each recording in which speech was looked for,
            which comes before it is transcribed.
        errors: what becomes of a recording that cannot be read. "raise" stops there; "return" puts the error in the
            place of its transcript and goes on with the others.
        options: see `Options`.

    Returns:
        A `Transcript`, or a list of them.

    Raises:
        ValueError: audio that cannot be read (`audiozoo.data.AudioError`), an option outside its range, or a model for
            another task.
        TypeError: an option that does not exist.
        audiozoo.zoo.UnknownModel, audiozoo.zoo.WeightsUnavailable: as `audiozoo.load`.
    """
    ready = model if isinstance(model, Transcriber) else Transcriber.load(model)
    return ready(
        audio,
        sample_rate=sample_rate,
        batch_size=batch_size,
        progress=progress,
        vad_progress=vad_progress,
        errors=errors,
        **options,
    )


class _Source:
    """A recording, a file or an array, that can be read more than once."""

    def __init__(self, audio: Any, sample_rate: float | None):
        is_path = isinstance(audio, str | os.PathLike)
        if is_path and sample_rate is not None:
            raise AudioError(f"{printable(audio)}: sample_rate is for arrays; a file says its own")
        self._path: str | os.PathLike[str] | None = audio if is_path else None
        self._samples: Samples = np.zeros(0, np.float32)
        self._read = 0
        if not is_path and np.shape(audio) != (0,):
            self._samples = load_audio(audio, SAMPLE_RATE, source_rate=sample_rate)

    def blocks(self) -> Iterator[Samples]:
        """All samples."""
        blocks: Iterable[Samples] = (self._samples,) if self._path is None else stream_audio(self._path, SAMPLE_RATE)
        self._read = 0
        for block in blocks:
            self._read += len(block)
            yield block

    def speech(self, model: Choice, progress: Progress | None) -> list[Span]:
        """Where there is speech, with faster-whisper's settings: long pauses only, and wide margins."""
        if self._path is None and not len(self._samples):
            return []
        found = detect_speech(
            self._samples if self._path is None else self._path,
            sample_rate=SAMPLE_RATE if self._path is None else None,
            model=model,
            progress=progress,
            min_speech_duration=0.0,
            min_silence_duration=2.0,
            speech_pad=0.4,
        )
        return [(round(one.start * SAMPLE_RATE), round(one.end * SAMPLE_RATE)) for one in found]

    def duration(self) -> float:
        """Seconds, once it has been read."""
        return self._read / SAMPLE_RATE
