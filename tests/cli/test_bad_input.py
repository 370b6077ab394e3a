"""Bad input, one by one: one clear line, the other files are done, and the exit code says so.

What Python callers get for the same files is in tests/data/test_bad_files.py.
"""

import os

import numpy as np
import pytest
import soundfile

from audiozoo.pipelines import subtitles

COMMANDS = {"transcribe": "16000 samples\n", "detect-speech": "0.250\t1.000\n", "pitch": None}


def not_audio(path):
    path.write_text("this is a letter, not a sound\n" * 20)


def truncated(path):
    soundfile.write(path, np.zeros(16_000), 16_000)
    path.write_bytes(path.read_bytes()[:20_000])


def with_nan(path):
    soundfile.write(path, np.float32([0.0, np.nan] * 8000), 16_000, subtype="FLOAT")


def too_short(path):
    soundfile.write(path, np.zeros(2), 192_000)


BAD = {
    "not audio": (not_audio, "is not audio that libsndfile reads"),
    "truncated": (truncated, "is cut off: its header promises 32,000 bytes of samples, 19,956 are there"),
    "empty": (lambda path: path.touch(), "is empty (0 bytes)"),
    "no samples": (lambda path: soundfile.write(path, np.zeros(0), 16_000), "holds no samples"),
    "NaN": (with_nan, "sample 1 (0.00 s) is NaN"),
    "a directory": (lambda path: path.mkdir(), "is a directory, not a file"),
    "missing": (lambda path: None, "there is no such file"),
    "too short": (too_short, "is shorter than one sample at 16000 Hz"),
}

GOOD = {
    "silence": (np.zeros(16_000), 16_000),
    "clipped": (np.sign(np.sin(np.arange(16_000))), 16_000),
    "1 Hz": (np.zeros(2), 1),
    "192 kHz": (np.zeros(192_000), 192_000),
    "32 channels": (np.zeros((16_000, 32)), 16_000),
    "a second of 8 kHz": (np.zeros(8000), 8000),
}


@pytest.fixture(autouse=True)
def _fakes(seen):
    pass


@pytest.fixture(params=COMMANDS)
def command(request):
    return request.param


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_one_clear_line(audiozoo, tmp_path, command, kind):
    make, reason = BAD[kind]
    make(tmp_path / "bad.wav")
    result = audiozoo(command, "bad.wav")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"audiozoo: bad.wav: {reason}")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("kind", BAD)
def test_the_other_files_are_done(audiozoo, wav, tmp_path, command, kind):
    make, reason = BAD[kind]
    make(tmp_path / "bad.wav")
    good = [wav("first.wav"), wav("last.wav")]
    result = audiozoo(command, good[0], "bad.wav", good[1], "-o", "out")
    assert result.exit_code == 1
    assert [line.split(".")[0] for line in result.stdout.splitlines()] == ["out/first", "out/last"]
    assert reason in result.stderr and "audiozoo: 1 of 3 files failed" in result.stderr


@pytest.mark.parametrize("kind", GOOD)
def test_odd_but_good_files_are_fine(audiozoo, tmp_path, command, kind):
    samples, rate = GOOD[kind]
    soundfile.write(tmp_path / "odd.wav", samples, rate)
    result = audiozoo(command, "odd.wav")
    assert result.exit_code == 0 and result.stdout and not result.stderr


def test_a_chinese_name(audiozoo, wav, command, tmp_path):
    result = audiozoo(command, wav("录音.wav"), "-o", "输出")
    assert result.exit_code == 0
    assert result.stdout.startswith("输出/录音.")
    assert len(list((tmp_path / "输出").iterdir())) == 1


def test_a_name_that_cannot_be_printed(audiozoo, command):
    result = audiozoo(command, "no\nsuch\x1b[31m.wav")
    assert result.stderr == "audiozoo: no\\nsuch\\x1b[31m.wav: there is no such file\n"


