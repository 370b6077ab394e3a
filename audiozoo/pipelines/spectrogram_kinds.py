"""The kinds of picture that `audiozoo spectrogram` draws: which transform, how long it looks, what its rows are."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo import signal
from audiozoo.signal import gammatone, mel, scales

LOWEST_HZ = 32.703  # the note C1, where constant-Q pictures begin
PER_OCTAVE = 24
PACKET_LEVEL = 6
SCATTERING: dict[str, Any] = {"octaves": 8, "per_octave": 12, "max_order": 1}
BEATS = np.geomspace(30, 300, 80)  # a minute: the rows of tempograms
PITCH_CLASSES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
ROUND_HZ = (20, 50, 100, 200, 500, 1000, 2000, 3000, 4000, 6000, 8000, 12_000, 16_000, 20_000)


class Rows(NamedTuple):
    """The labels of a vertical axis; row `i` of a picture is at position `i`."""

    label: str
    positions: Sequence[float]
    names: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Kind:
    """A transform as a picture sees it. Frame `t` is about sample `t * hop`."""

    summary: str
    transform: Callable[[Float[Array, " time"], int, int], Float[Array, "frames rows"]]  # of samples, rate and hop
    rows: Callable[[int, int, int], Rows]  # of rate, hop and count
    unit: str = ""  # of values; without one they are powers, which are shown in decibels
    is_signed: bool = False
    highest_rate: int = 48_000  # hertz, that it looks at recordings at
    hops: tuple[int, int] = (16, 512)  # samples, powers of two: the shortest and the longest
    block_seconds: float = 30.0
    margin_seconds: float = 0.2  # how far a frame looks in either direction

    @property
    def is_power(self) -> bool:
        return not self.unit


def _hertz(centres: np.ndarray, label: str = "frequency (Hz)") -> Rows:
    """Round frequencies where they are among the rows' centres, which rise, and are not too near to each other."""
    shown: dict[float, str] = {}
    for hz in reversed([hz for hz in ROUND_HZ if centres[0] <= hz <= centres[-1]]):
        at = float(np.interp(hz, centres, np.arange(len(centres))))
        if all(abs(at - other) > 0.045 * len(centres) for other in shown):
            shown[at] = f"{hz:,}"
    return Rows(label, list(shown), list(shown.values()))


def _linear_hertz(rate: int, hop: int, count: int) -> Rows:
    step = next(step for step in (50, 100, 200, 500, 1000, 2000, 5000) if rate / 2 / step <= 12 or step == 5000)
    ticks = np.arange(0, rate / 2 + 1, step)
    return Rows("frequency (Hz)", (ticks / (rate / 2) * (count - 1)).tolist(), [f"{hz:,.0f}" for hz in ticks])


def _names(label: str, names: Sequence[str]) -> Callable[[int, int, int], Rows]:
    return lambda rate, hop, count: Rows(label, range(len(names)), names)


def _frame(rate: int) -> int:
    """A power of two of samples, about 50 ms."""
    return 1 << max(6, round(np.log2(0.05 * rate)))


