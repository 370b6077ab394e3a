"""An hour of sound at once: time, and the memory of the whole process, beside librosa (scipy and soxr inside).

`python -m benchmarks.signal_hour`. Whoever wants less memory reads the file in blocks, as `StreamingStft` and
`audiozoo.pipelines.spectrograms.columns` do.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import harness

RATE = 16_000
SECONDS = 3600
MEL: dict[str, Any] = {"n_fft": 400, "hop_length": 160, "n_mels": 80}


def noise() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(SECONDS * RATE, dtype=np.float32)


def audiozoo(*, what: str) -> Callable[[], list[int]]:
    import jax
    import jax.numpy as jnp

    from audiozoo import signal

    functions: dict[str, Callable[[Any], Any]] = {
        "log-mel": lambda x: signal.power_to_db(signal.mel_spectrogram(x, sample_rate=RATE, **MEL)),
        "cqt": lambda x: signal.magnitude(signal.cqt(x, RATE)),
        "resample": functools.partial(signal.resample, source_rate=RATE, target_rate=22_050),
    }
    waveform, compiled = jnp.asarray(noise()), jax.jit(functions[what])
    return lambda: list(jax.block_until_ready(compiled(waveform)).shape)


def librosa(*, what: str) -> Callable[[], list[int]]:
    import librosa as peer

    functions: dict[str, Callable[[Any], Any]] = {
        "log-mel": lambda x: peer.power_to_db(peer.feature.melspectrogram(y=x, sr=RATE, **MEL)),
        "cqt": lambda x: np.abs(peer.cqt(x, sr=RATE)),
        "resample": lambda x: peer.resample(x, orig_sr=RATE, target_sr=22_050, res_type="soxr_hq"),
    }
    waveform = noise()
    return lambda: list(functions[what](waveform).shape)


CONTENDERS = {"audiozoo": audiozoo, "librosa": librosa}


def rows() -> list[harness.Row]:
    """Each in a process of its own, so that the memory is its own; one warm run."""
    results = []
    for what in ("log-mel", "cqt", "resample"):
        results += harness.race(f"{what}, 1 h", __name__, tuple(CONTENDERS), {"what": what}, repeats=1)
    return results


if __name__ == "__main__":
    print(harness.machine())
    print(harness.table(rows()))
