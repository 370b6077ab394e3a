"""The command in-process, with models that only listen to how long and how loud the audio is."""

import os
from pathlib import Path

import jax
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from audiozoo import data, pipelines, zoo
from audiozoo.decoding.segments import Segment as Speech
from audiozoo.pipelines.pitch import PitchTrack
from audiozoo.pipelines.transcript import Segment, Transcript, Word


class FakeTranscriber:
    """Says how many samples it heard; its files are read as the real one reads them."""

    seen: list[tuple[str, dict]]
    voice_activity = None

    def __init__(self, seen):
        self.seen = seen

    def load(self, name):
        if zoo.preset(name).task != "speech-to-text":
            raise ValueError(f"{name} is for {zoo.preset(name).task}, not for speech-to-text")
        return self

    def options(self, **settings):
        if settings["language"] not in (None, "en"):
            raise ValueError("this model knows English only")

    def __call__(self, audio, *, progress, vad_progress, **settings):
        if vad_progress:
            vad_progress(0.5)
        self.seen.append((Path(audio).name, settings))
        heard = sum(block.size for block in data.stream_audio(audio, 16_000))
        progress(heard / 16_000)
        text = f" {heard} samples"
        words = (Word(0.0, 0.5, f" {heard}", 0.9), Word(0.5, 1.0, " samples", 0.9))
        segment = Segment(0.0, 1.0, text, (1,), 0.0, -0.1, 1.0, 0.0, 0, words if settings["word_timestamps"] else None)
        return Transcript(text.strip(), "en", 1.0, heard / 16_000, (segment,))


def fake_speech(audio, *, model, threshold, progress):
    seconds = data.load_audio(audio, 16_000).size / 16_000
    return [Speech(0.25, seconds)] if threshold < 0.9 else []


def fake_pitch(audio, *, model, decoder, fmin, fmax, progress):
    frames = data.load_audio(audio, 16_000).size // 160 + 1
    return PitchTrack(np.arange(frames) / 100, np.full(frames, 220.0), np.full(frames, 0.75))


@pytest.fixture
def seen(monkeypatch):
    """Fakes in the place of models; the files that were transcribed, and how."""
    asked: list[tuple[str, dict]] = []
    monkeypatch.setattr(pipelines, "Transcriber", FakeTranscriber(asked))
    monkeypatch.setattr(pipelines, "detect_speech", fake_speech)
    monkeypatch.setattr(pipelines, "track_pitch", fake_pitch)
    monkeypatch.setattr(zoo, "load", lambda name, **_: (zoo.preset(name).model, {}))
    return asked


@pytest.fixture
def audiozoo(monkeypatch, tmp_path):
    """Runs the command in a folder of its own; `result.stdout` is for scripts, `result.stderr` for people."""
    from audiozoo.cli.app import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", os.environ.get("JAX_COMPILATION_CACHE_DIR") or "kept as it is")
    before = jax.config.jax_compilation_cache_dir
    yield lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])
    assert jax.config.jax_compilation_cache_dir == before


@pytest.fixture
def wav(tmp_path):
    """Makes a sound file of so many seconds of soft noise."""

    def make(name="a.wav", seconds=1.0, **options):
        samples = 0.1 * np.random.default_rng(0).standard_normal(round(seconds * 16_000))
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, samples, 16_000, **options)
        return tmp_path / name

    return make
