"""Pictures: what must be in them is read back from the figure's artists; that they are fair was looked at."""

import itertools
import sys
import tracemalloc
import types

import matplotlib.image
import numpy as np
import pytest
import soundfile
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from audiozoo.data import AudioError
from audiozoo.decoding.segments import Segment as Speech
from audiozoo.pipelines import captions, plot
from audiozoo.pipelines.transcript import Segment, Transcript, Word

RATE = 16000
TONE = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(5 * RATE) / RATE)).astype(np.float32)


def transcript(sentences, *, with_words=True):
    """Of (start, end, text); words evenly spread."""
    segments = []
    for start, end, text in sentences:
        edges = np.linspace(start, end, len(text.split()) + 1)
        words = tuple(
            Word(float(a), float(b), f" {word}", 0.9)
            for a, b, word in zip(edges, edges[1:], text.split(), strict=False)
        )
        segments.append(Segment(start, end, f" {text}", (), 0.0, -0.2, 1.2, 0.0, 0, words if with_words else None))
    return Transcript(" ".join(text for *_, text in sentences), "en", 1.0, sentences[-1][1], tuple(segments))


def pitch(seconds):
    time = np.arange(0, seconds, 0.01)
    return types.SimpleNamespace(
        time=time, frequency=150 + 50 * np.sin(time), confidence=np.where(np.sin(3 * time) > 0, 0.9, 0.1)
    )


@pytest.fixture
def figures(monkeypatch):
    """Every figure that `draw` composes."""
    made = []
    compose = plot._compose
    monkeypatch.setattr(plot, "_compose", lambda figure, *args: (made.append(figure), compose(figure, *args)))
    return made


def labels(figure):
    return [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize("seconds", [0.01, 5, 90, 300])
def test_everything_in_one_picture(tmp_path, figures, seconds):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, int(seconds * RATE)).astype(np.float32)
    sentences = [(s, min(s + 4, seconds), "ask not what your country") for s in np.arange(0, seconds, 5).tolist()]
    path = plot.draw(
        samples,
        sample_rate=RATE,
        path=tmp_path / "a.png",
        transcript=transcript(sentences),
        speech=[Speech(start, end) for start, end, _ in sentences],
        pitch=pitch(seconds),
        title="all of it",
    )
    height, width, _ = matplotlib.image.imread(path).shape
    assert 1200 < width < 3000 and 400 < height < 1400
    assert {"waveform", "frequency (Hz)", "speech", "pitch (Hz)"} <= set(labels(figures[0]))
    assert len({axes.get_xlim() for axes in figures[0].axes if axes.get_ylabel() in ("waveform", "pitch (Hz)")}) == 1
    time_axis = figures[0].axes[-1].get_xlabel()  # panels come from top to bottom, the colour bar in between
    assert time_axis == ("time (s)" if seconds < 120 else "time (min:s)")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_only_what_is_given_is_drawn(tmp_path, figures):
    plot.draw(TONE, path=tmp_path / "a.png")
    assert labels(figures[0]) == ["waveform", "frequency (Hz)", "dB below the loudest"]


def test_nothing_found_is_drawn_as_nothing(tmp_path, figures):
    nothing = types.SimpleNamespace(time=np.zeros(0), frequency=np.zeros(0), confidence=np.zeros(0))
    empty = Transcript("", "en", 1.0, 5.0, ())
    plot.draw(TONE, path=tmp_path / "a.png", transcript=empty, speech=[], pitch=nothing)
    assert {"speech", "pitch (Hz)"} <= set(labels(figures[0]))
    assert {"words", "text"} & set(labels(figures[0])) == set()


def test_the_spectrogram_shows_a_tone_where_it_is(tmp_path):
    overview = plot._overview(TONE, RATE)
    assert overview.seconds == 5.0
    loudest = overview.decibels.mean(axis=0).argmax()
    highest = float(plot.mel.hz_to_mel(RATE / 2))
    centre = float(plot.mel.mel_to_hz((loudest + 1) * highest / (plot.N_MELS + 1)))
    assert centre == pytest.approx(1000, rel=0.03)
    assert overview.decibels.max() == 0 and overview.decibels.min() == -plot.RANGE_DB


