"""Finite (FIR) filters: convolution with short and long kernels, and design by windows."""

from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from audiozoo.signal import windows
from audiozoo.signal.precision import EXACT, wide_dtype
from audiozoo.signal.state_space import Numbers, numbers

Mode = Literal["full", "same", "valid"]
Band = Literal["lowpass", "highpass", "bandpass", "bandstop"]
_MATRIX_UP_TO = 96  # taps: beyond, transforms beat matrix products on a CPU
_BLOCK = 64


def convolve(
    signal: Float[Array, "*batch time"], kernel: Float[Numbers, "*#batch taps"], *, mode: Mode = "full"
) -> Float[Array, "*batch length"]:
    """Linear convolution over the last axis, linear in the signal's length for kernels of any (`oaconvolve`).

    Short kernels are matrix products; long ones go by FFT and overlap-add, in blocks of a few times the kernel. Either
    way one kernel for all, or one for each signal of the batch.

    Args:
        signal: samples.
        kernel: taps; leading axes broadcast against the signal's.
        mode: "full" is time + taps - 1 long; "same" its centre, as long as the signal; "valid" where the kernel fits
            into the signal, none if it is the longer (scipy would swap the two).

    Raises:
        ValueError: the kernel is empty, or no such mode.
    """
    kernel = numbers(kernel)
    taps, time = kernel.shape[-1], signal.shape[-1]
    if not taps or mode not in ("full", "same", "valid"):
        raise ValueError(f"want a kernel and a mode (full, same, valid), not {taps} taps and {mode!r}")
    dtype = wide_dtype(signal)
    batch = jnp.broadcast_shapes(signal.shape[:-1], kernel.shape[:-1])
    if not time:
        full = jnp.zeros((*batch, taps - 1 if mode == "full" else 0), signal.dtype)
    elif taps <= _MATRIX_UP_TO and kernel.ndim == 1:
        full = _by_matrix(signal.astype(dtype), kernel).astype(signal.dtype)
    else:
        full = _by_transform(signal.astype(dtype), jnp.asarray(kernel, dtype)).astype(signal.dtype)
    if mode == "full" or not time:
        return full
    start = (taps - 1) // 2 if mode == "same" else taps - 1
    return full[..., start : start + (time if mode == "same" else max(0, time - taps + 1))]


def _by_matrix(signal: Array, kernel: Numbers) -> Array:
    taps, length = kernel.shape[0], signal.shape[-1] + kernel.shape[0] - 1
    blocks = -(-length // _BLOCK)
    before = -(-(taps - 1) // _BLOCK) * _BLOCK  # whole blocks, so that rows line up
    delay = np.arange(_BLOCK) - np.arange(-before, _BLOCK)[:, None]  # [from, to]
    xp = jnp if isinstance(kernel, jax.Array) else np
    matrix = xp.where((delay >= 0) & (delay < taps), kernel[np.clip(delay, 0, taps - 1)], 0.0)
    matrix = jnp.asarray(matrix, signal.dtype)
    edges = [(0, 0)] * (signal.ndim - 1) + [(before, blocks * _BLOCK - signal.shape[-1])]
    rows = jnp.pad(signal, edges).reshape(*signal.shape[:-1], -1, _BLOCK)
    total = 0
    for i in range(before // _BLOCK + 1):
        part = matrix[i * _BLOCK : (i + 1) * _BLOCK]
        total += jnp.matmul(rows[..., i : i + blocks, :], part, precision=EXACT)
    return jnp.asarray(total).reshape(*signal.shape[:-1], -1)[..., :length]


def _by_transform(signal: Array, kernel: Array) -> Array:
    """Overlap-add: every block of the signal makes one that is `taps` - 1 longer, which lies over the next."""
    taps, time = kernel.shape[-1], signal.shape[-1]
    size = 1 << max(10, (min(4 * taps, time + taps) - 1).bit_length())
    while size - taps + 1 < taps - 1 and size < time + taps - 1:
        size *= 2
    step = size - taps + 1
    blocks = -(-time // step)
    edges = [(0, 0)] * (signal.ndim - 1) + [(0, blocks * step - time)]
    rows = jnp.pad(signal, edges).reshape(*signal.shape[:-1], blocks, step)
    spectra = jnp.fft.rfft(rows, size) * jnp.fft.rfft(kernel, size)[..., None, :]
    pieces = jnp.fft.irfft(spectra, size)
    if blocks == 1:
        return pieces[..., 0, : time + taps - 1]
    room = [(0, 0)] * (pieces.ndim - 2)
    heads = jnp.pad(pieces[..., :step], [*room, (0, 1), (0, 0)])
    tails = jnp.pad(pieces[..., step:], [*room, (1, 0), (0, step - taps + 1)])
    return (heads + tails).reshape(*pieces.shape[:-2], -1)[..., : time + taps - 1]


def firwin(
    taps: int,
    cutoff: float | Sequence[float],
    *,
    sample_rate: float = 2.0,
    band: Band = "lowpass",
    window: windows.WindowSpec = "hamming",
    scale: bool = True,
) -> Float[np.ndarray, " taps"]:
    """A linear-phase filter of windowed sincs (`scipy.signal.firwin`), a float64 NumPy constant.

    Args:
        taps: how many; odd if half the sample rate is to pass.
        cutoff: one frequency, or the two of a band, at -6 dB, below half of `sample_rate`.
        sample_rate: in the unit of `cutoff`; 2.0 makes that a share of half the sample rate.
        band: what passes (or, "bandstop", does not).
        window: over the sincs.
        scale: the gain is one in the middle of the (first) passband.

    Raises:
        ValueError: frequencies out of order or range, or an even filter that would have to pass half the sample rate.
    """
    edges = np.atleast_1d(np.asarray(cutoff, np.float64)) * 2 / sample_rate
    if taps < 1 or np.any(np.diff([0, *edges, 1]) <= 0):
        raise ValueError(f"want at least one tap and frequencies that rise within (0, {sample_rate / 2}), not {cutoff}")
    if len(edges) != (1 if band in ("lowpass", "highpass") else 2):
        raise ValueError(f"a {band} filter is not made of {len(edges)} frequencies")
    if band in ("highpass", "bandstop") and taps % 2 == 0:
        raise ValueError(f"a {band} filter of even length ({taps}) is zero at half the sample rate; add a tap")
    first_passes = band in ("lowpass", "bandstop")
    borders = [0.0] * first_passes + [*edges] + [1.0] * (first_passes == (len(edges) % 2 == 0))
    time = np.arange(taps) - (taps - 1) / 2
    bands = list(zip(borders[::2], borders[1::2], strict=True))
    h = sum((high * np.sinc(high * time) - low * np.sinc(low * time) for low, high in bands), np.zeros(taps))
    h *= windows.window(window, taps, periodic=False)
    low, high = bands[0]
    middle = 0.0 if low == 0 else 1.0 if high == 1 else (low + high) / 2
    return h / np.sum(h * np.cos(np.pi * time * middle)) if scale else h


def fir_filter(
    signal: Float[Array, "*batch time"], kernel: Float[Numbers, " taps"], *, centred: bool = True
) -> Float[Array, "*batch time"]:
    """The signal through a filter, as long as it was: without the delay of a linear-phase filter, or causal."""
    if centred:
        return convolve(signal, kernel, mode="same")
    return convolve(signal, kernel)[..., : signal.shape[-1]]
