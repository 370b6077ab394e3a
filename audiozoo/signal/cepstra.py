"""Cosine transforms, cepstral coefficients (MFCC, LFCC) and deltas, in the conventions of the field.

| owner | settings of `mfcc` |
|---|---|
| librosa | none: the defaults (with `pad_mode="constant"`, and `axes=None` for a batch that is judged as one) |
| torchaudio | `scale="htk", unit_area=False` |
| torchaudio, `log_mels=True` | also `log="ln", offset=1e-6, floor=0.0, top_db=None` |
| HTK | `power=1.0, scale="htk", unit_area=False, log="ln", floor=1.0, top_db=None, norm="htk", lifter=22,` |
| | `lifter_start="htk"`, of samples as integers |
"""

import functools
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal import spectral
from audiozoo.signal.decibels import power_to_db
from audiozoo.signal.framing import PadMode, pad
from audiozoo.signal.mel import MelScale, mel_spectrogram
from audiozoo.signal.precision import product, read_only, widened
from audiozoo.signal.scales import linear_filters
from audiozoo.signal.spectral import Window

DctNorm = Literal["ortho", "none", "htk"]
Log = Literal["db", "ln"]
LifterStart = Literal["librosa", "htk"]
DeltaMode = Literal["interp", "nearest", "mirror", "constant", "wrap"]

_PADS: dict[str, PadMode] = {"interp": "edge", "nearest": "edge", "mirror": "reflect", "constant": "constant"}
_PADS |= {"wrap": "wrap"}


@functools.lru_cache(maxsize=64)
def dct_matrix(size: int, count: int, kind: int = 2, norm: DctNorm = "ortho") -> Float[np.ndarray, "size count"]:
    """The first `count` cosines of a discrete cosine transform of type 2 or 3, a column each; see `dct`."""
    if kind not in (2, 3) or norm not in ("ortho", "none", "htk") or (kind == 3 and norm == "htk"):
        raise ValueError(f"a DCT is of type 2 (norm ortho, none or htk) or 3 (ortho or none), not {kind} and {norm!r}")
    if not 1 <= count <= size:
        raise ValueError(f"{size} values have 1 to {size} cosine coefficients, not {count}")
    n, k = np.arange(size)[:, None], np.arange(count)
    matrix = 2 * (np.cos(np.pi * (n + 0.5) * k / size) if kind == 2 else np.cos(np.pi * n * (k + 0.5) / size))
    constant = np.where((k if kind == 2 else n) == 0, 1.0, 0.0)  # the term that is no oscillation
    if norm == "none":
        matrix = matrix * (1 - constant / 2) if kind == 3 else matrix
    else:
        matrix = matrix * np.sqrt(1 / (2 * size)) * (1 - constant * (1 - np.sqrt(0.5)) * (norm == "ortho"))
    return read_only(matrix)


def dct(
    values: Float[Array, "*batch size"], *, kind: int = 2, norm: DctNorm = "ortho", count: int | None = None
) -> Float[Array, "*batch count"]:
    """Discrete cosine transform over the last axis (`scipy.fft.dct`): type 2, or 3, its inverse.

    Args:
        values: one or more numbers.
        kind: 2: 2 Σₙ xₙ cos(π k (n + ½) / N); 3: x₀ + 2 Σₙ xₙ cos(π n (k + ½) / N).
        norm: "none": as above (the two then invert each other but for 2 N); "ortho": scaled to be orthonormal; "htk":
            every coefficient by sqrt(1 / 2N), the first, too, as HTK does.
        count: how many coefficients, the first; None: all.

    Raises:
        ValueError: no such transform, or more coefficients than values.
    """
    matrix = dct_matrix(values.shape[-1], values.shape[-1] if count is None else count, kind, norm)
    wide = widened(values)
    return product(wide, matrix).astype(values.dtype)


def lifter_weights(count: int, lifter: float, start: LifterStart = "librosa") -> Float[np.ndarray, " count"]:
    """1 + L/2 sin(π n / L), by which cepstral coefficients are weighted; ones for a `lifter` L of zero.

    `start`: the first coefficient's n is 1 ("librosa") or 0 ("htk", Kaldi's too), so that it keeps its size.
    """
    if not lifter >= 0 or start not in ("librosa", "htk"):
        raise ValueError(f"a lifter is not negative, its start librosa or htk; given were {lifter} and {start!r}")
    n = np.arange(count) + (start == "librosa")
    return 1 + lifter / 2 * np.sin(np.pi * n / lifter) if lifter else np.ones(count)


