"""One picture of what was heard: waveform, log-mel spectrogram, speech, pitch and words over one time axis."""

import dataclasses
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from audiozoo.data import duration, load_audio, stream_audio
from audiozoo.pipelines import canvas
from audiozoo.pipelines.canvas import INK, LEFT, MUTED, RIGHT
from audiozoo.pipelines.captions import Caption, Layout, arrange, draw_captions
from audiozoo.pipelines.transcript import Transcript
from audiozoo.signal import mel, spectral

SAMPLE_RATE = 16_000
N_FFT, HOP, N_MELS = 512, 160, 96
MOST_FRAMES = 12_000  # of pitch; of more, only every so many are drawn
BLOCK_SECONDS = 30
RANGE_DB = 70
CONFIDENT = 0.5  # pitch is drawn from here on
COARSE_HZ = (30, 50, 70, 100, 150, 200, 300, 400, 600, 800, 1200, 2000)  # labels of the pitch axis
FINE_HZ = (30, 40, 50, 60, 80, 100, 120, 150, 180, 220, 260, 300, 350, 400, 500, 600, 800, 1000, 1200, 1500, 2000)
GAP = 0.14  # inches between panels
SPEECH, PITCH, FAINT = "#0d9488", "#c2410c", "#e8c3ae"


class Span(Protocol):
    """What has a start and an end in seconds: a stretch of speech."""

    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...


class Track(Protocol):
    """Pitch over time: `time` in seconds, `frequency` in hertz, `confidence` in [0, 1]; all (frames,)."""

    @property
    def time(self) -> Any: ...
    @property
    def frequency(self) -> Any: ...
    @property
    def confidence(self) -> Any: ...


@dataclasses.dataclass(frozen=True)
class Overview:
    """Audio at the resolution of a picture."""

    seconds: float
    low: Float[np.ndarray, " columns"]  # of the waveform
    high: Float[np.ndarray, " columns"]
    decibels: Float[np.ndarray, "columns mels"]  # relative to the loudest; at least -RANGE_DB
    covered: float  # seconds that all columns together cover; the last may reach beyond the end


def draw(
    audio: Any,
    *,
    path: str | os.PathLike[str],
    transcript: Transcript | None = None,
    speech: Sequence[Span] | None = None,
    pitch: Track | None = None,
    sample_rate: int | None = None,
    title: str | None = None,
) -> Path:
    """Draws what is given into one picture file, whole or not at all, and returns its path.

    Args:
        audio: a path, which is read in bounded memory, or an array as `load_audio` takes it.
        path: where to write; its extension says the format (png, pdf, svg, …).
        transcript: as `transcribe` gives it; its words if it has them and they fit, else its segments.
        speech: stretches of speech as `detect_speech` gives them.
        pitch: as `track_pitch` gives it; shown where its confidence is at least one half.
        sample_rate: hertz, of an array.
        title: above the picture; the file's name by default.

    Raises:
        audiozoo.data.AudioError: as `load_audio`.
        ImportError: matplotlib is not installed (the `cli` extra has it).
        ValueError: an extension that is no picture format.
    """
    path = Path(path)
    title = canvas.title_of(audio) if title is None else title
    with canvas.picture(path) as figure:
        _compose(figure, _overview(audio, sample_rate), transcript, speech, pitch, title)
    return path


