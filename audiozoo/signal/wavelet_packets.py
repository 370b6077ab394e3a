"""All bands taken apart, not only the lowest (wavelet packets), and none thinned out (the stationary transform)."""

import functools
from collections.abc import Sequence
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from audiozoo.signal import framing, wavelet_filters
from audiozoo.signal.discrete_wavelets import Boundary, dwt, idwt, in_float32, shortened
from audiozoo.signal.wavelet_filters import Wavelet

PacketOrder = Literal["frequency", "natural"]


def packet_tree(
    signal: Float[Array, "*batch time"],
    wavelet: str | Wavelet,
    *,
    level: int,
    mode: Boundary = "symmetric",
    order: PacketOrder = "frequency",
) -> Float[Array, "*batch coefficients nodes"]:
    """The full tree of packets at a level (Coifman & Wickerhauser, 1992): 2**level bands of equal width.

    Args:
        level: zero or more; every further one halves the bands.
        order: of the nodes. "frequency": from low to high. "natural": as the tree grows, approximation first
            (`pywt.WaveletPacket.get_level`), where every detail turns the order of the bands below it round.

    Raises:
        ValueError: a level below zero, or no such order, wavelet or mode.
    """
    ranks = _ranks(level, order)
    nodes = jnp.asarray(signal)[..., None, :]
    for _ in range(level):
        pair = jnp.stack(dwt(nodes, wavelet, mode=mode), axis=-2)
        nodes = pair.reshape(*pair.shape[:-3], -1, pair.shape[-1])
    return jnp.moveaxis(nodes[..., ranks, :], -2, -1)


def inverse_packet_tree(
    packets: Float[Array, "*batch coefficients nodes"],
    wavelet: str | Wavelet,
    *,
    mode: Boundary = "symmetric",
    order: PacketOrder = "frequency",
    length: int | None = None,
) -> Float[Array, "*batch time"]:
    """The inverse of `packet_tree`.

    Args:
        length: samples of the signal, from which it is known which of the levels had an odd number; None: none had.

    Raises:
        ValueError: the nodes are not a power of two, or settings that did not make these packets.
    """
    count, nodes = packets.shape[-2:]
    level = nodes.bit_length() - 1
    if nodes != 1 << level:
        raise ValueError(f"a full tree has a power of two of nodes, not {nodes}")
    lengths: Sequence[int | None] = [None] * level
    if length is not None:
        *lengths, made = packet_lengths(length, wavelet, level=level, mode=mode)
        if made != count:
            raise ValueError(f"{length} samples do not make {count} coefficients of {nodes} nodes with mode {mode!r}")
    tree = jnp.moveaxis(jnp.asarray(packets)[..., np.argsort(_ranks(level, order))], -1, -2)
    for wanted in reversed(lengths):
        pair = tree.reshape(*tree.shape[:-2], tree.shape[-2] // 2, 2, tree.shape[-1])
        tree = shortened(idwt(pair[..., 0, :], pair[..., 1, :], wavelet, mode=mode), wanted)
    return tree[..., 0, :]


def packet_lengths(length: int, wavelet: str | Wavelet, *, level: int, mode: Boundary = "symmetric") -> list[int]:
    """How many samples go into each level, and at last how many coefficients come out."""
    taps = len(wavelet_filters.wavelet(wavelet).dec_lo)
    lengths = [length]
    for _ in range(level):
        lengths.append(-(-lengths[-1] // 2) if mode == "periodization" else (lengths[-1] + taps - 1) // 2)
    return lengths


def _ranks(level: int, order: PacketOrder) -> Int[np.ndarray, " nodes"]:
    """The place in the tree of each node in an order; that of frequencies is Gray's code."""
    if level < 0 or order not in ("frequency", "natural"):
        raise ValueError(f"want a level of at least 0 and frequency or natural order, not {level} and {order!r}")
    place = np.arange(1 << level)
    return place if order == "natural" else place ^ place >> 1


def swt(
    signal: Float[Array, "*batch time"], wavelet: str | Wavelet, *, level: int, normalise: bool = False
) -> list[Float[Array, "*batch time"]]:
    """The stationary wavelet transform, "à trous" (Holschneider et al., 1989): no samples are dropped.

    The filters grow by zeros between their taps instead, over a signal that is taken as periodic, so that a delay of
    the signal is a delay of all coefficients. Equal to `pywt.swt(…, trim_approx=True)` where that accepts the length, a
    multiple of 2**level; here it may be any.

    Args:
        normalise: divide the filters by the square root of two, so that orthogonal ones keep the energy (`norm=True`).

    Returns:
        [approximation, coarsest detail, …, finest], each as long as the signal.

    Raises:
        ValueError: a level below zero, no such wavelet, or no sample.
    """
    filters = wavelet_filters.wavelet(wavelet)
    scale = np.sqrt(0.5) if normalise else 1.0
    if level < 0 or not signal.shape[-1]:
        raise ValueError(f"want at least 0 levels and one sample, not {level} and {signal.shape[-1]}")
    details, rest = [], jnp.asarray(signal)
    for j in range(level):
        late = len(filters.dec_lo) // 2 << j
        low, high = (
            in_float32(functools.partial(_dilated, kernels=[scale * kernel], dilation=1 << j, late=late), rest)
            for kernel in (filters.dec_lo, filters.dec_hi)
        )
        details.append(high)
        rest = low
    return [rest, *reversed(details)]


def iswt(
    coefficients: Sequence[Float[Array, "*batch time"]], wavelet: str | Wavelet, *, normalise: bool = False
) -> Float[Array, "*batch time"]:
    """The inverse of `swt`: of all signals, the one whose coefficients are nearest for orthogonal wavelets.

    Raises:
        ValueError: nothing to invert, arrays that are not as long as each other, or no such wavelet.
    """
    filters = wavelet_filters.wavelet(wavelet)
    lengths = {band.shape[-1] for band in coefficients}
    if len(lengths) != 1 or not min(lengths):
        raise ValueError(f"want the approximation and the details, as long as each other, not {sorted(lengths)}")
    scale = np.sqrt(0.5) if normalise else 0.5
    rest, *details = coefficients
    kernels = [scale * filters.rec_lo, scale * filters.rec_hi]
    for j, detail in zip(reversed(range(len(details))), details, strict=True):
        late = len(filters.dec_lo) // 2 - 1 << j
        rest = in_float32(functools.partial(_dilated, kernels=kernels, dilation=1 << j, late=late), rest, detail)
    return jnp.asarray(rest)


def _dilated(*bands: Array, kernels: Sequence[np.ndarray], dilation: int, late: int) -> Array:
    """The sum over bands and k of kernel[k] * band[t + late - k * dilation], periodic."""
    time, reach = bands[0].shape[-1], (len(kernels[0]) - 1) * dilation
    total = 0
    for band, kernel in zip(bands, kernels, strict=True):
        padded = framing.pad(band, reach - late, late, "wrap")
        starts = [(float(weight), reach - k * dilation) for k, weight in enumerate(kernel) if weight]
        total += sum(weight * padded[..., at : at + time] for weight, at in starts)
    return jnp.asarray(total)
