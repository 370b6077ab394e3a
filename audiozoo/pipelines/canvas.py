"""What pictures share: a figure in the house's style that is written whole or not at all, the axis of time, colours."""

import contextlib
import importlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from audiozoo.data import printable
from audiozoo.data.files import replacing

DPI = 120
MOST_COLUMNS = 3000  # more than a picture has pixels; longer audio is averaged
LEFT, RIGHT = 0.85, 1.0  # inches beside the axes
INK, MUTED = "#1f2937", "#6b7280"

# Tried in this order for letters that the first one lacks; only what is installed is asked for.
FONTS = ["DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Noto Sans JP", "Noto Sans KR"]
FONTS += ["WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "PingFang SC", "Hiragino Sans"]
FONTS += ["Apple SD Gothic Neo", "Microsoft YaHei", "SimHei", "Yu Gothic", "Malgun Gothic", "Arial Unicode MS"]
FONTS += ["Noto Sans Arabic", "Noto Sans Devanagari", "Noto Sans Thai", "Noto Sans Hebrew", "Unifont"]


@contextlib.contextmanager
def picture(path: str | os.PathLike[str]) -> Iterator[Any]:
    """An empty matplotlib figure, which is written to `path` when it is left without an error.

    Raises:
        ImportError: matplotlib is not installed (the `cli` extra has it).
        ValueError: an extension that is no picture format.
    """
    matplotlib = _matplotlib()
    path = Path(path)
    installed = set(matplotlib.font_manager.get_font_names())
    settings = {
        "font.family": [font for font in FONTS if font in installed] or ["sans-serif"],
        "font.size": 9,
        "text.color": INK,
        "text.parse_math": False,  # a price is no formula
        "axes.unicode_minus": False,
        "axes.edgecolor": "#9ca3af",
        "axes.labelcolor": INK,
        "axes.linewidth": 0.7,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "svg.fonttype": "path",
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # Letters that no installed font has become empty boxes; the picture is still right about everything else.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support .* natively")
        figure = matplotlib.figure.Figure(dpi=DPI, facecolor="white")
        matplotlib.backends.backend_agg.FigureCanvasAgg(figure)
        check_name(path)
        yield figure
        with replacing(path) as scratch:
            figure.savefig(scratch)


def frames_to_a_column(frames: float, block: int) -> int:
    """How many frames a column averages, so that there are no more than `MOST_COLUMNS`: a divisor of a block's number.

    Columns then do not cross the blocks that a long recording comes in.
    """
    divisors = (count for count in range(1, block + 1) if block % count == 0)
    return next((count for count in divisors if frames / count <= MOST_COLUMNS), block)


def averaged(frames: Float[np.ndarray, "frames rows"], count: int) -> Float[np.ndarray, "columns rows"]:
    """Columns of `count` frames each, and one of what is left."""
    starts = np.arange(0, len(frames), count)
    return np.add.reduceat(frames, starts) / np.diff(starts, append=len(frames))[:, None]


def below_loudest(
    power: Float[np.ndarray, "..."], *, range_db: float, least: float, floor_db: float
) -> Float[np.ndarray, "..."]:
    """Decibels from `-range_db` to 0, that of the loudest, or of `floor_db` where all is less: silence is dark.

    Powers below `least` count as that.
    """
    decibels = 10 * np.log10(np.maximum(power, least))
    return np.maximum(decibels - max(decibels.max(), floor_db), -range_db)


def check_name(path: str | os.PathLike[str]) -> None:
    """Whether a picture can have this name.

    Raises:
        ImportError: matplotlib is not installed (the `cli` extra has it).
        ValueError: an extension that is no picture format.
    """
    formats = _matplotlib().backends.backend_agg.FigureCanvasAgg.get_supported_filetypes()
    if Path(path).suffix.lstrip(".").lower() not in formats:
        raise ValueError(f"{printable(path)}: a picture's name ends in one of {', '.join(sorted(formats))}")


def width_of(seconds: float) -> float:
    """Inches; a long recording gets a wider picture, not larger letters."""
    return float(np.clip(0.5 * seconds, 11.0, 24.0))


def title_of(audio: Any) -> str:
    """A file's name; an array has none."""
    return printable(Path(os.fspath(audio)).name) if isinstance(audio, str | os.PathLike) else ""


def label_time(axes: Any, seconds: float) -> None:
    """Seconds below two minutes, else minutes or hours, at round places."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

    if seconds < 120:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=16, steps=[1, 2, 5, 10]))
        axes.set_xlabel("time (s)")
        return
    steps = (10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
    step = next((step for step in steps if seconds / step <= 24), 86400 * max(1, round(seconds / 24 / 86400)))
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _clock(value)))
    axes.set_xlabel("time (h:min:s)" if seconds >= 3600 else "time (min:s)")


def colour_bar(axes: Any, image: Any, label: str) -> None:
    """To the right of the axes, as high as they are."""
    figure = axes.figure
    left, bottom, width, height = axes.get_position().bounds
    inch = 1 / figure.get_figwidth()
    bar = figure.colorbar(image, cax=figure.add_axes((left + width + 0.1 * inch, bottom, 0.13 * inch, height)))
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7.5, length=2)
    bar.outline.set_visible(False)


def _matplotlib() -> Any:
    try:
        for module in ("figure", "font_manager", "backends.backend_agg", "ticker"):
            importlib.import_module(f"matplotlib.{module}")
        return importlib.import_module("matplotlib")
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install 'audiozoo[cli]'") from error


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
