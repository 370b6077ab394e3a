"""Segments against the Python source that Silero publishes with its weights, sample by sample."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiozoo import weights
from audiozoo.decoding.segments import speech_segments
from tests.models import silero_files

pytestmark = [pytest.mark.oracle, pytest.mark.weights]


@pytest.fixture(scope="module")
def theirs():
    path = weights.fetch(silero_files.SEGMENTS)
    spec = importlib.util.spec_from_file_location("silero_utils_vad", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_speech_timestamps_from_probs


@given(
    runs=st.lists(st.tuples(st.floats(0, 1, width=32), st.integers(1, 20)), max_size=40),
    jitter=st.floats(0, 0.3),
    threshold=st.sampled_from([0.0, 0.3, 0.5, 0.9]),
    lower=st.none() | st.floats(0, 1),
    missing=st.integers(0, 511),
    min_speech=st.integers(0, 800),
    min_silence=st.integers(0, 800),
    pad=st.integers(0, 500),
    longest=st.just(float("inf")) | st.integers(1, 9),
    min_pause=st.integers(0, 300),
)
def test_segments_equal_silero(
    theirs, runs, jitter, threshold, lower, missing, min_speech, min_silence, pad, longest, min_pause
):
    values = np.repeat([p for p, _ in runs], [n for _, n in runs])
    values = np.clip(values + jitter * np.random.default_rng(0).standard_normal(values.size), 0, 1)
    samples = max(values.size * 512 - missing, 0)
    lower = None if lower is None else lower * threshold
    expected = theirs(
        values.tolist(),
        threshold=threshold,
        neg_threshold=lower,
        min_speech_duration_ms=min_speech,
        min_silence_duration_ms=min_silence,
        speech_pad_ms=pad,
        max_speech_duration_s=longest,
        min_silence_at_max_speech=min_pause,
        audio_length_samples=samples,
    )
    found = speech_segments(
        values,
        samples=samples,
        threshold=threshold,
        neg_threshold=lower,
        min_speech_duration=min_speech / 1000,
        min_silence_duration=min_silence / 1000,
        speech_pad=pad / 1000,
        max_speech_duration=longest,
        min_pause_duration=min_pause / 1000,
    )
    assert found == [(segment["start"] / 16_000, segment["end"] / 16_000) for segment in expected]