def _bands(rate: int, most: int = 128) -> int:
    """No more than the bins of a frame can tell apart."""
    return int(np.clip(_frame(rate) // 8, 16, most))


def _per_octave(lowest: float, rate: int, per_octave: int = PER_OCTAVE) -> np.ndarray:
    """Frequencies from the lowest up to where a resampler's passband ends."""
    count = max(1, int(per_octave * np.log2(0.42 * rate / lowest)))
    return lowest * 2.0 ** (np.arange(count) / per_octave)


def _stft(samples: Array, rate: int, hop: int) -> Array:
    return signal.spectrogram(samples, n_fft=_frame(rate), hop_length=hop, pad_mode="constant")


def _reassigned(samples: Array, rate: int, hop: int) -> Array:
    """Every bin's energy, put where reassignment finds it, on the grid of frames and bins."""
    n_fft = _frame(rate)
    found = signal.reassigned_spectrogram(samples, rate, n_fft=n_fft, hop_length=hop)
    frames, bins = found.magnitudes.shape[-2:]
    column = jnp.clip(jnp.round(found.times * rate / hop), 0, frames - 1).astype(int)
    row = jnp.clip(jnp.round(found.frequencies / rate * n_fft), 0, bins - 1).astype(int)
    return jnp.zeros((frames, bins)).at[column, row].add(found.magnitudes**2)


def _mel(samples: Array, rate: int, hop: int, *, power: float = 2.0) -> Array:
    return signal.mel_spectrogram(
        samples,
        sample_rate=rate,
        n_fft=_frame(rate),
        hop_length=hop,
        n_mels=_bands(rate),
        power=power,
        pad_mode="constant",
    )


def _mel_rows(rate: int, hop: int, count: int) -> Rows:
    return _hertz(mel.mel_to_hz(np.linspace(mel.hz_to_mel(0.0), mel.hz_to_mel(rate / 2), count + 2))[1:-1])


def _pcen(samples: Array, rate: int, hop: int) -> Array:
    loud = _mel(samples, rate, hop, power=1.0) * 2.0**31  # the range of 32-bit samples, which its constants are for
    return signal.pcen(loud, smoothing=signal.pcen_smoothing(sample_rate=rate, hop_length=hop), start="first")


def _bark(samples: Array, rate: int, hop: int) -> Array:
    filters = scales.bark_filters(rate, _frame(rate), _bands(rate, 64))
    return _stft(samples, rate, hop) @ filters.astype(np.float32)


def _bark_rows(rate: int, hop: int, count: int) -> Rows:
    centres = scales.bark_to_hz(np.linspace(scales.hz_to_bark(0.0), scales.hz_to_bark(rate / 2), count + 2))[1:-1]
    return _hertz(centres)


def _gammatone(samples: Array, rate: int, hop: int) -> Array:
    return signal.gammatone_spectrogram(
        samples, sample_rate=rate, n_fft=_frame(rate), hop_length=hop, n_filters=_bands(rate, 96), power=2.0
    )


def _gammatone_rows(rate: int, hop: int, count: int) -> Rows:
    return _hertz(gammatone.gammatone_centres(count, low_hz=50.0, high_hz=rate / 2))


def _mfcc(samples: Array, rate: int, hop: int) -> Array:
    settings = {"n_fft": _frame(rate), "hop_length": hop, "n_mels": min(64, _bands(rate)), "pad_mode": "constant"}
    return signal.mfcc(samples, sample_rate=rate, n_mfcc=21, top_db=None, **settings)[..., 1:]


def _lfcc(samples: Array, rate: int, hop: int) -> Array:
    settings = {"n_fft": _frame(rate), "hop_length": hop, "n_filters": min(64, _bands(rate)), "pad_mode": "constant"}
    return signal.lfcc(samples, sample_rate=rate, n_lfcc=21, top_db=None, **settings)[..., 1:]


def _cepstral_rows(rate: int, hop: int, count: int) -> Rows:
    numbers = range(1, count + 1, 3)
    return Rows("coefficient", [number - 1 for number in numbers], [str(number) for number in numbers])


def _cqt(samples: Array, rate: int, hop: int) -> Array:
    bins = len(_per_octave(LOWEST_HZ, rate))
    found = signal.cqt(
        samples, rate, hop_length=hop, fmin=LOWEST_HZ, n_bins=bins, bins_per_octave=PER_OCTAVE, filter_scale=0.8
    )
    return signal.power(found)


def _vqt(samples: Array, rate: int, hop: int) -> Array:
    bins = len(_per_octave(LOWEST_HZ, rate))
    return signal.power(
        signal.vqt(samples, rate, hop_length=hop, fmin=LOWEST_HZ, n_bins=bins, intervals=PER_OCTAVE, gamma=20.0)
    )


def _constant_q_rows(rate: int, hop: int, count: int) -> Rows:
    return _hertz(_per_octave(LOWEST_HZ, rate))


def _chroma(samples: Array, rate: int, hop: int) -> Array:
    return signal.chroma_cqt(samples, rate, hop_length=hop)


def _wavelet(samples: Array, rate: int, hop: int) -> Array:
    scale = signal.frequency_scales(_per_octave(2 * LOWEST_HZ, rate, 12), sample_rate=rate)
    energy = signal.power(signal.cwt(samples, scale, normalise="amplitude"))
    centred = jnp.pad(energy, ((hop // 2, -(energy.shape[0] + hop // 2) % hop), (0, 0)))
    return centred.reshape(-1, hop, energy.shape[1]).mean(1)


def _wavelet_rows(rate: int, hop: int, count: int) -> Rows:
    return _hertz(_per_octave(2 * LOWEST_HZ, rate, 12))


def _packets(samples: Array, rate: int, hop: int) -> Array:
    return signal.packet_tree(samples, "sym10", level=PACKET_LEVEL, mode="periodization") ** 2


def _scattering(samples: Array, rate: int, hop: int) -> Array:
    """The first order: what wavelets let through, averaged over two hops."""
    found = signal.scattering_transform(samples, **SCATTERING, support=2 * hop, oversampling=1)
    return found[..., _scattering_order(rate)[0]] ** 2


def _scattering_order(rate: int) -> tuple[np.ndarray, np.ndarray]:
    """First-order paths from low to high, and their frequencies in hertz."""
    paths = signal.scattering_paths(**SCATTERING, sample_rate=rate)
    first = np.flatnonzero(paths.order == 1)
    frequency = paths.frequency[first, 0]
    rising = np.argsort(frequency)
    return first[rising], frequency[rising]


def _scattering_rows(rate: int, hop: int, count: int) -> Rows:
    return _hertz(_scattering_order(rate)[1])


def _tempogram(samples: Array, rate: int, hop: int) -> Array:
    """Its lags are equal steps of time; the rows here are equal ratios of tempo, interpolated."""
    found = signal.tempogram(signal.onset_strength(samples, rate, hop_length=hop))
    lag = 60 * rate / (hop * BEATS)
    below = lag.astype(int)
    share = jnp.asarray(lag - below, found.dtype)
    return (1 - share) * found[..., below] + share * found[..., below + 1]


def _tempo_rows(rate: int, hop: int, count: int) -> Rows:
    ticks = (30, 40, 60, 80, 100, 120, 160, 200, 240, 300)
    return Rows("tempo (beats a minute)", np.interp(ticks, BEATS, np.arange(count)).tolist(), [str(t) for t in ticks])


def _separated(part: str) -> Callable[[Array, int, int], Array]:
    def transform(samples: Array, rate: int, hop: int) -> Array:
        spectrum = signal.stft(samples, n_fft=_frame(rate), hop_length=hop, pad_mode="constant")
        return signal.power(getattr(signal.hpss(spectrum), part))

    return transform


KINDS: dict[str, Kind] = {
    "mel": Kind("power in mel bands", _mel, _mel_rows),
    "stft": Kind("power of the short-time Fourier transform", _stft, _linear_hertz),
    "reassigned": Kind("the same, every bin's energy put where it belongs", _reassigned, _linear_hertz, hops=(16, 256)),
    "bark": Kind("power in critical bands", _bark, _bark_rows),
    "gammatone": Kind("power in the bands of the ear's filters", _gammatone, _gammatone_rows),
    "pcen": Kind(
        "mel bands with their loudness taken away", _pcen, _mel_rows, unit="PCEN", hops=(64, 512), margin_seconds=2.0
    ),
    "mfcc": Kind("mel-frequency cepstral coefficients", _mfcc, _cepstral_rows, unit="decibels", is_signed=True),
    "lfcc": Kind("linear-frequency cepstral coefficients", _lfcc, _cepstral_rows, unit="decibels", is_signed=True),
    "cqt": Kind(
        "constant-Q transform", _cqt, _constant_q_rows, highest_rate=22_050, hops=(128, 512), margin_seconds=1.0
    ),
    "vqt": Kind(
        "variable-Q transform", _vqt, _constant_q_rows, highest_rate=22_050, hops=(128, 512), margin_seconds=0.5
    ),
    "chroma": Kind(
        "strength of the twelve pitch classes",
        _chroma,
        _names("pitch class", PITCH_CLASSES),
        unit="share of the strongest",
        highest_rate=22_050,
        hops=(512, 512),
        margin_seconds=1.0,
    ),
    "wavelet": Kind(
        "continuous Morlet wavelet transform",
        _wavelet,
        _wavelet_rows,
        highest_rate=16_000,
        block_seconds=4.0,
        margin_seconds=0.5,
    ),
    "packets": Kind(
        "wavelet packets, symlets of ten vanishing moments",
        _packets,
        _linear_hertz,
        hops=(1 << PACKET_LEVEL, 1 << PACKET_LEVEL),
    ),
    "scattering": Kind(
        "first-order scattering coefficients",
        _scattering,
        _scattering_rows,
        highest_rate=16_000,
        hops=(128, 128),
        block_seconds=1.0,  # its filters are as long as a block
        margin_seconds=0.25,
    ),
    "tempogram": Kind(
        "how periodic onsets are, by tempo",
        _tempogram,
        _tempo_rows,
        unit="autocorrelation",
        highest_rate=22_050,
        hops=(512, 512),
        margin_seconds=5.0,
    ),
    "harmonic": Kind("what stands, as tones do", _separated("harmonic"), _linear_hertz, hops=(128, 256)),
    "percussive": Kind("what passes, as strokes do", _separated("percussive"), _linear_hertz, hops=(128, 256)),
}
