import json

import pytest

from audiozoo.pipelines import Segment, Transcript, Word, subtitles


def transcript(words):
    given = lambda *w: tuple(w) if words else None
    common = {"tokens": (1, 2), "temperature": 0.0, "avg_logprob": -0.5, "compression_ratio": 1.0}
    common |= {"no_speech_prob": 0.1}
    segments = (
        Segment(
            0.0,
            2.5,
            " Hello, --> you.",
            words=given(Word(0.1, 1, " Hello,", 0.9), Word(1, 2.4, " you.", 0.8)),
            **common,
        ),
        Segment(3661.0, 3662.25, " A\ttab", words=given(Word(3661, 3662.2, " A", 0.7)), **common),
    )
    return Transcript("Hello", "en", 1.0, 4000.0, segments)


def test_srt():
    text = subtitles.render(transcript(words=False), "srt")
    assert text == ("1\n00:00:00,000 --> 00:00:02,500\nHello, -> you.\n\n2\n01:01:01,000 --> 01:01:02,250\nA\ttab\n\n")


def test_subtitles_take_the_times_of_the_words():
    text = subtitles.render(transcript(words=True), "vtt")
    assert text.startswith("WEBVTT\n\n00:00.100 --> 00:02.400\nHello, you.\n\n01:01:01.000 --> 01:01:02.200\n")


def test_the_file_name_tells_the_format(tmp_path):
    path = subtitles.write(transcript(words=True), tmp_path / "a.json")
    assert json.loads(path.read_text())["segments"][1]["words"][0]["word"] == " A"
    with pytest.raises(ValueError, match="docx"):
        subtitles.write(transcript(words=True), tmp_path / "a.docx")


def test_no_time_before_zero():
    with pytest.raises(ValueError, match="-1"):
        subtitles.clock_time(-1.0)
