"""Pictures of sound: any transform of `audiozoo.signal` over time, with proper axes, for recordings of any length.

    from audiozoo.pipelines import draw_spectrogram

    draw_spectrogram("song.wav", kind="cqt", path="song.png")

A recording goes through the transform block by block, each with enough of its neighbours that no seam is seen, and
all blocks have one length, so that one compiled program serves them; memory does not grow with the recording.
"""

import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from audiozoo.data import AudioError, load_audio, stream_audio
from audiozoo.data.audio import header
from audiozoo.pipelines import canvas
from audiozoo.pipelines.spectrogram_kinds import KINDS, Kind

WANTED_COLUMNS = 1200  # at least, where hops can be that short
RANGE_DB = 80.0
LOWEST_RATE, HIGHEST_RATE = 1000, 48_000  # hertz, that recordings are looked at; others are resampled
PANEL, TOP, BOTTOM = 3.6, 0.42, 0.55  # inches


class Columns(NamedTuple):
    """A transform at the resolution of a picture."""

    values: Float[np.ndarray, "columns rows"]
    sample_rate: int  # hertz, at which the transform saw the recording
    hop_length: int  # samples, of its frames
    seconds: float  # of the recording
    covered: float  # seconds that all columns together cover; the last may reach beyond the end


def draw_spectrogram(
    audio: Any,
    *,
    path: str | os.PathLike[str],
    kind: str = "mel",
    sample_rate: float | None = None,
    title: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Draws a transform of a recording into a picture file, whole or not at all, and returns its path.

    Args:
        audio: a path, which is read in bounded memory, or an array as `load_audio` takes it.
        path: where to write; its extension says the format (png, pdf, svg, …).
        kind: one of `KINDS`: "mel", "stft", "cqt", "wavelet", …
        sample_rate: hertz, of an array, which needs it.
        title: above the picture; the file's name by default.
        progress: is told the seconds of audio that are done, block by block.

    Raises:
        audiozoo.data.AudioError: as `load_audio`.
        ImportError: matplotlib is not installed (the `cli` extra has it).
        ValueError: no such kind, an array without a rate, or an extension that is no picture format.
    """
    canvas.check_name(path)
    found = columns(audio, kind, sample_rate, progress)
    return paint(found, kind, path=path, title=canvas.title_of(audio) if title is None else title)


def paint(found: Columns, kind: str, *, path: str | os.PathLike[str], title: str = "") -> Path:
    """The picture of what `columns` found. Errors as of `draw_spectrogram`."""
    path = Path(path)
    with canvas.picture(path) as figure:
        width = canvas.width_of(found.seconds)
        height = (TOP if title else 0.15) + PANEL + BOTTOM
        figure.set_size_inches(width, height)
        if title:
            figure.text(canvas.LEFT / width, 1 - 0.27 / height, title, fontsize=11, fontweight="bold", va="baseline")
        axis_width = width - canvas.LEFT - canvas.RIGHT
        axes = figure.add_axes((canvas.LEFT / width, BOTTOM / height, axis_width / width, PANEL / height))
        fill(axes, found, kind)
    return path


def columns(
    audio: Any, kind: str, sample_rate: float | None = None, progress: Callable[[float], None] | None = None
) -> Columns:
    """What `draw_spectrogram` draws: decibels below the loudest if the kind is of powers, else its own values.

    Arguments and errors as of `draw_spectrogram`.
    """
    if kind not in KINDS:
        raise ValueError(f"no spectrogram is called {kind!r}; there are {', '.join(KINDS)}")
    chosen = KINDS[kind]
    rate, seconds, blocks = _source(audio, sample_rate, chosen.highest_rate)
    hop = _hop(chosen, rate, seconds)
    longest = hop * max(1, round(chosen.block_seconds * rate / hop))
    size = min(longest, hop * (1 << max(0, int(np.ceil(seconds * rate / hop)) - 1).bit_length()))
    margin = hop * -(-round(chosen.margin_seconds * rate) // hop)
    merge = canvas.frames_to_a_column(seconds * rate / hop, size // hop)
    found, samples = [], 0
    for padded, own in _with_neighbours(blocks, size, margin):
        samples += own
        frames = np.asarray(_frames(chosen, padded, rate, hop, margin // hop, size // hop), np.float64)
        frames = frames[: -(-own // hop)]
        if progress is not None:
            progress(samples / rate)
        found.append(canvas.averaged(frames, merge))
    values = np.concatenate(found)
    covered = len(values) * merge * hop / rate
    if chosen.is_power:
        values = canvas.below_loudest(values, range_db=RANGE_DB, least=1e-20, floor_db=-120.0)
    return Columns(values, rate, hop, samples / rate, covered)


def _source(audio: Any, sample_rate: float | None, highest: int) -> tuple[int, float, Iterable[np.ndarray]]:
    """The rate at which the recording is looked at, its seconds, and its samples in blocks."""
    if isinstance(audio, str | os.PathLike):
        if sample_rate is not None:
            raise AudioError("sample_rate is for arrays; a file says its own")
        given = header(audio)
        rate = _looked_at(given.sample_rate, highest)
        return rate, given.seconds, stream_audio(audio, rate)
    if sample_rate is None:
        raise ValueError("an array does not say its rate: sample_rate=16000, for example")
    rate = _looked_at(sample_rate, highest)
    samples = load_audio(audio, rate, source_rate=sample_rate)
    return rate, len(samples) / rate, (samples,)


def _looked_at(rate: float, highest: int) -> int:
    """The recording's own rate where it can be kept."""
    return int(np.clip(round(rate), LOWEST_RATE, min(HIGHEST_RATE, highest)))


def _hop(kind: Kind, rate: int, seconds: float) -> int:
    """A power of two between the kind's limits: short recordings get many columns too."""
    shortest, longest = kind.hops
    wanted = max(seconds * rate / WANTED_COLUMNS, 1)
    return int(np.clip(1 << int(np.log2(wanted)), shortest, longest))


def _with_neighbours(blocks: Iterable[np.ndarray], size: int, margin: int) -> Iterator[tuple[np.ndarray, int]]:
    """Stretches of `margin + size + margin` samples, `size` apart, and how many of the middle ones are the recording's.

    Beyond its ends the recording is mirrored, so that nothing seems to begin or to end there.
    """
    held, waiting, known = np.zeros(0, np.float32), 0, 0
    for block in itertools.chain(blocks, [None]):
        if block is not None:
            held = np.concatenate([held, block]) if known else _mirrored(block, margin, 0)
            known += len(block)
        elif known > waiting:
            held = _mirrored(held, 0, -(known - waiting) % size + margin)
        while len(held) >= size + 2 * margin and known > waiting:
            yield held[: size + 2 * margin], min(size, known - waiting)
            held, waiting = held[size:], waiting + size


def _mirrored(samples: np.ndarray, before: int, after: int) -> np.ndarray:
    return np.pad(samples, (before, after), "reflect" if len(samples) > 1 else "edge")


@functools.partial(jax.jit, static_argnums=(0, 2, 3, 4, 5))
def _frames(kind: Kind, samples: jax.Array, rate: int, hop: int, skipped: int, count: int) -> jax.Array:
    return kind.transform(samples, rate, hop)[skipped : skipped + count]


def fill(axes: Any, found: Columns, name: str) -> None:
    """Draws what `columns` found of a kind into matplotlib axes, with labels and a colour bar."""
    kind = KINDS[name]
    rows = kind.rows(found.sample_rate, found.hop_length, found.values.shape[1])
    if kind.is_power:
        lowest, highest, colours, label = -RANGE_DB, 0.0, "magma", "dB below the loudest"
    elif kind.is_signed:
        highest = max(1e-9, float(np.percentile(np.abs(found.values), 99.5)))
        lowest, colours, label = -highest, "RdBu_r", kind.unit
    else:
        lowest, highest = 0.0, max(1e-9, float(np.percentile(found.values, 99.9)))
        colours, label = "magma", kind.unit
    image = axes.imshow(
        found.values.T,
        origin="lower",
        aspect="auto",
        cmap=colours,
        vmin=lowest,
        vmax=highest,
        extent=(0, found.covered, -0.5, found.values.shape[1] - 0.5),
        interpolation="antialiased",
    )
    axes.set_yticks(rows.positions, rows.names)
    axes.set_ylabel(rows.label)
    axes.tick_params(length=3, labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    canvas.colour_bar(axes, image, label)
    axes.set_xlim(0, found.seconds)
    canvas.label_time(axes, found.seconds)
