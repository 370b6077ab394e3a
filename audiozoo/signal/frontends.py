"""The features that published models were trained on, each with the numbers of its own reference.

A function takes samples at the model's own rate, in [-1, 1], and returns its features. Whisper's is
`mel.whisper_log_mel`; Kaldi's with all options are in `kaldi`. With `lengths`, the valid samples of each clip of a
padded batch, a clip's features are those that it has alone, followed by zeros; `FrontEnd.count` and the patch counts
say how many there are. Half precision is computed in float32.
"""

import dataclasses
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from audiozoo.signal import spectral, windows
from audiozoo.signal.decibels import power_to_db
from audiozoo.signal.framing import PadMode, frame, pad, pad_each
from audiozoo.signal.kaldi import KaldiFrames, KaldiMels, kaldi_fbank
from audiozoo.signal.mel import MelScale, Triangles, mel_filters
from audiozoo.signal.normalisation import cmvn
from audiozoo.signal.precision import product, widened

Lengths = Int[Array | np.ndarray, "*batch"]


@dataclasses.dataclass(frozen=True)
class FrontEnd:
    """The numbers of a mel spectrogram.

    Args:
        sample_rate: in hertz.
        n_fft: samples of a transform.
        hop_length: samples between frames.
        n_mels: filters.
        low_hz: where the first filter begins.
        high_hz: where the last one ends.
        size: samples of the periodic Hann window, at the start of the transform. None: `n_fft`.
        padding: samples added at both ends. None: half a transform, so that frames are centred.
        pad_mode: what is added.
        power: of the magnitudes that filters weigh.
        offset: added to powers before their square root.
        scale: of the filters; see `mel.mel_filters`.
        unit_area: likewise.
        triangles: likewise.
    """

    sample_rate: int
    n_fft: int
    hop_length: int
    n_mels: int
    low_hz: float
    high_hz: float
    size: int | None = None
    padding: int | None = None
    pad_mode: PadMode = "reflect"
    power: float = 2.0
    offset: float = 0.0
    scale: MelScale = "slaney"
    unit_area: bool = True
    triangles: Triangles = "hertz"

    def count(self, length: int | Lengths) -> int | Lengths:
        """How many frames so many samples make; of arrays of lengths too."""
        size, padding = self._geometry()
        return spectral.frame_count(length + 2 * padding, n_fft=size, hop_length=self.hop_length, center=False)

    def mel(
        self, signal: Float[Array, "*batch time"], lengths: Lengths | None = None
    ) -> Float[Array, "*batch frames n_mels"]:
        """Magnitudes to the `power`, weighed by the filters; in float32 at least."""
        size, padding = self._geometry()
        signal = jnp.asarray(signal)
        signal = widened(signal)
        if lengths is not None and padding:
            signal = pad_each(signal, jnp.asarray(lengths), padding, padding, self.pad_mode)
        else:
            signal = pad(signal, padding, padding, self.pad_mode)
        spectrum = spectral.spectrogram(
            signal,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
            window=windows.hann(size),
            center=False,
            window_position="start",
            power=2.0 if self.offset else self.power,
        )
        if self.offset:
            spectrum = jnp.sqrt(spectrum + self.offset)
        filters = mel_filters(
            self.sample_rate,
            self.n_fft,
            self.n_mels,
            low_hz=self.low_hz,
            high_hz=self.high_hz,
            scale=self.scale,
            unit_area=self.unit_area,
            triangles=self.triangles,
        )
        return product(spectrum, filters)

    def finish(
        self,
        features: Float[Array, "*batch frames n_mels"],
        signal: Float[Array, "*batch time"],
        lengths: Lengths | None,
    ) -> Float[Array, "*batch frames n_mels"]:
        """Features in the dtype of the signal, zero after those of each clip."""
        return _valid(features, None if lengths is None else self.count(lengths)).astype(jnp.asarray(signal).dtype)

    def _geometry(self) -> tuple[int, int]:
        return self.size or self.n_fft, self.n_fft // 2 if self.padding is None else self.padding


