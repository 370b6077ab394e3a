"""Every line of code in the tables of docs/signal runs as it is printed."""

import functools
import re
from pathlib import Path

import jax
import numpy as np
import pytest

from audiozoo import signal
from audiozoo.layers import frontends
from audiozoo.signal import masking

PAGES = [page for page in sorted((Path(__file__).parents[2] / "docs" / "signal").glob("*.md")) if page.stem != "README"]


def lines_of(text: str) -> list[str]:
    """The code in the column "the line" of a page's tables."""
    found, column = [], None
    for row in text.splitlines():
        if not row.startswith("|"):
            column = None
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        if "the line" in cells:
            column = cells.index("the line")
        elif column is not None:
            found += [code.replace(r"\|", "|") for code in re.findall(r"`([^`]+)`", cells[column])]
    return found


LINES = [(page.stem, line) for page in PAGES for line in lines_of(page.read_text())]


@functools.cache
def namespace() -> dict[str, object]:
    """What the lines speak of: two clips of half a second, and what is made of them."""
    key = jax.random.key(0)
    x = 0.1 * jax.random.normal(key, (2, 8_000))
    spectrum = signal.stft(x, n_fft=400, hop_length=160)
    mels = signal.mel_spectrogram(x, sample_rate=16_000, n_fft=400, hop_length=160, n_mels=80)
    stream = signal.StreamingStft(400, 160)
    return {
        "signal": signal,
        "frontends": frontends,
        "masking": masking,
        "key": key,
        "x": x,
        "lengths": np.array([8_000, 5_000]),
        "chunk": x[:, :1_000],
        "state": signal.StreamingStft(400, 160).stream(x, stream.initial_state(batch=(2,)))[1],
        "X": spectrum,
        "parts": signal.stft_parts(x, n_fft=400, hop_length=160),
        "frames": signal.frame(x, 400, 160),
        "magnitudes": signal.magnitude(spectrum),
        "others": signal.magnitude(spectrum)[:, ::-1],
        "powers": signal.power(spectrum),
        "frequencies": np.fft.rfftfreq(400, 1 / 16_000),
        "mels": mels,
        "features": mels,
        "decibels": signal.power_to_db(mels),
        "cepstra": signal.mfcc(x, sample_rate=16_000, hop_length=160),
        "frame_counts": np.array([51, 32]),
        "codes": signal.g711_encode(np.arange(-100, 100), law="a"),
        "integers": np.arange(-100, 100),
        "onsets": jax.random.uniform(key, (2, 500)),
        "b": np.array([0.2, 0.2]),
        "a": np.array([1.0, -0.6]),
        "sos": signal.butterworth(4, 1_000.0, sample_rate=16_000),
        "hertz": np.array([100.0, 1_000.0]),
        "kernel": signal.firwin(101, 0.3),
        "response": np.exp(-np.arange(4_000) / 300) * np.cos(np.arange(4_000)),
        "rooms": np.exp(-np.arange(400) / 30)[None] * np.ones((3, 1)),
        "noise": jax.random.normal(key, (2, 8_000)),
        "scales": np.array([4.0, 8.0, 16.0]),
        "levels": signal.wavedec(x, "db4", level=5),
        "packets": signal.packet_tree(x, "db4", level=5),
    }


@pytest.mark.parametrize(("page", "line"), LINES, ids=[f"{page}-{line}" for page, line in LINES])
def test_a_line_runs_and_is_finite(page, line):
    computed = [leaf for leaf in jax.tree.leaves(eval(line, namespace())) if isinstance(leaf, jax.Array)]
    assert all(np.isfinite(leaf).all() for leaf in computed if leaf.dtype.kind in "fc")


def test_every_page_has_lines_and_each_begins_the_same_way():
    assert {page for page, _ in LINES} == {page.stem for page in PAGES}
    assert not [line for _, line in LINES if not line.startswith(("signal.", "frontends."))]


def test_the_page_of_published_models_runs():
    page = next(page for page in PAGES if page.stem == "frontends")
    there = dict(namespace())
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        exec(block, there)
    for line in re.findall(r"`(signal\.(?:FrontEnd|kaldi_\w+)\([^`]*)`", page.read_text()):
        eval(line, there)
    assert there["features"].shape[0] == 2
    assert [counts.tolist() for counts in there["patch_counts"]] == [[0, 0], [1, 1]]