def cepstral_coefficients(
    energies: Float[Array, "*batch frames bands"],
    *,
    count: int,
    log: Log = "db",
    floor: float = 1e-10,
    offset: float = 0.0,
    top_db: float | None = 80.0,
    axes: tuple[int, ...] | None = (-2, -1),
    norm: DctNorm = "ortho",
    lifter: float = 0.0,
    lifter_start: LifterStart = "librosa",
) -> Float[Array, "*batch frames count"]:
    """The cosine transform of the logarithm of energies in bands.

    Args:
        energies: of any filter bank.
        count: coefficients to keep.
        log: decibels or natural logarithms.
        floor: the least energy, zero only with an `offset`.
        offset: added to all energies before.
        top_db: how far below its maximum a clip may go; decibels only.
        axes: those of a clip; see `decibels.power_to_db`.
        norm: see `dct`.
        lifter: see `lifter_weights`.
        lifter_start: likewise.

    Raises:
        ValueError: a setting makes no sense.
    """
    energies = jnp.asarray(energies)
    wide = widened(energies) + offset
    if log == "db":
        levels = power_to_db(wide, amin=floor, top_db=top_db, axes=axes)
    elif log != "ln" or top_db is not None:
        raise ValueError(f"log is db, or ln with top_db=None, not {log!r} with top_db={top_db}")
    elif not (floor > 0 or (floor == 0 and offset > 0)):
        raise ValueError(f"floor or offset must be positive, not {floor} and {offset}")
    else:
        levels = jnp.log(jnp.maximum(wide, floor) if floor else wide)
    coefficients = dct(levels, norm=norm, count=count)
    if lifter:
        coefficients = coefficients * jnp.asarray(lifter_weights(count, lifter, lifter_start), coefficients.dtype)
    return coefficients.astype(energies.dtype)


def mfcc(
    signal: Float[Array, "*batch time"],
    sample_rate: float,
    *,
    n_mfcc: int = 20,
    n_fft: int = 2048,
    hop_length: int = 512,
    n_mels: int = 128,
    low_hz: float = 0.0,
    high_hz: float | None = None,
    scale: MelScale = "slaney",
    unit_area: bool = True,
    power: float = 2.0,
    window: Window | None = None,
    center: bool = True,
    pad_mode: PadMode = "reflect",
    log: Log = "db",
    floor: float = 1e-10,
    offset: float = 0.0,
    top_db: float | None = 80.0,
    axes: tuple[int, ...] | None = (-2, -1),
    norm: DctNorm = "ortho",
    lifter: float = 0.0,
    lifter_start: LifterStart = "librosa",
) -> Float[Array, "*batch frames n_mfcc"]:
    """Mel-frequency cepstral coefficients (Davis & Mermelstein, 1980): `mel_spectrogram`, `cepstral_coefficients`."""
    signal = jnp.asarray(signal)
    energies = mel_spectrogram(
        widened(signal),
        sample_rate=sample_rate,
        n_fft=n_fft,
        hop_length=hop_length,
        n_mels=n_mels,
        low_hz=low_hz,
        high_hz=high_hz,
        scale=scale,
        unit_area=unit_area,
        power=power,
        window=window,
        center=center,
        pad_mode=pad_mode,
    )
    coefficients = cepstral_coefficients(
        energies,
        count=n_mfcc,
        log=log,
        floor=floor,
        offset=offset,
        top_db=top_db,
        axes=axes,
        norm=norm,
        lifter=lifter,
        lifter_start=lifter_start,
    )
    return coefficients.astype(signal.dtype)


def lfcc(
    signal: Float[Array, "*batch time"],
    sample_rate: float,
    *,
    n_lfcc: int = 40,
    n_filters: int = 128,
    n_fft: int = 400,
    hop_length: int = 200,
    low_hz: float = 0.0,
    high_hz: float | None = None,
    power: float = 2.0,
    window: Window | None = None,
    center: bool = True,
    pad_mode: PadMode = "reflect",
    log: Log = "db",
    floor: float = 1e-10,
    offset: float = 0.0,
    top_db: float | None = 80.0,
    axes: tuple[int, ...] | None = (-2, -1),
    norm: DctNorm = "ortho",
) -> Float[Array, "*batch frames n_lfcc"]:
    """Linear-frequency cepstral coefficients (`torchaudio.transforms.LFCC`; its `log_lf=True` as for `mfcc`)."""
    signal = jnp.asarray(signal)
    spectrum = spectral.spectrogram(
        widened(signal),
        n_fft=n_fft,
        hop_length=hop_length,
        power=power,
        window=window,
        center=center,
        pad_mode=pad_mode,
    )
    filters = linear_filters(sample_rate, n_fft, n_filters, low_hz=low_hz, high_hz=high_hz)
    energies = product(spectrum, filters)
    coefficients = cepstral_coefficients(
        energies, count=n_lfcc, log=log, floor=floor, offset=offset, top_db=top_db, axes=axes, norm=norm
    )
    return coefficients.astype(signal.dtype)


