"""Pictures of `docs/signal/music.md`: `python -m docs.signal.pictures_music` draws them again."""

from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from audiozoo import signal
from docs.signal.pictures_spectral import IMAGES, decibels, save

RATE = 16_000
HOP = 128


def tones_and_clicks() -> np.ndarray:
    """Two seconds: chords that change every half second, and a click every quarter."""
    time = np.arange(2 * RATE) / RATE
    roots = np.array([220, 277, 330, 247])[(time // 0.5).astype(int)]
    chord = sum(np.sin(2 * np.pi * k * roots * time) / k for k in (1, 2, 3, 5, 8))
    noise = np.random.default_rng(0).standard_normal(len(time)) * np.exp(-(time % 0.25) * 150)
    return (0.4 * chord + noise).astype(np.float32)


def picture_separation(path: Path) -> None:
    """One sound, and what is smooth along time and along frequency in it."""
    sound = jnp.asarray(tones_and_clicks())
    parts = jax.jit(lambda x: signal.hpss_signal(x, n_fft=1024, hop_length=HOP))(sound)
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained", sharey=True)
    titles = ("sound", "harmonic", "percussive")
    loudest = None
    for axis, samples, title in zip(axes, (sound, *parts), titles, strict=True):
        level = decibels(np.asarray(signal.spectrogram(samples, n_fft=1024, hop_length=HOP)).T)
        loudest = level.max() if loudest is None else loudest
        axis.imshow(
            level - loudest,
            origin="lower",
            aspect="auto",
            extent=(0, 2, 0, RATE / 2000),
            vmin=-70,
            vmax=0,
            cmap="magma",
        )
        axis.set(title=title, xlabel="time / s")
    axes[0].set(ylabel="frequency / kHz")
    save(figure, path)


def picture_tempogram(path: Path) -> None:
    """Clicks at 90, then at 150 beats a minute: their onsets, and the tempi about each moment."""
    seconds, sound = 20, np.zeros(20 * RATE, np.float32)
    for begin, end, beats in ((0.2, 10, 90), (10, 19.9, 150)):
        for at in np.arange(begin, end, 60 / beats):
            sound[int(at * RATE) :][:80] = np.hanning(80)
    envelope = signal.onset_strength(jnp.asarray(sound), RATE, n_fft=512, hop_length=HOP, n_mels=40)
    lags = 500
    gram = np.asarray(jax.jit(lambda x: signal.tempogram(x, win_length=lags))(envelope))
    beats = signal.tempo_frequencies(lags, RATE, HOP)
    shown = (beats > 40) & (beats < 320)
    figure, axes = plt.subplots(2, 1, figsize=(8, 4.6), layout="constrained", sharex=True, height_ratios=(1, 2.4))
    time = np.arange(len(gram)) * HOP / RATE
    axes[0].plot(time, envelope, linewidth=0.7)
    axes[0].set(title="onset strength of clicks at 90, then 150 a minute", ylabel="decibels a frame")
    axes[1].pcolormesh(time[::8], beats[shown], gram[::8, shown].T, cmap="magma", shading="nearest", vmin=0, vmax=0.5)
    found = signal.tempo(jnp.asarray(gram), RATE, HOP, by_frame=True)
    axes[1].plot(time, found, ":", color="cyan", linewidth=1, label="tempo")
    axes[1].set(title="tempogram", xlabel="time / s", ylabel="beats a minute", yscale="log", xlim=(0, seconds))
    axes[1].set_yticks([45, 60, 90, 150, 300], labels=["45", "60", "90", "150", "300"], minor=False)
    axes[1].yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    axes[1].legend(loc="lower right")
    save(figure, path)


def picture_pitch(path: Path) -> None:
    """A glide in noise between silences: YIN's answer for every frame, and pYIN's."""
    time = np.arange(3 * RATE) / RATE
    hertz = 180 * 2 ** (np.clip((time - 0.5) / 2, 0, 1) + 0.1 * np.sin(2 * np.pi * 5 * time))
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 6)) * ((time > 0.5) & (time < 2.5))
    sound = jnp.asarray(voice + 0.1 * np.random.default_rng(0).standard_normal(len(time)), jnp.float32)
    settings = {"fmin": 80.0, "fmax": 800.0, "frame_length": 1024, "hop_length": 160}
    tracked = jax.jit(lambda x: signal.pyin(x, RATE, **settings, fill=float("nan")))(sound)
    guesses = jax.jit(lambda x: signal.yin(x, RATE, **settings))(sound)
    figure, axes = plt.subplots(2, 1, figsize=(8, 4.4), layout="constrained", sharex=True, height_ratios=(2.4, 1))
    at = np.arange(len(guesses.frequency)) * 160 / RATE
    axes[0].plot(at, guesses.frequency, ".", color="0.6", markersize=3, label="YIN")
    axes[0].plot(time[::100], np.where(voice, hertz, np.nan)[::100], color="tab:orange", linewidth=5, alpha=0.4)
    axes[0].plot(at, tracked.frequency, color="tab:blue", linewidth=1.5, label="pYIN")
    axes[0].set(title="a glide in noise", ylabel="pitch / Hz", yscale="log", ylim=(75, 850))
    axes[0].set_yticks([100, 200, 400, 800], labels=["100", "200", "400", "800"])
    axes[0].yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    axes[0].legend(loc="upper left")
    axes[1].plot(at, tracked.voiced_probability, label="pYIN: probability of voice")
    axes[1].plot(at, guesses.aperiodicity, color="0.6", label="YIN: aperiodicity")
    axes[1].set(xlabel="time / s", ylim=(0, 1.4), xlim=(0, 3))
    axes[1].legend(loc="upper left", ncols=2)
    save(figure, path)


def main() -> None:
    """Draw them all."""
    for draw in (picture_separation, picture_tempogram, picture_pitch):
        draw(IMAGES / f"music_{draw.__name__.removeprefix('picture_')}.png")


if __name__ == "__main__":
    main()
