"""Augmentation of a batch of 16: audiozoo against torchaudio.

`python -m benchmarks.signal_augmentation` prints the table. Masks are those of LibriSpeech's basic policy without the
warp, which torchaudio does not have; with it, ours is a row of its own. Both draw anew at every
call. torchaudio draws one speed for the whole batch, and does nothing a third of the time; ours draws one for each row,
and so computes them all.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import harness

RATE, BATCH = 16_000, 16
SECONDS = (1, 10)


def noise(seconds: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((2, BATCH, seconds * RATE), dtype=np.float32)


def features(seconds: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((BATCH, seconds * 100, 80), dtype=np.float32)


def audiozoo(*, what: str, seconds: int) -> Callable[[], str]:
    import jax
    import jax.numpy as jnp

    from audiozoo import signal
    from audiozoo.signal import masking

    spectrogram, (waveform, unwanted) = jnp.asarray(features(seconds)), jnp.asarray(noise(seconds))
    lengths, steps = jnp.full(BATCH, seconds * RATE), jnp.full(BATCH, seconds * 100)
    masks = masking.LB._replace(warp=0)
    functions: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
        "SpecAugment without warp": (lambda k, x, n: signal.spec_augment(k, x, n, policy=masks), (spectrogram, steps)),
        "SpecAugment": (lambda k, x, n: signal.spec_augment(k, x, n, policy=masking.LB), (spectrogram, steps)),
        "noise at a ratio": (
            lambda k, x, y, n: signal.add_noise(k, x, y, n, snr_db=(5.0, 20.0)),
            (waveform, unwanted, lengths),
        ),
        "noise at a ratio, aligned": (
            lambda k, x, y, n: signal.mix_at_snr(x, y, n, snr_db=jax.random.uniform(k, (BATCH,)) * 15 + 5),
            (waveform, unwanted, lengths),
        ),
        "speed": (functools.partial(signal.random_speed, resampler=signal.resample_sinc), (waveform, lengths)),
    }
    function, arguments = functions[what]
    compiled, keys = jax.jit(function), iter(jax.random.split(jax.random.key(0), 1000))
    return lambda: str(jax.tree.leaves(jax.block_until_ready(compiled(next(keys), *arguments)))[0].shape)


def torchaudio(*, what: str, seconds: int) -> Callable[[], str]:
    import torch

    from tests.signal.torchaudio_oracle import torchaudio as peer

    torch.set_num_threads(harness.THREADS)
    functional = peer.functional
    spectrogram, (waveform, unwanted) = torch.tensor(features(seconds)).transpose(1, 2), torch.tensor(noise(seconds))
    lengths = torch.full((BATCH,), seconds * RATE)

    def masks() -> Any:
        masked = functional.mask_along_axis_iid(spectrogram, 28, 0.0, 1)
        return functional.mask_along_axis_iid(masked, 101, 0.0, 2)

    def add() -> Any:
        return functional.add_noise(waveform, unwanted, torch.rand(BATCH) * 15 + 5, lengths)

    speed = peer.transforms.SpeedPerturbation(RATE, [0.9, 1.0, 1.1])  # one factor for the whole batch
    functions: dict[str, Callable[[], Any]] = {
        "SpecAugment without warp": masks,
        "noise at a ratio": add,
        "noise at a ratio, aligned": add,
        "speed": lambda: speed(waveform, lengths)[0],
    }
    return lambda: str(tuple(functions[what]().shape)) if what != "speed" else str(len(functions[what]().shape))


CONTENDERS = {"audiozoo": audiozoo, "torchaudio": torchaudio}


def rows() -> list[harness.Row]:
    """Every race; torchaudio has no warp."""
    results = []
    for what in ("SpecAugment without warp", "SpecAugment", "noise at a ratio", "noise at a ratio, aligned", "speed"):
        names = ("audiozoo",) if what == "SpecAugment" else tuple(CONTENDERS)
        for seconds in SECONDS:
            settings = {"what": what, "seconds": seconds}
            results += harness.race(f"{what}, {BATCH} × {seconds} s", __name__, names, settings)
    return results


if __name__ == "__main__":
    print(harness.machine())
    print(harness.table(rows()))
