"""Features of hearing: audiozoo against librosa and torchaudio.

`python -m benchmarks.signal_perceptual` prints the table. Every contender gets the same float32 noise; mel filters are
Slaney's in librosa and HTK's in torchaudio, which costs the same.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import harness
from benchmarks.signal_spectral import RATE, noise

FRAMES: dict[str, Any] = {"n_fft": 400, "hop_length": 160}
N_MELS, N_MFCC = 80, 20
TURNS = 100  # of non-negative least squares


def audiozoo(*, what: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import jax
    import jax.numpy as jnp

    from audiozoo import signal

    waveform = jnp.asarray(noise(seconds, batch))
    mel = functools.partial(signal.mel_spectrogram, sample_rate=RATE, n_mels=N_MELS, **FRAMES)
    energies = jax.block_until_ready(jax.jit(mel)(waveform))
    smoothing = signal.pcen_smoothing(sample_rate=RATE, hop_length=FRAMES["hop_length"])
    functions: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "log-mel": (lambda x: signal.power_to_db(mel(x), top_db=80.0), waveform),
        "mfcc": (
            lambda x: signal.mfcc(x, sample_rate=RATE, n_mels=N_MELS, n_mfcc=N_MFCC, **FRAMES),
            waveform,
        ),
        "pcen of mel": (functools.partial(signal.pcen, smoothing=smoothing), energies),
        "delta of mel": (signal.delta, energies),
        "sliding cmvn of mel": (signal.sliding_cmvn, energies),
        "inverse mel": (
            functools.partial(signal.inverse_mel, sample_rate=RATE, n_fft=FRAMES["n_fft"], iterations=TURNS),
            energies,
        ),
        "64 gammatones": (functools.partial(signal.gammatone_filterbank, sample_rate=RATE), waveform),
    }
    function, argument = functions[what]
    compiled = jax.jit(function)
    return lambda: jax.block_until_ready(compiled(argument)).shape


def librosa(*, what: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import librosa as peer

    waveform = noise(seconds, batch)
    options: dict[str, Any] = {"sr": RATE, "n_mels": N_MELS, **FRAMES}
    energies = peer.feature.melspectrogram(y=waveform, **options)
    functions: dict[str, Callable[[], Any]] = {
        "log-mel": lambda: peer.power_to_db(peer.feature.melspectrogram(y=waveform, **options)),
        "mfcc": lambda: peer.feature.mfcc(y=waveform, n_mfcc=N_MFCC, **options),
        "pcen of mel": lambda: peer.pcen(energies, sr=RATE, hop_length=FRAMES["hop_length"]),
        "delta of mel": lambda: peer.feature.delta(energies),
        "inverse mel": lambda: peer.feature.inverse.mel_to_stft(energies, sr=RATE, n_fft=FRAMES["n_fft"], power=1.0),
    }
    return lambda: functions[what]().shape


def torchaudio(*, what: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import torch as peer

    from tests.signal.torchaudio_oracle import torchaudio as audio

    peer.set_num_threads(harness.THREADS)
    waveform = peer.as_tensor(noise(seconds, batch))
    mel = audio.transforms.MelSpectrogram(RATE, n_mels=N_MELS, **FRAMES)
    decibels = audio.transforms.AmplitudeToDB("power", 80.0)
    mfcc = audio.transforms.MFCC(RATE, N_MFCC, melkwargs={"n_mels": N_MELS, **FRAMES})
    energies = mel(waveform)
    functions: dict[str, Callable[[], Any]] = {
        "log-mel": lambda: decibels(mel(waveform)),
        "mfcc": lambda: mfcc(waveform),
        "delta of mel": lambda: audio.functional.compute_deltas(energies, 9),
        "sliding cmvn of mel": lambda: audio.functional.sliding_window_cmn(energies.mT),
    }
    return lambda: list(functions[what]().shape)


def scipy(*, what: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import numpy as np
    from scipy.signal import sosfilt

    from audiozoo.signal.gammatone import gammatone_centres, gammatone_sections

    if what != "64 gammatones":
        raise ValueError(f"scipy has no {what}")
    waveform = noise(seconds, batch)
    bank = gammatone_sections(gammatone_centres(64, low_hz=50.0, high_hz=RATE / 2), sample_rate=RATE)
    return lambda: np.stack([sosfilt(section, waveform) for section in bank], -1).shape


CONTENDERS = {"audiozoo": audiozoo, "librosa": librosa, "torchaudio": torchaudio, "scipy": scipy}
WHO = {
    "log-mel": ("audiozoo", "librosa", "torchaudio"),
    "mfcc": ("audiozoo", "librosa", "torchaudio"),
    "pcen of mel": ("audiozoo", "librosa"),
    "delta of mel": ("audiozoo", "librosa", "torchaudio"),
    "sliding cmvn of mel": ("audiozoo", "torchaudio"),
    "inverse mel": ("audiozoo", "librosa"),
    "64 gammatones": ("audiozoo", "scipy"),
}
HEAVY = {"inverse mel", "64 gammatones"}  # these stop at 10 s


def rows() -> list[harness.Row]:
    """Everything at every size."""
    return harness.races(__name__, WHO, longest=dict.fromkeys(HEAVY, 10))


if __name__ == "__main__":
    print(harness.machine())
    print(harness.table(rows()))
