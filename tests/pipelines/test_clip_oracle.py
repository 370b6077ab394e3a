"""Prompts and segments of faster-whisper, from the same symbols."""

from types import SimpleNamespace

import numpy as np
import pytest

from audiozoo.pipelines.clip import Answer, Clip
from audiozoo.pipelines.options import Options
from audiozoo.pipelines.tokens import Tokenizer
from tests.pipelines.toy_whisper import write_tokenizer

pytestmark = pytest.mark.oracle
SECONDS = 90


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    write_tokenizer(path, 256)
    return Tokenizer(path)


def clip_at(tokenizer, seek, **options):
    clip = Clip([np.ones(SECONDS * 16_000, np.float32)], tokenizer, Options(**options), 480_000)
    clip.seek, clip.language = seek, "de"
    assert clip.window() is not None
    return clip


def answers(tokenizer, seed):
    """Symbols as the rules would allow them: times in pairs, or one at the end, or none."""
    rng = np.random.default_rng(seed)
    symbols, time = [], tokenizer.first_timestamp
    for _ in range(rng.integers(0, 5)):
        time += int(rng.integers(0, 60))
        symbols.append(time)
        symbols += rng.integers(97, 120, rng.integers(1, 6)).tolist()
        if rng.uniform() < 0.8:
            time += int(rng.integers(0, 100))
            symbols.append(time)
        else:
            break
    return symbols or rng.integers(97, 120, 3).tolist()


@pytest.mark.parametrize("seek", [0, 1234, 8000])
def test_segments_are_faster_whispers(tokenizer, seek):
    from faster_whisper import WhisperModel

    settings = SimpleNamespace(time_precision=0.02, input_stride=2)
    kinds = set()
    for seed in range(200):
        symbols = answers(tokenizer, seed)
        clip = clip_at(tokenizer, seek)
        segments, following, ends_in_silence = WhisperModel._split_segments_by_timestamps(
            settings,  # type: ignore[arg-type]
            SimpleNamespace(timestamp_begin=tokenizer.first_timestamp),  # type: ignore[arg-type]
            symbols,
            seek * 0.01,
            clip.frames,
            clip.frames * 0.01,
            seek,
        )
        drafts = clip.draft(Answer(symbols, 0.0, 0.0, 1.0, 0.0))
        assert (drafts.seek, drafts.ends_in_silence) == (following, ends_in_silence)
        assert [draft.tokens for draft in drafts.segments] == [one["tokens"] for one in segments]
        times = [(draft.start, draft.end) for draft in drafts.segments]
        np.testing.assert_allclose(times, [(one["start"], one["end"]) for one in segments], atol=1e-9)
        kinds.add((len(segments) > 1, ends_in_silence))
    assert len(kinds) == 4


@pytest.mark.parametrize("multilingual", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"initial_prompt": "Yes, we can."},
        {"initial_prompt": "long " * 100, "without_timestamps": True},
        {"initial_prompt": (1, 2, 3), "prefix": "And so"},
        {"hotwords": "Ask not", "task": "translate"},
        {"hotwords": "Ask not", "prefix": "And", "without_timestamps": True},
    ],
    ids=str,
)
def test_prompts_are_faster_whispers(tokenizer, options, multilingual):
    from faster_whisper import WhisperModel

    task = tokenizer.translate if options.get("task") == "translate" else tokenizer.transcribe
    language = [tokenizer.languages["de"], task] if multilingual else []
    theirs = SimpleNamespace(
        sot_prev=tokenizer.start_of_previous,
        sot_sequence=[tokenizer.start, *language],
        no_timestamps=tokenizer.no_timestamps,
        timestamp_begin=tokenizer.first_timestamp,
        encode=tokenizer.encode,
    )
    given = options.get("initial_prompt", ())
    previous = tokenizer.encode(" " + given.strip()) if isinstance(given, str) else list(given)
    told = {name: options[name] for name in ("prefix", "hotwords", "without_timestamps") if name in options}
    expected = WhisperModel.get_prompt(SimpleNamespace(max_length=448), theirs, previous, **told)  # type: ignore[arg-type]
    symbols, start, text = clip_at(tokenizer, 0, **options).prompt(multilingual, 448)
    assert symbols == expected
    assert symbols[start] == tokenizer.start
    assert symbols[len(symbols) - text :] == symbols[start + 1 + len(language) + ("without_timestamps" in options) :]
