"""The phases of a spectrum: phase vocoder, time stretching, pitch shifting, instantaneous frequency."""

import fractions
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from audiozoo.signal import spectral
from audiozoo.signal.framing import PadMode, pad
from audiozoo.signal.resampling import resample
from audiozoo.signal.spectral import Window


def phase_vocoder(
    spectrum: Complex[Array, "*batch frames bins"], rate: float
) -> Complex[Array, "*batch stretched bins"]:
    """A spectrum played `rate` times as fast (Flanagan & Golden, 1966): ceil(frames / rate) frames.

    Magnitudes are interpolated between frames; the phase of every bin advances from one new frame to the next as it
    did between the two frames around it. Phases are carried as complex numbers of magnitude one, so that they do not
    lose digits as the angle grows, and need no expected advance: librosa's and torchaudio's, which is wrapped away
    again, leaves the same numbers. Silence has a phase of zero and a gradient of zero.

    Raises:
        ValueError: `rate` is not positive, or there is no frame.
    """
    frames = spectrum.shape[-2]
    if not rate > 0 or not frames:
        raise ValueError(f"want a positive rate and at least one frame, not rate={rate} and {frames} frames")
    steps = np.arange(0, frames, rate, dtype=np.float64)
    before = steps.astype(int)
    share = jnp.asarray((steps - before)[:, None], spectrum.real.dtype)
    spectrum = jnp.pad(spectrum, [(0, 0)] * (spectrum.ndim - 2) + [(0, 2), (0, 0)])
    sizes, phasors = spectral.magnitude(spectrum), spectral.unit_phasor(spectrum)
    size = (1 - share) * sizes[..., before, :] + share * sizes[..., before + 1, :]
    advance = phasors[..., before[:-1] + 1, :] * phasors[..., before[:-1], :].conj()
    turned = _products(jnp.concatenate([phasors[..., :1, :], advance], axis=-2))
    return size * turned


def _products(phasors: Complex[Array, "*batch frames bins"]) -> Complex[Array, "*batch frames bins"]:
    """Running products over frames: one after the other on a CPU, as a tree elsewhere, where depth is what costs."""

    def one_by_one(values: Array) -> Array:
        def step(sofar: Array, value: Array) -> tuple[Array, Array]:
            product = sofar * value
            return product, product

        columns = jnp.moveaxis(values, -2, 0)
        return jnp.moveaxis(jax.lax.scan(step, jnp.ones_like(columns[0]), columns)[1], 0, -2)

    def tree(values: Array) -> Array:
        return jax.lax.associative_scan(jnp.multiply, values, axis=-2)

    return jax.lax.platform_dependent(phasors, cpu=one_by_one, default=tree)


def time_stretch(
    signal: Float[Array, "*batch time"],
    rate: float,
    *,
    n_fft: int = 2048,
    hop_length: int = 512,
    window: Window | None = None,
    pad_mode: PadMode = "constant",
) -> Float[Array, "*batch stretched"]:
    """A signal `rate` times as fast at the same pitch, round(time / rate) samples, by the phase vocoder.

    Equal to `librosa.effects.time_stretch`. Above 1 it is shorter, below 1 longer.
    """
    signal = jnp.asarray(signal)
    spectrum = spectral.stft(signal, n_fft=n_fft, hop_length=hop_length, window=window, pad_mode=pad_mode)
    stretched = spectral.istft(
        phase_vocoder(spectrum, rate),
        n_fft=n_fft,
        hop_length=hop_length,
        window=window,
        length=round(signal.shape[-1] / rate),
        uncovered="zero",
    )
    return stretched.astype(signal.dtype)


def pitch_shift(
    signal: Float[Array, "*batch time"],
    steps: float,
    *,
    steps_per_octave: float = 12,
    n_fft: int = 2048,
    hop_length: int = 512,
    window: Window | None = None,
    pad_mode: PadMode = "constant",
    resampler: Callable[[Array, float], Array] | None = None,
) -> Float[Array, "*batch time"]:
    """A signal `steps` higher (lower, if negative) at the same speed: stretched, then played back faster.

    The recipe of `librosa.effects.pitch_shift` and of `torchaudio.functional.pitch_shift` (which pads with
    `pad_mode="reflect"`); they differ in how they resample.

    Args:
        steps_per_octave: 12 for semitones.
        resampler: makes of a signal one that is `ratio` times as long. None: `resampling.resample`, with
            soxr-HQ's quality, at the nearest ratio of integers below 10000.

    Raises:
        ValueError: there are no steps in an octave.
    """
    if not steps_per_octave > 0:
        raise ValueError(f"steps_per_octave must be positive, not {steps_per_octave}")
    ratio = 2.0 ** (-steps / steps_per_octave)
    stretched = time_stretch(signal, ratio, n_fft=n_fft, hop_length=hop_length, window=window, pad_mode=pad_mode)
    shifted = (resampler or _resample)(stretched, ratio)
    time = signal.shape[-1]
    return pad(shifted[..., :time], 0, max(0, time - shifted.shape[-1]))


def _resample(signal: Array, ratio: float) -> Array:
    nearest = fractions.Fraction(ratio).limit_denominator(int(10_000 / max(1, ratio)))
    return resample(signal, source_rate=nearest.denominator, target_rate=nearest.numerator)


def instantaneous_frequency(
    spectrum: Complex[Array, "*batch frames bins"], sample_rate: float, *, n_fft: int, hop_length: int
) -> Float[Array, "*batch frames-1 bins"]:
    """Frequency in hertz of what each bin holds, from its turn between one frame and the next.

    The turn beyond what the bin's own centre frequency would make is taken to be the smallest there is, so that
    frequencies up to sample_rate / (2 hop_length) away from the centre are told apart (Flanagan & Golden, 1966,
    equation 17). Bins that are silent in either frame give their centre frequency. `spectrum` is of `stft` with
    phases counted from the frame's start, its default.
    """
    if n_fft // 2 + 1 != spectrum.shape[-1]:
        raise ValueError(f"n_fft={n_fft} has {n_fft // 2 + 1} bins; the spectrum has {spectrum.shape[-1]}")
    bins = np.arange(n_fft // 2 + 1)
    own = np.exp(-2j * np.pi * (bins * hop_length % n_fft) / n_fft).astype(spectrum.dtype)
    turn = spectrum[..., 1:, :] * spectrum[..., :-1, :].conj() * own
    deviation = safe_angle(turn) * (sample_rate / (2 * np.pi * hop_length))
    return jnp.asarray(bins * (sample_rate / n_fft), deviation.dtype) + deviation


def safe_angle(spectrum: Complex[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The angle in radians, in (-π, π]; zero at silence, and so is its gradient there."""
    heard = spectral.power(spectrum) > 0
    return jnp.where(heard, jnp.angle(jnp.where(heard, spectrum, 1)), 0)
