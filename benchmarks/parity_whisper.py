"""Are our texts those of faster-whisper? Both transcribe the same recordings with the same weights and settings.

    python -m benchmarks.parity_whisper --model whisper_tiny_en --prompts 100 --output docs/parity/whisper.md

The recordings are the J. F. Kennedy clip and prompts of Asterisk (8 kHz telephone English; every k-th of those that are
longer than a second and whose text is what is said), resampled to 16 kHz once, by soxr, for both.

faster-whisper fills the last window's log-mel spectrogram with zeros (its `pad_or_trim`), Whisper's training filled its
samples with silence. Each of our two paddings is held against the same one there: `silent` below gives faster-whisper
the spectrogram of silence to pad with.
"""

import argparse
import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

RATE = 16_000
PLAIN = {"temperature": 0.0, "compression_ratio_threshold": None, "log_prob_threshold": None}
PLAIN |= {"no_speech_threshold": None}  # one search a window, whatever comes out
RULES: dict[str, dict[str, Any]] = {"search": PLAIN, "fallback": {}}  # without and with the defaults' fallback


@dataclasses.dataclass(frozen=True)
class Clip:
    name: str
    samples: np.ndarray
    text: str  # what is said


@dataclasses.dataclass(frozen=True)
class Texts:
    """What one program made of all clips."""

    texts: list[str]
    tokens: list[list[int]]
    hottest: list[float]  # the highest temperature that a clip needed


@dataclasses.dataclass(frozen=True)
class Comparison:
    settings: str
    ours: Texts
    theirs: Texts
    clips: Sequence[Clip]

    @property
    def differing(self) -> list[int]:
        return [i for i, (a, b) in enumerate(zip(self.ours.texts, self.theirs.texts, strict=True)) if a != b]


def clips(prompts: int) -> list[Clip]:
    """The J. F. Kennedy clip and so many prompts."""
    from audiozoo.data import load_audio
    from tests import recordings

    jfk = load_audio(recordings.jfk(), RATE)
    said = (
        "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
    )
    chosen = []
    for prompt in recordings.prompts():
        if prompt.spoken and len(samples := load_audio(prompt.path, RATE)) > RATE:
            chosen.append(Clip(prompt.name, samples, prompt.text))
    step = max(1, len(chosen) // max(prompts, 1))
    return [Clip("jfk", jfk, said), *chosen[::step][:prompts]]


def transcriber(model: str) -> Any:
    from audiozoo.pipelines import Transcriber

    return Transcriber.load(model)


def peer(model: str, folder: Path, threads: int = 2) -> Any:
    """faster-whisper on the same published file; `folder` must outlive it."""
    import json

    import faster_whisper

    from audiozoo import zoo

    files = zoo.files(model)
    (folder / "model.bin").symlink_to(files["weights"])
    (folder / "config.json").symlink_to(files["config"])
    (folder / "tokenizer.json").symlink_to(files["tokenizer"])
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary(model, files["tokenizer"])))
    return faster_whisper.WhisperModel(str(folder), device="cpu", compute_type="float32", cpu_threads=threads)


def vocabulary(model: str, tokenizer: Path) -> list[str]:
    """The symbols in order, as CTranslate2 wants them: it tells multilingual models by the empty one before the end."""
    import tokenizers

    from audiozoo import zoo

    known = tokenizers.Tokenizer.from_file(str(tokenizer))
    size = zoo.preset(model).model.config.vocabulary
    times = [f"<|{i * 0.02:.2f}|>" for i in range(1501)]
    return [known.id_to_token(i) or "" for i in range(size - len(times))] + times


def run_ours(ready: Any, clips: Sequence[Clip], **options: Any) -> Texts:
    found = [ready(clip.samples, **options) for clip in clips]
    return Texts(
        [one.text for one in found],
        [[token for segment in one.segments for token in segment.tokens] for one in found],
        [max((segment.temperature for segment in one.segments), default=0.0) for one in found],
    )


def run_theirs(model: Any, clips: Sequence[Clip], *, padding: str, **options: Any) -> Texts:
    with silent() if padding == "samples" else contextlib.nullcontext():
        found = [list(model.transcribe(clip.samples, **options)[0]) for clip in clips]
    return Texts(
        ["".join(segment.text for segment in one).strip() for one in found],
        [[token for segment in one for token in segment.tokens] for one in found],
        [max((segment.temperature for segment in one), default=0.0) for one in found],
    )


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """faster-whisper, filling up windows with the spectrogram of silence: eight decades below the loudest value."""

    def pad_or_trim(mel: np.ndarray, length: int = 3000) -> np.ndarray:
        mel = mel[:, :length]
        return np.pad(mel, ((0, 0), (0, length - mel.shape[1])), constant_values=mel.max() - 2.0)

    with mock.patch("faster_whisper.transcribe.pad_or_trim", pad_or_trim):
        yield


