"""Pictures of `docs/signal/frontends.md`: `python -m docs.signal.pictures_frontends` draws them again."""

from pathlib import Path

import jax.numpy as jnp
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from audiozoo import signal

IMAGES = Path(__file__).parent / "images"
SECONDS = 1.6


def sound(rate: int) -> np.ndarray:
    """A voice-like glide, a hiss, a pause and a low voice again, the same at any rate (below half of it)."""
    fine = 48_000
    time = np.arange(int(SECONDS * fine)) / fine
    pitch = np.where(time < 1.1, 120 + 90 * time, 95)
    phase = 2 * np.pi * np.cumsum(pitch) / fine
    voice = np.zeros_like(time)
    for k in range(1, 60):
        hertz = k * pitch
        formants = sum(
            np.exp(-(((hertz - f) / w) ** 2)) for f, w in ((600, 250), (1_500 + 700 * time, 300), (3_000, 500))
        )
        voice += (0.02 + formants) / k**0.5 * np.sin(k * phase)
    hiss = np.diff(np.random.default_rng(0).standard_normal(len(time) + 1))
    parts = voice * ((time > 0.1) & (time < 0.6)) + hiss * ((time > 0.6) & (time < 0.8)) + voice * (time > 1.1)
    whole = 0.1 * parts + 1e-4 * np.random.default_rng(1).standard_normal(len(time))
    return np.asarray(signal.resample(jnp.asarray(whole, jnp.float32), source_rate=fine, target_rate=rate))


def save(figure: Figure, path: Path) -> None:
    """A small file: few pixels, 48 colours."""
    figure.savefig(path, dpi=64)
    plt.close(figure)
    Image.open(path).convert("RGB").quantize(48, dither=Image.Dither.NONE).save(path, optimize=True)


def picture_compared(path: Path) -> None:
    """One sound as nine front ends hear it: bands over seconds, each in its own unit and from its floor to its peak."""
    kaldi = {"frames": signal.KaldiFrames()}
    front_ends = {
        "Kaldi, 80 filters (ln)": (16_000, lambda x: signal.kaldi_fbank(x * 2**15, mels=signal.KaldiMels(80), **kaldi)),
        "Kaldi, MFCC": (16_000, lambda x: signal.kaldi_mfcc(x * 2**15, **kaldi)),
        "Whisper": (16_000, lambda x: signal.whisper_log_mel(x, n_mels=80)),
        "AST, first 200 of 1024 frames": (16_000, lambda x: signal.ast_features(x)[:200]),
        "PANNs (dB)": (32_000, signal.panns_log_mel),
        "VGGish (ln)": (16_000, signal.vggish_log_mel),
        "SpeechT5 (log10)": (16_000, signal.speecht5_log_mel),
        "HiFi-GAN (ln)": (22_050, signal.hifigan_log_mel),
        "CLAP (dB), repeated": (48_000, lambda x: signal.clap_log_mel(x)[:200]),
    }
    hops = {"SpeechT5 (log10)": 0.016, "HiFi-GAN (ln)": 256 / 22_050}
    figure, axes = plt.subplots(3, 3, figsize=(10, 6.6), layout="constrained")
    for axis, (name, (rate, function)) in zip(axes.flat, front_ends.items(), strict=True):
        features = np.asarray(function(jnp.asarray(sound(rate)))).T
        extent = (0, features.shape[1] * hops.get(name, 0.01), -0.5, len(features) - 0.5)
        low = max(features.min(), np.percentile(features, 2))
        drawn = axis.imshow(features, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=low)
        figure.colorbar(drawn, ax=axis, pad=0.01)
        axis.set(title=f"{name}, {rate / 1000:g} kHz")
    for axis in axes[-1]:
        axis.set(xlabel="time / s")
    for axis in axes[:, 0]:
        axis.set(ylabel="band")
    axes[0, 1].set(ylabel="cepstrum")
    save(figure, path)


def picture_warp(path: Path) -> None:
    """Every third of Kaldi's 23 filters for a short, an average and a long vocal tract."""
    figure, axis = plt.subplots(figsize=(7, 2.8), layout="constrained")
    hertz = np.fft.rfftfreq(4096, 1 / 16_000) / 1000
    for warp, colour in ((0.8, "tab:blue"), (1.0, "black"), (1.2, "tab:red")):
        bank = signal.kaldi_mel_filters(16_000.0, 4096, signal.KaldiMels(), vtln_warp=warp)[:, 1::3]
        axis.plot(hertz, bank, color=colour, linewidth=1)
        axis.plot([], [], color=colour, label=f"vtln_warp={warp}")
    axis.set(xlabel="frequency / kHz", ylabel="weight", xlim=(0, 8), ylim=(0, 1.35))
    axis.legend(ncols=3, loc="upper right", frameon=False)
    save(figure, path)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for name, picture in list(globals().items()):
        if name.startswith("picture_"):
            picture(IMAGES / f"frontends_{name.removeprefix('picture_')}.png")
