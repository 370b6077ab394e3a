"""A signal from magnitudes alone: the fast Griffin-Lim algorithm."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Key

from audiozoo.signal import spectral
from audiozoo.signal.framing import PadMode
from audiozoo.signal.precision import widened
from audiozoo.signal.spectral import Window


def griffin_lim(
    magnitude: Float[Array, "*batch frames bins"],
    *,
    n_fft: int,
    hop_length: int,
    window: Window | None = None,
    pad_mode: PadMode = "reflect",
    length: int | None = None,
    iterations: int = 32,
    momentum: float = 0.99,
    initial: Complex[Array, "*batch frames bins"] | None = None,
    key: Key[Array, ""] | None = None,
) -> Float[Array, "*batch time"]:
    """A signal whose spectrogram is `magnitude`, by turns of inverse and forward transform (Griffin & Lim, 1984).

    With momentum it is the fast algorithm of Perraudin, Balazs & Søndergaard (2013), in librosa's parametrisation,
    which is torchaudio's too: a `momentum` of m is their α = m / (1 + m); 0 is the original. From the same `initial`
    the answer is librosa's (`pad_mode="constant"`) and torchaudio's (`pad_mode="reflect"`).

    Args:
        magnitude: amplitudes (not power) of a centred `stft`.
        length: samples to return; None: hop_length * (frames - 1), one more for an odd `n_fft`.
        initial: what the magnitudes are multiplied with at first: e^{i phase}. Without it, random phases drawn from
            `key`, or phases of zero without a key.

    Raises:
        ValueError: a setting makes no sense, or `length` does not give as many frames as there are.
    """
    frames, bins = magnitude.shape[-2:]
    if iterations < 0 or not momentum >= 0:
        raise ValueError(f"iterations and momentum must not be negative, not {iterations} and {momentum}")
    if initial is not None and key is not None:
        raise ValueError("give initial phases or a key to draw them from, not both")
    if bins != n_fft // 2 + 1 or frames < 1:
        raise ValueError(f"want frames of n_fft // 2 + 1 = {n_fft // 2 + 1} bins, not {magnitude.shape}")
    samples = hop_length * (frames - 1) + n_fft % 2 if length is None else length
    if (count := spectral.frame_count(samples, n_fft=n_fft, hop_length=hop_length)) != frames:
        raise ValueError(f"{samples} samples have {count} frames of hop {hop_length}; there are {frames} magnitudes")
    computed = widened(magnitude)

    def signal_of(spectrum: Array) -> Array:
        return spectral.istft(
            spectrum, n_fft=n_fft, hop_length=hop_length, window=window, length=samples, uncovered="zero"
        )

    def turn(_: int, state: tuple[Array, Array]) -> tuple[Array, Array]:
        spectrum, previous = state
        rebuilt = spectral.stft(
            signal_of(spectrum), n_fft=n_fft, hop_length=hop_length, window=window, pad_mode=pad_mode
        )
        ahead = rebuilt - (momentum / (1 + momentum)) * previous if momentum else rebuilt
        return computed * _direction(ahead), rebuilt

    start = computed * _initial(computed, initial, key)
    spectrum, _ = jax.lax.fori_loop(0, iterations, turn, (start, jnp.zeros_like(start)))
    return signal_of(spectrum).astype(magnitude.dtype)


def _initial(
    magnitude: Float[Array, "*shape"], initial: Complex[Array, "*shape"] | None, key: Key[Array, ""] | None
) -> Complex[Array, "*shape"]:
    dtype = jnp.result_type(magnitude.dtype, jnp.complex64)
    if initial is not None:
        return initial.astype(dtype)
    if key is None:
        return jnp.ones(magnitude.shape, dtype)
    angle = jax.random.uniform(key, magnitude.shape, magnitude.dtype, maxval=2 * np.pi)
    return jax.lax.complex(jnp.cos(angle), jnp.sin(angle))


def _direction(spectrum: Complex[Array, "*shape"]) -> Complex[Array, "*shape"]:
    """Each value over its magnitude; zero where there is none, as in librosa and torchaudio."""
    squared = spectral.power(spectrum)
    heard = squared > 0
    return spectrum * jnp.where(heard, jax.lax.rsqrt(jnp.where(heard, squared, 1)), 0)
