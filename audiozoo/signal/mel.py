"""Mel scales, filter banks and the log-mel spectrograms of published models."""

import functools
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from audiozoo.signal import inversion, spectral
from audiozoo.signal.framing import PadMode
from audiozoo.signal.precision import EXACT, product, read_only, widened
from audiozoo.signal.scales import check_bank, triangular_filters
from audiozoo.signal.spectral import Normalisation, Window

MelScale = Literal["slaney", "htk", "kaldi"]
Triangles = Literal["hertz", "mel"]

# Slaney's Auditory Toolbox (1998): linear up to 1 kHz, logarithmic above, 27 steps for a factor of 6.4.
_HZ_PER_MEL, _KNEE_HZ, _LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27
_KNEE = _KNEE_HZ / _HZ_PER_MEL


def hz_to_mel(hz: Float[np.ndarray, "*shape"] | float, scale: MelScale = "slaney") -> Float[np.ndarray, "*shape"]:
    """Frequencies in hertz on a mel scale.

    Args:
        hz: frequencies, zero or above.
        scale: "slaney": linear up to 1 kHz (Slaney, 1998; librosa's default); "htk": 2595 log10(1 + f / 700)
            (O'Shaughnessy, 1987); "kaldi": the same with a rounded factor, 1127 ln(1 + f / 700).
    """
    hz = np.asarray(hz, np.float64)
    if scale == "htk":
        return 2595 * np.log10(1 + hz / 700)
    if scale == "kaldi":
        return 1127 * np.log(1 + hz / 700)
    _check_scale(scale)
    return np.where(hz < _KNEE_HZ, hz / _HZ_PER_MEL, _KNEE + np.log(np.maximum(hz, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP)


def mel_to_hz(mel: Float[np.ndarray, "*shape"] | float, scale: MelScale = "slaney") -> Float[np.ndarray, "*shape"]:
    """The inverse of `hz_to_mel`."""
    mel = np.asarray(mel, np.float64)
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    if scale == "kaldi":
        return 700 * (np.exp(mel / 1127) - 1)
    _check_scale(scale)
    return np.where(mel < _KNEE, mel * _HZ_PER_MEL, _KNEE_HZ * np.exp(_LOG_STEP * (mel - _KNEE)))


def _check_scale(scale: MelScale) -> None:
    if scale != "slaney":
        raise ValueError(f"a mel scale is slaney, htk or kaldi, not {scale!r}")


@functools.cache
def mel_filters(
    sample_rate: float,
    n_fft: int,
    n_mels: int,
    *,
    low_hz: float = 0.0,
    high_hz: float | None = None,
    scale: MelScale = "slaney",
    unit_area: bool = True,
    triangles: Triangles = "hertz",
) -> Float[np.ndarray, "bins n_mels"]:
    """Triangular filters, evenly spaced on the mel scale from `low_hz` to `high_hz` (None: half the sample rate).

    librosa's as it stands; torchaudio's with `scale="htk", unit_area=False`; Kaldi's with `scale="kaldi",
    unit_area=False, triangles="mel"`. A float64 NumPy constant, which `jit` folds in.

    Args:
        sample_rate: samples a second.
        n_fft: length of the transform; `bins` is n_fft // 2 + 1.
        n_mels: filters.
        low_hz: where the first begins.
        high_hz: where the last ends.
        scale: see `hz_to_mel`.
        unit_area: each has an area of one (in hertz), else a peak of one.
        triangles: on which axis their sides are straight.

    Raises:
        ValueError: the settings make no filter bank.
    """
    lowest, highest = (
        hz_to_mel(low_hz, scale),
        hz_to_mel(check_bank(sample_rate, n_fft, n_mels, low_hz, high_hz), scale),
    )
    mels = np.linspace(lowest, highest, n_mels + 2)
    edges, bins = mel_to_hz(mels, scale), np.fft.rfftfreq(n_fft, 1 / sample_rate)
    if triangles not in ("hertz", "mel"):
        raise ValueError(f"triangles are straight in hertz or mel, not {triangles!r}")
    filters = (
        triangular_filters(bins, edges) if triangles == "hertz" else triangular_filters(hz_to_mel(bins, scale), mels)
    )
    filters = filters * 2 / (edges[2:] - edges[:-2]) if unit_area else filters
    return read_only(filters)


def mel_spectrogram(
    signal: Float[Array, "*batch time"],
    sample_rate: float,
    *,
    n_fft: int,
    hop_length: int,
    n_mels: int,
    low_hz: float = 0.0,
    high_hz: float | None = None,
    scale: MelScale = "slaney",
    unit_area: bool = True,
    triangles: Triangles = "hertz",
    power: float = 2.0,
    window: Window | None = None,
    center: bool = True,
    pad_mode: PadMode = "reflect",
    normalise: Normalisation = "none",
) -> Float[Array, "*batch frames n_mels"]:
    """Magnitudes to a `power`, added up in mel bands: `spectral.spectrogram` times `mel_filters`.

    As it stands librosa's, which pads with `pad_mode="constant"`; torchaudio's with `scale="htk", unit_area=False`.
    """
    signal = jnp.asarray(signal)
    spectrum = spectral.spectrogram(
        widened(signal),
        n_fft=n_fft,
        hop_length=hop_length,
        power=power,
        window=window,
        center=center,
        pad_mode=pad_mode,
        normalise=normalise,
    )
    filters = mel_filters(
        sample_rate,
        n_fft,
        n_mels,
        low_hz=low_hz,
        high_hz=high_hz,
        scale=scale,
        unit_area=unit_area,
        triangles=triangles,
    )
    return product(spectrum, filters).astype(signal.dtype)


def inverse_mel(
    mel: Float[Array, "*batch frames n_mels"],
    sample_rate: float,
    *,
    n_fft: int,
    low_hz: float = 0.0,
    high_hz: float | None = None,
    scale: MelScale = "slaney",
    unit_area: bool = True,
    iterations: int = 100,
) -> Float[Array, "*batch frames bins"]:
    """A linear spectrogram, of powers if those of `mel` are, whose mel spectrogram is nearest to it.

    There are more bins than bands, so that many are as near. It begins with the shortest, its negative values cut off,
    which is torchaudio's `InverseMelScale` and the start of librosa's `mel_to_stft`; the iterations of non-negative
    least squares that follow bring the bands back (Beck & Teboulle, 2009, with a step for each bin).

    Args:
        mel: energies or magnitudes in bands.
        sample_rate: as of `mel_filters`, like the settings that follow.
        n_fft: likewise.
        low_hz: likewise.
        high_hz: likewise.
        scale: likewise.
        unit_area: likewise.
        iterations: zero for torchaudio's answer.

    Raises:
        ValueError: a setting makes no sense.
    """
    if iterations < 0:
        raise ValueError(f"iterations must not be negative, not {iterations}")
    mel = jnp.asarray(mel)
    wanted = widened(mel)
    settings = (low_hz, high_hz, scale, unit_area)
    bank, backward, steps = (
        jnp.asarray(part, wanted.dtype) for part in _inversion(sample_rate, n_fft, mel.shape[-1], *settings)
    )
    start = jnp.maximum(jnp.matmul(wanted, backward, precision=EXACT), 0)

    def turn(state: tuple[Array, Array], ahead: Array) -> tuple[tuple[Array, Array], None]:
        before, here = state
        error = jnp.matmul(here, bank, precision=EXACT) - wanted
        following = jnp.maximum(here - steps * jnp.matmul(error, bank.T, precision=EXACT), 0)
        return (following, following + ahead * (following - before)), None

    (spectrum, _), _ = jax.lax.scan(turn, (start, start), jnp.asarray(_momenta(iterations), wanted.dtype))
    return spectrum.astype(mel.dtype)


@functools.lru_cache(maxsize=16)
def _inversion(
    sample_rate: float, n_fft: int, n_mels: int, low_hz: float, high_hz: float | None, scale: MelScale, unit_area: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The filters, their pseudo-inverse, and for each bin the longest step that never overshoots.

    As all is positive, the sum of a row of F Fᵀ bounds its curvature (De Pierro, 1995); bins that no filter hears stay.
    """
    filters = mel_filters(sample_rate, n_fft, n_mels, low_hz=low_hz, high_hz=high_hz, scale=scale, unit_area=unit_area)
    curvature = filters @ filters.sum(0)
    steps = np.where(curvature > 0, 1 / np.where(curvature > 0, curvature, 1), 0)
    return filters, np.linalg.pinv(filters), steps


def _momenta(iterations: int) -> Float[np.ndarray, " iterations"]:
    """(t - 1) / t' of Beck & Teboulle's equation 4.2 and 4.3."""
    t = [1.0]
    for _ in range(iterations):
        t.append((1 + np.sqrt(1 + 4 * t[-1] ** 2)) / 2)
    return (np.array(t[:-1]) - 1) / np.array(t[1:])


def mel_to_audio(
    mel: Float[Array, "*batch frames n_mels"],
    sample_rate: float,
    *,
    n_fft: int,
    hop_length: int,
    low_hz: float = 0.0,
    high_hz: float | None = None,
    scale: MelScale = "slaney",
    unit_area: bool = True,
    power: float = 2.0,
    window: Window | None = None,
    pad_mode: PadMode = "reflect",
    length: int | None = None,
    iterations: int = 32,
    key: Key[Array, ""] | None = None,
) -> Float[Array, "*batch time"]:
    """A signal with about this mel spectrogram: `inverse_mel`, the root of `power`, `inversion.griffin_lim`.

    librosa's `feature.inverse.mel_to_audio`, but for the phases that it begins with.
    """
    if not power > 0:
        raise ValueError(f"the power of a spectrogram must be above zero, not {power}")
    spectrum = inverse_mel(
        mel,
        sample_rate=sample_rate,
        n_fft=n_fft,
        low_hz=low_hz,
        high_hz=high_hz,
        scale=scale,
        unit_area=unit_area,
    )
    heard = spectrum > 0
    magnitude = jnp.where(heard, jnp.where(heard, spectrum, 1) ** (1 / power), 0)
    return inversion.griffin_lim(
        magnitude,
        n_fft=n_fft,
        hop_length=hop_length,
        window=window,
        pad_mode=pad_mode,
        length=length,
        iterations=iterations,
        key=key,
    )


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
    if not spectrogram.size:  # less than a hop: nothing is the loudest
        return spectrogram
    loudest = spectrogram.max((-2, -1), keepdims=True)
    return (jnp.maximum(spectrogram, loudest - 8) + 4) / 4
