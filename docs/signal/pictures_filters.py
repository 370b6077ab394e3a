"""Pictures of `docs/signal/sound.md` and `filters.md`: `python -m docs.signal.pictures_filters` draws them again."""

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

IMAGES = Path(__file__).parent / "images"
ROOM = (5.0, 4.0, 3.0)


def sweep() -> Figure:
    """A sine that rises to 22.05 kHz, resampled to 16 kHz: what is left of it above 8 kHz is folded back."""
    source, target, seconds = 44_100, 16_000, 2.0
    time = np.arange(int(source * seconds)) / source
    rising = np.sin(np.pi * source / 2 / seconds * time**2)
    window = signal.window(("kaiser", 22.0), 512)
    figure, axes = plt.subplots(1, 4, figsize=(9, 2.7), layout="constrained", sharey=True)
    picture = None
    for axis, quality in zip(axes, ("low", "medium", "high", "very_high"), strict=True):
        with jax.enable_x64(True):
            low = signal.resample(jnp.asarray(rising), source_rate=source, target_rate=target, quality=quality)
            power = signal.spectrogram(low, n_fft=512, hop_length=128, window=window, normalise="magnitude")
            level = 10 * np.log10(np.asarray(power).T * 4 + 1e-30)
        picture = axis.imshow(
            level, origin="lower", aspect="auto", vmin=-200, vmax=0, extent=(0, seconds, 0, target / 2000), cmap="magma"
        )
        axis.set(title=quality, xlabel="s", yticks=range(0, 9, 2))
    axes[0].set_ylabel("kHz")
    figure.colorbar(picture, ax=axes, label="dB")
    return figure


def resampling() -> Figure:
    """Gain of tones between 7 kHz and 10 kHz that are resampled from 44.1 to 16 kHz, alias and all."""
    source, target = 44_100, 16_000
    hertz = np.linspace(6500, 10_000, 141)
    tones = np.exp(2j * np.pi * hertz[:, None] / source * np.arange(source // 10))
    figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
    for quality in ("low", "medium", "high", "very_high"):
        with jax.enable_x64(True):
            made = signal.resample(
                jnp.asarray(np.stack([tones.real, tones.imag])), source_rate=source, target_rate=target, quality=quality
            )
        middle = np.asarray(made)[:, :, target // 40 : -target // 40]
        axis.plot(hertz / 1000, 10 * np.log10(np.mean(np.sum(middle**2, 0), -1) + 1e-30), label=quality, linewidth=1)
    axis.axvline(target / 2000, color="grey", linewidth=0.8)
    axis.set(xlabel="kHz", ylabel="dB", ylim=(-220, 5), title="a tone resampled from 44.1 kHz to 16 kHz: what is left")
    axis.legend()
    return figure


def dither() -> Figure:
    """Spectrum of a quiet tone in eight bits, rounded and dithered."""
    rate, n = 16_000, 2**14
    tone = (0.012 * np.sin(2 * np.pi * 500 / rate * np.arange(n))).astype(np.float32)
    window = signal.window("blackmanharris", n)
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained", sharey=True)
    for axis, key, title in zip(axes, (None, jax.random.key(0)), ("rounded", "dithered"), strict=True):
        spectrum = np.abs(np.fft.rfft(np.asarray(signal.quantise(tone, bits=8, key=key)) * window)) / window.sum() * 2
        axis.plot(np.arange(len(spectrum)) * rate / n / 1000, 20 * np.log10(spectrum + 1e-9), linewidth=0.6)
        axis.set(title=f"8 bits, {title}", xlabel="kHz", ylim=(-130, -30))
    axes[0].set_ylabel("dB")
    return figure


def biquads() -> Figure:
    """Gains of the family at 1 kHz."""
    rate = 16_000
    hertz = np.geomspace(50, 7900, 500)
    family = {
        "lowpass": signal.lowpass(1000, sample_rate=rate),
        "highpass": signal.highpass(1000, sample_rate=rate),
        "bandpass": signal.bandpass(1000, sample_rate=rate, quality=2.0),
        "notch": signal.notch(1000, sample_rate=rate),
        "peaking +9 dB": signal.peaking(1000, sample_rate=rate, gain_db=9.0),
        "low shelf +6 dB": signal.low_shelf(1000, sample_rate=rate, gain_db=6.0),
        "high shelf −6 dB": signal.high_shelf(1000, sample_rate=rate, gain_db=-6.0),
    }
    figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for name, sos in family.items():
        gain = np.abs(np.asarray(signal.frequency_response(sos, hertz, sample_rate=rate)))
        axis.semilogx(hertz, 20 * np.log10(gain + 1e-9), label=name)
    axis.set(xlabel="Hz", ylabel="dB", ylim=(-30, 22))
    axis.legend(ncols=4, fontsize="small", loc="upper center")
    return figure


def room() -> Figure:
    """An impulse response and its decay."""
    rate = 8000
    response = np.asarray(
        signal.room_impulse_response(
            room=ROOM,
            source=np.array([1.0, 2.0, 1.5]),
            microphones=np.array([3.0, 1.0, 1.2]),
            absorption=0.3,
            sample_rate=rate,
            length=4000,
        )
    )
    time = np.arange(len(response)) / rate
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
    axes[0].plot(time, response, linewidth=0.5)
    axes[0].set(xlim=(0, 0.3), xlabel="s", title="5 × 4 × 3 m, absorption 0.3")
    highpassed = signal.sosfilt(response, signal.butterworth(2, 100, sample_rate=rate, band="highpass"))
    axes[1].plot(time, np.asarray(signal.energy_decay(response)), label="image sources")
    axes[1].plot(time, np.asarray(signal.energy_decay(highpassed)), label="… above 100 Hz")
    axes[1].plot([0, signal.sabine_time(ROOM, 0.3)], [0, -60], "--", label="Sabine")
    axes[1].plot([0, signal.eyring_time(ROOM, 0.3)], [0, -60], ":", label="Eyring")
    axes[1].set(xlabel="s", ylabel="dB", ylim=(-70, 0), title="energy to come")
    axes[1].legend()
    return figure


def main() -> None:
    """Write every picture into the folder beside this file."""
    for draw, page in (
        (sweep, "sound"),
        (resampling, "sound"),
        (dither, "sound"),
        (biquads, "filters"),
        (room, "filters"),
    ):
        figure = draw()
        path = IMAGES / f"{page}_{draw.__name__}.png"
        figure.savefig(path, dpi=72)
        plt.close(figure)
        Image.open(path).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)  # small


if __name__ == "__main__":
    main()
