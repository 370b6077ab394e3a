"""Time to frequency and back: audiozoo against librosa, PyTorch (torchaudio's Griffin-Lim) and scipy.

`python -m benchmarks.signal_spectral` prints the table. Every contender gets the same float32 noise; the conventions
are each library's defaults, which differ only in the padding at the ends.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks import harness

RATE = 16_000
FRAMES = {"400/160": (400, 160), "2048/512": (2048, 512)}
GRIFFIN_LIM_TURNS = 32


def noise(seconds: int, batch: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((batch, seconds * RATE), dtype=np.float32)


def audiozoo(*, what: str, n_fft: int, hop: int, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import jax
    import jax.numpy as jnp

    from audiozoo import signal

    settings: dict[str, Any] = {"n_fft": n_fft, "hop_length": hop}
    waveform = jnp.asarray(noise(seconds, batch))
    spectrum = jax.jit(functools.partial(signal.stft, **settings))(waveform)
    magnitudes = jax.block_until_ready(jax.jit(signal.magnitude)(spectrum))
    functions: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "stft": (functools.partial(signal.stft, **settings), waveform),
        "istft": (functools.partial(signal.istft, **settings), spectrum),
        "stft gradient": (jax.grad(lambda x: signal.power(signal.stft(x, **settings)).sum()), waveform),
        "griffin-lim": (functools.partial(signal.griffin_lim, **settings, iterations=GRIFFIN_LIM_TURNS), magnitudes),
        "time stretch": (functools.partial(signal.time_stretch, rate=1.3, **settings), waveform),
    }
    function, argument = functions[what]
    compiled = jax.jit(function)
    return lambda: jax.block_until_ready(compiled(argument)).shape


def librosa(*, what: str, n_fft: int, hop: int, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import librosa as peer

    settings: dict[str, Any] = {"n_fft": n_fft, "hop_length": hop}
    waveform = noise(seconds, batch)
    spectrum = peer.stft(waveform, **settings)
    magnitudes = np.abs(spectrum)
    functions: dict[str, Callable[[], np.ndarray]] = {
        "stft": lambda: peer.stft(waveform, **settings),
        "istft": lambda: peer.istft(spectrum, **settings),
        "griffin-lim": lambda: peer.griffinlim(magnitudes, **settings, n_iter=GRIFFIN_LIM_TURNS, init=None),
        "time stretch": lambda: peer.effects.time_stretch(waveform, rate=1.3, **settings),
    }
    return lambda: functions[what]().shape


def torch(*, what: str, n_fft: int, hop: int, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import torch as peer

    from tests.signal.torchaudio_oracle import torchaudio

    peer.set_num_threads(harness.THREADS)
    waveform, window = peer.as_tensor(noise(seconds, batch)), peer.hann_window(n_fft)
    spectrum = peer.stft(waveform, n_fft, hop, window=window, return_complex=True)
    magnitudes = spectrum.abs()
    advance = peer.linspace(0, peer.pi * hop, n_fft // 2 + 1)[:, None]

    def gradient() -> Any:
        leaf = waveform.detach().requires_grad_()
        transformed = peer.stft(leaf, n_fft, hop, window=window, return_complex=True)
        return peer.autograd.grad(peer.view_as_real(transformed).square().sum(), leaf)[0]

    def stretch() -> Any:
        stretched = torchaudio.functional.phase_vocoder(
            peer.stft(waveform, n_fft, hop, window=window, return_complex=True), 1.3, advance
        )
        return peer.istft(stretched, n_fft, hop, window=window)

    functions: dict[str, Callable[[], Any]] = {
        "stft": lambda: peer.stft(waveform, n_fft, hop, window=window, return_complex=True),
        "istft": lambda: peer.istft(spectrum, n_fft, hop, window=window),
        "stft gradient": gradient,
        "griffin-lim": lambda: torchaudio.functional.griffinlim(
            magnitudes, window, n_fft, hop, n_fft, 1.0, GRIFFIN_LIM_TURNS, 0.99, None, False
        ),
        "time stretch": stretch,
    }
    return lambda: list(functions[what]().shape)


def scipy(*, what: str, n_fft: int, hop: int, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    waveform = noise(seconds, batch)
    peer = ShortTimeFFT(hann(n_fft, sym=False).astype(np.float32), hop, RATE, phase_shift=None)
    spectrum = peer.stft(waveform)
    functions = {"stft": lambda: peer.stft(waveform), "istft": lambda: peer.istft(spectrum, k1=waveform.shape[-1])}
    return lambda: functions[what]().shape


CONTENDERS = {"audiozoo": audiozoo, "librosa": librosa, "torch": torch, "scipy": scipy}
WHO = {
    "stft": ("audiozoo", "librosa", "torch", "scipy"),
    "istft": ("audiozoo", "librosa", "torch", "scipy"),
    "stft gradient": ("audiozoo", "torch"),
    "griffin-lim": ("audiozoo", "librosa", "torch"),
    "time stretch": ("audiozoo", "librosa", "torch"),
}


ONE_FRAME = {"stft gradient", "griffin-lim", "time stretch"}  # these are raced at one size of frames only


def rows(repeats: int = 7) -> list[harness.Row]:
    """Every transform at every size."""
    results = []
    for what, contenders in WHO.items():
        for frames, (n_fft, hop) in list(FRAMES.items())[: 1 if what in ONE_FRAME else None]:
            for size, settings in harness.sizes(10 if what == "griffin-lim" else 600).items():
                settings = {"what": what, "n_fft": n_fft, "hop": hop, **settings}
                results += harness.race(f"{what} {frames}, {size}", __name__, contenders, settings, repeats)
    return results


if __name__ == "__main__":
    print(harness.machine())
    print(harness.table(rows()))
