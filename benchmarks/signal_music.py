"""Music: audiozoo against librosa on the transforms of `docs/signal/music.md`.

`python -m benchmarks.signal_music` prints the table. Both get the same float32 sound and librosa's default settings.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks import harness

RATE = 22_050
PITCHES: dict[str, Any] = {"fmin": 65.4, "fmax": 2093.0}
SLOW = {"pyin", "hpss"}  # the peer takes minutes for ten


def sound(seconds: int, batch: int) -> np.ndarray:
    """A gliding tone with overtones and a little noise."""
    time = np.arange(seconds * RATE) / RATE
    phase = 2 * np.pi * np.cumsum(220 * 2 ** np.sin(2 * np.pi * 0.3 * time)) / RATE
    noise = np.random.default_rng(0).standard_normal((batch, len(time)))
    return (sum(np.sin(k * phase) / k for k in range(1, 5)) + 0.02 * noise).astype(np.float32)


def audiozoo(*, what: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import jax
    import jax.numpy as jnp

    from audiozoo import signal

    waveform = jnp.asarray(sound(seconds, batch))
    envelope = jax.jit(lambda x: signal.onset_strength(x, RATE))(waveform)
    functions: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "onset strength": (lambda x: signal.onset_strength(x, RATE), waveform),
        "tempogram": (signal.tempogram, envelope),
        "hpss": (signal.hpss_signal, waveform),
        "yin": (lambda x: signal.yin(x, RATE, **PITCHES).frequency, waveform),
        "pyin": (lambda x: signal.pyin(x, RATE, **PITCHES).frequency, waveform),
    }
    function, argument = functions[what]
    compiled = jax.jit(function)
    return lambda: jax.tree.leaves(jax.block_until_ready(compiled(argument)))[0].shape


def librosa(*, what: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import librosa as peer

    waveform = sound(seconds, batch)
    envelope = peer.onset.onset_strength(y=waveform, sr=RATE)
    functions: dict[str, Callable[[], Any]] = {
        "onset strength": lambda: peer.onset.onset_strength(y=waveform, sr=RATE),
        "tempogram": lambda: peer.feature.tempogram(onset_envelope=envelope),
        "hpss": lambda: peer.effects.hpss(waveform)[0],
        "yin": functools.partial(peer.yin, waveform, sr=RATE, **PITCHES),
        "pyin": lambda: peer.pyin(waveform, sr=RATE, **PITCHES)[0],
    }
    return lambda: functions[what]().shape


CONTENDERS = {"audiozoo": audiozoo, "librosa": librosa}
WHAT = ("onset strength", "tempogram", "hpss", "yin", "pyin")


def rows(repeats: int = 5) -> list[harness.Row]:
    """Every transform at every size that the peer does within a minute."""
    results = []
    for what in WHAT:
        for size, settings in harness.sizes(10 if what in SLOW else 600).items():
            if what == "pyin" and settings["batch"] * settings["seconds"] > 16:
                continue
            results += harness.race(f"{what}, {size}", __name__, tuple(CONTENDERS), {"what": what, **settings}, repeats)
    return results


if __name__ == "__main__":
    print(harness.machine())
    print(harness.table(rows()))
