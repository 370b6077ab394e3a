"""Pictures of `docs/signal/perceptual.md`: `python -m docs.signal.pictures_perceptual` draws them again."""

from pathlib import Path

import jax.numpy as jnp
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from audiozoo import signal

RATE = 16_000
IMAGES = Path(__file__).parent / "images"


def voice() -> np.ndarray:
    """Three seconds like a voice: harmonics of a wandering pitch under two moving resonances, far, then near."""
    time = np.arange(3 * RATE) / RATE
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.6 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    first, second = 500 + 250 * np.sin(2 * np.pi * 0.9 * time), 1700 + 600 * np.cos(2 * np.pi * 0.7 * time)
    sound = np.zeros_like(time)
    for k in range(1, 50):
        hz = k * pitch
        gain = 1 / (1 + ((hz - first) / 120) ** 2) + 0.5 / (1 + ((hz - second) / 180) ** 2) + 0.02
        sound += np.where(hz < 7500, gain, 0) * np.sin(k * phase)
    syllables = np.maximum(0, np.sin(2 * np.pi * 2.0 * time)) ** 0.5
    distance = np.where(time < 1.5, 0.03, 1.0)
    hiss = 0.002 * np.random.default_rng(0).standard_normal(len(time))
    return (0.1 * sound * syllables * distance + hiss).astype(np.float32)


def show(axis: plt.Axes, rows: np.ndarray, hop: int, title: str, **limits: float) -> None:
    """Rows of frames over seconds, the first feature at the bottom."""
    extent = (0, len(rows) * hop / RATE, 0, rows.shape[1])
    axis.imshow(np.asarray(rows).T, origin="lower", aspect="auto", cmap="magma", extent=extent, **limits)
    axis.set(title=title, xlabel="time / s")


def save(figure: Figure, path: Path) -> None:
    """A small file: few pixels, 64 colours."""
    figure.savefig(path, dpi=72)
    plt.close(figure)
    Image.open(path).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def picture_scales(path: Path) -> None:
    """What the scales of hearing make of frequency, each from 0 at 0 Hz to 1 at 8 kHz."""
    hz = np.linspace(0, 8000, 500)
    curves = {f"mel, {scale}": signal.hz_to_mel(hz, scale) for scale in ("slaney", "htk")}
    curves |= {f"bark, {scale}": signal.hz_to_bark(hz, scale) for scale in ("zwicker", "wang")}
    curves |= {"ERB": signal.hz_to_erb(hz)}
    figure, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
    for name, values in curves.items():
        axis.plot(hz / 1000, (values - values[0]) / (values[-1] - values[0]), label=name)
    axis.set(xlabel="frequency / kHz", ylabel="share of the scale up to 8 kHz", xlim=(0, 8), ylim=(0, 1))
    axis.legend()
    save(figure, path)


def picture_banks(path: Path) -> None:
    """Twelve filters of each bank."""
    figure, axes = plt.subplots(2, 2, figsize=(9, 4.4), layout="constrained", sharex=True)
    hz = np.fft.rfftfreq(2048, 1 / RATE)
    banks = {
        "mel, Slaney, unit area": signal.mel_filters(RATE, 2048, 12) * 100,
        "mel, Kaldi, straight in mel": signal.mel_filters(
            RATE, 2048, 12, scale="kaldi", unit_area=False, triangles="mel"
        ),
        "bark, Zwicker": signal.bark_filters(RATE, 2048, 12),
        "gammatone": signal.gammatone_filters(RATE, 2048, 12, low_hz=100.0),
    }
    for axis, (name, bank) in zip(axes.flat, banks.items(), strict=True):
        axis.plot(hz / 1000, bank, linewidth=1)
        axis.set(title=name, xlim=(0, 8), ylim=(0, None))
    for axis in axes[1]:
        axis.set_xlabel("frequency / kHz")
    axes[0, 0].set_ylabel("gain × 100")
    for axis in (axes[0, 1], *axes[1]):
        axis.set_ylabel("gain")
    save(figure, path)


def picture_pcen(path: Path) -> None:
    """A voice that is 30 dB louder in the second half: decibels keep the difference, PCEN does not."""
    frames = {"sample_rate": RATE, "n_fft": 512, "hop_length": 160, "n_mels": 64}
    sound = jnp.asarray(voice())
    level = signal.power_to_db(signal.mel_spectrogram(sound, **frames), top_db=80.0)
    magnitudes = signal.mel_spectrogram(sound, power=1.0, **frames) * 2.0**31
    smoothing = signal.pcen_smoothing(sample_rate=RATE, hop_length=160)
    normalised = signal.pcen(magnitudes, smoothing=smoothing, start="first")
    figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained", sharey=True)
    show(axes[0], level, 160, "log-mel / dB")
    show(axes[1], normalised, 160, "PCEN", vmax=float(np.quantile(normalised, 0.995)))
    for axis in axes:
        figure.colorbar(axis.images[0], ax=axis)
    axes[0].set_ylabel("mel band")
    save(figure, path)


def picture_cepstra(path: Path) -> None:
    """MFCC without the first coefficient, their deltas, and both after sliding normalisation."""
    sound = jnp.asarray(voice())
    cepstra = signal.mfcc(sound, sample_rate=RATE, n_mfcc=20, n_fft=512, hop_length=160, n_mels=64)
    normalised = signal.sliding_cmvn(cepstra, window=150, center=True, variance=True)
    figure, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
    parts = {"MFCC 1–19": cepstra[:, 1:], "delta": signal.delta(cepstra)[:, 1:], "normalised": normalised[:, 1:]}
    for axis, (name, rows) in zip(axes, parts.items(), strict=True):
        reach = float(np.quantile(np.abs(rows), 0.99))
        show(axis, rows, 160, name, vmin=-reach, vmax=reach)
        figure.colorbar(axis.images[0], ax=axis)
    axes[0].set_ylabel("coefficient")
    save(figure, path)


def picture_inverse(path: Path) -> None:
    """A spectrogram, and what inverse mel makes of its 64 bands."""
    sound = jnp.asarray(voice()[RATE * 3 // 2 :])
    frames = {"n_fft": 512, "hop_length": 160}
    spectrum = signal.spectrogram(sound, **frames)
    back = signal.inverse_mel(
        signal.mel_spectrogram(sound, sample_rate=RATE, n_mels=64, **frames), sample_rate=RATE, n_fft=512
    )
    figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained", sharey=True)
    for axis, rows, name in ((axes[0], spectrum, "spectrogram / dB"), (axes[1], back, "from 64 mel bands / dB")):
        show(axis, signal.power_to_db(rows, ref=float(spectrum.max())), 160, name, vmin=-70, vmax=0)
        axis.images[0].set_extent((0, 1.5, 0, RATE / 2000))
    figure.colorbar(axes[1].images[0], ax=axes)
    axes[0].set_ylabel("frequency / kHz")
    save(figure, path)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name, picture in list(globals().items()):
        if name.startswith("picture_"):
            picture(IMAGES / f"perceptual_{name.removeprefix('picture_')}.png")
