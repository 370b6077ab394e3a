"""Kaldi's spectrogram, filter bank and MFCC features, with its options, names and defaults (Povey et al., 2011).

Kaldi reads 16-bit samples as they are, from -32768 to 32767: multiply a waveform in [-1, 1] by 32768 to get the numbers
of a Kaldi recipe (a floor of the energy and the dither are on that scale). Two defaults differ from Kaldi's programs:
nothing random happens unless asked (their `--dither` is 1), and torchaudio's port differs from Kaldi where this page
follows Kaldi: its `energy_floor` is 1 and its MFCC keep C0 instead of the energy (`use_energy=False`).
"""

import dataclasses
import functools
import math
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from audiozoo.signal import spectral, windows
from audiozoo.signal.cepstra import dct, lifter_weights
from audiozoo.signal.framing import frame, mirrored_ends
from audiozoo.signal.levels import pre_emphasis
from audiozoo.signal.mel import hz_to_mel, mel_to_hz
from audiozoo.signal.normalisation import cmvn
from audiozoo.signal.precision import product, widened
from audiozoo.signal.scales import triangular_filters

WindowType = Literal["povey", "hanning", "hamming", "blackman", "rectangular", "sine"]
Lengths = Int[Array | np.ndarray, "*batch"]

_EPSILON = float(np.finfo(np.float32).eps)  # below which Kaldi takes no logarithm, in any precision