def test_no_permission(audiozoo, wav, command, monkeypatch):
    """As another user gets it; a root's tests cannot lock root out (tests/data has the real thing)."""
    path = wav()
    real = os.open

    def locked(name, *rest, **more):
        if os.fspath(name) == str(path):
            raise PermissionError(13, "Permission denied", name)
        return real(name, *rest, **more)

    monkeypatch.setattr(os, "open", locked)
    result = audiozoo(command, path)
    assert result.exit_code == 1 and result.stderr == f"audiozoo: {path}: may not be read (permission denied)\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("transcribe", "a.wav", "--model", "whisper_tinny"), "no model is called 'whisper_tinny'; did you mean"),
        (("transcribe", "a.wav", "--model", "crepe_tiny"), "crepe_tiny is for pitch, not for speech-to-text"),
        (
            ("detect-speech", "a.wav", "--model", "crepe_tiny"),
            "crepe_tiny is for pitch, not for voice-activity",
        ),
        (("pitch", "a.wav", "--model", "nonsense"), "no model is called 'nonsense'"),
        (("pitch", "a.wav", "--fmin", "500", "--fmax", "100"), "--fmin 500 must be below --fmax 100"),
        (("transcribe", "a.wav", "--language", "de"), "this model knows English only"),
        (("transcribe", "a.wav", "--format", "docx"), "no format is called 'docx'; there are txt, srt, vtt, tsv, json"),
        (("transcribe", "a.wav", "--format", "txt,srt"), "several formats need --output-dir"),
        (("transcribe", "a.wav", "a.wav", "--format", "srt"), "srt of several files needs --output-dir"),
        (("pitch", "a.wav", "a.wav"), "csv of several files needs --output-dir"),
        (("transcribe", "a.wav", "-o", "a.wav"), "--output-dir a.wav: File exists"),
        (("info", "crepe_tinny"), "did you mean 'crepe_tiny'"),
        (("pull", "crepe_tinny"), "did you mean 'crepe_tiny'"),
        (("demo", "--recording", "nixon"), "no recording is called 'nixon'; there are jfk, telephone, arctic"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_is_one_clear_line(audiozoo, wav, arguments, said):
    wav()
    result = audiozoo(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("audiozoo: ") and said in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("transcribe",),
        ("nonsense",),
        ("transcribe", "a.wav", "--beam-size", "0"),
        ("transcribe", "a", "--task", "sing"),
    ],
    ids=" ".join,
)
def test_wrong_usage_that_the_parser_sees(audiozoo, arguments):
    result = audiozoo(*arguments)
    assert (result.exit_code, result.stdout) == (2, "") and result.stderr


def test_a_failure_to_write_leaves_what_was_there(audiozoo, wav, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("old")

    def half(transcript, format):
        raise OSError(28, "No space left on device", "out/a.txt")

    monkeypatch.setattr(subtitles, "render", half)
    result = audiozoo("transcribe", wav(), "-o", "out", "--overwrite")
    assert result.exit_code == 1 and result.stderr.endswith("out/a.txt: No space left on device\n")
    assert [(p.name, p.read_text()) for p in (tmp_path / "out").iterdir()] == [("a.txt", "old")]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "there is not enough memory for it"),
        (RuntimeError("XLA says:\n  so and so"), "XLA says: so and so"),
        (ImportError("pictures need matplotlib: pip install 'audiozoo[cli]'"), "pip install 'audiozoo[cli]'"),
    ],
)
def test_other_faults_stop_one_file_only(audiozoo, wav, monkeypatch, error, said):
    def failing(transcript, format):
        raise error

    monkeypatch.setattr(subtitles, "render", failing)
    result = audiozoo("transcribe", wav("a.wav"), wav("b.wav"))
    assert result.exit_code == 1
    assert result.stderr.count(said) == 2 and "2 of 2 files failed" in result.stderr


def test_a_bug_is_not_hidden(audiozoo, wav, monkeypatch):
    monkeypatch.setattr(subtitles, "render", lambda transcript, format: None + 1)
    assert isinstance(audiozoo("transcribe", wav()).exception, TypeError)
