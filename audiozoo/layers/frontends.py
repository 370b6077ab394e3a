"""Front ends that learn: filters with parameters between samples and features.

Each takes a waveform (batch, time) and the valid samples of each row, and returns `Features`: zero behind a row's
length, and the same whatever padding and batch-mates a row has. Frame i is centred on sample i * `hop_length`, and
there are ⌈length / `hop_length`⌉ of them (one more of the learnable mel where that leaves no rest, as of any centred
STFT).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from audiozoo.ops.checks import check_waveform
from audiozoo.ops.convolution import conv1d
from audiozoo.signal import spectral
from audiozoo.signal.energy_normalisation import Start, pcen
from audiozoo.signal.framing import frame
from audiozoo.signal.mel import hz_to_mel, mel_filters, mel_to_hz


class Features(NamedTuple):
    """Frames by channels, and how many frames of each row are valid."""

    features: Float[Array, "batch frames channels"]
    lengths: Int[Array, " batch"]


class LearnablePCEN(nn.Module):
    """Per-channel energy normalisation (Wang et al., 2017) whose numbers are learnt, one of each for every channel.

    `signal.pcen`, to which it is equal as initialised. What is learnt are the logarithms of gain, bias and power, and
    the logit of the smoothing, which keeps it between 0 and 1 (the sPCEN of Zeghidour et al., 2021). In float32.
    """

    gain: float = 0.98
    bias: float = 2.0
    power: float = 0.5
    smoothing: float = 0.025
    eps: float = 1e-6
    start: Start = "first"

    @nn.compact
    def __call__(
        self, energies: Float[Array, "batch frames channels"], lengths: Int[Array, " batch"] | None = None
    ) -> Float[Array, "batch frames channels"]:
        """Normalised energies, zero from a row's length on."""
        channels = (energies.shape[-1],)
        learnt = lambda name, start: self.param(name, nn.initializers.constant(start), channels, jnp.float32)
        gain, bias, power = (
            jnp.exp(learnt(f"log_{name}", math.log(getattr(self, name)))) for name in ("gain", "bias", "power")
        )
        smoothing = nn.sigmoid(learnt("smoothing_logit", math.log(self.smoothing / (1 - self.smoothing))))
        energies = _valid(energies.astype(jnp.float32), lengths)
        settings = {"gain": gain, "bias": bias, "power": power, "smoothing": smoothing}
        return _valid(pcen(energies, **settings, eps=self.eps, start=self.start), lengths)


