"""Pictures of the pages on augmentation and learnable layers: `python -m docs.signal.pictures_augmentation FOLDER`."""

import functools
import io
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from audiozoo import signal
from audiozoo.layers import frontends
from audiozoo.signal import masking, mel

RATE = 16_000
DPI = 64


def glides(seconds: float = 2.0) -> np.ndarray:
    """Four gliding harmonics that swell and fade, with a click."""
    time = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(260 + 120 * np.sin(2 * np.pi * 0.9 * time)) / RATE
    sound = sum(np.sin(k * phase) / k for k in (1, 2, 3, 5)) * np.sin(np.pi * time / seconds)
    sound[RATE // 2 : RATE // 2 + 60] += 1
    return (0.2 * sound + 0.002 * np.random.default_rng(0).standard_normal(len(time))).astype(np.float32)


def save(path: Path) -> None:
    """The figure in few colours, which makes a small file."""
    drawn = io.BytesIO()
    plt.savefig(drawn, dpi=DPI)
    plt.close()
    Image.open(drawn).convert("RGB").quantize(48, dither=Image.Dither.NONE).save(path, optimize=True)


def log_mel(waveform: jax.Array | np.ndarray) -> jax.Array:
    return mel.log_mel(jnp.asarray(waveform), filters=signal.mel_filters(RATE, 400, 80), n_fft=400, hop_length=160)


def picture_spec_augment(path: Path) -> None:
    """The policies of the papers on one sound."""
    features = log_mel(glides())
    features = (features - features.mean()) / features.std()
    policies = {"as it is": masking.Policy(), "LB": masking.LB, "SS": masking.SS, "adaptive": masking.ADAPTIVE}
    _, axes = plt.subplots(2, 2, figsize=(7.5, 4), layout="constrained", sharex=True, sharey=True)
    for axis, (name, policy) in zip(axes.flat, policies.items(), strict=True):
        changed = signal.spec_augment(jax.random.key(6), features, policy=policy)
        axis.imshow(np.asarray(changed).T, origin="lower", aspect="auto", extent=(0, 2, 0, 80), vmin=-2, vmax=3)
        axis.set_title(name, fontsize=9)
    for axis in axes[1]:
        axis.set_xlabel("s")
    for axis in axes[:, 0]:
        axis.set_ylabel("mel band")
    save(path)


def picture_waveforms(path: Path) -> None:
    """One sound after several transforms."""
    waveform, key = jnp.asarray(glides()), jax.random.key(1)
    room = signal.room_impulse_response(
        room=[6, 5, 3],
        source=np.array([1.0, 2.0, 1.5]),
        microphones=np.array([4.0, 3.0, 1.2]),
        absorption=0.15,
        sample_rate=RATE,
        length=6000,
    )
    noise = signal.coloured_noise(key, waveform.shape, exponent="pink")
    rows = {
        "as it is": waveform,
        "pink noise at 10 dB": signal.add_noise(key, waveform, noise, snr_db=10.0),
        "a room": signal.reverberate(waveform, room),
        "band-stop": signal.random_band_stop(key, waveform, sample_rate=RATE, centre_hz=1200.0, width=1.0),
        "four bits, mu-law": signal.random_codec(key, waveform, bits=(4,)),
        "three semitones up": signal.random_pitch(key, waveform, steps=(3,)),
    }
    _, axes = plt.subplots(2, 3, figsize=(7.5, 4), layout="constrained", sharex=True, sharey=True)
    for axis, (name, row) in zip(axes.flat, rows.items(), strict=True):
        shown = np.asarray(log_mel(row)).T * 10
        axis.imshow(shown, origin="lower", aspect="auto", extent=(0, 2, 0, 80), vmin=-60, vmax=10)
        axis.set_title(name, fontsize=9)
    for axis in axes[1]:
        axis.set_xlabel("s")
    for axis in axes[:, 0]:
        axis.set_ylabel("mel band")
    save(path)


def picture_noise(path: Path) -> None:
    """Power of the colours by frequency."""
    _, axis = plt.subplots(figsize=(6, 3), layout="constrained")
    for colour in ("white", "pink", "brown", "blue", "violet"):
        noise = signal.coloured_noise(jax.random.key(0), (2**18,), exponent=colour)
        power = np.asarray(signal.spectrogram(noise, n_fft=4096, hop_length=2048, center=False)).mean(0)
        hertz = np.arange(1, 2048) * RATE / 4096
        axis.semilogx(hertz, 10 * np.log10(power[1:2048]), label=colour, linewidth=0.8)
    axis.set(xlabel="Hz", ylabel="dB")
    axis.legend(ncols=5, fontsize="small")
    save(path)


def picture_filters(path: Path) -> None:
    """What the front ends begin with: gains of every fifth filter."""
    centres, widths = frontends.gabor_from_mel(RATE, 40, 60.0, 7800.0)
    gabor = np.asarray(frontends.gabor_kernel(jnp.asarray(centres), jnp.asarray(widths), 401))[:, 0]
    edges = mel.mel_to_hz(np.linspace(mel.hz_to_mel(30.0, "htk"), mel.hz_to_mel(7900.0, "htk"), 41), "htk")
    low = 50 + edges[:-1]
    high = np.minimum(low + 50 + np.diff(edges), RATE / 2)
    sinc = np.asarray(frontends.sinc_kernel(jnp.asarray(low / RATE), jnp.asarray(high / RATE), 251))[:, 0]
    gain = functools.partial(np.fft.fft, n=8192, axis=0)
    hertz = np.arange(4096) * RATE / 8192
    _, axes = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained", sharey=True)
    for axis, responses, name in zip(
        axes, (gain(gabor[:, :40] + 1j * gabor[:, 40:]), gain(sinc)), ("LEAF", "SincNet"), strict=True
    ):
        sizes = np.abs(responses[:4096, ::5])
        axis.plot(hertz / 1000, 20 * np.log10(sizes / sizes.max(0) + 1e-9), linewidth=0.8)
        axis.set(title=name, xlabel="kHz", ylim=(-60, 3))
    axes[0].set_ylabel("dB")
    save(path)


def picture_features(path: Path) -> None:
    """One sound through the front ends as they begin."""
    waveform = jnp.asarray(glides())[None]
    layers = {
        "learnable mel": frontends.LearnableMel(),
        "mel and learnable PCEN": frontends.LearnableMel(
            compress=functools.partial(frontends.LearnablePCEN, name="pcen")
        ),
        "LEAF": frontends.Leaf(),
    }
    _, axes = plt.subplots(1, 3, figsize=(7.5, 2.4), layout="constrained")
    for axis, (name, layer) in zip(axes, layers.items(), strict=True):
        features, _ = layer.init_with_output(jax.random.key(0), waveform)[0]
        shown = np.asarray(features[0]).T
        axis.imshow(shown, origin="lower", aspect="auto", extent=(0, 2, 0, len(shown)), vmin=np.quantile(shown, 0.05))
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("s")
    axes[0].set_ylabel("channel")
    save(path)


PICTURES = {
    "augmentation_spec_augment": picture_spec_augment,
    "augmentation_waveforms": picture_waveforms,
    "augmentation_noise": picture_noise,
    "learnable_filters": picture_filters,
    "learnable_features": picture_features,
}


if __name__ == "__main__":
    for name, draw in PICTURES.items():
        draw(Path(sys.argv[1]) / f"{name}.png")