@contextlib.contextmanager
def own_floor() -> Iterator[None]:
    """faster-whisper, with a floor eight decades below the loudest value of each window, not of the whole recording."""
    from faster_whisper.feature_extractor import FeatureExtractor

    def raw(self: Any, waveform: np.ndarray, padding: int = 160, chunk_length: int | None = None) -> np.ndarray:
        window = np.hanning(self.n_fft + 1)[:-1].astype(np.float32)
        padded = np.pad(waveform, (0, padding))
        spectrum = self.stft(padded, self.n_fft, self.hop_length, window=window, return_complex=True)
        power = np.abs(spectrum.astype(np.complex64)[..., :-1]) ** 2
        return np.log10(np.maximum(self.mel_filters @ power, 1e-10))

    def pad_or_trim(mel: np.ndarray, length: int = 3000) -> np.ndarray:
        mel = mel[:, :length]
        return np.pad((np.maximum(mel, mel.max() - 8.0) + 4.0) / 4.0, ((0, 0), (0, length - mel.shape[1])))

    with (
        mock.patch.object(FeatureExtractor, "__call__", raw),
        mock.patch("faster_whisper.transcribe.pad_or_trim", pad_or_trim),
    ):
        yield


def word_error_rate(texts: Sequence[str], clips: Sequence[Clip]) -> float:
    """Wrong words in a hundred, without capitals and punctuation."""
    import jiwer

    plain = lambda text: " ".join("".join(c if c.isalnum() or c == "'" else " " for c in text.lower()).split())
    return 100 * jiwer.wer([plain(clip.text) for clip in clips], [plain(text) for text in texts])


def compare(
    ready: Any, model: Any, clips: Sequence[Clip], rules: Sequence[str], beams: Sequence[int], paddings: Sequence[str]
) -> Iterator[Comparison]:
    english = {"language": "en"}
    for rule in rules:
        options = RULES[rule]
        for beam_size in beams:
            for padding in paddings:
                both = {**english, **options, "beam_size": beam_size}
                ours = run_ours(ready, clips, padding=padding, **both)
                theirs = run_theirs(model, clips, padding=padding, **both)
                yield Comparison(f"{rule}, beam {beam_size}, {padding} padded", ours, theirs, clips)


def report(name: str, comparisons: Sequence[Comparison]) -> str:
    lines = [
        "| settings | equal texts | equal tokens | drawn | word error rate, ours | theirs |",
        "|---|---|---|---|---|---|",
    ]
    for one in comparisons:
        count = len(one.clips)
        same = sum(a == b for a, b in zip(one.ours.tokens, one.theirs.tokens, strict=True))
        wrong = [word_error_rate(texts.texts, one.clips) for texts in (one.ours, one.theirs)]
        drawn = sum(max(a, b) > 0 for a, b in zip(one.ours.hottest, one.theirs.hottest, strict=True))
        lines.append(
            f"| {name}, {one.settings} | {count - len(one.differing)} of {count} | {same} of {count} | {drawn} "
            f"| {wrong[0]:.2f} % | {wrong[1]:.2f} % |"
        )
    lines += ["", "Where the texts differ:", ""]
    for one in comparisons:
        for i in one.differing:
            lines.append(
                f'- {one.settings}, `{one.clips[i].name}` (said: "{one.clips[i].text}"): ours "{one.ours.texts[i]}" '
                f'(at temperature {one.ours.hottest[i]:g}), theirs "{one.theirs.texts[i]}" '
                f"(at {one.theirs.hottest[i]:g})"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="whisper_tiny_en")
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--rules", nargs="+", choices=list(RULES), default=list(RULES))
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--paddings", nargs="+", choices=["features", "samples"], default=["features", "samples"])
    parser.add_argument("--output", type=Path, help="a Markdown file")
    arguments = parser.parse_args()
    chosen = clips(arguments.prompts)
    comparisons: list[Comparison] = []
    with tempfile.TemporaryDirectory() as folder:
        both = transcriber(arguments.model), peer(arguments.model, Path(folder))
        for one in compare(*both, chosen, arguments.rules, arguments.beams, arguments.paddings):
            comparisons.append(one)
            print(report(arguments.model, [one]), flush=True)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(report(arguments.model, comparisons), encoding="utf-8")


if __name__ == "__main__":
    main()