def _compose(figure: Any, overview: Overview, transcript: Any, speech: Any, pitch: Any, title: str) -> None:
    """Panels from top to bottom; sizes in inches, so that a long recording gets a wider picture, not larger letters."""
    width = canvas.width_of(overview.seconds)
    axis_width = width - LEFT - RIGHT
    captions = _captions(transcript)
    layout = arrange(figure, captions, overview.seconds, axis_width) if captions else None
    panels: list[tuple[float, Any, tuple[Any, ...]]] = [(0.95, _waveform, ()), (2.2, _spectrogram, ())]
    if speech is not None:
        panels.append((0.26, _speech, (speech,)))
    if pitch is not None:
        panels.append((1.25, _pitch, (pitch, speech)))
    if layout is not None:
        panels.append((layout.height, _words, (layout,)))
    top, bottom = (0.42 if title else 0.15), 0.55
    height = top + bottom + sum(panel[0] for panel in panels) + GAP * (len(panels) - 1)
    figure.set_size_inches(width, height)
    if title:
        figure.text(LEFT / width, 1 - 0.27 / height, title, fontsize=11, fontweight="bold", va="baseline")
    y, stack = height - top, []
    for index, (panel_height, panel, arguments) in enumerate(panels):
        y -= panel_height
        box = (LEFT / width, y / height, axis_width / width, panel_height / height)
        axes = figure.add_axes(box, sharex=stack[0] if stack else None)
        stack.append(axes)
        panel(axes, overview, *arguments)
        last = index == len(panels) - 1
        axes.tick_params(length=3, labelsize=8)
        axes.tick_params(axis="x", labelbottom=last, length=3 if last else 0)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        y -= GAP
    for span in speech or ():
        stack[0].axvspan(span.start, span.end, color=SPEECH, alpha=0.12, linewidth=0)
    stack[0].set_xlim(0, overview.seconds)
    canvas.label_time(stack[-1], overview.seconds)


def _waveform(axes: Any, overview: Overview) -> None:
    times = (np.arange(len(overview.low)) + 0.5) * overview.covered / len(overview.low)
    axes.fill_between(times, overview.low, overview.high, color=INK, linewidth=0.4)
    peak = max(1e-3, float(np.abs([overview.low, overview.high]).max()))
    axes.set_ylim(-1.08 * peak, 1.08 * peak)
    axes.set_yticks([])
    axes.set_ylabel("waveform")
    note = "peak 0 dB or more" if peak >= 0.999 else f"peak {20 * np.log10(peak):.0f} dB"
    axes.text(1.006, 0.5, note, transform=axes.transAxes, fontsize=7.5, color=MUTED, va="center")


def _spectrogram(axes: Any, overview: Overview) -> None:
    lowest, highest = (float(mel.hz_to_mel(hz)) for hz in (0.0, SAMPLE_RATE / 2))
    image = axes.imshow(
        overview.decibels.T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=-RANGE_DB,
        vmax=0,
        extent=(0, overview.covered, lowest, highest),
        interpolation="antialiased",
    )
    ticks = [250, 500, 1000, 2000, 4000, 8000]
    axes.set_yticks([float(mel.hz_to_mel(float(hz))) for hz in ticks], [f"{hz:,}" for hz in ticks])
    axes.set_ylabel("frequency (Hz)")
    canvas.colour_bar(axes, image, "dB below the loudest")


def _speech(axes: Any, overview: Overview, speech: Sequence[Span]) -> None:
    bars = [(span.start, span.end - span.start) for span in speech]
    axes.broken_barh(bars, (0.12, 0.76), facecolors=SPEECH, linewidth=0)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.set_ylabel("speech", rotation=0, ha="right", va="center", labelpad=6)
    total = sum(length for _, length in bars)
    axes.text(1.006, 0.5, f"{total:.1f} s", transform=axes.transAxes, fontsize=7.5, color=MUTED, va="center")


