import json
import os
import time
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from audiozoo import __version__, zoo
from audiozoo.cli import demo, files
from audiozoo.decoding.segments import Segment as Speech
from audiozoo.pipelines.pitch import PitchTrack
from audiozoo.pipelines.transcript import Segment, Transcript, Word
from audiozoo.weights.errors import DownloadError


@pytest.fixture(autouse=True)
def _fakes(seen):
    pass


def test_help_names_every_command(audiozoo):
    result = audiozoo("--help")
    assert result.exit_code == 0
    for command in ("transcribe", "detect-speech", "pitch", "list", "info", "pull", "demo"):
        assert command in result.stdout
        assert audiozoo(command, "--help").exit_code == 0


def test_version(audiozoo):
    assert audiozoo("--version").stdout == f"audiozoo {__version__}\n"


def test_one_file_to_standard_output(audiozoo, wav):
    result = audiozoo("transcribe", wav())
    assert (result.exit_code, result.stdout, result.stderr) == (0, "16000 samples\n", "")


def test_several_files_have_headings(audiozoo, wav):
    a, b = wav("a.wav"), wav("b.wav", 0.5)
    result = audiozoo("transcribe", a, b)
    assert result.stdout == f"==> {a} <==\n16000 samples\n==> {b} <==\n8000 samples\n"


def test_json_is_a_line_for_each_file(audiozoo, wav):
    paths = [wav("a.wav"), wav("b.wav", 0.5)]
    result = audiozoo("transcribe", *paths, "--format", "json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(row["file"], row["text"]) for row in rows] == [
        (str(paths[0]), "16000 samples"),
        (str(paths[1]), "8000 samples"),
    ]


def test_settings_reach_the_model(audiozoo, wav, seen):
    audiozoo("transcribe", wav(), "--language", "en", "--task", "translate", "--beam-size", 3, "--vad")
    settings = {"language": "en", "task": "translate", "beam_size": 3, "vad": True, "word_timestamps": False}
    assert seen == [("a.wav", settings)]


def test_every_format_in_a_folder(audiozoo, wav, tmp_path):
    options = ("--word-timestamps", "--format", "txt,srt", "-f", "vtt,tsv,json,txt", "-o", "out/deep", "--plot")
    result = audiozoo("transcribe", wav("talk.wav"), *options)
    assert result.exit_code == 0
    written = [Path(line) for line in result.stdout.splitlines()]
    assert written == [Path("out/deep") / f"talk.{e}" for e in ("txt", "srt", "vtt", "tsv", "json", "png")]
    assert sorted(p.name for p in (tmp_path / "out/deep").iterdir()) == sorted(p.name for p in written)
    assert written[0].read_text() == "16000 samples\n"
    assert written[1].read_text().startswith("1\n00:00:00,000 --> 00:00:01,000\n")
    assert json.loads(written[4].read_text())["segments"][0]["words"][0]["word"] == " 16000"
    assert matplotlib.image.imread(written[5]).ndim == 3


def test_a_picture_without_a_folder_is_drawn_here(audiozoo, wav, tmp_path):
    result = audiozoo("detect-speech", wav("sub/a.wav"), "--plot")
    assert result.stdout == "0.250\t1.000\n"
    assert result.stderr == "audiozoo: drew a.audiozoo.png\n"
    assert (tmp_path / "a.audiozoo.png").exists()


def test_the_same_stem_twice_gives_two_outputs(audiozoo, wav, tmp_path):
    inputs = [wav("x/a.wav"), wav("y/a.flac", 0.5), wav("a-2.wav", 0.25), wav("z/A.wav", 0.125)]
    result = audiozoo("transcribe", *inputs, "-o", "out")
    assert result.exit_code == 0
    outputs = {p.name: p.read_text() for p in (tmp_path / "out").iterdir()}
    assert outputs == {
        "a.txt": "16000 samples\n",
        "a-2.txt": "8000 samples\n",
        "a-2-2.txt": "4000 samples\n",
        "A-3.txt": "2000 samples\n",
    }
    assert "a.flac: is written as a-2, for a is taken" in result.stderr


def test_speech_formats(audiozoo, wav):
    path = wav("my talk.wav")
    assert audiozoo("detect-speech", path).stdout == "0.250\t1.000\n"
    assert json.loads(audiozoo("detect-speech", path, "-f", "json").stdout) == {
        "file": str(path),
        "speech": [{"start": 0.25, "end": 1.0}],
    }
    assert audiozoo("detect-speech", path, "-f", "rttm").stdout == (
        "SPEAKER my_talk 1 0.250 0.750 <NA> <NA> speech <NA> <NA>\n"
    )
    assert audiozoo("detect-speech", path, "--threshold", "0.95").stdout == ""


def test_pitch_formats(audiozoo, wav):
    path = wav(seconds=0.03)
    assert audiozoo("pitch", path).stdout.splitlines()[:2] == ["time,frequency,confidence", "0.000,220.000,0.7500"]
    found = json.loads(audiozoo("pitch", path, "-f", "json").stdout)
    assert found["time"] == [0.0, 0.01, 0.02, 0.03] and set(found["frequency"]) == {220.0}


