"""`audiozoo spectrogram`: pictures where they were asked for, one clear line where they cannot be."""

import sys

import matplotlib.image
import pytest


def test_a_picture_beside_where_you_are(audiozoo, wav, tmp_path):
    result = audiozoo("spectrogram", wav("a.wav"))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "a.mel.png\n", "")
    assert matplotlib.image.imread(tmp_path / "a.mel.png").std() > 0.05


def test_a_picture_where_you_say(audiozoo, wav, tmp_path):
    result = audiozoo("spectrogram", wav(), "--kind", "stft", "--output", "mine.svg")
    assert (result.exit_code, result.stdout) == (0, "mine.svg\n")
    assert (tmp_path / "mine.svg").read_text().startswith("<?xml")


def test_several_files_to_a_folder_and_a_bad_one_stops_none(audiozoo, wav, tmp_path):
    (tmp_path / "bad.wav").write_text("a letter")
    result = audiozoo("spectrogram", wav("a.wav"), "bad.wav", wav("b.wav"), "-k", "mfcc", "-o", "out")
    assert (result.exit_code, result.stdout) == (1, "out/a.mfcc.png\nout/b.mfcc.png\n")
    assert "bad.wav: is not audio" in result.stderr and "1 of 3 files failed" in result.stderr


def test_nothing_is_written_over(audiozoo, wav, tmp_path):
    (tmp_path / "a.mel.png").write_text("cover")
    result = audiozoo("spectrogram", wav("a.wav"))
    assert result.exit_code == 1 and "a.mel.png exists; --overwrite replaces it" in result.stderr
    assert (tmp_path / "a.mel.png").read_text() == "cover"
    assert audiozoo("spectrogram", "a.wav", "--overwrite").exit_code == 0
    assert (tmp_path / "a.mel.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a.wav", "--kind", "mal"), "no spectrogram is called 'mal'; there are mel, stft, reassigned, bark"),
        (("a.wav", "--output", "a.docx"), "--output a.docx: a picture's name ends in one of"),
        (("a.wav", "b.wav", "--output", "a.png"), "--output is for one file"),
        (("a.wav", "-o", "out", "--output", "a.png"), "--output is for one file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_is_one_clear_line(audiozoo, wav, arguments, said):
    wav()
    result = audiozoo("spectrogram", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr and len(result.stderr.splitlines()) == 1


def test_without_matplotlib_the_extra_is_named(audiozoo, wav, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = audiozoo("spectrogram", wav())
    assert result.exit_code == 1 and "pip install 'audiozoo[cli]'" in result.stderr
