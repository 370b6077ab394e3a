"""Constant-Q transforms: audiozoo against librosa, and nnAudio on torch where that is installed.

`python -m benchmarks.signal_constant_q` prints the table: 84 bins from C1 at 22.05 kHz, a hop of 512, as all three have
it by default. nnAudio's runs at the full rate, by an FFT of its longest kernel.
"""

import functools
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks import harness

RATE = 22_050


def noise(seconds: int, batch: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((batch, seconds * RATE), dtype=np.float32)


def audiozoo(*, what: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import jax
    import jax.numpy as jnp

    from audiozoo import signal

    waveform = jnp.asarray(noise(seconds, batch))
    spectrum = signal.cqt(waveform, RATE)
    functions: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "cqt": (functools.partial(signal.cqt, sample_rate=RATE), waveform),
        "vqt": (functools.partial(signal.vqt, sample_rate=RATE), waveform),
        "icqt": (functools.partial(signal.icqt, sample_rate=RATE), spectrum),
        "cqt gradient": (jax.grad(lambda x: signal.power(signal.cqt(x, RATE)).sum()), waveform),
        "chroma_cqt": (functools.partial(signal.chroma_cqt, sample_rate=RATE), waveform),
    }
    function, argument = functions[what]
    compiled = jax.jit(function)
    return lambda: jax.block_until_ready(compiled(argument)).shape


def librosa(*, what: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import librosa as peer

    waveform = noise(seconds, batch)
    spectrum = peer.cqt(waveform, sr=RATE)
    functions: dict[str, Callable[[], np.ndarray]] = {
        "cqt": lambda: peer.cqt(waveform, sr=RATE),
        "vqt": lambda: peer.vqt(waveform, sr=RATE),
        "icqt": lambda: peer.icqt(spectrum, sr=RATE),
        "chroma_cqt": lambda: peer.feature.chroma_cqt(y=waveform, sr=RATE, tuning=0),
    }
    return lambda: functions[what]().shape


def nnaudio(*, what: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import torch
    from nnAudio.features import CQT1992v2

    torch.set_num_threads(harness.THREADS)
    transform = CQT1992v2(sr=RATE, hop_length=512, fmin=32.7032, n_bins=84, output_format="Complex", verbose=False)
    waveform = torch.as_tensor(noise(seconds, batch)).requires_grad_(what == "cqt gradient")

    def gradient() -> Any:
        return torch.autograd.grad(transform(waveform).square().sum(), waveform)[0]

    def forward() -> Any:
        with torch.no_grad():
            return transform(waveform)

    return lambda: list((gradient if what == "cqt gradient" else forward)().shape)


CONTENDERS = {"audiozoo": audiozoo, "librosa": librosa, "nnaudio": nnaudio}
WHO = {
    "cqt": ("audiozoo", "librosa", "nnaudio"),
    "vqt": ("audiozoo", "librosa"),
    "icqt": ("audiozoo", "librosa"),
    "cqt gradient": ("audiozoo", "nnaudio"),
    "chroma_cqt": ("audiozoo", "librosa"),
}


def rows() -> list[harness.Row]:
    """Every transform at every size."""
    missing = set() if importlib.util.find_spec("nnAudio") else {"nnaudio"}
    return harness.races(__name__, {what: [name for name in who if name not in missing] for what, who in WHO.items()})


if __name__ == "__main__":
    print(harness.machine())
    print(harness.table(rows()))
