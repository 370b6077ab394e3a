"""What a sweep of tones shows of a resampler; `python -m tests.signal.resamplers` prints docs/signal/sound.md's table.

A resampler is a function of (tones, time) float64 samples. Complex tones go through it as two real ones; of what comes
out, the tone itself is found by a projection, and all the rest is alias and image.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np

from audiozoo.signal import resampling, windows

Resampler = Callable[[np.ndarray, int, int], Any]  # samples, source rate, target rate
SECONDS = 0.12
FLAT = 0.1  # dB


class Sweep(NamedTuple):
    flat: float  # share of the lower Nyquist frequency up to which the gain is within FLAT
    ripple: float  # dB, the largest deviation from unity up to `passband` of it
    alias: float  # dB, the most that comes through of a tone above the target's Nyquist frequency; -inf: there is none
    image: float  # dB, the most that comes along with a tone in the passband


def measure(resampler: Resampler, source: int, target: int, *, passband: float, count: int = 60) -> Sweep:
    """Tones up to the lower Nyquist frequency (`count` of them), and as many from there to the source's."""
    lower = min(source, target) / 2
    inside = np.linspace(0.002, 1, count) * lower
    gain, rest = _response(resampler, inside, source, target)
    flat = np.abs(gain) < FLAT
    reach = count if flat.all() else int(np.argmin(flat))
    alias = -np.inf
    if target < source:
        main, others = _response(resampler, np.linspace(1.0005 * lower, 0.9995 * source / 2, count), source, target)
        alias = np.maximum(main, others).max()
    within = inside <= passband * lower
    return Sweep(inside[max(reach - 1, 0)] / lower, np.abs(gain[within]).max(), alias, rest[within].max())


def _response(resampler: Resampler, hertz: np.ndarray, source: int, target: int) -> tuple[np.ndarray, np.ndarray]:
    """The gain of each tone, and the level of what is not that tone, both in dB."""
    phase = 2 * np.pi * hertz[:, None] / source * np.arange(round(SECONDS * source))
    made = np.asarray(resampler(np.concatenate([np.cos(phase), np.sin(phase)]), source, target))
    made = made[: len(hertz)] + 1j * made[len(hertz) :]
    n = np.arange(made.shape[1])
    middle = slice(len(n) // 4, -(len(n) // 4))
    tone = np.exp(2j * np.pi * hertz[:, None] / target * n[middle])
    window = windows.window("blackmanharris", tone.shape[1])
    found = (made[:, middle] * tone.conj()) @ window / window.sum()
    rest = (np.abs(made[:, middle] - found[:, None] * tone) ** 2) @ window / window.sum()
    return 20 * np.log10(np.abs(found) + 1e-15), 10 * np.log10(rest + 1e-30)


def ours(quality: resampling.Quality) -> Resampler:
    def run(signal: np.ndarray, source: int, target: int) -> np.ndarray:
        with jax.enable_x64(True):
            return np.asarray(
                resampling.resample(jnp.asarray(signal), source_rate=source, target_rate=target, quality=quality)
            )

    return run


def peers() -> dict[str, Resampler]:
    """The resamplers of others, in float64."""
    import math

    import scipy.signal
    import soxr
    import torch

    from tests.signal.torchaudio_oracle import torchaudio

    def poly(signal: np.ndarray, source: int, target: int) -> np.ndarray:
        common = math.gcd(source, target)
        return scipy.signal.resample_poly(signal, target // common, source // common, axis=-1)

    return {
        "soxr HQ (librosa's default)": lambda x, a, b: soxr.resample(x.T, a, b, quality="HQ").T,
        "soxr VHQ": lambda x, a, b: soxr.resample(x.T, a, b, quality="VHQ").T,
        "torchaudio's default": lambda x, a, b: torchaudio.functional.resample(torch.tensor(x), a, b).numpy(),
        "scipy.signal.resample_poly": poly,
    }


def table() -> None:
    """Print it, for one ratio down and one up."""
    contenders = {f"`{quality}`": ours(quality) for quality in get_args(resampling.Quality)} | peers()
    print("| resampler | 44.1 → 16 kHz: flat up to | ripple | alias | image | 16 → 44.1: flat up to | ripple | image |")
    print("|---|---|---|---|---|---|---|---|")
    for name, resampler in contenders.items():
        down, up = (measure(resampler, a, b, passband=0.8) for a, b in ((44_100, 16_000), (16_000, 44_100)))
        print(
            f"| {name} | {down.flat:.3f} | {down.ripple:.1e} dB | {down.alias:.0f} dB | {down.image:.0f} dB "
            f"| {up.flat:.3f} | {up.ripple:.1e} dB | {up.image:.0f} dB |"
        )


if __name__ == "__main__":
    table()
