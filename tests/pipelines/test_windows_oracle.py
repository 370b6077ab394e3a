import numpy as np
import pytest

from audiozoo.pipelines.windows import SpeechClock

pytestmark = pytest.mark.oracle


def test_restored_times_are_faster_whispers():
    from faster_whisper.vad import SpeechTimestampsMap

    borders = np.sort(np.random.default_rng(0).choice(200_000, 20, replace=False)).reshape(-1, 2).tolist()
    theirs = SpeechTimestampsMap([{"start": a, "end": b} for a, b in borders], 16_000)
    ours = SpeechClock(borders, 16_000)
    total = sum(b - a for a, b in borders) / 16_000
    edges = np.cumsum([b - a for a, b in borders]) / 16_000
    for time in [*np.linspace(0, total, 200).round(2).tolist(), *edges.tolist()]:
        assert ours.original(time) == theirs.get_original_time(time)
        assert ours.original(time, is_end=True) == theirs.get_original_time(time, is_end=True)