def _pitch(axes: Any, overview: Overview, pitch: Track, speech: Sequence[Span] | None) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    every = max(1, -(-len(pitch.time) // MOST_FRAMES))
    columns = (pitch.time, pitch.frequency, pitch.confidence)
    times, frequency, confidence = (np.asarray(column)[::every] for column in columns)
    heard = (confidence >= CONFIDENT) & np.isfinite(frequency) & (frequency > 0)
    spoken = heard if speech is None else heard & _within(times, speech)
    for shown, color in ((heard & ~spoken, FAINT), (spoken, PITCH)):  # a hum between words has a pitch too
        jumps = np.flatnonzero(shown & ~_continued(frequency))  # one line for all, broken by NaN: hours have 10⁴ runs
        line = np.insert(np.where(shown, frequency, np.nan), jumps, np.nan)
        axes.plot(np.insert(times, jumps, times[jumps]), line, color=color, linewidth=1.3, marker=".", markersize=1.5)
    inside = frequency[heard]
    low, high = (inside.min() / 1.15, inside.max() * 1.15) if inside.size else (50.0, 500.0)
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    ticks = [hz for hz in (FINE_HZ if high / low < 4 else COARSE_HZ) if low <= hz <= high]
    axes.yaxis.set_major_locator(FixedLocator(ticks or [float(np.sqrt(low * high))]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.6)
    axes.set_ylabel("pitch (Hz)")


def _within(times: np.ndarray, spans: Sequence[Span]) -> np.ndarray:
    """Spans may overlap: what counts is that more of them have begun than ended."""
    begun, ended = np.sort([span.start for span in spans]), np.sort([span.end for span in spans])
    return np.searchsorted(begun, times, "right") > np.searchsorted(ended, times, "right")


def _continued(frequency: np.ndarray) -> np.ndarray:
    """Where the pitch goes on from the frame before; no voice jumps by more than a third in a hundredth of a second."""
    steps = np.log2(np.maximum(frequency, 1e-3))
    return np.concatenate([[False], np.abs(np.diff(steps)) < np.log2(1.25)])[: len(frequency)]


def _words(axes: Any, overview: Overview, layout: Layout) -> None:
    draw_captions(axes, layout, INK, SPEECH)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_ylabel("words" if layout.words else "text", rotation=0, ha="right", va="center", labelpad=6)


def _captions(transcript: Transcript | None) -> tuple[list[Caption], list[Caption]] | None:
    """Words and segments with their times, or None when nothing was said."""
    if transcript is None:
        return None

    def captions(items: Iterable[tuple[Any, str]]) -> list[Caption]:
        tidy = ((item, " ".join(text.split())) for item, text in items)
        return [Caption(float(item.start), float(item.end), text) for item, text in tidy if text]

    segments = captions((segment, segment.text) for segment in transcript.segments)
    words = captions((word, word.word) for segment in transcript.segments for word in segment.words or ())
    return (words, segments) if segments or words else None


def _overview(audio: Any, sample_rate: int | None) -> Overview:
    """Columns of one or more hops each, made block by block: hours of audio take no more memory than minutes."""
    if isinstance(audio, str | os.PathLike):
        seconds = duration(audio)
        blocks = stream_audio(audio, SAMPLE_RATE, block_seconds=BLOCK_SECONDS)
    else:
        samples, size = load_audio(audio, SAMPLE_RATE, source_rate=sample_rate), BLOCK_SECONDS * SAMPLE_RATE
        seconds = len(samples) / SAMPLE_RATE
        blocks = (samples[start : start + size] for start in range(0, len(samples), size))
    merge = canvas.frames_to_a_column(seconds * SAMPLE_RATE / HOP, BLOCK_SECONDS * SAMPLE_RATE // HOP)
    low, high, power, total = [], [], [], 0
    for block in blocks:
        total += len(block)
        starts = np.arange(0, len(block), merge * HOP)
        low.append(np.minimum.reduceat(block, starts))
        high.append(np.maximum.reduceat(block, starts))
        power.append(canvas.averaged(_mel_power(block), merge))
    decibels = canvas.below_loudest(np.concatenate(power), range_db=RANGE_DB, least=1e-12, floor_db=-80.0)
    covered = len(decibels) * merge * HOP / SAMPLE_RATE
    return Overview(total / SAMPLE_RATE, np.concatenate(low), np.concatenate(high), decibels, covered)


def _mel_power(block: np.ndarray) -> Float[np.ndarray, "columns mels"]:
    """Power of the hops of a block; short blocks are padded, so that all of them share one compiled program."""
    columns = -(-len(block) // HOP)
    padded = np.zeros(BLOCK_SECONDS * SAMPLE_RATE + N_FFT - HOP, np.float32)
    padded[(N_FFT - HOP) // 2 :][: len(block)] = block
    return np.asarray(_block_power(jnp.asarray(padded)))[:columns]


@jax.jit
def _block_power(samples: jax.Array) -> jax.Array:
    filters = mel.mel_filters(SAMPLE_RATE, N_FFT, N_MELS).astype(np.float32)
    return spectral.power(spectral.stft(samples, n_fft=N_FFT, hop_length=HOP, center=False)) @ filters
