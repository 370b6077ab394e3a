"""Pictures of `docs/signal/spectral.md`: `python -m docs.signal.pictures_spectral` draws them again."""

from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from audiozoo import signal

RATE = 8000
IMAGES = Path(__file__).parent / "images"


def sound() -> np.ndarray:
    """A second and a half: a rising tone, a steady one that stops, and a click."""
    time = np.arange(int(1.5 * RATE)) / RATE
    rising = np.sin(2 * np.pi * (300 * time + 700 * time**2))
    steady = np.where(time < 0.9, np.sin(2 * np.pi * 3000 * time), 0)
    click = np.where(np.abs(time - 1.2) < 1e-3, 3.0, 0)
    return (rising + 0.7 * steady + click + 0.003 * np.random.default_rng(0).standard_normal(len(time))).astype("f4")


def decibels(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, 1e-10))


def draw(axis: plt.Axes, power: np.ndarray, hop: int, title: str) -> None:
    """Power in decibels below its maximum, over seconds and kilohertz."""
    level = decibels(np.asarray(power).T)
    frames = len(power)
    extent = (-hop / 2 / RATE, (frames - 0.5) * hop / RATE, 0, RATE / 2000)
    axis.imshow(level - level.max(), origin="lower", aspect="auto", extent=extent, vmin=-70, cmap="magma")
    axis.set(title=title, xlabel="time / s", ylabel="frequency / kHz", xlim=(0, 1.5))


def save(figure: Figure, path: Path) -> None:
    """A small file: few pixels, 48 colours."""
    figure.savefig(path, dpi=64)
    plt.close(figure)
    Image.open(path).convert("RGB").quantize(48, dither=Image.Dither.NONE).save(path, optimize=True)


def picture_windows(path: Path) -> None:
    """The same sound through a short and a long window: sharp in time or in frequency, never both."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", sharey=True)
    for axis, n_fft in zip(axes, (64, 512), strict=True):
        power = signal.spectrogram(jnp.asarray(sound()), n_fft=n_fft, hop_length=32)
        draw(axis, np.asarray(power), 32, f"spectrogram, n_fft={n_fft}")
    save(figure, path)


def picture_reassigned(path: Path) -> None:
    """A spectrogram, and each of its bins where its energy came from."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", sharey=True)
    waveform = jnp.asarray(sound())
    settings = {"n_fft": 256, "hop_length": 32}
    draw(axes[0], np.asarray(signal.spectrogram(waveform, **settings, pad_mode="constant")), 32, "spectrogram")
    moved = signal.reassigned_spectrogram(waveform, RATE, **settings, reference_power=1.0)
    frequencies, times, magnitudes = (np.asarray(x).ravel() for x in moved)
    level = decibels(magnitudes**2)
    strong = magnitudes > 1
    order = np.argsort(level[strong])
    axes[1].scatter(
        times[strong][order],
        frequencies[strong][order] / 1000,
        s=0.6,
        c=(level[strong] - level.max())[order],
        cmap="magma",
        vmin=-70,
        vmax=0,
        linewidths=0,
        rasterized=True,
    )
    axes[1].set(title="reassigned", xlabel="time / s", xlim=(0, 1.5), ylim=(0, RATE / 2000), facecolor="black")
    save(figure, path)


def picture_griffin_lim(path: Path) -> None:
    """How far the magnitudes of the answer are from the wanted ones, by turns, with and without momentum."""
    settings = {"n_fft": 512, "hop_length": 128}
    wanted = signal.magnitude(signal.stft(jnp.asarray(sound()), **settings))
    figure, axis = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
    turns = (1, 2, 4, 8, 16, 32, 64, 128)
    for momentum in (0.0, 0.5, 0.99):
        distances = []
        for n in turns:
            answer = signal.griffin_lim(
                wanted, **settings, iterations=n, momentum=momentum, length=len(sound()), key=jax.random.key(0)
            )
            off = signal.magnitude(signal.stft(answer, **settings)) - wanted
            distances.append(20 * np.log10(float(jnp.linalg.norm(off) / jnp.linalg.norm(wanted))))
        axis.plot(turns, distances, marker=".", label=f"momentum {momentum}")
    axis.set(xscale="log", xlabel="iterations", ylabel="spectral distance / dB", title="Griffin-Lim")
    axis.legend()
    save(figure, path)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name, picture in list(globals().items()):
        if name.startswith("picture_"):
            picture(IMAGES / f"spectral_{name.removeprefix('picture_')}.png")
