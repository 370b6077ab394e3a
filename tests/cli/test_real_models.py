"""The command with published weights on real recordings."""

import json

import matplotlib.image
import pytest

from tests import recordings

pytestmark = pytest.mark.weights


def test_the_demo(audiozoo, tmp_path):
    result = audiozoo("demo", "--recording", "jfk")
    assert result.exit_code == 0, result.stderr
    assert "ask not what your country can do for you" in result.stdout
    assert "speech, 7.9 s" in result.stdout and "Hz in the middle" in result.stdout
    height, width, _ = matplotlib.image.imread(tmp_path / "demo/jfk.png").shape
    assert width == 1320 and height > 800


def test_speech_is_where_it_was_marked_by_hand(audiozoo):
    result = audiozoo("detect-speech", recordings.telephone(), "--format", "json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)["speech"]
    assert found[0]["start"] == pytest.approx(recordings.telephone_turns()[0].start, abs=0.25)


def test_the_pitch_of_a_voice(audiozoo):
    result = audiozoo("pitch", recordings.arctic(), "--format", "json", "--fmax", 550)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert len(found["time"]) == 401
    sure = [f for f, c in zip(found["frequency"], found["confidence"], strict=True) if c > 0.7]
    assert len(sure) > 100 and 80 < sorted(sure)[len(sure) // 2] < 300
