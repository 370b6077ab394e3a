"""Words along a time axis without overlap: as many lanes as they need, or sentences on end where words do not fit."""

import dataclasses
import textwrap
from typing import Any

LANES = 8  # most, of words; sentences take half
SIZES = (10.0, 9.0, 8.0, 7.0)  # points, the largest that fits is taken
ON_END_HEIGHT, ON_END_SIZE = 3.0, 7.0  # inches, points
LINE = 1.25  # font sizes, from line to line
NARROW, WIDE = 0.45, 0.58  # font sizes, of an average letter in a narrow text and in a wide one
SPACE = 0.06  # inches between two captions of one lane


@dataclasses.dataclass(frozen=True)
class Caption:
    start: float  # seconds
    end: float
    text: str


@dataclasses.dataclass(frozen=True)
class Placed:
    caption: Caption
    x: float  # seconds, of the text's left edge
    lane: int
    text: str


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where each caption goes. `on_end`: turned by 90 degrees, one lane."""

    placed: tuple[Placed, ...]
    lanes: int
    size: float  # points
    height: float  # inches
    words: bool
    on_end: bool = False


def arrange(figure: Any, captions: tuple[list[Caption], list[Caption]], seconds: float, width: float) -> Layout | None:
    """The best readable layout of (words, segments) on an axis of `seconds` and `width` inches; None if none is."""
    words, segments = captions
    for items, most, is_words in ((words, LANES, True), (segments, LANES // 2, False)):
        letters = sum(len(item.text) for item in items)
        if not items or letters * NARROW * SIZES[-1] / 72 > most * width:  # spares measuring thousands of words
            continue
        found = {size: _in_lanes(figure, items, seconds, width, size, most) for size in SIZES}
        for limit in (most // 2, most):  # smaller letters before more lanes
            for size, (placed, lanes) in found.items():
                if lanes <= limit:
                    height = lanes * size / 72 * (LINE + 0.45) + 0.05
                    return Layout(placed, lanes, size, height, is_words)
    return _on_end(segments or words, seconds, width)


def _in_lanes(
    figure: Any, items: list[Caption], seconds: float, width: float, size: float, most: int
) -> tuple[tuple[Placed, ...], int]:
    """Captions going down like stairs, over and over, in the fewest lanes (at most `most` + 1) where none overlap."""
    measure = _ruler(figure, size)
    ordered = sorted(items, key=lambda item: item.start)
    lengths = [measure(item.text) for item in ordered]
    lefts = [
        max(0.0, min(item.start / seconds * width, width - length))
        for item, length in zip(ordered, lengths, strict=True)
    ]
    rights = [left + length + SPACE for left, length in zip(lefts, lengths, strict=True)]
    lanes = next(
        (n for n in range(1, most + 1) if all(a <= b for a, b in zip(rights, lefts[n:], strict=False))), most + 1
    )
    stairs = zip(ordered, lefts, strict=True)
    return tuple(Placed(item, x / width * seconds, i % lanes, item.text) for i, (item, x) in enumerate(stairs)), lanes


def _ruler(figure: Any, size: float) -> Any:
    renderer = figure.canvas.get_renderer()
    known: dict[str, float] = {}

    def measure(text: str) -> float:
        if text not in known:
            artist = figure.text(0, 0, text, fontsize=size)
            known[text] = artist.get_window_extent(renderer).width / figure.dpi
            artist.remove()
        return known[text]

    return measure


def _on_end(items: list[Caption], seconds: float, width: float) -> Layout | None:
    """Sentences from bottom to top, wrapped into the room until the next one, and cut with … where it is short."""
    letters = int(ON_END_HEIGHT * 72 / (WIDE * ON_END_SIZE))
    line = LINE * ON_END_SIZE / 72  # inches
    placed, free = [], 0.0
    ordered = sorted(items, key=lambda item: item.start)
    cut = 0
    for item, following in zip(ordered, [*ordered[1:], None], strict=True):
        left = max(free, item.start / seconds * width)
        room = (following.start / seconds * width if following else width) - left
        lines = textwrap.wrap(item.text, letters)
        fitting = max(0, int((room + 0.02) / line))
        cut += len(lines) > fitting
        if not fitting:
            continue
        kept = lines[:fitting]
        if len(kept) < len(lines):
            kept[-1] = kept[-1][: letters - 2].rstrip() + " …"
        free = left + len(kept) * line
        placed.append(Placed(item, (left + 0.03) / width * seconds, 0, "\n".join(kept)))
    if not placed or cut > len(ordered) // 2:
        return None
    longest = max(len(line) for item in placed for line in item.text.split("\n"))
    height = min(ON_END_HEIGHT, longest * WIDE * ON_END_SIZE / 72) + 0.1
    return Layout(tuple(placed), 1, ON_END_SIZE, height, words=False, on_end=True)


def draw_captions(axes: Any, layout: Layout, ink: str, accent: str) -> None:
    """Fills an axes of `layout.height` inches whose time axis is that of the layout."""
    axes.set_ylim(layout.lanes, 0)
    for placed in layout.placed:
        if layout.on_end:
            axes.axvline(placed.caption.start, color=accent, linewidth=0.6, alpha=0.5)
            axes.text(
                placed.x, 1.0, placed.text, rotation=90, fontsize=layout.size, color=ink,
                va="bottom", ha="left", linespacing=LINE - 0.12, clip_on=False,
            )  # fmt: skip
            continue
        axes.plot(
            [placed.caption.start, placed.caption.end], [placed.lane + 0.1] * 2,
            color=accent, linewidth=2.0, solid_capstyle="butt", alpha=0.8,
        )  # fmt: skip
        axes.text(placed.x, placed.lane + 0.2, placed.text, fontsize=layout.size, color=ink, va="top", ha="left")