@dataclasses.dataclass(frozen=True)
class KaldiFrames:
    """How a signal is cut and each frame prepared: Kaldi's FrameExtractionOptions.

    Args:
        sample_rate: in hertz.
        frame_length: in milliseconds.
        frame_shift: between the beginnings of frames, in milliseconds.
        dither: standard deviation of the Gaussian noise added to every frame; it takes a `key`.
        preemphasis_coefficient: share of the sample before that is subtracted, in [0, 1].
        remove_dc_offset: subtract the mean of each frame.
        window_type: always symmetric.
        blackman_coeff: the constant of Kaldi's family of Blackman windows.
        round_to_power_of_two: zeros fill a frame up to a power of two before its transform.
        snip_edges: only frames that fit. False: one for every shift, centred on it, the ends mirrored.

    Raises:
        ValueError: a setting makes no sense.
    """

    sample_rate: float = 16_000.0
    frame_length: float = 25.0
    frame_shift: float = 10.0
    dither: float = 0.0
    preemphasis_coefficient: float = 0.97
    remove_dc_offset: bool = True
    window_type: WindowType = "povey"
    blackman_coeff: float = 0.42
    round_to_power_of_two: bool = True
    snip_edges: bool = True

    def __post_init__(self) -> None:
        if not self.sample_rate > 0 or self.size < 2 or self.hop_length < 1:
            raise ValueError(
                f"frames of {self.frame_length} ms every {self.frame_shift} ms at {self.sample_rate} Hz are "
                f"{self.size} samples every {self.hop_length}; wanted are 2 samples or more, every 1 or more"
            )
        if self.n_fft % 2:
            raise ValueError(f"frames of {self.size} samples are odd: want an even size, or round_to_power_of_two")
        if not 0 <= self.preemphasis_coefficient <= 1:
            raise ValueError(f"the coefficient of pre-emphasis is in [0, 1], not {self.preemphasis_coefficient}")
        if not self.dither >= 0:
            raise ValueError(f"dither is a standard deviation, zero or more, not {self.dither}")
        if self.window_type not in get_args(WindowType):
            raise ValueError(f"window_type is one of {', '.join(get_args(WindowType))}, not {self.window_type!r}")

    @property
    def size(self) -> int:
        """Samples of a frame."""
        return int(self.sample_rate * 0.001 * self.frame_length)

    @property
    def hop_length(self) -> int:
        """Samples between the beginnings of frames."""
        return int(self.sample_rate * 0.001 * self.frame_shift)

    @property
    def n_fft(self) -> int:
        """Samples of a transform."""
        return 1 << (self.size - 1).bit_length() if self.round_to_power_of_two else self.size

    def count(self, length: int | Lengths) -> int | Lengths:
        """How many frames so many samples make; of arrays of lengths too."""
        if not self.snip_edges:
            return (length + self.hop_length // 2) // self.hop_length
        return spectral.frame_count(length, n_fft=self.size, hop_length=self.hop_length, center=False)


@dataclasses.dataclass(frozen=True)
class KaldiMels:
    """The triangular filters, evenly spaced and linear on Kaldi's mel scale: Kaldi's MelBanksOptions.

    Args:
        num_bins: filters.
        low_freq: where the first begins, in hertz.
        high_freq: where the last ends, in hertz; zero or below counts from half the sample rate.
        vtln_low: lower bend of the warp for vocal tract length, in hertz.
        vtln_high: its upper bend; below zero counts from half the sample rate.

    Raises:
        ValueError: there are no filters. Frequencies are checked when the sample rate is known.
    """

    num_bins: int = 23
    low_freq: float = 20.0
    high_freq: float = 0.0
    vtln_low: float = 100.0
    vtln_high: float = -500.0

    def __post_init__(self) -> None:
        if self.num_bins < 3:
            raise ValueError(f"Kaldi wants 3 mel filters or more, not {self.num_bins}")


@functools.lru_cache(maxsize=64)
def kaldi_mel_filters(
    sample_rate: float, n_fft: int, mels: KaldiMels, *, vtln_warp: float = 1.0
) -> Float[np.ndarray, "bins n_mels"]:
    """The filter bank as a matrix; `vtln_warp` stretches the frequencies of a speaker's vocal tract (1: as they are).

    Raises:
        ValueError: the frequencies are not in order, or not below half the sample rate.
    """
    nyquist = sample_rate / 2
    low, high = mels.low_freq, mels.high_freq + (nyquist if mels.high_freq <= 0 else 0)
    if not 0 <= low < high <= nyquist:
        raise ValueError(f"mel filters from {low} to {high} Hz do not lie in order from 0 to {nyquist} Hz")
    edges = np.linspace(hz_to_mel(low, "kaldi"), hz_to_mel(high, "kaldi"), mels.num_bins + 2)
    if vtln_warp != 1:
        bend = mels.vtln_low, mels.vtln_high + (nyquist if mels.vtln_high < 0 else 0)
        edges = hz_to_mel(_warped(mel_to_hz(edges, "kaldi"), low, high, bend, vtln_warp), "kaldi")
    return triangular_filters(hz_to_mel(np.fft.rfftfreq(n_fft, 1 / sample_rate), "kaldi"), edges)


def _warped(
    hertz: Float[np.ndarray, " edges"], low: float, high: float, bend: tuple[float, float], warp: float
) -> Float[np.ndarray, " edges"]:
    """Frequencies over `warp` between the bends, joined by straight lines to the ends, which stay."""
    lower, upper = bend[0] * max(1.0, warp), bend[1] * min(1.0, warp)
    if not (warp > 0 and low < bend[0] < bend[1] < high and low < lower < upper < high):
        raise ValueError(f"a VTLN warp of {warp} that bends at {bend[0]} and {bend[1]} Hz leaves {low} to {high} Hz")
    return np.interp(hertz, [low, lower, upper, high], [low, lower / warp, upper / warp, high])


def kaldi_spectrogram(
    signal: Float[Array, "*batch time"],
    *,
    frames: KaldiFrames = KaldiFrames(),
    energy_floor: float = 0.0,
    raw_energy: bool = True,
    subtract_mean: bool = False,
    lengths: Lengths | None = None,
    key: Key[Array, ""] | None = None,
) -> Float[Array, "*batch frames bins"]:
    """Logarithm of the power spectrum, the logarithm of the frame's energy in place of bin 0.

    Args:
        signal: samples, at `frames.sample_rate`.
        frames: how they are cut and prepared.
        energy_floor: the energy is no less than this; the other bins no less than 2^-23.
        raw_energy: the energy is that before pre-emphasis and window.
        subtract_mean: each bin less its mean over the frames.
        lengths: valid samples of each signal: the features are those of each alone, then zeros.
        key: for the dither.

    Raises:
        ValueError: dither without a key, or a key without dither.
    """
    raw, prepared = _prepared(signal, frames, lengths, key)
    power = spectral.power(jnp.fft.rfft(prepared, frames.n_fft))
    energy = _log_energy(raw if raw_energy else _energy(prepared), energy_floor)
    features = jnp.concatenate([energy, _safe_log(power[..., 1:])], -1)
    return _finished(features, signal, frames, lengths, subtract_mean)


def kaldi_fbank(
    signal: Float[Array, "*batch time"],
    *,
    frames: KaldiFrames = KaldiFrames(),
    mels: KaldiMels = KaldiMels(),
    vtln_warp: float = 1.0,
    use_log_fbank: bool = True,
    use_power: bool = True,
    use_energy: bool = False,
    energy_floor: float = 0.0,
    raw_energy: bool = True,
    htk_compat: bool = False,
    subtract_mean: bool = False,
    lengths: Lengths | None = None,
    key: Key[Array, ""] | None = None,
) -> Float[Array, "*batch frames features"]:
    """Energies of the mel filters, Kaldi's `compute-fbank-feats`.

    Args:
        signal: samples, at `frames.sample_rate`.
        frames: how they are cut and prepared.
        mels: the filters.
        vtln_warp: factor of a speaker's vocal tract length.
        use_log_fbank: logarithms, of no less than 2^-23.
        use_power: filters weigh powers, else magnitudes.
        use_energy: the logarithm of the frame's energy is one more feature, the first.
        energy_floor: that energy is no less than this.
        raw_energy: it is that before pre-emphasis and window.
        htk_compat: it comes last.
        subtract_mean: each feature less its mean over the frames.
        lengths: valid samples of each signal: the features are those of each alone, then zeros.
        key: for the dither.

    Raises:
        ValueError: dither without a key, a key without dither, or filters that do not fit the sample rate.
    """
    raw, prepared = _prepared(signal, frames, lengths, key)
    features = _mel_energies(prepared, frames, mels, vtln_warp, use_power)
    if use_log_fbank:
        features = _safe_log(features)
    if use_energy:
        energy = _log_energy(raw if raw_energy else _energy(prepared), energy_floor)
        features = jnp.concatenate([features, energy] if htk_compat else [energy, features], -1)
    return _finished(features, signal, frames, lengths, subtract_mean)


def kaldi_mfcc(
    signal: Float[Array, "*batch time"],
    *,
    frames: KaldiFrames = KaldiFrames(),
    mels: KaldiMels = KaldiMels(),
    num_ceps: int = 13,
    cepstral_lifter: float = 22.0,
    vtln_warp: float = 1.0,
    use_energy: bool = True,
    energy_floor: float = 0.0,
    raw_energy: bool = True,
    htk_compat: bool = False,
    subtract_mean: bool = False,
    lengths: Lengths | None = None,
    key: Key[Array, ""] | None = None,
) -> Float[Array, "*batch frames num_ceps"]:
    """Cepstra of the logarithmic mel energies, Kaldi's `compute-mfcc-feats`.

    Args:
        signal: samples, at `frames.sample_rate`.
        frames: how they are cut and prepared.
        mels: the filters.
        num_ceps: how many, C0 among them; no more than filters.
        cepstral_lifter: Q in the scale 1 + Q/2 sin(pi i / Q) of cepstrum `i`; 0: none.
        vtln_warp: factor of a speaker's vocal tract length.
        use_energy: the logarithm of the frame's energy takes the place of C0.
        energy_floor: that energy is no less than this.
        raw_energy: it is that before pre-emphasis and window.
        htk_compat: the energy, or C0 times sqrt(2), comes last.
        subtract_mean: each cepstrum less its mean over the frames.
        lengths: valid samples of each signal: the features are those of each alone, then zeros.
        key: for the dither.

    Raises:
        ValueError: as `kaldi_fbank`, or too many cepstra.
    """
    raw, prepared = _prepared(signal, frames, lengths, key)
    energies = _safe_log(_mel_energies(prepared, frames, mels, vtln_warp, True))
    features = dct(energies, count=num_ceps) * lifter_weights(num_ceps, cepstral_lifter, "htk").astype(energies.dtype)
    if use_energy:
        energy = _log_energy(raw if raw_energy else _energy(prepared), energy_floor)
        features = jnp.concatenate([energy, features[..., 1:]], -1)
    if htk_compat:
        first = features[..., :1] * (1 if use_energy else np.sqrt(2))
        features = jnp.concatenate([features[..., 1:], first], -1)
    return _finished(features, signal, frames, lengths, subtract_mean)


@functools.lru_cache(maxsize=64)
def _window(frames: KaldiFrames) -> Float[np.ndarray, " size"]:
    if frames.window_type == "blackman":
        constant = frames.blackman_coeff
        return windows.general_cosine(frames.size, constant, 0.5, 0.5 - constant, periodic=False)
    if frames.window_type == "sine":
        return np.sin(np.pi * np.arange(frames.size) / (frames.size - 1))
    name = {"hanning": "hann"}.get(frames.window_type, frames.window_type)
    return windows.window(name, frames.size, periodic=False)


def _prepared(
    signal: Float[Array, "*batch time"], frames: KaldiFrames, lengths: Lengths | None, key: Key[Array, ""] | None
) -> tuple[Float[Array, "*batch frames 1"], Float[Array, "*batch frames size"]]:
    """Each frame's energy before pre-emphasis, and the frame with it and with its window. In float32 at least."""
    if (frames.dither > 0) != (key is not None):
        raise ValueError(f"dither takes a key, and a key takes dither: dither is {frames.dither}, the key {key}")
    whole = widened(signal)
    size, hop, coefficient = frames.size, frames.hop_length, frames.preemphasis_coefficient
    if not frames.snip_edges:
        whole = mirrored_ends(whole, size, hop, None if lengths is None else jnp.asarray(lengths))
    window = _window(frames).astype(whole.dtype)
    if key is not None:
        cut = frame(whole, size, hop)
        cut = cut + frames.dither * jax.random.normal(key, cut.shape, cut.dtype)
        if frames.remove_dc_offset:
            cut = cut - cut.mean(-1, keepdims=True)
        return _energy(cut), pre_emphasis(cut, coefficient=coefficient, start="kaldi") * window
    # The same in half the time: pre-emphasis of the signal is that of its frames but for their first samples.
    mean, energy = _moments(whole, frames)
    first = whole[..., hop * np.arange(mean.shape[-2]), None] * (1 - coefficient)
    rest = frame(pre_emphasis(whole, coefficient=coefficient), size, hop)
    return energy, (jnp.where(np.arange(size) == 0, first, rest) - (1 - coefficient) * mean) * window


def _moments(
    whole: Float[Array, "*batch time"], frames: KaldiFrames
) -> tuple[Float[Array, "*batch frames 1"], Float[Array, "*batch frames 1"]]:
    """What is subtracted from each frame, and the energy that is left.

    From means and squared deviations of the blocks that frames have in common (Chan, Golub & LeVeque, 1983): a frame of
    400 samples every 160 needs 5 numbers, not 400, and no large squares cancel.
    """
    block = math.gcd(frames.size, frames.hop_length)
    count = whole.shape[-1] // block
    blocks = whole[..., : count * block].reshape(*whole.shape[:-1], count, block)
    means = blocks.mean(-1)
    deviations = jnp.sum(jnp.square(blocks - means[..., None]), -1)
    means, deviations = (frame(x, frames.size // block, frames.hop_length // block) for x in (means, deviations))
    mean = means.mean(-1, keepdims=True) * frames.remove_dc_offset
    return mean, jnp.sum(deviations + block * jnp.square(means - mean), -1, keepdims=True)


def _mel_energies(
    prepared: Float[Array, "*batch size"], frames: KaldiFrames, mels: KaldiMels, vtln_warp: float, use_power: bool
) -> Float[Array, "*batch n_mels"]:
    spectrum = jnp.fft.rfft(prepared, frames.n_fft)
    values = spectral.power(spectrum) if use_power else spectral.magnitude(spectrum)
    filters = kaldi_mel_filters(frames.sample_rate, frames.n_fft, mels, vtln_warp=vtln_warp)
    return product(values, filters)


def _safe_log(values: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return jnp.log(jnp.maximum(values, _EPSILON))


def _energy(values: Float[Array, "*batch size"]) -> Float[Array, "*batch 1"]:
    return jnp.sum(jnp.square(values), -1, keepdims=True)


def _log_energy(energy: Float[Array, "*batch 1"], floor: float) -> Float[Array, "*batch 1"]:
    return jnp.log(jnp.maximum(energy, max(_EPSILON, floor)))


def _finished(
    features: Float[Array, "*batch frames features"],
    signal: Float[Array, "*batch time"],
    frames: KaldiFrames,
    lengths: Lengths | None,
    subtract_mean: bool,
) -> Float[Array, "*batch frames features"]:
    counts = None if lengths is None else jnp.asarray(frames.count(lengths))
    return cmvn(features, counts, mean=subtract_mean, variance=False).astype(signal.dtype)
