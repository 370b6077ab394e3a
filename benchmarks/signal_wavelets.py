"""Wavelets: audiozoo against PyWavelets (in as many threads, where there is a batch) and kymatio on PyTorch.

`python -m benchmarks.signal_wavelets` prints the table. Every contender gets the same float32 noise.
"""

import concurrent.futures
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks import harness

RATE = 16_000
LEVELS = 6
WAVELETS = ("db4", "db20")
SCALES = np.geomspace(4, 256, 32)
SCATTERING: dict[str, Any] = {"octaves": 8, "per_octave": (8, 1)}


def noise(seconds: int, batch: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((batch, seconds * RATE), dtype=np.float32)


def audiozoo(*, what: str, wavelet: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import jax
    import jax.numpy as jnp

    from audiozoo import signal

    waveform = jnp.asarray(noise(seconds, batch))
    coefficients = jax.jit(functools.partial(signal.wavedec, wavelet="db4", level=LEVELS))(waveform)

    def energy(x: Any) -> Any:
        return sum(jnp.sum(band**2) for band in signal.wavedec(x, wavelet, level=LEVELS))

    functions: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "dwt": (functools.partial(signal.dwt, wavelet=wavelet), waveform),
        "wavedec": (functools.partial(signal.wavedec, wavelet=wavelet, level=LEVELS), waveform),
        "waverec": (functools.partial(signal.waverec, wavelet="db4"), coefficients),
        "wavedec gradient": (jax.grad(energy), waveform),
        "swt": (functools.partial(signal.swt, wavelet=wavelet, level=LEVELS), waveform),
        "cwt": (functools.partial(signal.cwt, scales=SCALES, wavelet=signal.Sampled(wavelet)), waveform),
        "cwt in the Fourier domain": (functools.partial(signal.cwt, scales=SCALES), waveform),
        "scattering": (functools.partial(signal.scattering_transform, **SCATTERING), waveform),
    }
    function, argument = functions[what]
    compiled = jax.jit(function)
    return lambda: jax.tree.leaves(jax.block_until_ready(compiled(argument)))[0].shape


def pywavelets(*, what: str, wavelet: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import pywt as peer

    waveform = noise(seconds, batch)
    coefficients = [peer.wavedec(row, "db4", level=LEVELS) for row in waveform]
    functions: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "dwt": (lambda x: peer.dwt(x, wavelet), waveform),
        "wavedec": (lambda x: peer.wavedec(x, wavelet, level=LEVELS), waveform),
        "waverec": (lambda c: peer.waverec(c, "db4"), coefficients),
        "swt": (lambda x: peer.swt(x, wavelet, LEVELS, trim_approx=True), waveform),
        "cwt": (lambda x: peer.cwt(x, SCALES, wavelet, method="fft")[0], waveform),
    }
    function, rows = functions[what]
    pool = concurrent.futures.ThreadPoolExecutor(harness.THREADS)  # its loops let go of the interpreter

    def run() -> Sequence[int]:
        answers = list(pool.map(function, rows))
        return np.shape(answers[0][0])

    return run


def kymatio(*, what: str, wavelet: str, seconds: int, batch: int) -> Callable[[], Sequence[int]]:
    import torch
    from kymatio.scattering1d.frontend.torch_frontend import ScatteringTorch1D

    torch.set_num_threads(harness.THREADS)
    waveform = torch.as_tensor(noise(seconds, batch))
    peer = ScatteringTorch1D(SCATTERING["octaves"], seconds * RATE, SCATTERING["per_octave"])
    return lambda: list(peer(waveform).shape)


CONTENDERS = {"audiozoo": audiozoo, "pywavelets": pywavelets, "kymatio": kymatio}
RACES = {
    "dwt": (("audiozoo", "pywavelets"), WAVELETS, 600),
    "wavedec": (("audiozoo", "pywavelets"), WAVELETS, 600),
    "waverec": (("audiozoo", "pywavelets"), ("db4",), 600),
    "wavedec gradient": (("audiozoo",), WAVELETS, 600),
    "swt": (("audiozoo", "pywavelets"), ("sym8",), 60),
    "cwt": (("audiozoo", "pywavelets"), ("morl", "cmor1.5-1.0"), 60),
    "cwt in the Fourier domain": (("audiozoo",), ("Morlet",), 60),
    "scattering": (("audiozoo", "kymatio"), ("",), 10),
}


def rows(repeats: int = 7) -> list[harness.Row]:
    """Every transform at every size."""
    results = []
    for what, (contenders, wavelets, longest) in RACES.items():
        for wavelet in wavelets:
            for size, settings in harness.sizes(longest).items():
                name = f"{what} {wavelet}".strip() + f", {size}"
                settings = {"what": what, "wavelet": wavelet, **settings}
                results += harness.race(name, __name__, contenders, settings, repeats)
    return results


if __name__ == "__main__":
    print(harness.machine())
    print(harness.table(rows()))
