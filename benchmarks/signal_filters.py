"""Resampling and filtering: audiozoo against scipy, soxr and torchaudio, at batch 1 and 16, 1 s to 10 minutes.

"resample" is each library's default, whose qualities differ (docs/signal/sound.md): ours and soxr's HQ are alike, and
torchaudio's is the low-pass of "resample, torchaudio's", where ours does the same sum.

python -m benchmarks.signal_filters
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import harness

SOURCE, TARGET = 44_100, 16_000


def noise(batch: int, seconds: float) -> np.ndarray:
    """The same noise for everybody."""
    return np.random.default_rng(0).standard_normal((batch, int(SOURCE * seconds))).astype(np.float32) * 0.1


def designs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A biquad's b and a, and a cascade of six sections."""
    from audiozoo.signal import butterworth

    b, a = np.split(butterworth(2, 1000.0, sample_rate=SOURCE)[0], 2)
    return b, a, butterworth(6, (300.0, 3400.0), sample_rate=SOURCE, band="bandpass")


def audiozoo(*, what: str, batch: int, seconds: float) -> Callable[[], str]:
    import jax
    import jax.numpy as jnp

    from audiozoo import signal

    x = jnp.asarray(noise(batch, seconds))
    b, a, sos = designs()
    functions: dict[str, Callable[[Any], Any]] = {
        "resample": lambda x: signal.resample(x, source_rate=SOURCE, target_rate=TARGET),
        "resample, torchaudio's": lambda x: signal.resample_sinc(x, source_rate=SOURCE, target_rate=TARGET),
        "lfilter": lambda x: signal.lfilter(x, b, a),
        "sosfilt": lambda x: signal.sosfilt(x, sos),
        "reverberation": lambda x: signal.convolve(x, reverberation()),
    }
    run = jax.jit(functions[what])
    return lambda: str(jax.block_until_ready(run(x)).shape)


def scipy(*, what: str, batch: int, seconds: float) -> Callable[[], str]:
    import scipy.signal
    import soxr

    x = noise(batch, seconds)
    b, a, sos = (design.astype(np.float32) for design in designs())
    functions: dict[str, Callable[[], Any]] = {
        "resample": lambda: soxr.resample(x.T, SOURCE, TARGET, quality="HQ").T,
        "resample, torchaudio's": lambda: scipy.signal.resample_poly(x, 160, 441, axis=-1),
        "lfilter": lambda: scipy.signal.lfilter(b, a, x),
        "sosfilt": lambda: scipy.signal.sosfilt(sos, x),
        "reverberation": lambda: scipy.signal.oaconvolve(x, reverberation()[None], axes=-1),
    }
    return lambda: str(functions[what]().shape)


def torchaudio(*, what: str, batch: int, seconds: float) -> Callable[[], str]:
    import torch

    from tests.signal.torchaudio_oracle import torchaudio as peer

    torch.set_num_threads(harness.THREADS)
    x = torch.tensor(noise(batch, seconds))
    resampler = peer.transforms.Resample(SOURCE, TARGET)
    kernel = torch.tensor(reverberation())[None]
    functions: dict[str, Callable[[], Any]] = {
        "resample": lambda: resampler(x),
        "resample, torchaudio's": lambda: resampler(x),
        "reverberation": lambda: peer.functional.fftconvolve(x, kernel),
    }
    return lambda: str(tuple(functions[what]().shape))


def reverberation() -> np.ndarray:
    """Half a second of a decaying echo."""
    taps = SOURCE // 2
    echo = np.random.default_rng(1).standard_normal(taps) * np.exp(-np.arange(taps) / 4000)
    return echo.astype(np.float32)


CONTENDERS = {"audiozoo": audiozoo, "scipy or soxr": scipy, "torchaudio": torchaudio}


def rows() -> list[harness.Row]:
    """Every race; torchaudio's recursive filters need an extension that is not built for CPU, and are left out."""
    alone = {"lfilter", "sosfilt"}
    whats = ("resample", "resample, torchaudio's", "lfilter", "sosfilt", "reverberation")
    who = {what: tuple(CONTENDERS)[: 2 if what in alone else 3] for what in whats}
    return harness.races(__name__, who, repeats=5)


if __name__ == "__main__":
    print(harness.machine())
    print(harness.table(rows()))
