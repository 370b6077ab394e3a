"""Discrete wavelet transforms and their inverses: one level, several, the full tree of packets, and à trous.

Conventions are PyWavelets'. Convolutions are sums of shifted products of the even and the odd samples: on a CPU XLA
fuses them into one pass, several times quicker than its convolution or a matrix product of so few taps.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal import framing, wavelet_filters
from audiozoo.signal.wavelet_filters import Wavelet

Boundary = Literal[
    "zero",
    "constant",
    "symmetric",
    "periodic",
    "smooth",
    "periodization",
    "reflect",
    "antisymmetric",
    "antireflect",
]


Outcome = TypeVar("Outcome", Array, "Bands")
_PADS: dict[str, framing.PadMode] = {
    "zero": "constant",
    "constant": "edge",
    "symmetric": "symmetric",
    "periodic": "wrap",
    "periodization": "wrap",
    "reflect": "reflect",
}


class Bands(NamedTuple):
    """Low and high half of the frequencies, every second sample of each."""

    approximation: Float[Array, "*batch coefficients"]
    detail: Float[Array, "*batch coefficients"]


def extend(signal: Float[Array, "*batch time"], before: int, after: int, mode: Boundary) -> Float[Array, "*batch _"]:
    """A signal continued beyond its ends, any number of samples for any length (`pywt.pad`).

    Args:
        mode: "zero"; "constant": the samples at the ends; "symmetric": mirrored, they are repeated; "reflect": mirrored
            at them; "antisymmetric" and "antireflect": the same turned upside down, the latter about the samples at the
            ends; "periodic"; "periodization": periodic, after the last sample of an odd number has been repeated;
            "smooth": straight on.

    Raises:
        ValueError: no such mode, or no sample to continue from.
    """
    time = signal.shape[-1]
    if mode not in _PADS and mode not in ("smooth", "antisymmetric", "antireflect"):
        raise ValueError(f"no such continuation of a signal: {mode!r}; want one of {', '.join(Boundary.__args__)}")
    if not time:
        raise ValueError("a signal without samples has no wavelet transform")
    if mode == "periodization" and time % 2:
        even = framing.pad(signal, 0, 1, "edge")
        return framing.pad(even, before, after, "wrap")[..., : before + time + after]
    if mode in _PADS:
        return framing.pad(signal, before, after, _PADS[mode])
    continued = {"smooth": _straight, "antisymmetric": _antisymmetric, "antireflect": _antireflected}[mode]
    head, tail = np.arange(-before, 0), np.arange(time, time + after)
    return jnp.concatenate([continued(signal, head), signal, continued(signal, tail)], axis=-1)


def _straight(signal: Array, position: np.ndarray) -> Array:
    time = signal.shape[-1]
    inner = min(1, time - 1)
    first, last = signal[..., :1], signal[..., -1:]
    before = first + (first - signal[..., inner : inner + 1]) * np.maximum(-position, 0).astype(signal.dtype)
    after = (last - signal[..., time - 1 - inner : time - inner]) * np.maximum(position - time + 1, 0).astype(
        signal.dtype
    )
    return jnp.where(position < 0, before, last + after)


def _antisymmetric(signal: Array, position: np.ndarray) -> Array:
    turn, within = np.divmod(position, signal.shape[-1])
    mirrored = np.where(turn % 2, signal.shape[-1] - 1 - within, within)
    return signal[..., mirrored] * np.where(turn % 2, -1, 1).astype(signal.dtype)


def _antireflected(signal: Array, position: np.ndarray) -> Array:
    """Every two turns of `last` samples the signal is back, higher by twice the way from its first to its last."""
    last = max(signal.shape[-1] - 1, 1)
    turns, within = np.divmod(position, 2 * last)
    mirrored = np.where(within > last, 2 * last - within, within) % signal.shape[-1]
    first, final = signal[..., :1], signal[..., -1:]
    value = jnp.where(within > last, 2 * final - signal[..., mirrored], signal[..., mirrored])
    return value + (2 * turns).astype(signal.dtype) * (final - first)


def dwt(signal: Float[Array, "*batch time"], wavelet: str | Wavelet, *, mode: Boundary = "symmetric") -> Bands:
    """One level of the discrete wavelet transform (Mallat, 1989), equal to `pywt.dwt`.

    Args:
        signal: at least one sample.
        wavelet: a name, such as "db4", or filters.
        mode: how the signal goes on beyond its ends (`extend`).

    Returns:
        (time + taps - 1) // 2 coefficients of either band; with "periodization" as few as there can be,
        ceil(time / 2), and nothing is said twice.

    Raises:
        ValueError: no such wavelet or mode, or no sample.
    """
    filters = wavelet_filters.wavelet(wavelet)
    return in_float32(lambda x: _analysed(x, filters, mode), signal)


def idwt(
    approximation: Float[Array, "*batch coefficients"] | None,
    detail: Float[Array, "*batch coefficients"] | None,
    wavelet: str | Wavelet,
    *,
    mode: Boundary = "symmetric",
) -> Float[Array, "*batch time"]:
    """The inverse of `dwt`, equal to `pywt.idwt`; a band that is None is silent.

    Returns:
        2 * coefficients - taps + 2 samples (with "periodization" 2 * coefficients), one more than the signal had if its
        number was odd. Every mode but "periodization" gives the same.

    Raises:
        ValueError: no such wavelet or mode, both bands missing or of different lengths, or too few coefficients for a
            single sample.
    """
    filters = wavelet_filters.wavelet(wavelet)
    present = [band for band in (approximation, detail) if band is not None]
    if not present or len({band.shape[-1] for band in present}) > 1:
        raise ValueError(f"want two bands as long as each other, not {[band.shape[-1] for band in present]}")
    count, taps = present[0].shape[-1], len(filters.rec_lo)
    if mode not in Boundary.__args__ or count < (1 if mode == "periodization" else taps // 2):
        raise ValueError(f"{count} coefficients are too few for {taps} taps, or there is no such mode as {mode!r}")
    kernels = [
        k for k, b in zip((filters.rec_lo, filters.rec_hi), (approximation, detail), strict=True) if b is not None
    ]
    return in_float32(lambda *bands: _synthesised(bands, kernels, mode), *present)


def in_float32(function: Callable[..., Outcome], *arrays: Float[Array, "*batch _"]) -> Outcome:
    """Half precision is computed in float32 and given back as it came."""
    arrays = tuple(jnp.asarray(x) for x in arrays)
    dtype = jnp.result_type(*arrays)
    if not jnp.issubdtype(dtype, jnp.inexact):
        raise ValueError(f"samples and coefficients must be floating-point numbers, not {dtype}")
    wide = jnp.promote_types(dtype, jnp.float32)
    return jax.tree.map(lambda x: x.astype(dtype), function(*(x.astype(wide) for x in arrays)))


def _analysed(signal: Array, filters: Wavelet, mode: Boundary) -> Bands:
    time, taps = signal.shape[-1], len(filters.dec_lo)
    if mode == "periodization":
        count, before = -(-time // 2), taps // 2 - 1
    else:
        count, before = (time + taps - 1) // 2, taps - 2
    padded = extend(signal, before, 2 * (count - 1) + taps - before - time, mode)
    phases = padded[..., ::2], padded[..., 1::2]
    bands = []
    for kernel in (filters.dec_lo, filters.dec_hi):
        taken = [(weight, taps - 1 - k) for k, weight in enumerate(kernel) if weight]
        terms = (float(weight) * phases[at % 2][..., at // 2 : at // 2 + count] for weight, at in taken)
        bands.append(sum(terms))
    return Bands(*bands)


def _synthesised(bands: Sequence[Array], kernels: Sequence[np.ndarray], mode: Boundary) -> Array:
    """Sample 2q + p is the sum over s of kernel[taps - 2 + p - 2s] * band[q + s], of either band."""
    taps, skipped, length = len(kernels[0]), 0, None
    if mode == "periodization":
        length = 2 * bands[0].shape[-1]
        before = taps // 4
        skipped = 2 * before - taps // 2 + 1
        bands = [framing.pad(band, before, taps // 2 - 1 + skipped - before, "wrap") for band in bands]
    count = bands[0].shape[-1] - taps // 2 + 1
    phases = []
    for p in (0, 1):
        taken = [
            (band, float(kernel[taps - 2 + p - 2 * s]), s)
            for band, kernel in zip(bands, kernels, strict=True)
            for s in range(taps // 2)
        ]
        phases.append(sum(weight * band[..., s : s + count] for band, weight, s in taken if weight))
    signal = jnp.stack(phases, axis=-1).reshape(*bands[0].shape[:-1], 2 * count)
    return signal if length is None else signal[..., skipped : skipped + length]


def dwt_max_level(length: int, wavelet: str | Wavelet) -> int:
    """The most levels at which at least one coefficient does not touch what lies beyond the ends; PyWavelets'."""
    taps = len(wavelet_filters.wavelet(wavelet).dec_lo)
    return max(0, (length // (taps - 1)).bit_length() - 1)


def wavedec(
    signal: Float[Array, "*batch time"],
    wavelet: str | Wavelet,
    *,
    level: int | None = None,
    mode: Boundary = "symmetric",
) -> list[Float[Array, "*batch _"]]:
    """The approximation taken apart again and again: [approximation, coarsest detail, …, finest], as `pywt.wavedec`.

    Args:
        level: how many times, zero or more; None: `dwt_max_level`. More than that only says the edges again.
    """
    level = dwt_max_level(signal.shape[-1], wavelet) if level is None else level
    if level < 0:
        raise ValueError(f"a transform has no fewer than 0 levels, not {level}")
    details, rest = [], jnp.asarray(signal)
    for _ in range(level):
        rest, detail = dwt(rest, wavelet, mode=mode)
        details.append(detail)
    return [rest, *reversed(details)]


def waverec(
    coefficients: Sequence[Float[Array, "*batch _"] | None],
    wavelet: str | Wavelet,
    *,
    mode: Boundary = "symmetric",
    length: int | None = None,
) -> Float[Array, "*batch time"]:
    """The inverse of `wavedec`, equal to `pywt.waverec`; details that are None are silent.

    Args:
        length: samples of the signal; None: one more if their number was odd.

    Raises:
        ValueError: no approximation, lengths that do not belong together, or fewer samples than `length`.
    """
    if not len(coefficients) or coefficients[0] is None:
        raise ValueError("want the approximation and then the details, coarsest first")
    signal = jnp.asarray(coefficients[0])
    for detail in coefficients[1:]:
        if detail is not None and signal.shape[-1] == detail.shape[-1] + 1:
            signal = signal[..., :-1]  # of an odd number of samples, taken apart
        signal = idwt(signal, detail, wavelet, mode=mode)
    return shortened(signal, length)


def shortened(signal: Float[Array, "*batch time"], length: int | None) -> Float[Array, "*batch _"]:
    """The first `length` samples (None: all), or a ValueError if there are not as many."""
    if length is not None and not 0 <= length <= signal.shape[-1]:
        raise ValueError(f"{length} samples were asked for, but the coefficients make {signal.shape[-1]}")
    return signal[..., :length]
