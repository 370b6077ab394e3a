"""Front ends of published models: audiozoo against torchaudio, kaldi-native-fbank, transformers and openai-whisper.

`python -m benchmarks.signal_frontends` prints the table. Every contender gets the same float32 noise. Those that take
one clip at a time (torchaudio's Kaldi features, kaldi-native-fbank) loop over the batch, as their users do.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks import harness

RATE = 16_000


def noise(seconds: int, batch: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((batch, seconds * RATE), dtype=np.float32)


def audiozoo(*, what: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import jax
    import jax.numpy as jnp

    from audiozoo import signal

    functions: dict[str, Callable[[Any], Any]] = {
        "Kaldi filter bank, 80": lambda x: signal.kaldi_fbank(x, mels=signal.KaldiMels(80)),
        "Kaldi MFCC": signal.kaldi_mfcc,
        "Whisper": lambda x: signal.whisper_log_mel(x, n_mels=80),
    }
    waveform = jnp.asarray(noise(seconds, batch))
    compiled = jax.jit(functions[what])
    return lambda: jax.block_until_ready(compiled(waveform)).shape


def torchaudio(*, what: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import torch

    from tests import oracles

    torch.set_num_threads(harness.THREADS)
    waveform, kaldi = torch.as_tensor(noise(seconds, batch)), oracles.torchaudio().compliance.kaldi
    functions: dict[str, Callable[[Any], Any]] = {
        "Kaldi filter bank, 80": lambda x: kaldi.fbank(x, num_mel_bins=80),
        "Kaldi MFCC": lambda x: kaldi.mfcc(x, use_energy=True),
    }
    return lambda: torch.stack([functions[what](clip[None]) for clip in waveform]).shape


def kaldi_native_fbank(*, what: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import kaldi_native_fbank as peer

    clips = noise(seconds, batch)
    options: Any = peer.FbankOptions() if "bank" in what else peer.MfccOptions()
    options.frame_opts.dither = 0.0
    if "bank" in what:
        options.mel_opts.num_bins = 80

    def features(clip: Any) -> np.ndarray:
        computer = peer.OnlineFbank(options) if "bank" in what else peer.OnlineMfcc(options)
        computer.accept_waveform(RATE, clip)
        computer.input_finished()
        return np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])

    return lambda: np.stack([features(clip) for clip in clips]).shape


def openai_whisper(*, what: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import torch
    import whisper

    torch.set_num_threads(harness.THREADS)
    waveform = torch.as_tensor(noise(seconds, batch))
    return lambda: whisper.log_mel_spectrogram(waveform).shape


def transformers(*, what: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    from tests import oracles

    extractor = oracles.transformers().WhisperFeatureExtractor()
    clips = list(noise(seconds, batch))
    settings = {"sampling_rate": RATE, "return_tensors": "np", "padding": "longest", "truncation": False}
    return lambda: extractor(clips, **settings)["input_features"].shape


CONTENDERS = {
    "audiozoo": audiozoo,
    "torchaudio": torchaudio,
    "kaldi-native-fbank": kaldi_native_fbank,
    "openai-whisper": openai_whisper,
    "transformers": transformers,
}
WHO = {
    "Kaldi filter bank, 80": ("audiozoo", "torchaudio", "kaldi-native-fbank"),
    "Kaldi MFCC": ("audiozoo", "torchaudio", "kaldi-native-fbank"),
    "Whisper": ("audiozoo", "openai-whisper", "transformers"),
}


def rows() -> list[harness.Row]:
    """Every front end at every size."""
    return harness.races(__name__, WHO)


if __name__ == "__main__":
    print(harness.machine())
    print(harness.table(rows()))
