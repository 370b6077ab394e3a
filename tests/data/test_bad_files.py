"""Every file that cannot be used is refused in one line that says which and why, by all that read files."""

import os
import struct
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from audiozoo.data import AudioError, duration, load_audio, printable, stream_audio

RATE = 16000
READERS = {
    "load": lambda path: load_audio(path, RATE),
    "stream": lambda path: list(stream_audio(path, RATE)),
    "duration": duration,
}
FORMATS = ["wav", "flac", "ogg", "mp3", "aiff", "au", "w64", "caf", "rf64"]


@pytest.fixture(params=READERS)
def reader(request):
    return READERS[request.param]


def message(call, *args) -> str:
    with pytest.raises(AudioError) as caught:
        call(*args)
    text = str(caught.value)
    assert "\n" not in text and text.isprintable()
    return text


def noise_file(path, seconds=6.0, **options):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, int(seconds * RATE)).astype(np.float32)
    soundfile.write(path, samples, RATE, **options)
    return path


def test_missing(tmp_path, reader):
    assert message(reader, tmp_path / "none.wav") == f"{tmp_path}/none.wav: there is no such file"


def test_a_directory(tmp_path, reader):
    assert message(reader, tmp_path) == f"{tmp_path}: is a directory, not a file"


def test_empty(tmp_path, reader):
    (tmp_path / "a.wav").touch()
    assert message(reader, tmp_path / "a.wav") == f"{tmp_path}/a.wav: is empty (0 bytes)"


@pytest.mark.parametrize("content", [b"hello " * 1000, bytes(5000), b"RIFF", b"fLaC" + bytes(100), b"\xff\xfb" * 50])
def test_not_audio(tmp_path, reader, content):
    (tmp_path / "a.wav").write_bytes(content)
    assert message(reader, tmp_path / "a.wav").startswith(f"{tmp_path}/a.wav: is not audio that libsndfile reads, or")


def test_no_samples(tmp_path, reader):
    soundfile.write(tmp_path / "a.wav", np.zeros(0), RATE)
    assert message(reader, tmp_path / "a.wav") == f"{tmp_path}/a.wav: holds no samples"


def test_headerless(tmp_path, reader):
    (tmp_path / "a.raw").write_bytes(bytes(1000))
    assert "no header" in message(reader, tmp_path / "a.raw")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path, reader):
    os.mkfifo(tmp_path / "pipe")
    assert message(reader, tmp_path / "pipe") == f"{tmp_path}/pipe: is not a regular file"


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_impossible_names(tmp_path, reader, name):
    assert "cannot be opened" in message(reader, f"{tmp_path}/{name}")


def test_names_that_cannot_be_printed_are_escaped(tmp_path, reader):
    assert message(reader, "no\nsuch\udcff\x1b[31m.wav") == r"no\nsuch\udcff\x1b[31m.wav: there is no such file"
    assert printable("录音.wav") == "录音.wav"


def test_a_name_in_chinese_is_read(tmp_path, reader):
    reader(noise_file(tmp_path / "录音 一.wav"))


def test_no_permission(tmp_path):
    """Root may read everything, so another user tries."""
    path = noise_file(tmp_path / "a.wav")
    path.chmod(0)
    script = (
        "import os, sys\n"
        "from audiozoo.data import AudioError, load_audio\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "try: load_audio(sys.argv[1], 16000)\n"
        "except AudioError as error: print(error)\n"
    )
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert done.stdout == f"{path}: may not be read (permission denied)\n"


@pytest.mark.parametrize("part", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("extension", FORMATS)
def test_cut_off(tmp_path, extension, part, capfd):
    path = noise_file(tmp_path / f"a.{extension}", format=extension.upper())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    text = message(READERS["load"], path)
    assert "is cut off" in text or "damaged" in text
    assert message(READERS["stream"], path) == text


def test_how_much_is_missing_is_said(tmp_path):
    path = noise_file(tmp_path / "a.wav")
    path.write_bytes(path.read_bytes()[:100_044])
    assert "its header promises 192,000 bytes of samples, 100,000 are there" in message(READERS["load"], path)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_recording_from_a_pipe_does_not_know_its_length_and_is_fine(tmp_path, size):
    path = noise_file(tmp_path / "a.wav")
    samples = load_audio(path, RATE)
    content = bytearray(path.read_bytes())
    content[40:44] = struct.pack("<I", size)
    path.write_bytes(content)
    np.testing.assert_array_equal(load_audio(path, RATE), samples)


def test_what_follows_the_samples_is_no_fault(tmp_path):
    path = noise_file(tmp_path / "a.wav")
    samples = load_audio(path, RATE)
    path.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 4) + b"INFO" + b"junk")
    np.testing.assert_array_equal(load_audio(path, RATE), samples)


def test_flac_of_unknown_length_is_an_error_that_helps(tmp_path, reader):
    path = noise_file(tmp_path / "a.flac")
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the total of samples, 36 bits of the STREAMINFO block
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert "does not say how long it is" in message(reader, path)


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3", "aiff", "caf"])
def test_flipped_bits_never_crash(tmp_path, extension, capfd):
    path = noise_file(tmp_path / f"a.{extension}", seconds=0.5)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(40):
        content = bytearray(whole)
        for at in rng.integers(0, min(len(content), 200 if rng.random() < 0.5 else len(content)), 3):
            content[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
        try:
            samples = load_audio(path, RATE)
        except AudioError as error:
            assert "\n" not in str(error)
        else:
            assert np.isfinite(samples).all()
