"""Which tempi an onset envelope holds: tempograms by autocorrelation and by Fourier transform, and the likeliest."""

import functools
import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from audiozoo.signal.framing import check_framing
from audiozoo.signal.periodicity import autocorrelate, map_frames
from audiozoo.signal.precision import widened
from audiozoo.signal.spectral import Window, full_window, stft


def tempogram(
    onset_envelope: Float[Array, "*batch frames"],
    *,
    win_length: int = 384,
    window: Window | None = None,
    center: bool = True,
    normalise: bool = True,
) -> Float[Array, "*batch frames lags"]:
    """Autocorrelation of the envelope about each of its frames (Grosche, Müller & Kurth, 2010), as librosa has it.

    Lag `k` is a tempo of 60 sample_rate / (k hop_length) beats a minute: `tempo_frequencies`. Zero in silence.

    Args:
        onset_envelope: of `onset_strength`, say.
        win_length: frames that are looked at together; as many lags come out.
        window: None: a periodic Hann window.
        center: the envelope falls to zero in a straight line beyond both ends. False: only whole windows, `time` -
            win_length + 1 of them.
        normalise: divide by the value at lag zero, the largest, so that this is one.
    """
    check_framing(win_length, 1)
    weights = full_window(win_length, window)
    envelope = widened(onset_envelope)
    frames = envelope.shape[-1]
    if center and frames:
        envelope = _ramped(envelope, win_length // 2)

    def correlate(stretches: Array) -> Array:
        return autocorrelate(stretches * jnp.asarray(weights, stretches.dtype))

    lags = map_frames(correlate, envelope, win_length, 1)[..., :frames, :]
    if normalise:
        energy = lags[..., :1]
        lags = lags / jnp.where(energy < jnp.finfo(lags.dtype).tiny, 1, energy)
    return lags.astype(onset_envelope.dtype)


def _ramped(envelope: Float[Array, "*batch frames"], size: int) -> Float[Array, "*batch padded"]:
    """Straight lines of `size` values from zero up to the first, and from the last down to zero."""
    rise = jnp.asarray(np.arange(size) / max(1, size), envelope.dtype)
    return jnp.concatenate([envelope[..., :1] * rise, envelope, envelope[..., -1:] * rise[::-1]], axis=-1)


def fourier_tempogram(
    onset_envelope: Float[Array, "*batch time"],
    *,
    win_length: int = 384,
    window: Window | None = None,
    center: bool = True,
) -> Complex[Array, "*batch frames bins"]:
    """The short-time Fourier transform of the envelope, a frame for each of its own (Grosche, Müller & Kurth, 2010).

    Bin `k` is a tempo of 60 k sample_rate / (win_length hop_length) beats a minute.
    """
    return stft(onset_envelope, n_fft=win_length, hop_length=1, window=window, center=center, pad_mode="constant")


def tempo(
    tempogram: Float[Array, "*batch frames lags"],
    sample_rate: float,
    hop_length: int,
    *,
    start: float = 120.0,
    deviation: float = 1.0,
    highest: float | None = 320.0,
    by_frame: bool = False,
) -> Float[Array, "*batch"]:
    """The likeliest tempo in beats a minute, of the clip or `by_frame`, that of a lag: `librosa.feature.tempo`.

    The largest of log(1 + 10⁶ tempogram) plus the logarithm of a prior that is normal over octaves. No gradient.

    Args:
        tempogram: by autocorrelation, normalised. librosa's own covers 8 seconds: 8 * sample_rate // hop_length lags.
        sample_rate, hop_length: of the sound, and of the frames of its envelope in samples.
        start: mean of the prior, in beats a minute.
        deviation: its standard deviation, in octaves.
        highest: only lower tempi count.

    Raises:
        ValueError: the settings make no sense, or no lag is of a tempo below the highest.
    """
    if not start > 0 or not deviation > 0:
        raise ValueError(f"start and deviation must be positive, not {start} and {deviation}")
    beats = tempo_frequencies(tempogram.shape[-1], sample_rate, hop_length)
    allowed = np.isfinite(beats) & (beats < (math.inf if highest is None else highest))
    if not allowed.any():
        raise ValueError(f"no lag of {len(beats)} is of a tempo below {highest}")
    prior = np.full(len(beats), -np.inf)
    prior[allowed] = -0.5 * (np.log2(beats[allowed] / start) / deviation) ** 2
    wide = widened(tempogram)
    mean = wide if by_frame else wide.sum(-2) / max(1, wide.shape[-2])  # no frames are as silence
    best = jnp.argmax(jnp.log1p(1e6 * mean) + jnp.asarray(prior, mean.dtype), axis=-1)
    return jnp.asarray(beats, mean.dtype)[best].astype(tempogram.dtype)


@functools.cache
def tempo_frequencies(lags: int, sample_rate: float, hop_length: int) -> Float[np.ndarray, " lags"]:
    """Beats a minute of lags of the autocorrelation tempogram; lag zero has infinitely many."""
    check_framing(lags, hop_length)
    return 60 * sample_rate / (hop_length * np.maximum(np.arange(lags), 1)) * np.where(np.arange(lags), 1.0, np.inf)
