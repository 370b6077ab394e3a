import gc
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiozoo.data import AudioError, audio, load_audio, stream_audio

RATES = [1, 50, 8000, 11025, 16000, 22050, 44100, 48000, 192000]


def noise_file(path, frames, channels, rate):
    samples = np.random.default_rng(frames).uniform(-1, 1, (frames, channels)).astype(np.float32)
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    frames=st.integers(16, 20_000),
    channels=st.integers(1, 3),
    rate=st.sampled_from(RATES) | st.integers(1000, 200_000),
    target=st.sampled_from([8000, 16000, 44100]),
    block=st.floats(0.01, 3.0),
    piece=st.integers(1, 30_000),
)
def test_a_streamed_file_is_the_loaded_file(tmp_path, frames, channels, rate, target, block, piece):
    frames = min(frames, max(16, 4 * rate))
    path = noise_file(tmp_path / "any.wav", frames, channels, rate)
    whole = load_audio(path, target)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audio, "PIECE_VALUES", max(piece, frames // 50))  # cuts where the file is read
        blocks = list(stream_audio(path, target, block_seconds=block))
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    assert {b.size for b in blocks[:-1]} <= {max(1, round(block * target))}
    assert 0 < blocks[-1].size <= max(1, round(block * target))
    assert all(b.dtype == np.float32 for b in blocks)


@pytest.mark.parametrize(("rate", "target"), [(8000, 16000), (16000, 16000), (44100, 16000)])
def test_an_hour_streams_in_a_few_megabytes(tmp_path, rate, target):
    path = tmp_path / "hour.wav"
    frames = 3600 * rate
    soundfile.write(path, np.zeros(1), rate)
    with open(path, "r+b") as file:  # an hour of silence that takes no room on the disk
        header = bytearray(file.read(44))
        header[4:8] = (36 + 2 * frames).to_bytes(4, "little")
        header[40:44] = (2 * frames).to_bytes(4, "little")
        file.seek(0)
        file.write(header)
        file.truncate(44 + 2 * frames)
    gc.collect()
    tracemalloc.start()
    try:
        total = sum(block.size for block in stream_audio(path, target, block_seconds=10.0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 3600 * target
    assert peak < 16e6, f"{peak / 1e6:.0f} MB"  # the whole would be 230 MB


def test_a_low_rate_does_not_take_more_memory(tmp_path):
    path = tmp_path / "slow.wav"
    soundfile.write(path, np.zeros(4 * 3600 * 100), 100)  # four hours at 100 Hz
    tracemalloc.start()
    try:
        assert sum(block.size for block in stream_audio(path, 16000)) == 4 * 3600 * 16000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16e6, f"{peak / 1e6:.0f} MB"  # the whole would be 920 MB


def test_many_channels_do_not_take_more_memory(tmp_path):
    path = tmp_path / "wide.wav"
    soundfile.write(path, np.zeros((40_000, 250), np.int16), 16000)
    tracemalloc.start()
    try:
        assert sum(block.size for block in stream_audio(path, 16000)) == 40_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8e6, f"{peak / 1e6:.0f} MB"  # the whole would be 40 MB


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_the_block_is_checked(tmp_path, seconds):
    path = noise_file(tmp_path / "a.wav", 100, 1, 16000)
    with pytest.raises(AudioError, match=r"block_seconds is .* positive"):
        next(stream_audio(path, 16000, block_seconds=seconds))


def test_a_fault_in_the_middle_comes_after_the_good_blocks(tmp_path):
    samples = np.zeros(600_000, np.float32)
    samples[-1] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    blocks = stream_audio(tmp_path / "a.wav", 16000, block_seconds=1.0)
    assert next(blocks).size == 16000
    with pytest.raises(AudioError, match=r"sample 599999 .* is NaN"):
        list(blocks)


def test_a_stream_that_is_left_closes_its_file(tmp_path):
    blocks = stream_audio(noise_file(tmp_path / "a.wav", 100_000, 1, 16000), 16000, block_seconds=1.0)
    next(blocks)
    blocks.close()  # a file left open would be a ResourceWarning, which is an error here
    gc.collect()
