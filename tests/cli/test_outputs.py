"""Where answers go: never over what was there, and not through memory all at once."""

import json
import tracemalloc
import types
from pathlib import Path

import numpy as np
import pytest

from audiozoo import pipelines
from audiozoo.cli import app as commands
from audiozoo.cli import files
from audiozoo.zoo import WeightsUnavailable
from tests.cli.conftest import FakeTranscriber


@pytest.fixture(autouse=True)
def _fakes(seen):
    pass


@pytest.fixture
def cover(wav, tmp_path):
    """A song beside its cover, both in the current folder."""
    wav("song.wav")
    (tmp_path / "song.png").write_bytes(b"cover")
    return tmp_path / "song.png"


def test_a_picture_leaves_the_cover_alone(audiozoo, cover):
    result = audiozoo("detect-speech", "song.wav", "--plot")
    assert result.exit_code == 0 and cover.read_bytes() == b"cover"
    assert cover.with_name("song.audiozoo.png").stat().st_size > 1000


def test_what_exists_is_replaced_only_if_asked(audiozoo, cover, wav, seen):
    arguments = ("transcribe", "song.wav", wav("other.wav"), "-o", ".", "--plot")
    result = audiozoo(*arguments)
    assert (result.exit_code, result.stdout) == (1, "other.txt\nother.png\n")
    assert result.stderr == (
        "audiozoo: song.wav: song.png exists; --overwrite replaces it\naudiozoo: 1 of 2 files failed\n"
    )
    assert cover.read_bytes() == b"cover" and not cover.with_suffix(".txt").exists()
    assert [name for name, _ in seen] == ["other.wav"]  # nothing is worked out that cannot be written
    assert audiozoo(*arguments, "--overwrite").exit_code == 0
    assert cover.read_bytes() != b"cover"


def test_an_input_is_never_replaced(audiozoo, wav, tmp_path):
    (tmp_path / "out").mkdir()
    sound = wav("a.wav").rename(tmp_path / "out" / "talk.json")
    before = sound.read_bytes()
    result = audiozoo("detect-speech", "out/talk.json", "-o", "out", "-f", "json", "--overwrite")
    assert result.exit_code == 1 and sound.read_bytes() == before
    assert result.stderr == "audiozoo: out/talk.json is an input; choose another --output-dir\n"


def test_trying_a_folder_leaves_its_files(audiozoo, wav, tmp_path):
    (tmp_path / "audiozoo.tmp").write_text("mine")
    assert audiozoo("transcribe", wav(), "-o", ".").exit_code == 0
    assert (tmp_path / "audiozoo.tmp").read_text() == "mine"


def test_text_is_txt_and_json_names_its_file(audiozoo, wav):
    result = audiozoo("detect-speech", wav(), "-o", "out", "-f", "text,json")
    assert result.stdout == "out/a.txt\nout/a.json\n"
    assert json.loads(Path("out/a.json").read_text())["file"].endswith("a.wav")


def test_hours_of_pitch_are_written_in_blocks():
    count = 2_000_000  # five and a half hours
    track = types.SimpleNamespace(frequency=np.full(count, 220.5, np.float32))
    tracemalloc.start()
    try:
        written = sum(map(len, files._json({"frequency": commands._rounded(track.frequency, 3)})))
        columns = pipelines.PitchTrack(*[track.frequency] * 3)
        lines = sum(block.count("\n") for block in commands._csv(columns))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert written == count * len("220.5, ") + len('{"frequency": []}\n') - 2 and lines == count + 1
    assert peak < 5e6, f"{peak / 1e6:.0f} MB"


def test_json_in_blocks_is_json(audiozoo, wav):
    found = json.loads(audiozoo("pitch", wav(seconds=90), "-f", "json").stdout)
    assert len(found["time"]) == 9001 > commands.ROWS
    assert found["time"] == [round(0.01 * frame, 2) for frame in range(9001)]


def test_vad_that_cannot_be_had_fails_once(audiozoo, wav, monkeypatch, seen):
    def unavailable(self):
        raise WeightsUnavailable("the weights of silero_vad_v6 could not be had\n  hub: offline")

    monkeypatch.setattr(FakeTranscriber, "voice_activity", property(unavailable))
    result = audiozoo("transcribe", wav("a.wav"), wav("b.wav"), "--vad")
    assert (result.exit_code, result.stdout, seen) == (1, "", [])
    assert len(result.stderr.splitlines()) == 1 and "hub: offline" in result.stderr
    assert audiozoo("transcribe", "a.wav").exit_code == 0
