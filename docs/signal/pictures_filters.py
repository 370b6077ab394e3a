"""Pictures of the pages on sound and on filters: `python -m docs.signal.pictures_filters FOLDER` draws them all."""

import sys
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np

from audiozoo import signal
from audiozoo.signal import rooms

DPI = 80


def picture_resampling(path: Path) -> None:
    """Gain of 44.1 kHz to 16 kHz by frequency, for each quality."""
    source, target = 441, 160  # in units of 100 Hz
    click = np.zeros(source * 9)
    _, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
    with jax.enable_x64(True):
        for quality in ("low", "medium", "high", "very_high"):
            response = np.zeros(target * 9)
            phases = []
            for shift in range(source):  # the click on each place of the grid that both rates share
                moved = np.roll(click, 0)
                moved[source * 4 + shift] = 1
                phases.append(moved)
            made = np.asarray(
                signal.resample(np.stack(phases), source_rate=source, target_rate=target, quality=quality)
            )
            fine = np.zeros(len(response) * source)
            for shift in range(source):
                places = np.arange(made.shape[1]) * source - shift * target
                keep = places >= 0
                fine[places[keep]] += made[shift][keep]
            gain = np.abs(np.fft.rfft(fine, 2**20)) / target
            hertz = np.arange(len(gain)) / 2**20 * 44_100 * target
            keep = hertz < 22_050
            axis.plot(hertz[keep] / 1000, 20 * np.log10(gain[keep] + 1e-12), label=quality, linewidth=0.8)
    axis.axvline(8, color="grey", linewidth=0.8)
    axis.set(xlabel="kHz", ylabel="dB", ylim=(-200, 5), title="resample, 44.1 kHz to 16 kHz: gain before folding")
    axis.legend()
    plt.savefig(path, dpi=DPI)
    plt.close()


def picture_dither(path: Path) -> None:
    """Spectrum of a quiet tone in eight bits, rounded and dithered."""
    rate, n = 16_000, 2**14
    tone = (0.012 * np.sin(2 * np.pi * 500 / rate * np.arange(n))).astype(np.float32)
    window = signal.window("blackmanharris", n)
    _, axes = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained", sharey=True)
    for axis, key, title in zip(axes, (None, jax.random.key(0)), ("rounded", "dithered"), strict=True):
        spectrum = np.abs(np.fft.rfft(np.asarray(signal.quantise(tone, bits=8, key=key)) * window)) / window.sum() * 2
        axis.plot(np.arange(len(spectrum)) * rate / n / 1000, 20 * np.log10(spectrum + 1e-9), linewidth=0.6)
        axis.set(title=f"8 bits, {title}", xlabel="kHz", ylim=(-130, -30))
    axes[0].set_ylabel("dB")
    plt.savefig(path, dpi=DPI)
    plt.close()


def picture_biquads(path: Path) -> None:
    """Gains of the family at 1 kHz."""
    rate = 16_000
    hertz = np.geomspace(50, 7900, 500)
    family = {
        "lowpass": signal.lowpass(1000, sample_rate=rate),
        "highpass": signal.highpass(1000, sample_rate=rate),
        "notch": signal.notch(1000, sample_rate=rate),
        "peaking +9 dB": signal.peaking(1000, sample_rate=rate, gain_db=9.0),
        "low shelf +6 dB": signal.low_shelf(1000, sample_rate=rate, gain_db=6.0),
        "high shelf -6 dB": signal.high_shelf(1000, sample_rate=rate, gain_db=-6.0),
    }
    _, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for name, sos in family.items():
        gain = np.abs(np.asarray(signal.frequency_response(sos, hertz, sample_rate=rate)))
        axis.semilogx(hertz, 20 * np.log10(gain + 1e-9), label=name)
    axis.set(xlabel="Hz", ylabel="dB", ylim=(-30, 12))
    axis.legend(ncols=2, fontsize="small")
    plt.savefig(path, dpi=DPI)
    plt.close()


def picture_room(path: Path) -> None:
    """An impulse response and its decay."""
    rate = 8000
    response = np.asarray(
        signal.room_impulse_response(
            room=[5, 4, 3],
            source=np.array([1.0, 2.0, 1.5]),
            microphones=np.array([3.0, 1.0, 1.2]),
            absorption=0.3,
            sample_rate=rate,
            length=4000,
        )
    )
    time = np.arange(len(response)) / rate
    _, axes = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
    axes[0].plot(time, response, linewidth=0.5)
    axes[0].set(xlabel="s", title="5 × 4 × 3 m, absorption 0.3")
    axes[1].plot(time, np.asarray(rooms.energy_decay(response)))
    axes[1].plot([0, rooms.sabine_time([5, 4, 3], 0.3)], [0, -60], "--", label="Sabine")
    axes[1].set(xlabel="s", ylabel="dB", ylim=(-70, 0), title="energy to come")
    axes[1].legend()
    plt.savefig(path, dpi=DPI)
    plt.close()


PICTURES = {
    "resampling": picture_resampling,
    "dither": picture_dither,
    "biquads": picture_biquads,
    "room": picture_room,
}


if __name__ == "__main__":
    for name, draw in PICTURES.items():
        draw(Path(sys.argv[1]) / f"{name}.png")