class Leaf(nn.Module):
    """LEAF (Zeghidour et al., 2021): Gabor filters, their squared modulus, Gaussian low-pass pooling, and sPCEN.

    Filters begin where the mel scale has them, each as wide at half its height as the square root of its triangle; the
    pooling begins with a width of 0.4. Unlike the authors' code, which pads as TensorFlow's "SAME" does, frame i is
    centred on sample i * hop_length for clips of all lengths.

    Attributes:
        sample_rate: in hertz.
        filters: channels.
        window_length: taps of filters and pooling, odd; 401 are 25 ms at 16 kHz.
        hop_length: samples between frames.
        low_hz, high_hz: between which filters begin.
        compress: makes the module that ends it; None: nothing, the pooled energies.
    """

    sample_rate: int = 16_000
    filters: int = 40
    window_length: int = 401
    hop_length: int = 160
    low_hz: float = 60.0
    high_hz: float = 7800.0
    compress: Callable[[], nn.Module] | None = lambda: LearnablePCEN(
        gain=0.96, bias=2.0, power=0.5, smoothing=0.04, eps=1e-12, name="compression"
    )

    @nn.compact
    def __call__(self, waveform: Float[Array, "batch time"], lengths: Int[Array, " batch"] | None = None) -> Features:
        """Features of a waveform; `lengths` are its rows' valid samples."""
        _check(self.window_length, self.hop_length, self.low_hz, self.high_hz, self.sample_rate)
        waveform, lengths = check_waveform(waveform, lengths)
        centres, widths = gabor_from_mel(self.sample_rate, self.filters, self.low_hz, self.high_hz)
        centre = self.param("centre", lambda _: jnp.asarray(centres, jnp.float32))
        width = self.param("width", lambda _: jnp.asarray(widths, jnp.float32))
        half = self.window_length // 2
        parts = conv1d(waveform[..., None], gabor_kernel(centre, width, self.window_length), padding=(half, half))
        energies = _valid(jnp.square(parts[..., : self.filters]) + jnp.square(parts[..., self.filters :]), lengths)
        pooling = self.param("pooling", nn.initializers.constant(0.4), (self.filters,), jnp.float32)
        window = gaussian_window(pooling, self.window_length)
        frames = _frames(energies.swapaxes(1, 2), self.window_length, self.hop_length)
        pooled = jnp.maximum(jnp.einsum("bcft,ct->bfc", frames, window), 1e-5)
        lengths = -(-lengths // self.hop_length)
        features = pooled if self.compress is None else self.compress()(pooled, lengths)
        return Features(_valid(features, lengths), lengths)


def gabor_from_mel(
    sample_rate: int, filters: int, low_hz: float, high_hz: float
) -> tuple[Float[np.ndarray, " filters"], Float[np.ndarray, " filters"]]:
    """Centres in radians a sample and widths (standard deviations) in samples of Gabor filters like HTK's mel filters.

    The magnitude of each is half its peak where the triangle is a quarter of its own, three quarters of the base apart.
    """
    edges = mel_to_hz(np.linspace(hz_to_mel(low_hz, "htk"), hz_to_mel(high_hz, "htk"), filters + 2), "htk")
    base = 0.75 * (edges[2:] - edges[:-2]) / sample_rate
    return edges[1:-1] * (2 * np.pi / sample_rate), math.sqrt(2 * math.log(2)) / (np.pi * base)


def gabor_kernel(
    centre: Float[Array, " filters"], width: Float[Array, " filters"], taps: int
) -> Float[Array, "taps 1 parts"]:
    """exp(i centre t) exp(-t² / (2 width²)) / (√(2π) width), t = 0 in the middle: all real parts, then all imaginary.

    Centres are kept in [0, π] and widths between 4 √(2 ln 2) / π samples and `taps` √(2 ln 2) / π, as the authors do.
    """
    unit = math.sqrt(2 * math.log(2)) / math.pi
    centre, width = jnp.clip(centre, 0, math.pi), jnp.clip(width, 4 * unit, taps * unit)
    time = np.arange(taps, dtype=np.float32)[:, None] - taps // 2
    bell = jnp.exp(-jnp.square(time / width) / 2) / (math.sqrt(2 * math.pi) * width)
    return jnp.concatenate([jnp.cos(centre * time) * bell, jnp.sin(centre * time) * bell], axis=1)[:, None]


def gaussian_window(width: Float[Array, " filters"], taps: int) -> Float[Array, "filters taps"]:
    """exp(-t² / (2 width²)) for t in [-1, 1] over the window; widths are kept within [2 / taps, 0.5]."""
    time = np.linspace(-1, 1, taps, dtype=np.float32)
    return jnp.exp(-jnp.square(time / jnp.clip(width, 2 / taps, 0.5)[:, None]) / 2)


class SincFilters(nn.Module):
    """SincNet's first layer (Ravanelli & Bengio, 2018): band-passes of which only the two edges are learnt, in hertz.

    Edges begin evenly on HTK's mel scale from 30 Hz up. The lower one is `least_low_hz` + |low|, the upper one
    `least_band_hz` + |band| above it, at most half the sample rate. Kernels are differences of sincs under Hamming's
    window, with one in the middle.

    Attributes:
        filters: channels.
        window_length: taps, odd.
        hop_length: samples between outputs.
        sample_rate: in hertz.
        least_low_hz, least_band_hz: no lower edge and no band is below.
    """

    filters: int = 80
    window_length: int = 251
    hop_length: int = 1
    sample_rate: int = 16_000
    least_low_hz: float = 50.0
    least_band_hz: float = 50.0

    @nn.compact
    def __call__(self, waveform: Float[Array, "batch time"], lengths: Int[Array, " batch"] | None = None) -> Features:
        """Features of a waveform; `lengths` are its rows' valid samples."""
        highest = self.sample_rate / 2 - self.least_low_hz - self.least_band_hz
        _check(self.window_length, self.hop_length, 30.0, highest, self.sample_rate)
        waveform, lengths = check_waveform(waveform, lengths)
        mels = np.linspace(hz_to_mel(30.0, "htk"), hz_to_mel(highest, "htk"), self.filters + 1)
        edges = mel_to_hz(mels, "htk")
        low = self.param("low", lambda _: jnp.asarray(edges[:-1], jnp.float32))
        band = self.param("band", lambda _: jnp.asarray(np.diff(edges), jnp.float32))
        low = self.least_low_hz + jnp.abs(low)
        high = jnp.minimum(low + self.least_band_hz + jnp.abs(band), self.sample_rate / 2)
        kernel = sinc_kernel(low / self.sample_rate, high / self.sample_rate, self.window_length)
        half, time = self.window_length // 2, waveform.shape[1]
        count = -(-time // self.hop_length)
        room = max(0, (count - 1) * self.hop_length + half + 1 - time)
        outputs = conv1d(waveform[..., None], kernel, stride=self.hop_length, padding=(half, room))
        lengths = -(-lengths // self.hop_length)
        return Features(_valid(outputs, lengths), lengths)


def sinc_kernel(
    low: Float[Array, " filters"], high: Float[Array, " filters"], taps: int
) -> Float[Array, "taps 1 filters"]:
    """Band-passes between two frequencies, in cycles a sample, under Hamming's window; one in the middle.

    The difference of two sincs as a product, cos(π (low + high) t) sinc((high - low) t), in which no digits cancel.
    """
    time = np.arange(taps, dtype=np.float32)[:, None] - taps // 2
    turns = (low + high) / 2 * time
    carrier = jnp.cos(2 * math.pi * (turns - jnp.round(turns)))
    return (carrier * jnp.sinc((high - low) * time) * np.hamming(taps).astype(np.float32)[:, None])[:, None]


class LearnableMel(nn.Module):
    """A power spectrogram through a matrix of filters that starts as the mel filter bank.

    Negative weights count as zero, so that energies are none. Ends in the natural logarithm of what is above `floor`,
    or in the module that `compress` makes (`LearnablePCEN`).
    """

    sample_rate: int = 16_000
    n_fft: int = 400
    hop_length: int = 160
    n_mels: int = 80
    floor: float = 1e-10
    compress: Callable[[], nn.Module] | None = None

    @nn.compact
    def __call__(self, waveform: Float[Array, "batch time"], lengths: Int[Array, " batch"] | None = None) -> Features:
        """Features of a waveform; `lengths` are its rows' valid samples. A row has 1 + length // hop_length frames."""
        waveform, lengths = check_waveform(waveform, lengths)
        start = mel_filters(self.sample_rate, self.n_fft, self.n_mels)
        filters = self.param("filters", lambda _: jnp.asarray(start, jnp.float32))
        spectrum = spectral.stft(waveform, n_fft=self.n_fft, hop_length=self.hop_length, pad_mode="constant")
        energies = spectral.power(spectrum) @ jnp.maximum(filters, 0)
        lengths = jnp.where(lengths > 0, 1 + lengths // self.hop_length, 0)
        if self.compress is None:
            features = jnp.log(jnp.maximum(energies, self.floor))
        else:
            features = self.compress()(energies, lengths)
        return Features(_valid(features, lengths), lengths)


def _frames(signals: Array, size: int, hop_length: int) -> Array:
    """Frames centred on every `hop_length`-th sample, with zeros beyond the ends."""
    half, time = size // 2, signals.shape[-1]
    count = -(-time // hop_length)
    room = max(0, (count - 1) * hop_length + half + 1 - time)
    return frame(jnp.pad(signals, [(0, 0)] * (signals.ndim - 1) + [(half, room)]), size, hop_length)[..., :count, :]


def _valid(x: Array, lengths: Array | None) -> Array:
    return x if lengths is None else jnp.where(jnp.arange(x.shape[1])[:, None] < lengths[:, None, None], x, 0)


def _check(window_length: int, hop_length: int, low_hz: float, high_hz: float, sample_rate: int) -> None:
    if window_length % 2 == 0 or window_length < 1 or hop_length < 1:
        raise ValueError(f"want an odd window and a positive hop, not {window_length} and {hop_length}")
    if not 0 <= low_hz < high_hz <= sample_rate / 2:
        raise ValueError(f"filters from {low_hz} to {high_hz} Hz do not fit into half of {sample_rate} Hz")
