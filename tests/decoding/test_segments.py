import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiozoo.decoding.segments import Segment, speech_segments

CHUNK = 0.032  # seconds
PLAIN = {"min_speech_duration": 0.0, "min_silence_duration": 0.0, "speech_pad": 0.0}


def probabilities_strategy():
    runs = st.lists(st.tuples(st.floats(0, 1, width=32), st.integers(1, 12)), max_size=25)
    return runs.map(lambda runs: np.repeat([p for p, _ in runs], [n for _, n in runs]).astype(np.float32))


def runs(*pairs):
    return np.repeat([p for p, _ in pairs], [n for _, n in pairs])


def test_speech_begins_at_the_threshold_and_ends_below_the_lower_one():
    values = runs((0.49, 2), (0.5, 3), (0.36, 4), (0.34, 2), (0.49, 2))
    (segment,) = speech_segments(values, **PLAIN)
    assert segment == pytest.approx((2 * CHUNK, 9 * CHUNK))


def test_short_silence_does_not_part_speech_and_short_speech_is_dropped():
    values = runs((0, 5), (1, 20), (0, 3), (1, 20), (0, 10), (1, 3), (0, 10))
    settings = PLAIN | {"min_silence_duration": 0.1, "min_speech_duration": 0.2}
    (segment,) = speech_segments(values, **settings)
    assert segment == pytest.approx((5 * CHUNK, 48 * CHUNK))


def test_padding_stops_at_the_ends_and_in_the_middle_of_a_gap():
    values = runs((1, 10), (0, 4), (1, 10))
    first, second = speech_segments(values, **PLAIN | {"speech_pad": 1.0}, samples=24 * 512 - 100)
    assert first == pytest.approx((0, 12 * CHUNK))
    assert second == pytest.approx((12 * CHUNK, (24 * 512 - 100) / 16_000))


def test_long_speech_is_cut_at_its_longest_pause():
    values = runs((1, 20), (0, 5), (1, 20), (0, 8), (1, 30))
    settings = PLAIN | {"min_silence_duration": 1.0, "max_speech_duration": 70 * CHUNK}
    first, second = speech_segments(values, **settings)
    assert first == pytest.approx((0, 45 * CHUNK))
    assert second == pytest.approx((53 * CHUNK, 83 * CHUNK))


def test_long_speech_without_a_pause_is_cut_where_it_gets_too_long():
    segments = speech_segments(np.ones(100), **PLAIN | {"max_speech_duration": 40 * CHUNK})
    assert segments[0] == pytest.approx((0, 40 * CHUNK))
    assert all(end - start <= 40 * CHUNK + 1e-9 for start, end in segments)


@pytest.mark.parametrize("values", [np.zeros(0), np.zeros(50)])
def test_no_speech_has_no_segments(values):
    assert speech_segments(values) == []


@given(probabilities_strategy(), st.floats(0, 0.5), st.floats(0, 2), st.integers(0, 511))
def test_segments_are_in_order_apart_and_within_the_recording(values, pad, longest, missing):
    total = max(values.size * 512 - missing, 0)
    found = speech_segments(values, speech_pad=pad, max_speech_duration=max(longest, 0.3), samples=total)
    times = [time for segment in found for time in segment]
    assert times == sorted(times)
    assert all(0 <= time <= total / 16_000 for time in times)
    assert all(isinstance(segment, Segment) for segment in found)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"threshold": 1.5}, "threshold 1.5"),
        ({"threshold": 0.3, "neg_threshold": 0.4}, "in order"),
        ({"min_speech_duration": -1.0}, "negative"),
        ({"speech_pad": math.nan}, "negative"),
    ],
)
def test_settings_out_of_range_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        speech_segments(np.zeros(3), **settings)


@pytest.mark.parametrize("values", [np.zeros((1, 3)), np.float32(0.5), np.array([0.2, np.nan])])
def test_what_is_no_row_of_probabilities_is_refused(values):
    with pytest.raises(ValueError, match="probabilities"):
        speech_segments(values)
