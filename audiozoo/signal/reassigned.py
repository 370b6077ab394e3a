"""The reassigned spectrogram: every bin's energy moved to where in time and frequency it came from."""

import functools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal import spectral
from audiozoo.signal.framing import PadMode


class Reassigned(NamedTuple):
    """Where the energy of each bin of a spectrogram belongs, `*batch frames bins` each."""

    frequencies: Float[Array, "*batch frames bins"]  # hertz
    times: Float[Array, "*batch frames bins"]  # seconds
    magnitudes: Float[Array, "*batch frames bins"]


def reassigned_spectrogram(
    signal: Float[Array, "*batch time"],
    sample_rate: float,
    *,
    n_fft: int = 2048,
    hop_length: int = 512,
    window: Float[np.ndarray, " win_length"] | None = None,
    center: bool = True,
    pad_mode: PadMode = "constant",
    reassign_frequencies: bool = True,
    reassign_times: bool = True,
    reference_power: float = 1e-6,
    fill: bool = True,
    clip: bool = True,
) -> Reassigned:
    """Centres of gravity of energy around each bin (Auger & Flandrin, 1995), and the magnitudes there.

    From two further transforms, with the window's derivative and with the window times time (Flandrin, Auger &
    Chassande-Mottin, 2002, equations 5.20 and 5.23). Equal to `librosa.reassigned_spectrogram`, with `fill=True` to its
    `fill_nan=True`.

    Args:
        window: a NumPy array, since its derivative is taken. None: a periodic Hann window.
        reassign_frequencies, reassign_times: false leaves the bin's own centre.
        reference_power: bins whose power is below it, or zero, have no estimate.
        fill: give those their own centre; false: NaN.
        clip: keep frequencies within 0 and half the sample rate, times within the signal.

    Raises:
        ValueError: a setting makes no sense.
    """
    if reference_power < 0 or not sample_rate > 0:
        raise ValueError(f"want a power of at least 0 and a positive rate, not {reference_power} and {sample_rate}")
    signal = jnp.asarray(signal)
    plain, derived, timed = _windows(np.asarray(spectral.full_window(n_fft, window), np.float64).tobytes())

    def transform(weights: np.ndarray) -> Array:
        return spectral.stft(
            signal, n_fft=n_fft, hop_length=hop_length, window=weights, center=center, pad_mode=pad_mode
        )

    spectrum = transform(plain)
    energy = spectral.power(spectrum)
    known = (energy >= reference_power) & (energy > 0)
    inverse = spectrum.conj() / jnp.where(known, energy, 1)
    half = 0 if center else n_fft // 2
    dtype = energy.dtype
    frequencies = jnp.asarray(np.arange(n_fft // 2 + 1) * sample_rate / n_fft, dtype)
    times = jnp.asarray((np.arange(spectrum.shape[-2]) * hop_length + half)[:, None] / sample_rate, dtype)
    frequencies, times = jnp.broadcast_to(frequencies, energy.shape), jnp.broadcast_to(times, energy.shape)
    missing = None if fill else jnp.nan
    if reassign_frequencies:
        moved = frequencies - (transform(derived) * inverse).imag * (sample_rate / (2 * np.pi))
        frequencies = _settle(moved, known, frequencies if missing is None else missing, clip, sample_rate / 2)
    if reassign_times:
        moved = times + (transform(timed) * inverse).real / sample_rate
        end = signal.shape[-1] / sample_rate
        times = _settle(moved, known, times if missing is None else missing, clip, end)
    return Reassigned(*(x.astype(signal.dtype) for x in (frequencies, times, spectral.magnitude(spectrum))))


def _settle(moved: Array, known: Array, otherwise: Array | float, clip: bool, top: float) -> Array:
    settled = jnp.where(known, moved, otherwise)
    return jnp.clip(settled, 0, top) if clip else settled


@functools.lru_cache(maxsize=64)
def _windows(window: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A window, its derivative by the sample (central differences of the periodic window), and it times time."""
    plain = np.frombuffer(window, np.float64)
    derived = (np.roll(plain, -1) - np.roll(plain, 1)) / 2
    return plain, derived, plain * (np.arange(len(plain)) - (len(plain) - 1) / 2)
