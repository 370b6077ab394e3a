"""Mel scales, filter banks and the log-mel spectrograms of published models."""

import functools
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal import spectral

MelScale = Literal["slaney", "htk"]

# Slaney's Auditory Toolbox (1998): linear up to 1 kHz, logarithmic above, 27 steps for a factor of 6.4.
_HZ_PER_MEL, _KNEE_HZ, _LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27
_KNEE = _KNEE_HZ / _HZ_PER_MEL


def hz_to_mel(hz: Float[np.ndarray, "*shape"] | float, scale: MelScale = "slaney") -> Float[np.ndarray, "*shape"]:
    """Frequencies in hertz on a mel scale."""
    hz = np.asarray(hz, np.float64)
    if scale == "htk":
        return 2595 * np.log10(1 + hz / 700)
    return np.where(hz < _KNEE_HZ, hz / _HZ_PER_MEL, _KNEE + np.log(np.maximum(hz, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP)


def mel_to_hz(mel: Float[np.ndarray, "*shape"] | float, scale: MelScale = "slaney") -> Float[np.ndarray, "*shape"]:
    """The inverse of `hz_to_mel`."""
    mel = np.asarray(mel, np.float64)
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    return np.where(mel < _KNEE, mel * _HZ_PER_MEL, _KNEE_HZ * np.exp(_LOG_STEP * (mel - _KNEE)))


@functools.cache
def mel_filters(
    sample_rate: int,
    n_fft: int,
    n_mels: int,
    *,
    low_hz: float = 0.0,
    high_hz: float | None = None,
    scale: MelScale = "slaney",
    unit_area: bool = True,
) -> Float[np.ndarray, "bins n_mels"]:
    """Triangular filters, evenly spaced on the mel scale from `low_hz` to `high_hz` (None: half the sample rate).

    Each has unit area, or a peak of one when `unit_area` is false. A float64 NumPy constant, which `jit` folds in.
    """
    lowest, highest = hz_to_mel(low_hz, scale), hz_to_mel(sample_rate / 2 if high_hz is None else high_hz, scale)
    edges = mel_to_hz(np.linspace(lowest, highest, n_mels + 2), scale)
    low, centre, high = (edges[i : n_mels + i] for i in range(3))
    bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    rising = (bins[:, None] - low) / (centre - low)
    falling = (high - bins[:, None]) / (high - centre)
    triangles = np.maximum(0, np.minimum(rising, falling))
    return triangles * 2 / (high - low) if unit_area else triangles


def log_mel(
    signal: Float[Array, "*batch time"],
    *,
    filters: Float[np.ndarray, "bins n_mels"],
    n_fft: int,
    hop_length: int,
    floor: float = 1e-10,
) -> Float[Array, "*batch frames n_mels"]:
    """Base-10 logarithm of the mel power spectrogram, never below log10(`floor`)."""
    energy = spectral.power(spectral.stft(signal, n_fft=n_fft, hop_length=hop_length))
    return jnp.log10(jnp.maximum(energy @ filters.astype(signal.dtype), floor))


def whisper_log_mel(signal: Float[Array, "*batch time"], *, n_mels: int) -> Float[Array, "*batch frames n_mels"]:
    """Whisper's features (Radford et al., 2022, section 2.2): 25 ms windows every 10 ms of 16 kHz audio.

    The last frame, which is centred past the end, is dropped; each clip keeps the 80 dB (8 in base-10 log power) below
    its own maximum and is scaled to about [-1, 1]. There are time // 160 frames. Computed in float32.
    """
    spectrogram = log_mel(
        signal.astype(jnp.float32), filters=mel_filters(16_000, 400, n_mels), n_fft=400, hop_length=160
    )[..., :-1, :]
    loudest = spectrogram.max((-2, -1), keepdims=True)
    return (jnp.maximum(spectrogram, loudest - 8) + 4) / 4
