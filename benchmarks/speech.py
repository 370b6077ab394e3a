"""Voice activity: audiozoo's Silero VAD against ONNX Runtime on Silero's own files, the same weights, float32.

"steps" is how Silero's package runs it, 512 samples at a time; "sequence" is the file that the same archive has for
whole recordings.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import harness

RATE, CHUNK, CONTEXT = 16_000, 512, 64


@functools.cache
def speech(seconds: float) -> np.ndarray:
    """The telephone recording, again and again."""
    from audiozoo.data import load_audio
    from tests import recordings

    return np.resize(load_audio(recordings.telephone(), RATE), round(seconds * RATE))


def audiozoo(*, seconds: float) -> Callable[[], float]:
    from audiozoo import zoo
    from audiozoo.pipelines import speech_probabilities

    samples, model = speech(seconds), zoo.load("silero_vad_v6")
    return lambda: float(speech_probabilities(samples, model=model).probabilities.mean())


def session(name: str) -> Any:
    import onnxruntime

    from audiozoo import weights
    from tests.models import silero_files

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = harness.THREADS
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    path = weights.fetch(dataclasses.replace(silero_files.ONNX, path=f"silero_vad/data/{name}"))
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def steps(*, seconds: float) -> Callable[[], float]:
    ready, samples = session("silero_vad.onnx"), speech(seconds)
    rate = np.array(RATE, np.int64)

    def run() -> float:
        padded = np.pad(samples, (CONTEXT, -len(samples) % CHUNK))
        state = np.zeros((2, 1, 128), np.float32)
        found = []
        for start in range(0, len(padded) - CONTEXT, CHUNK):
            chunk = padded[None, start : start + CONTEXT + CHUNK]
            probability, state = ready.run(None, {"input": chunk, "state": state, "sr": rate})
            found.append(probability[0, 0])
        return float(np.mean(found))

    return run


def sequence(*, seconds: float) -> Callable[[], float]:
    ready, samples = session("silero_vad_16k_sequence.onnx"), speech(seconds)
    inputs = {one.name: one for one in ready.get_inputs()}

    def run() -> float:
        padded = np.pad(samples, (CONTEXT, -len(samples) % CHUNK))
        windows = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT + CHUNK)[::CHUNK]
        zeros = {
            name: np.zeros([1 if isinstance(size, str) or size is None else size for size in one.shape], np.float32)
            for name, one in inputs.items()
            if name != "input"
        }
        return float(np.mean(ready.run(None, {"input": np.ascontiguousarray(windows), **zeros})[0]))

    return run


CONTENDERS: dict[str, Callable[..., Callable[[], Any]]] = {
    "audiozoo": audiozoo,
    "onnxruntime steps": steps,
    "onnxruntime sequence": sequence,
}


def rows() -> list[harness.Row]:
    return [
        row
        for seconds, repeats in ((11, 7), (600, 5), (3600, 3))
        for row in harness.race(
            f"voice activity, {seconds} s", "benchmarks.speech", tuple(CONTENDERS), {"seconds": seconds}, repeats
        )
    ]
