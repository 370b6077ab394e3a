"""Pictures of `docs/signal/wavelets.md`: `python -m docs.signal.pictures_wavelets` draws them again."""

from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from audiozoo import signal
from docs.signal.pictures_spectral import IMAGES, save

RATE = 8000


def chirp() -> np.ndarray:
    """A tone that rises from 60 Hz to 3 kHz in a second, a steady one, and two clicks."""
    time = np.arange(RATE) / RATE
    octaves = np.log2(3000 / 60)
    rising = np.sin(2 * np.pi * 60 / (octaves * np.log(2)) * 2 ** (octaves * time))
    steady = 0.7 * np.sin(2 * np.pi * 150 * time)
    clicks = np.where(np.isin(np.arange(RATE), (2400, 2560)), 6.0, 0)
    return (rising + steady + clicks).astype(np.float32)


def notes() -> np.ndarray:
    """Plucked notes with harmonics that die away, then one with a tremolo of 12 Hz, then breath."""
    time = np.arange(RATE) / RATE
    sound = np.zeros(4 * RATE)
    for start, pitch in ((0.0, 220.0), (0.5, 330.0), (1.0, 277.2)):
        pluck = sum(np.sin(2 * np.pi * k * pitch * time) / k * np.exp(-(2 + k) * time) for k in range(1, 8))
        at = int(start * RATE)
        sound[at : at + RATE] += pluck
    held = np.arange(int(1.2 * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * k * 247 * held) / k for k in range(1, 6))
    sound[int(1.8 * RATE) :][: len(held)] += (
        0.6 * voice * (1 + 0.9 * np.sin(2 * np.pi * 12 * held)) * np.hanning(len(held))
    )
    breath = np.random.default_rng(0).standard_normal(RATE) * np.hanning(RATE)
    sound[3 * RATE :] += 0.4 * breath
    return sound.astype(np.float32)


def picture_shapes(path: Path) -> None:
    """Wavelets: what one coefficient of the seventh level becomes on the way back."""
    names = ("haar", "db4", "sym8", "coif3", "bior4.4", "rbio3.5")
    figure, axes = plt.subplots(2, 3, figsize=(9, 4), layout="constrained")
    for name, axis in zip(names, axes.flat, strict=True):
        taps = len(signal.wavelet(name).rec_lo)
        one = jnp.zeros(2 * taps).at[taps].set(1)
        shape = signal.idwt(None, one, name)
        for _ in range(6):
            shape = signal.idwt(shape, None, name)
        shape = np.asarray(shape) * 2**3.5
        heard = np.flatnonzero(np.abs(shape) > 2e-3)
        shape = shape[max(0, heard[0] - 60) : heard[-1] + 60]
        axis.plot(np.arange(len(shape)) / 128, shape, linewidth=1)
        axis.set(title=name, xlabel="time / distance of neighbours" if axis in axes[1] else None)
    save(figure, path)


def picture_cwt(path: Path) -> None:
    """A rising tone, a steady one and clicks: by windows of one length, and by wavelets that grow with the period."""
    sound = jnp.asarray(chirp())
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.3), layout="constrained", sharey=True)
    power = np.asarray(signal.spectrogram(sound, n_fft=512, hop_length=16, pad_mode="constant")).T[1:]
    planes = [("STFT, n_fft=512", np.arange(1, 257) * RATE / 512, power, 16)]
    frequencies = np.geomspace(40, 3900, 160)
    for title, wavelet in (("CWT, Morlet", signal.Morlet()), ("CWT, Paul", signal.Paul())):
        scales = signal.frequency_scales(frequencies, wavelet=wavelet, sample_rate=RATE)
        transform = signal.cwt(sound, scales, wavelet=wavelet, normalise="amplitude")
        planes.append((title, frequencies, np.abs(np.asarray(transform)[::16].T) ** 2, 16))
    for axis, (title, heights, plane, hop) in zip(axes, planes, strict=True):
        level = 10 * np.log10(plane / plane.max() + 1e-10)
        axis.pcolormesh(np.arange(level.shape[1]) * hop / RATE, heights, level, vmin=-50, vmax=0, cmap="magma")
        axis.set(title=title, yscale="log", ylim=(40, 3900), xlim=(0, 1), xlabel="time / s")
    axes[0].set_ylabel("frequency / Hz")
    save(figure, path)


def picture_scattering(path: Path) -> None:
    """Notes, a tremolo and noise: first order over frequency, second order over the rate of what changes in it."""
    settings = {"octaves": 11, "per_octave": (8, 1)}
    coefficients = np.asarray(
        jax.jit(lambda x: signal.scattering_transform(x, **settings, support=512))(jnp.asarray(notes()))
    )
    paths = signal.scattering_paths(**settings, sample_rate=RATE)
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained")
    first = paths.order == 1
    second = paths.order == 2
    rates = np.unique(paths.frequency[second, 1])
    moving = np.stack([coefficients[:, second & (paths.frequency[:, 1] == rate)].sum(axis=1) for rate in rates])
    seconds = np.arange(len(coefficients)) * 512 / RATE
    planes = ((paths.frequency[first, 0], coefficients[:, first].T), (rates, moving))
    labels = (("first order", "frequency / Hz"), ("second order, over all frequencies", "rate of change / Hz"))
    for axis, (heights, plane), (title, label) in zip(axes, planes, labels, strict=True):
        level = 20 * np.log10(plane / plane.max() + 1e-6)
        axis.pcolormesh(seconds, heights, level, vmin=-45, vmax=0, cmap="magma", shading="nearest")
        axis.set(title=title, yscale="log", xlabel="time / s", ylabel=label)
    axes[0].set_ylim(60, 3500)
    axes[1].set_ylim(rates[0], 500)
    save(figure, path)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name, picture in list(globals().items()):
        if name.startswith("picture_"):
            picture(IMAGES / f"wavelets_{name.removeprefix('picture_')}.png")