def delta(
    features: Float[Array, "*batch frames features"], *, width: int = 9, order: int = 1, mode: DeltaMode = "interp"
) -> Float[Array, "*batch frames features"]:
    """The slope, or a higher derivative, of the polynomial of degree `order` that fits `width` frames best.

    It is `librosa.feature.delta` and, for order 1, `torchaudio.functional.compute_deltas` with `win_length=width`:
    its modes replicate, reflect, constant and circular are "nearest", "mirror", "constant" and "wrap".

    Args:
        features: one row a frame.
        width: an odd number of frames, three or more.
        order: of the derivative, below `width`.
        mode: what lies beyond the ends. "interp": nothing, the first and last frames take the derivative of the
            polynomial through the first and last `width`, as many of which there must be.

    Raises:
        ValueError: a setting makes no sense.
    """
    if width < 3 or width % 2 == 0 or not 1 <= order < width or mode not in _PADS:
        raise ValueError(
            f"want an odd width of 3 or more, an order from 1 to width - 1 and a mode of {', '.join(_PADS)}; "
            f"given were {width}, {order} and {mode!r}"
        )
    frames, half = features.shape[-2], width // 2
    if mode == "interp" and frames < width:
        raise ValueError(f"{frames} frames are too few for a width of {width}; only another mode than interp pads them")
    wide = widened(features)
    # The derivative of degree `order` of a polynomial of that degree is the same everywhere: interpolation at the ends
    # repeats the first and the last whole answer.
    padded = wide if mode == "interp" else _pad_frames(wide, half, mode)
    kernel = _slopes(width, order)
    count = padded.shape[-2] - 2 * half
    # Of opposite frames only the sum (even orders) or the difference counts, and constants cancel before they round.
    middle = padded[..., half : half + count, :] * kernel[half]
    sign = -1 if order % 2 else 1
    for k in range(1, half + 1):
        ahead, behind = (padded[..., i : i + count, :] for i in (half + k, half - k))
        middle = middle + kernel[half + k] * (ahead + sign * behind)
    answer = _pad_frames(middle, half, mode) if mode == "interp" else middle
    return answer.astype(features.dtype)


def add_deltas(
    features: Float[Array, "*batch frames features"], *, order: int = 2, window: int = 2
) -> Float[Array, "*batch frames stacked"]:
    """Features, their deltas, the deltas of those, and so on beside each other: Kaldi's `add-deltas`.

    A delta is the regression slope over 2 `window` + 1 frames (Furui, 1986); of the second order, over twice as many
    at once, with the first and last *features* repeated beyond the ends, where others would repeat their deltas.
    """
    if order < 0 or window < 1:
        raise ValueError(f"order must not be negative and window positive, not {order} and {window}")
    wide = widened(features)
    parts, kernel = [wide], np.ones(1)
    slope = np.arange(-window, window + 1) / np.sum(np.arange(-window, window + 1) ** 2)
    for _ in range(order):
        kernel = np.convolve(kernel, slope)
        padded = _pad_frames(wide, len(kernel) // 2, "nearest")
        count = wide.shape[-2]
        terms = (float(k) * padded[..., i : i + count, :] for i, k in enumerate(kernel))
        parts.append(functools.reduce(jnp.add, terms))
    return jnp.concatenate(parts, -1).astype(features.dtype)


def _pad_frames(features: Array, count: int, mode: DeltaMode) -> Array:
    return jnp.swapaxes(pad(jnp.swapaxes(features, -1, -2), count, count, _PADS[mode]), -1, -2)


@functools.lru_cache(maxsize=64)
def _slopes(width: int, order: int) -> tuple[float, ...]:
    """The weights of Savitzky & Golay (1964): a row of the pseudo-inverse of the powers of time, times order!."""
    half = width // 2
    powers = np.arange(-half, half + 1)[:, None] ** np.arange(order + 1.0)
    scale = np.prod(np.arange(1, order + 1))
    return tuple(float(weight) for weight in np.linalg.pinv(powers)[order] * scale)
