"""Samples of a clip as windows, in bounded memory, and the stretches of it that hold speech."""

import bisect
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Float

Samples = Float[np.ndarray, " time"]
Span = tuple[int, int]  # first sample, and the one after the last


class Reader:
    """A clip that arrives in blocks; only what lies from the last window's start on is kept."""

    def __init__(self, blocks: Iterable[Samples]):
        self._blocks = iter(blocks)
        self._kept = np.zeros(0, np.float32)
        self._start = 0  # of what is kept, in the clip
        self.ended = False

    @property
    def length(self) -> int:
        """Samples that have arrived; all of them once `ended`."""
        return self._start + len(self._kept)

    def read(self, start: int, size: int) -> Samples:
        """`size` samples from `start` on, fewer at the end of the clip; windows never go back.

        Raises:
            ValueError: samples before an earlier window's start.
        """
        if start < self._start:
            raise ValueError(f"samples before {self._start} are gone; {start} was asked for")
        self._keep_from(start)
        arrived = [self._kept]
        have = self.length
        while not self.ended and have < start + size:
            block = next(self._blocks, None)
            if block is None:
                self.ended = True
            else:
                arrived.append(block)
                have += len(block)
        if len(arrived) > 1:
            self._kept = np.concatenate(arrived)
            self._keep_from(start)  # a window may begin in what has only now arrived
        begin = start - self._start
        return self._kept[begin : begin + size] if begin <= len(self._kept) else np.zeros(0, np.float32)

    def _keep_from(self, start: int) -> None:
        drop = min(start - self._start, len(self._kept))
        self._kept, self._start = self._kept[drop:], self._start + drop


def only(blocks: Iterable[Samples], spans: Sequence[Span]) -> Iterator[Samples]:
    """The samples of `blocks` that lie in `spans`, which are in order and do not overlap."""
    position, left = 0, list(spans)
    for block in blocks:
        end = position + len(block)
        while left and left[0][0] < end:
            start, stop = left[0]
            yield block[max(start - position, 0) : stop - position]
            if stop > end:
                break
            left.pop(0)
        position = end


class SpeechClock:
    """From seconds of the joined speech back to seconds of the clip that it was cut from."""

    def __init__(self, spans: Sequence[Span], sample_rate: int):
        self._rate = sample_rate
        lengths = np.array([stop - start for start, stop in spans])
        self._ends = np.cumsum(lengths).tolist()  # of each span, in samples of the joined speech
        self._skipped = [
            (start - before) / sample_rate for (start, _), before in zip(spans, self._ends - lengths, strict=True)
        ]

    def span(self, time: float, *, is_end: bool = False) -> int:
        """Which span a moment belongs to; an end on the border belongs to the one before."""
        sample = int(time * self._rate)
        if is_end and sample in self._ends:
            return self._ends.index(sample)
        return min(bisect.bisect(self._ends, sample), len(self._ends) - 1)

    def original(self, time: float, span: int | None = None, *, is_end: bool = False) -> float:
        """The moment in the clip, rounded to 10 ms; in a `span` if it is known to be there."""
        return round(self._skipped[self.span(time, is_end=is_end) if span is None else span] + time, 2)