AST_FRAMES = KaldiFrames(window_type="hanning")
AST_MELS = KaldiMels(128)
AST_LENGTH, AST_MEAN, AST_DEVIATION = 1024, -4.2677393, 4.5689974
PANNS = {
    32_000: FrontEnd(32_000, 1024, 320, 64, 50.0, 14_000.0),
    16_000: FrontEnd(16_000, 512, 160, 64, 50.0, 8_000.0),
    8_000: FrontEnd(8_000, 256, 80, 64, 50.0, 4_000.0),
}
VGGISH = FrontEnd(
    16_000, 512, 160, 64, 125.0, 7_500.0, size=400, padding=0, power=1.0, scale="kaldi", unit_area=False,
    triangles="mel", pad_mode="constant",
)  # fmt: skip
TACOTRON2 = FrontEnd(22_050, 1024, 256, 80, 0.0, 8_000.0, power=1.0)
HIFIGAN = FrontEnd(22_050, 1024, 256, 80, 0.0, 8_000.0, padding=(1024 - 256) // 2, power=1.0, offset=1e-9)
SPEECHT5 = FrontEnd(16_000, 1024, 256, 80, 80.0, 7_600.0, power=1.0)
CLAP = FrontEnd(48_000, 1024, 480, 64, 50.0, 14_000.0)
CLAP_FUSED = dataclasses.replace(CLAP, scale="htk", unit_area=False)
CLAP_SAMPLES = 480_000

PATCH_FRAMES = 96  # 0.96 s, VGGish's and YAMNet's
VGGISH_HOP, YAMNET_HOP = 96, 48  # frames between patches
_FIRST_PATCH = (PATCH_FRAMES - 1) * 160 + 400  # samples


def ast_features(
    signal: Float[Array, "*batch time"], lengths: Lengths | None = None
) -> Float[Array, "*batch 1024 128"]:
    """The Audio Spectrogram Transformer's input at 16 kHz (Gong et al., 2021), as of its AudioSet checkpoint.

    Kaldi's filter bank of 128 with Hann windows (no scaling to 16 bits), cut or filled with zeros to 1024 frames, less
    the mean of AudioSet, over twice its standard deviation: padding is not zero. Longer clips lose what is behind
    10.26 s. The authors' own loader also takes the mean from the waveform; do so before, if wanted.
    """
    needed = (AST_LENGTH - 1) * AST_FRAMES.hop_length + AST_FRAMES.size
    features = kaldi_fbank(
        widened(jnp.asarray(signal))[..., :needed], frames=AST_FRAMES, mels=AST_MELS, lengths=lengths
    )
    missing = AST_LENGTH - features.shape[-2]
    features = jnp.pad(features, [(0, 0)] * (features.ndim - 2) + [(0, missing), (0, 0)])
    return ((features - AST_MEAN) / (2 * AST_DEVIATION)).astype(signal.dtype)


def panns_log_mel(
    signal: Float[Array, "*batch time"],
    lengths: Lengths | None = None,
    *,
    sample_rate: Literal[8000, 16000, 32000] = 32_000,
) -> Float[Array, "*batch frames 64"]:
    """PANNs' log-mel spectrogram in decibels (Kong et al., 2020): 1 + time // hop frames, 100 a second.

    `sample_rate` chooses the checkpoint: 32 kHz, or the ones of 16 and 8 kHz.

    Raises:
        ValueError: there is no checkpoint of that rate.
    """
    if sample_rate not in PANNS:
        raise ValueError(f"PANNs are of {', '.join(map(str, PANNS))} Hz, not {sample_rate}")
    settings = PANNS[sample_rate]
    return settings.finish(power_to_db(settings.mel(signal, lengths)), signal, lengths)


def vggish_log_mel(
    signal: Float[Array, "*batch time"], lengths: Lengths | None = None, *, offset: float = 0.01
) -> Float[Array, "*batch frames 64"]:
    """VGGish's log-mel spectrogram at 16 kHz (Hershey et al., 2017): 25 ms every 10 ms, magnitudes, ln(mel + offset).

    Raises:
        ValueError: the offset is not positive.
    """
    if not offset > 0:
        raise ValueError(f"the offset of a logarithm must be positive, not {offset}")
    return VGGISH.finish(jnp.log(VGGISH.mel(signal, lengths) + offset), signal, lengths)


def vggish_patches(
    signal: Float[Array, "*batch time"], lengths: Lengths | None = None
) -> Float[Array, "*batch patches 96 64"]:
    """VGGish's input: `vggish_log_mel` in patches of 0.96 s beside each other; an incomplete last one is dropped."""
    patches = _patches(vggish_log_mel(signal, lengths), VGGISH_HOP)
    return _valid_patches(patches, None if lengths is None else vggish_patch_count(lengths))


def yamnet_log_mel(
    signal: Float[Array, "*batch time"], lengths: Lengths | None = None
) -> Float[Array, "*batch frames 64"]:
    """YAMNet's log-mel spectrogram at 16 kHz: VGGish's with an offset of 0.001."""
    return vggish_log_mel(signal, lengths, offset=0.001)


def yamnet_patches(
    signal: Float[Array, "*batch time"], lengths: Lengths | None = None
) -> Float[Array, "*batch patches 96 64"]:
    """YAMNet's input: `yamnet_log_mel` in patches of 0.96 s, one every 0.48 s.

    Silence completes the last patch, and the first of a clip that is shorter.
    """
    if lengths is not None:
        signal = pad_each(signal, jnp.asarray(lengths), 0, 0)
    samples = _FIRST_PATCH + (int(yamnet_patch_count(signal.shape[-1])) - 1) * YAMNET_HOP * VGGISH.hop_length
    patches = _patches(yamnet_log_mel(pad(signal, 0, samples - signal.shape[-1])), YAMNET_HOP)
    return _valid_patches(patches, None if lengths is None else yamnet_patch_count(lengths))


def vggish_patch_count(length: int | Lengths) -> int | Lengths:
    """How many patches `vggish_patches` makes of so many samples; of arrays of lengths too."""
    return spectral.frame_count(VGGISH.count(length), n_fft=PATCH_FRAMES, hop_length=VGGISH_HOP, center=False)


def yamnet_patch_count(length: int | Lengths) -> int | Lengths:
    """How many patches `yamnet_patches` makes of so many samples, one or more; of arrays of lengths too."""
    further = -((_FIRST_PATCH - length) // (YAMNET_HOP * VGGISH.hop_length))
    return 1 + further * (further > 0)


def wav2vec2_normalise(
    signal: Float[Array, "*batch time"], lengths: Lengths | None = None, *, epsilon: float = 1e-7
) -> Float[Array, "*batch time"]:
    """Zero mean and unit variance, wav2vec 2.0's input at 16 kHz (Baevski et al., 2020, as transformers has it).

    x less its mean, over sqrt(variance + epsilon); zeros behind each clip's samples.
    """
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, not {epsilon}")
    centred = cmvn(widened(jnp.asarray(signal))[..., None], lengths, variance=False)[..., 0]
    count = signal.shape[-1] if lengths is None else jnp.asarray(lengths)[..., None]
    variance = jnp.sum(jnp.square(centred), -1, keepdims=True) / jnp.maximum(count, 1)
    return (centred / jnp.sqrt(variance + epsilon)).astype(signal.dtype)


def tacotron2_log_mel(
    signal: Float[Array, "*batch time"], lengths: Lengths | None = None
) -> Float[Array, "*batch frames 80"]:
    """Tacotron 2's target at 22.05 kHz (Shen et al., 2018, as NVIDIA published it): ln of magnitudes, 1e-5 or more.

    Frames are centred: 1 + time // 256. WaveGlow hears the same.
    """
    return TACOTRON2.finish(jnp.log(jnp.maximum(TACOTRON2.mel(signal, lengths), 1e-5)), signal, lengths)


def hifigan_log_mel(
    signal: Float[Array, "*batch time"], lengths: Lengths | None = None
) -> Float[Array, "*batch frames 80"]:
    """HiFi-GAN's input at 22.05 kHz (Kong, Kim & Bae, 2020): ln of magnitudes sqrt(|X|² + 1e-9), 1e-5 or more.

    The ends are mirrored by (1024 - 256) / 2 samples, so that there are time // 256 frames.
    """
    return HIFIGAN.finish(jnp.log(jnp.maximum(HIFIGAN.mel(signal, lengths), 1e-5)), signal, lengths)


def speecht5_log_mel(
    signal: Float[Array, "*batch time"], lengths: Lengths | None = None
) -> Float[Array, "*batch frames 80"]:
    """SpeechT5's target at 16 kHz (Ao et al., 2022): log10 of magnitudes, 1e-10 or more; 1 + time // 256 frames."""
    return SPEECHT5.finish(jnp.log10(jnp.maximum(SPEECHT5.mel(signal, lengths), 1e-10)), signal, lengths)


def clap_log_mel(
    signal: Float[Array, "*batch time"], lengths: Lengths | None = None, *, fused: bool = False
) -> Float[Array, "*batch 1001 64"]:
    """CLAP's input at 48 kHz (Wu et al., 2023): decibels of 10 s, which a shorter clip fills by whole repetitions.

    Zeros follow the last that fits.

    Args:
        signal: at most 10 s; cut longer ones, at random in training.
        lengths: valid samples of each clip.
        fused: the filters of the checkpoints that fuse features, torchaudio's; else librosa's.

    Raises:
        ValueError: the clip is longer.
    """
    time = signal.shape[-1]
    if time > CLAP_SAMPLES:
        raise ValueError(f"CLAP hears {CLAP_SAMPLES} samples (10 s at 48 kHz), not {time}: cut the clip first")
    ends = jnp.asarray(time if lengths is None else lengths)[..., None]
    position = jnp.arange(CLAP_SAMPLES)
    filled = position < CLAP_SAMPLES // jnp.maximum(ends, 1) * ends
    source = jnp.broadcast_to(position % jnp.maximum(ends, 1), (*signal.shape[:-1], CLAP_SAMPLES))
    repeated = jnp.take_along_axis(signal, source, -1) if time else jnp.zeros(source.shape, signal.dtype)
    settings = CLAP_FUSED if fused else CLAP
    return power_to_db(settings.mel(jnp.where(filled, repeated, 0))).astype(signal.dtype)


def _valid(
    features: Float[Array, "*batch frames size"], counts: int | Lengths | None
) -> Float[Array, "*batch frames size"]:
    """Zeros after the first `counts` frames of each clip."""
    return features if counts is None else cmvn(features, jnp.asarray(counts), mean=False, variance=False)


def _valid_patches(
    patches: Float[Array, "*batch patches frames size"], counts: int | Lengths | None
) -> Float[Array, "*batch patches frames size"]:
    shape = patches.shape
    return _valid(patches.reshape(*shape[:-2], shape[-2] * shape[-1]), counts).reshape(shape)


def _patches(features: Float[Array, "*batch frames size"], hop: int) -> Float[Array, "*batch patches 96 size"]:
    return jnp.moveaxis(frame(jnp.moveaxis(features, -1, -2), PATCH_FRAMES, hop), -3, -1)
