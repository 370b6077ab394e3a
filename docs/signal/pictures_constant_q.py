"""Draws the pictures of docs/signal/constant_q.md: `python -m docs.signal.pictures_constant_q`."""

from pathlib import Path

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from audiozoo import signal

RATE = 22_050
IMAGES = Path(__file__).parent / "images"
SCALE = ("C4", "D4", "E4", "F4", "G4", "A4", "B4", "C5")
CLASSES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")


def music() -> np.ndarray:
    """A scale of C major, a quarter of a second a note with six harmonics, and its chord."""
    time = np.arange(RATE // 4) / RATE

    def note(name: str, samples: np.ndarray) -> np.ndarray:
        waves = [np.sin(2 * np.pi * h * signal.note_to_hz(name) * samples) / h**1.5 for h in range(1, 7)]
        return np.sum(waves, 0) * np.exp(-3 * samples) * np.minimum(1, samples / 0.005)

    chord = sum(note(name, np.arange(RATE) / RATE) for name in ("C4", "E4", "G4"))
    return np.concatenate([*(note(name, time) for name in SCALE), chord]).astype("f4")


def decibels(amplitude: np.ndarray) -> np.ndarray:
    level = 20 * np.log10(np.maximum(np.asarray(amplitude), 1e-6))
    return level - level.max()


def save(figure: Figure, path: Path) -> None:
    """A small file: few pixels, 48 colours."""
    figure.savefig(path, dpi=64)
    plt.close(figure)
    Image.open(path).convert("RGB").quantize(48, dither=Image.Dither.NONE).save(path, optimize=True)


def picture_scale(path: Path) -> None:
    """A scale and a chord: every note and harmonic has as many bins, whatever its height."""
    waveform, hop, bins = jnp.asarray(music()), 256, 36 * 6
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharey=True)
    settings = {"hop_length": hop, "fmin": signal.note_to_hz("C2"), "n_bins": bins}
    pictures = {
        "cqt": signal.cqt(waveform, RATE, bins_per_octave=36, **settings),
        "vqt, gamma=20: sharper in time below": signal.vqt(waveform, RATE, intervals=36, gamma=20.0, **settings),
    }
    for axis, (title, spectrum) in zip(axes, pictures.items(), strict=True):
        level = decibels(signal.magnitude(spectrum)).T
        extent = (0, len(waveform) / RATE, -0.5, bins - 0.5)
        axis.imshow(level, origin="lower", aspect="auto", extent=extent, vmin=-60, cmap="magma")
        octaves = np.arange(6)
        axis.set_yticks(36 * octaves, [f"{65.406 * 2.0**i:.0f}" for i in octaves])
        axis.set(title=title, xlabel="time / s")
    axes[0].set_ylabel("frequency / Hz")
    save(figure, path)


def picture_chroma(path: Path) -> None:
    """The same by pitch class, from a Fourier and from a constant-Q transform."""
    waveform = jnp.asarray(music())
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", sharey=True)
    pictures = {
        "chroma_stft": signal.chroma_stft(waveform, RATE, hop_length=256),
        "chroma_cqt": signal.chroma_cqt(waveform, RATE, hop_length=256),
    }
    for axis, (title, classes) in zip(axes, pictures.items(), strict=True):
        extent = (0, len(waveform) / RATE, -0.5, 11.5)
        axis.imshow(np.asarray(classes).T, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=0, vmax=1)
        axis.set(title=title, xlabel="time / s")
    axes[0].set_yticks(range(12), CLASSES)
    axes[0].set_ylabel("pitch class")
    save(figure, path)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name, picture in list(globals().items()):
        if name.startswith("picture_"):
            picture(IMAGES / f"constant_q_{name.removeprefix('picture_')}.png")
