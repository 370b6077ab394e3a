import json

import numpy as np
import pytest
import soundfile

from audiozoo.data import AudioError
from audiozoo.pipelines import Options, Transcriber, moves, transcribe
from audiozoo.pipelines.transcript import Transcript
from tests.pipelines import toy_whisper
from tests.pipelines.toy_whisper import noise

ONCE = {"temperature": 0.0, "no_speech_threshold": None, "beam_size": 1}


@pytest.fixture(scope="module")
def english(tmp_path_factory):
    return toy_whisper.transcriber(tmp_path_factory.mktemp("english"))


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory):
    return toy_whisper.transcriber(tmp_path_factory.mktemp("multilingual"), multilingual=True)


def close(ours, theirs):
    """The same transcripts, but for the rounding of probabilities."""
    ours, theirs = ours.to_dict(), theirs.to_dict()
    assert [s["tokens"] for s in ours["segments"]] == [s["tokens"] for s in theirs["segments"]]
    for mine, other in zip(ours.pop("segments"), theirs.pop("segments"), strict=True):
        words = zip(mine.pop("words", []), other.pop("words", []), strict=True)
        for a, b in [(mine, other), *words]:
            assert a.keys() == b.keys()
            for key, value in a.items():
                assert value == (pytest.approx(b[key], rel=1e-4, abs=1e-6) if isinstance(value, float) else b[key])
    assert ours == theirs


@pytest.mark.parametrize(
    "options",
    [
        ONCE,
        ONCE | {"beam_size": 3, "patience": 2.0, "without_timestamps": True},
        {
            "beam_size": 2,
            "temperature": (0.0, 0.7),
            "best_of": 3,
            "log_prob_threshold": -0.1,
            "no_speech_threshold": None,
        },
        ONCE | {"word_timestamps": True, "padding": "features", "prefix": "Hi", "hotwords": "you"},
    ],
    ids=["greedy", "beams", "fallback", "words"],
)
def test_a_batch_gives_each_clip_what_it_gets_alone(english, options):
    clips = [noise(seconds, seed) for seed, seconds in enumerate((2.3, 0.4, 3.9, 1.0, 2.0))]
    together = english(clips, batch_size=4, **options)
    assert sum(len(one.segments) for one in together) > 5
    for clip, one in zip(clips, together, strict=True):
        close(one, english(clip, **options))


def test_a_file_is_the_array_that_is_in_it(english, tmp_path):
    samples = noise(5.0)
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    assert (
        english(tmp_path / "a.wav", **ONCE) == english(samples, **ONCE) == english([str(tmp_path / "a.wav")], **ONCE)[0]
    )


def test_segments_come_one_by_one_and_are_the_transcripts(english):
    clip = noise(4.0, 1)
    whole = english(clip, **ONCE)
    assert tuple(english.segments(clip, **ONCE)) == whole.segments
    assert whole.text == "".join(segment.text for segment in whole.segments).strip()
    assert whole.duration == 4.0 and whole.language == "en" and whole.language_probability == 1
    json.dumps(whole.to_dict())


def test_windows_after_warmup_compile_nothing(english):
    options = ONCE | {"word_timestamps": True, "beam_size": 2}
    english.warmup(**options)
    programs = (moves.encode, moves.decode, moves.align)
    before = [program._cache_size() for program in programs]
    for seed in range(4):
        english(noise(6.3, seed), **options)
    assert [program._cache_size() for program in programs] == before
    english(noise(1.0), **options | {"suppress_tokens": (5,), "max_initial_timestamp": 0.2, "max_new_tokens": 5})
    assert [program._cache_size() for program in programs] == before  # what may be said is no other program


def test_progress_ends_at_the_end(english):
    told = []
    english([noise(2.5), noise(1.2)], progress=told.append, **ONCE)
    assert told == sorted(told) and told[-1] == pytest.approx(3.7, abs=0.02)


def test_samples_belong_to_the_seed(english):
    options = ONCE | {"temperature": 1.0, "log_prob_threshold": None, "compression_ratio_threshold": None}
    first, again, other = (english(noise(1.0), seed=seed, **options) for seed in (0, 0, 1))
    assert first == again and first.segments != other.segments


def test_the_text_so_far_is_the_next_prompt(english):
    clip = noise(3.0, 2)
    with_text, without = (english(clip, condition_on_previous_text=on, **ONCE) for on in (True, False))
    assert with_text.segments[0] == without.segments[0] and with_text != without


def test_a_prefix_begins_the_text(english):
    assert english(noise(1.0), prefix="Ab", **ONCE).text.startswith("Ab")


@pytest.mark.parametrize("without_timestamps", [True, False])
def test_a_prefix_that_is_too_long_is_cut(english, without_timestamps):
    long = english(noise(1.0), prefix="Ab" * 500, without_timestamps=without_timestamps, **ONCE)
    assert long.text.startswith("AbAb")


def test_fewer_symbols_on_request(english):
    assert all(len(s.tokens) <= 4 for s in english(noise(2.0), max_new_tokens=4, **ONCE).segments)


def test_an_array_at_another_rate_is_resampled(english):
    clip = noise(2.0)
    assert english(clip, sample_rate=8_000, **ONCE).duration == 4.0
    whole = np.round(clip * 32_767).astype(np.int16)
    close(english(whole, **ONCE), english(whole.astype(np.float32) / 32_768, **ONCE))