def test_blocks_join_without_a_seam():
    """Around 30 s, where one block ends and the next begins, power is as everywhere."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(61 * RATE) / RATE).astype(np.float32)
    overview = plot._overview(tone, RATE)
    assert overview.covered == pytest.approx(61, abs=0.1)
    per_second = len(overview.decibels) / overview.covered
    seam = overview.decibels[int(29.9 * per_second) : int(30.1 * per_second)].max(axis=1)
    np.testing.assert_allclose(seam, 0, atol=4)


def test_hours_take_no_more_memory_than_minutes(tmp_path):
    path = tmp_path / "hours.wav"
    soundfile.write(path, np.zeros(2 * 3600 * 200, np.int16), 200)  # two hours at a rate of 200 Hz
    plot._overview(TONE, RATE)  # compiles
    tracemalloc.start()
    try:
        overview = plot._overview(path, None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert overview.seconds == 7200 and len(overview.low) <= plot.canvas.MOST_COLUMNS
    assert peak < 30e6, f"{peak / 1e6:.0f} MB"  # the samples alone would be 460 MB


def test_silence_is_dark():
    assert plot._overview(np.zeros(RATE, np.float32), RATE).decibels.max() <= -plot.RANGE_DB / 2


def test_a_file_is_the_array_in_it(tmp_path):
    soundfile.write(tmp_path / "a.wav", TONE, RATE, subtype="FLOAT")
    of_file, of_array = plot._overview(tmp_path / "a.wav", None), plot._overview(TONE, RATE)
    np.testing.assert_array_equal(of_file.decibels, of_array.decibels)
    np.testing.assert_array_equal(of_file.low, of_array.low)


@pytest.mark.parametrize(
    "text", ["你好 世界", "Привет мир", "مرحبا بالعالم", "नमस्ते दुनिया", "😀 $5 $6 and x_1 {} \\frac", "a\u0300 \u200b b"]
)
def test_any_letters_draw_without_a_warning(tmp_path, text):
    plot.draw(TONE, path=tmp_path / "a.png", transcript=transcript([(0.0, 4.0, text)]), title=text)


@pytest.mark.parametrize("extension", ["png", "pdf", "svg"])
def test_formats(tmp_path, extension):
    assert plot.draw(TONE, path=tmp_path / f"a.{extension}").stat().st_size > 1000


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.mid: a picture's name ends in one of .*png"):
        plot.draw(TONE, path=tmp_path / "a.mid")
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_the_old_picture(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_text("old")

    def half(self, path, **_):
        path.write_text("half")
        raise OSError("the disk is full")

    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(OSError, match="disk is full"):
        plot.draw(TONE, path=tmp_path / "a.png")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.png", "old")]


def test_bad_audio_is_an_audio_error(tmp_path):
    with pytest.raises(AudioError, match="no such file"):
        plot.draw(tmp_path / "none.wav", path=tmp_path / "a.png")


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"audiozoo\[cli\]"):
        plot.draw(TONE, path=tmp_path / "a.png")


def arranged(items, seconds, width, *, words=True):
    figure = Figure(dpi=100)
    FigureCanvasAgg(figure)
    given = [captions.Caption(*item) for item in items]
    return figure, captions.arrange(figure, (given, []) if words else ([], given), seconds, width)


@pytest.mark.parametrize("seconds", [3, 10, 30])
def test_words_never_overlap(seconds):
    rng = np.random.default_rng(seconds)
    starts = np.sort(rng.uniform(0, seconds, int(2.5 * seconds)))
    items = [(float(s), float(s) + 0.2, "word" * int(rng.integers(1, 3))) for s in starts]
    figure, layout = arranged(items, seconds, max(9, 0.5 * seconds))
    assert layout and layout.words and not layout.on_end
    measure = captions._ruler(figure, layout.size)
    for lane in range(layout.lanes):
        row = sorted((p for p in layout.placed if p.lane == lane), key=lambda p: p.x)
        inches = [(p.x / seconds * max(9, 0.5 * seconds), measure(p.text)) for p in row]
        assert all(a + length < b for (a, length), (b, _) in itertools.pairwise(inches))
    assert {p.text for p in layout.placed} == {item[2] for item in items}


def test_sentences_stand_on_end_where_words_do_not_fit():
    _, layout = arranged(
        [(5.0 * i, 5.0 * i + 4, "ask not what your country can do for you") for i in range(60)], 300, 22
    )
    assert layout and layout.on_end and len(layout.placed) == 60
    assert all("…" not in placed.text for placed in layout.placed)


def test_hours_of_text_are_left_out():
    assert arranged([(5.0 * i, 5.0 * i + 4, "ask not what") for i in range(2000)], 10_000, 22)[1] is None


def test_a_word_at_the_end_stays_inside():
    figure, layout = arranged([(9.9, 10.0, "extraordinarily")], 10, 9)
    assert layout
    length = captions._ruler(figure, layout.size)("extraordinarily")
    assert layout.placed[0].x / 10 * 9 + length <= 9 + 1e-6


def test_hours_of_pitch_are_few_lines(tmp_path, figures):
    """Ten hours in 36,000 runs and as many spans; and the line is broken where the pitch is."""
    time = np.arange(0, 36_000, 0.01)
    track = types.SimpleNamespace(
        time=time, frequency=np.where(time % 2 < 1, 100.0, 200.0), confidence=np.where(time % 1 < 0.5, 0.9, 0.1)
    )
    speech = [Speech(start, start + 0.25) for start in np.arange(0, 36_000, 1.0).tolist()]
    plot.draw(TONE, path=tmp_path / "a.png", pitch=track, speech=speech)
    (axes,) = [axes for axes in figures[0].axes if axes.get_ylabel() == "pitch (Hz)"]
    assert len(axes.lines) == 2
    assert 5_000 < sum(np.isfinite(line.get_ydata()).sum() for line in axes.lines) <= plot.MOST_FRAMES


def test_a_pitch_that_jumps_is_not_one_line(tmp_path, figures):
    frequency = np.array([100.0, 101.0, 200.0, 201.0, 150.0, 300.0])
    track = types.SimpleNamespace(
        time=np.arange(6) / 100, frequency=frequency, confidence=np.array([1, 1, 1, 1, 0, 1.0])
    )
    plot.draw(TONE, path=tmp_path / "a.png", pitch=track, speech=[Speech(0.0, 1.0), Speech(0.5, 0.6)])
    (axes,) = [axes for axes in figures[0].axes if axes.get_ylabel() == "pitch (Hz)"]
    drawn = axes.lines[1].get_ydata()
    runs = [list(run) for gap, run in itertools.groupby(drawn, np.isnan) if not gap]
    assert runs == [[100.0, 101.0], [200.0, 201.0], [300.0]]
    assert not np.isfinite(axes.lines[0].get_ydata()).any()


def test_inside_is_in_any_of_the_spans():
    spans = [Speech(2.0, 3.0), Speech(0.0, 1.0), Speech(0.5, 2.5)]
    assert plot._within(np.array([0.0, 0.9, 1.5, 2.9, 3.0]), spans).tolist() == [True, True, True, True, False]
    assert not plot._within(np.array([0.0, 1.0]), []).any()