def test_list(audiozoo):
    lines = audiozoo("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == zoo.list_models()
    assert {line.split()[0] for line in audiozoo("list", "crepe*").stdout.splitlines()} == {"crepe_full", "crepe_tiny"}
    rows = json.loads(audiozoo("list", "--task", "voice-activity", "--pretrained", "--json").stdout)
    assert [row["name"] for row in rows] == zoo.list_models(task="voice-activity", pretrained=True)
    nothing = audiozoo("list", "nothing*")
    assert (nothing.exit_code, nothing.stdout) == (1, "")


def test_info(audiozoo):
    assert audiozoo("info", "crepe_tiny").stdout == f"{zoo.info('crepe_tiny')}\n"
    cards = json.loads(audiozoo("info", "crepe_tiny", "crepe_full", "--json").stdout)
    assert [card["parameters"] for card in cards] == [486_552, 22_239_976]


def test_pull(audiozoo, monkeypatch):
    def files_of(name):
        if name == "crepe_full":
            raise zoo.WeightsUnavailable("no network;\n  try later")
        return {"weights": Path("/cache/w")}

    monkeypatch.setattr(zoo, "files", files_of)
    result = audiozoo("pull", "crepe*", "crepe_tiny", "silero_vad_v6")
    assert result.exit_code == 1
    assert result.stdout == "crepe_tiny\tweights\t/cache/w\nsilero_vad_v6\tweights\t/cache/w\n"
    assert result.stderr == "audiozoo: crepe_full: no network; try later\n"


def test_weights_that_cannot_be_had_are_a_failure_in_one_line(audiozoo, wav, monkeypatch):
    def unavailable(name, **_):
        raise zoo.WeightsUnavailable("the weights of silero_vad_v6 could not be had\n  hub: offline")

    monkeypatch.setattr(zoo, "load", unavailable)
    result = audiozoo("detect-speech", wav())
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1 and "hub: offline" in result.stderr


def test_the_bar_follows_the_work_where_a_person_looks(wav, monkeypatch, capsys):
    from rich.progress import Progress

    told = []
    update = Progress.update
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr(Progress, "update", lambda self, task, **to: (told.append(to), update(self, task, **to))[1])
    with files.bar(wav("[red]a.wav", 2.0), 0, 2) as tick:
        tick(1.0, "finding speech")
        tick(0.5)
    name = r"\[red]a.wav (1 of 2)"
    assert told == [
        {"completed": 1.0, "description": f"{name}: finding speech"},
        {"completed": 0.5, "description": name},
    ]


def test_no_bar_where_nobody_looks(wav, capsys):
    with files.bar(wav(), 0, 1) as tick:
        tick(1.0)
        tick(1.0, "finding speech")
    assert capsys.readouterr() == ("", "")


def test_the_demo_tells_all_that_was_found():
    words = (Word(0.5, 1.0, " Hello", 0.9), Word(1.0, 1.5, " there.", 0.9))
    segment = Segment(0.5, 1.5, " Hello there.", (1,), 0.0, -0.1, 1.0, 0.0, 0, words)
    transcript = Transcript("Hello there.", "en", 1.0, 2.0, (segment,))
    track = PitchTrack(*np.array([[0.0, 0.01, 0.02], [100.0, 110.0, 900.0], [0.9, 0.9, 0.1]]))
    text = demo.described("jfk", transcript, [Speech(0.4, 1.6)], track, Path("demo/jfk.png"))
    for part in ("Hello there.", "0.50 Hello   1.00 there.", "speech, 1.2 s", "105 Hz", "picture: demo/jfk.png"):
        assert part in text


def test_the_demo_goes_on_without_what_cannot_be_had(audiozoo, monkeypatch):
    from audiozoo import data, pipelines

    def recording(name):
        if name == "jfk":
            raise DownloadError("no network")
        raise data.AudioError("a second fault")

    monkeypatch.setattr(data, "recording", recording)
    monkeypatch.setattr(pipelines, "Transcriber", type("Fake", (), {"load": staticmethod(lambda name: None)}))
    result = audiozoo("demo", "-o", "out")
    assert result.exit_code == 1
    assert "audiozoo: jfk: no network\n" in result.stderr and "telephone: a second fault\n" in result.stderr


def test_compiled_programs_that_were_half_written_are_forgotten(tmp_path):
    """JAX keeps a file with each program that says when it was used last, and stumbles where that is missing."""
    from audiozoo.cli.app import _forget_half_written

    for name, age in (("whole-cache", 3600), ("whole-atime", 3600), ("half-cache", 3600), ("new-cache", 0)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    _forget_half_written(tmp_path)
    _forget_half_written(tmp_path / "nowhere")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new-cache", "whole-atime", "whole-cache"]