@pytest.mark.parametrize("samples", [0, 1, 159], ids=str)
def test_no_audio_has_no_text(english, samples):
    found = english(np.zeros(samples, np.float32))
    assert found.text == "" and found.segments == () and found.duration == samples / 16_000
    assert english([]) == []


@pytest.mark.parametrize(
    "audio, message",
    [
        (np.array([0.0, np.nan] * 100, np.float32), "finite|NaN|nan"),
        (np.zeros(100, np.int32), "int32"),
        (np.zeros((2, 3, 4), np.float32), "shape|rank|dim|axes"),
        ("there/is/no.wav", "no.wav"),
        (3.5, "array|shape|path|scalar"),
    ],
    ids=["NaN", "integers", "rank", "missing", "number"],
)
def test_bad_audio_is_one_clear_line(english, audio, message):
    with pytest.raises(AudioError, match=message) as caught:
        english(audio)
    assert "\n" not in str(caught.value)


def test_a_file_says_its_own_rate(english, tmp_path):
    soundfile.write(tmp_path / "speech.wav", noise(0.5), 16_000)
    with pytest.raises(AudioError, match=r"speech.wav.*sample_rate"):
        english(tmp_path / "speech.wav", sample_rate=8_000)


def test_an_english_model_says_what_it_cannot(english):
    with pytest.raises(ValueError, match="English only"):
        english(noise(1.0), language="de")
    with pytest.raises(ValueError, match="English only"):
        english(noise(1.0), task="translate")
    with pytest.raises(ValueError, match="English only"):
        english.detect_language(noise(1.0))


def test_languages_are_detected(multilingual):
    clips = [noise(1.0, seed) for seed in range(3)]
    found = multilingual(clips, **ONCE)
    for clip, one in zip(clips, found, strict=True):
        probabilities = multilingual.detect_language(clip)
        assert sum(probabilities.values()) == pytest.approx(1)
        assert (one.language, one.language_probability) == pytest.approx(next(iter(probabilities.items())))
    assert multilingual(clips[0], language="de", **ONCE).language == "de"
    with pytest.raises(ValueError, match="no language 'xx'; there are de, en"):
        multilingual(clips[0], language="xx")


def test_silence_is_in_no_language(multilingual):
    found = multilingual(np.zeros(16_000, np.float32), **ONCE)
    assert (found.text, found.language, found.language_probability) == ("", None, 0.0)
    assert multilingual(np.zeros(16_000, np.float32), language="de", **ONCE).language == "de"


def test_translating_says_something_else(multilingual):
    options = ONCE | {"suppress_tokens": tuple(range(256, 50_257))}  # these have no text in the toy's tokenizer
    said = [multilingual(noise(1.0, 3), language="de", task=task, **options) for task in ("transcribe", "translate")]
    assert said[0].segments and said[0].segments != said[1].segments


@pytest.mark.parametrize(
    "wrong",
    [
        {"beam_size": 0},
        {"best_of": 1.5},
        {"temperature": ()},
        {"temperature": -0.2},
        {"patience": 0.0},
        {"task": "sing"},
        {"padding": "zeros"},
        {"max_new_tokens": 0},
        {"hallucination_silence_threshold": 2.0},
        {"temperature": "hot"},
        {"temperature": float("nan")},
        {"patience": float("nan")},
        {"length_penalty": None},
        {"max_new_tokens": 2.5},
        {"suppress_tokens": -1},
        {"initial_prompt": 5},
        {"prefix": 3},
        {"compression_ratio_threshold": "2"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_settings_outside_their_range_are_refused(english, wrong):
    with pytest.raises(ValueError, match="|".join(wrong)):
        english(noise(0.5), **wrong)


def test_unknown_options_and_other_models_are_refused(english):
    with pytest.raises(TypeError, match="no option beams"):
        english(noise(0.5), beams=2)
    with pytest.raises(ValueError, match="batch_size"):
        transcribe(noise(0.5), model=english, batch_size=0)
    with pytest.raises(ValueError, match="crepe_tiny is for pitch"):
        Transcriber.load("crepe_tiny")
    assert Options().temperatures == (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_one_bad_recording_need_not_lose_the_others(english, tmp_path, batch_size):
    soundfile.write(tmp_path / "cut.wav", noise(2.5), 16_000, subtype="FLOAT")
    (tmp_path / "cut.wav").write_bytes((tmp_path / "cut.wav").read_bytes()[:90_000])
    good = [noise(1.5, seed) for seed in range(3)]
    audio = [good[0], tmp_path / "nowhere.wav", good[1], tmp_path / "cut.wav", np.full(9, np.nan, np.float32), good[2]]
    found = english(audio, batch_size=batch_size, errors="return", **ONCE)
    kinds = [type(one) for one in found]
    assert kinds == [Transcript, AudioError, Transcript, AudioError, AudioError, Transcript]
    assert [found[i].text for i in (0, 2, 5)] == [english(x, **ONCE).text for x in good]
    with pytest.raises(AudioError, match="nowhere") as error:
        english(audio, batch_size=batch_size, **ONCE)
    assert error.value.__notes__ == ["(recording 1 of those to be transcribed, counted from 0)"]
    with pytest.raises(ValueError, match="errors is 'raise' or 'return', not 'ignore'"):
        english(audio, errors="ignore")
