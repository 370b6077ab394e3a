"""Pitch: audiozoo's CREPE against torchcrepe, same weights and frames, float32.

Two kinds of race: the network alone (samples to probabilities of all bins), and the whole answer by Viterbi. torchcrepe
gets batches of 64 frames, the fastest for it of 64, 512 and all, and keeps to its own rule of one path per batch.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import harness

RATE = 16_000
HOP_LENGTH = 160
BATCH = 64  # frames


@functools.cache
def speech(seconds: float) -> np.ndarray:
    """The telephone recording from where they speak, again and again."""
    from audiozoo.data import load_audio
    from tests import recordings

    return np.resize(load_audio(recordings.telephone(), RATE)[7 * RATE :], round(seconds * RATE))


def audiozoo(*, size: str, seconds: float, what: str) -> Callable[[], float]:
    import jax

    import audiozoo
    from audiozoo.pipelines import track_pitch

    name, samples = f"crepe_{size}", speech(seconds)
    model, variables = audiozoo.load(name)
    variables = jax.device_put(variables)
    if what == "viterbi":
        return lambda: float(np.median(track_pitch(samples, model=(model, variables), decoder="viterbi").frequency))

    @jax.jit
    def probabilities(variables: Any, samples: jax.Array) -> jax.Array:
        answer: Any = model.apply(variables, samples[None])
        return jax.nn.sigmoid(answer.logits[0])

    return lambda: float(np.asarray(probabilities(variables, samples)).mean())


def torchcrepe(*, size: str, seconds: float, what: str) -> Callable[[], float]:
    import torch

    from tests.models import reference_crepe

    torch.set_num_threads(harness.THREADS)
    package, model = reference_crepe.torchcrepe(), reference_crepe.published(size)
    samples = torch.from_numpy(speech(seconds).copy())[None]

    def network() -> float:
        with torch.no_grad():
            batches = package.preprocess(samples, RATE, HOP_LENGTH, BATCH)
            return float(torch.cat([model(frames) for frames in batches]).mean())

    def viterbi() -> float:
        found = package.predict(samples, RATE, HOP_LENGTH, model=size, decoder=package.decode.viterbi, batch_size=BATCH)
        return float(found.median())

    return {"network": network, "viterbi": viterbi}[what]


CONTENDERS: dict[str, Callable[..., Callable[[], Any]]] = {"audiozoo": audiozoo, "torchcrepe": torchcrepe}


def rows() -> list[harness.Row]:
    return [
        row
        for size, seconds in (("tiny", 30.0), ("full", 5.0))
        for what in ("network", "viterbi")
        for row in harness.race(
            f"CREPE {size}, {what}, {seconds:.0f} s",
            "benchmarks.pitch",
            list(CONTENDERS),
            {"size": size, "seconds": seconds, "what": what},
        )
    ]
