import numpy as np
import pytest

from audiozoo.pipelines.windows import Reader, SpeechClock, only

CLIP = np.arange(1000, dtype=np.float32)


def cut(*sizes):
    return np.split(CLIP, np.cumsum(sizes))


@pytest.mark.parametrize("blocks", [[CLIP], cut(1, 2, 300, 5), np.split(CLIP, 1000), cut(0, 500, 0)])
def test_windows_are_the_same_however_the_clip_arrives(blocks):
    reader = Reader(blocks)
    for start, size in ((0, 300), (100, 300), (100, 50), (399, 1), (700, 300), (900, 300), (1000, 300), (1200, 9)):
        np.testing.assert_array_equal(reader.read(start, size), CLIP[start : start + size])
    assert reader.ended and reader.length == 1000


def test_no_more_is_read_or_kept_than_a_window_needs():
    read = []

    def blocks():
        for block in np.split(CLIP, 100):
            read.append(block)
            yield block

    reader = Reader(blocks())
    reader.read(0, 25)
    assert len(read) == 3
    reader.read(500, 20)
    assert len(read) == 52 and len(reader._kept) == 20


def test_windows_never_go_back():
    reader = Reader([CLIP])
    reader.read(100, 10)
    with pytest.raises(ValueError, match="gone"):
        reader.read(99, 10)


@pytest.mark.parametrize("blocks", [[CLIP], cut(1, 2, 300, 5), np.split(CLIP, 1000)])
@pytest.mark.parametrize("spans", [[], [(0, 1000)], [(10, 20), (20, 30), (300, 700)], [(5, 6), (999, 1000)]])
def test_only_the_speech_is_left(blocks, spans):
    found = np.concatenate([np.zeros(0), *only(blocks, spans)])
    np.testing.assert_array_equal(found, np.concatenate([np.zeros(0), *(CLIP[a:b] for a, b in spans)]))


def test_times_go_back_to_the_recording():
    clock = SpeechClock([(100, 200), (500, 600)], sample_rate=100)  # 1 to 2 s, and 5 to 6 s
    assert [clock.original(t) for t in (0.0, 0.5, 1.0, 1.5, 2.0)] == [1.0, 1.5, 5.0, 5.5, 6.0]
    assert clock.original(1.0, is_end=True) == 2.0
    assert clock.original(1.2, span=0) == 2.2
