"""Constant-Q and variable-Q transforms and their inverses: geometrically spaced bins, each with a window of its own.

X[t, k] = s_k sum_n x[t hop + n] conj(a_k[n]), a_k[n] = w(n / L_k) e^{2 pi i n f_k / rate} / norm, over the L_k samples
around n = 0 (Brown, 1991); L_k = filter_scale rate / (alpha f_k + gamma), alpha being the relative bandwidth of a bin,
and s_k = sqrt(L_k), or L_k without `scale`. In librosa's convention (Schörkhuber and Klapuri, 2010) every octave is
computed by the same kernels on a signal of half the rate, the kernels being cut in the frequency domain.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from audiozoo.signal import half_band
from audiozoo.signal.constant_q_bank import Bank, Octave, analysis_plan, synthesis_plan
from audiozoo.signal.framing import PadMode, pad, weighted_overlap_add
from audiozoo.signal.notes import equal_temperament, note_to_hz
from audiozoo.signal.precision import EXACT, product, widened
from audiozoo.signal.windows import WindowSpec

Method = Literal["recursive", "direct"]
Resampler = Callable[[Array, int, int], Array]  # of a signal, by `up` over `down`

_BLOCK_SAMPLES = 128  # that a block of frames steps over, about
_MATRIX = 2**20  # elements of a block's matrix, at most
_UNROLLED = 64  # matrix products that are written out; more are looped over
_PASSBAND = 0.97  # of a half-band filter, at most


def cqt(
    signal: Float[Array, "*batch time"],
    sample_rate: float,
    *,
    hop_length: int = 512,
    fmin: float | None = None,
    n_bins: int = 84,
    bins_per_octave: int = 12,
    tuning: float = 0.0,
    filter_scale: float = 1.0,
    norm: float | None = 1.0,
    sparsity: float = 0.01,
    window: WindowSpec = "hann",
    scale: bool = True,
    pad_mode: PadMode = "constant",
    method: Method = "recursive",
    resampler: Resampler | None = None,
) -> Complex[Array, "*batch frames n_bins"]:
    """Constant-Q transform: `vqt` with a `gamma` of zero, whose arguments it shares; equal to `librosa.cqt`.

    Raises:
        ValueError: a setting makes no sense, or a bin reaches beyond half the sample rate.
    """
    return vqt(
        signal,
        sample_rate,
        hop_length=hop_length,
        fmin=fmin,
        n_bins=n_bins,
        intervals=equal_temperament(bins_per_octave),
        gamma=0.0,
        tuning=tuning,
        filter_scale=filter_scale,
        norm=norm,
        sparsity=sparsity,
        window=window,
        scale=scale,
        pad_mode=pad_mode,
        method=method,
        resampler=resampler,
    )


def vqt(
    signal: Float[Array, "*batch time"],
    sample_rate: float,
    *,
    hop_length: int = 512,
    fmin: float | None = None,
    n_bins: int = 84,
    intervals: int | Sequence[float] = 12,
    gamma: float | None = None,
    tuning: float = 0.0,
    filter_scale: float = 1.0,
    norm: float | None = 1.0,
    sparsity: float = 0.01,
    window: WindowSpec = "hann",
    scale: bool = True,
    pad_mode: PadMode = "constant",
    method: Method = "recursive",
    resampler: Resampler | None = None,
) -> Complex[Array, "*batch frames n_bins"]:
    """Variable-Q transform (Schörkhuber et al., 2014): low bins are wider, and so shorter; equal to `librosa.vqt`.

    Frame `t` is centred on sample `t * hop_length`. There are 1 + time // hop_length frames, sometimes one more where
    the rate is halved before the first octave, as librosa has it. Linear in the length.

    Args:
        signal: samples; half precision is computed in float32.
        sample_rate: in hertz.
        hop_length: samples between frames. The rate can be halved as often as this can.
        fmin: frequency of the lowest bin in hertz; None: C1, 32.7 Hz.
        n_bins: number of bins.
        intervals: frequencies of an octave's bins as rising ratios; a number: so many of equal temperament.
        gamma: hertz by which every band is wider than `filter_scale` of the constant-Q one; None: as the ear has it,
            24.7 / 0.108 alpha (Glasberg and Moore, 1990); 0: a constant-Q transform.
        tuning: shift of `fmin` in bins.
        filter_scale: of all lengths; less than one is sharper in time.
        norm: order of the norm that each kernel is divided by; None: not at all.
        sparsity: share of a kernel's spectral magnitude that is left out, the smallest values first ("recursive").
        window: of the kernels.
        scale: multiply by the square root of the filter's length, so that noise is white; else by the length.
        pad_mode: what lies beyond the ends, in every octave.
        method: "recursive" halves the rate from octave to octave; "direct" is the definition, at the full rate.
        resampler: halves the rate, called as (signal, 1, 2**n) with the factor still to apply. None: a half-band filter
            as long as the bins need. Only for "recursive".

    Raises:
        ValueError: a setting makes no sense, or a bin reaches beyond half the sample rate.
    """
    bank = _bank(
        sample_rate,
        hop_length,
        fmin,
        n_bins,
        intervals,
        gamma,
        tuning,
        filter_scale,
        norm,
        sparsity,
        window,
        scale,
        method,
    )
    signal = jnp.asarray(signal)
    if not jnp.issubdtype(signal.dtype, jnp.floating) or not signal.ndim:
        raise ValueError(f"samples must be real floating-point numbers along an axis, not {signal.dtype}{signal.shape}")
    return _analyse(signal, bank, pad_mode, resampler)


def icqt(
    spectrum: Complex[Array, "*batch frames n_bins"],
    sample_rate: float,
    *,
    hop_length: int = 512,
    fmin: float | None = None,
    bins_per_octave: int = 12,
    tuning: float = 0.0,
    filter_scale: float = 1.0,
    norm: float | None = 1.0,
    sparsity: float = 0.01,
    window: WindowSpec = "hann",
    scale: bool = True,
    length: int | None = None,
    resampler: Resampler | None = None,
) -> Float[Array, "*batch time"]:
    """A signal of which `spectrum` is about the constant-Q transform: `ivqt` with a `gamma` of zero; `librosa.icqt`.

    Raises:
        ValueError: a setting makes no sense.
    """
    return ivqt(
        spectrum,
        sample_rate,
        hop_length=hop_length,
        fmin=fmin,
        intervals=equal_temperament(bins_per_octave),
        gamma=0.0,
        tuning=tuning,
        filter_scale=filter_scale,
        norm=norm,
        sparsity=sparsity,
        window=window,
        scale=scale,
        length=length,
        resampler=resampler,
    )


def ivqt(
    spectrum: Complex[Array, "*batch frames n_bins"],
    sample_rate: float,
    *,
    hop_length: int = 512,
    fmin: float | None = None,
    intervals: int | Sequence[float] = 12,
    gamma: float | None = None,
    tuning: float = 0.0,
    filter_scale: float = 1.0,
    norm: float | None = 1.0,
    sparsity: float = 0.01,
    window: WindowSpec = "hann",
    scale: bool = True,
    length: int | None = None,
    resampler: Resampler | None = None,
) -> Float[Array, "*batch time"]:
    """A signal of which `spectrum` is about the `vqt` with the same settings, in librosa's construction.

    Every bin is projected back through its own kernel over its power, and overlapping frames are averaged: not exact,
    the better the smaller the hop beside the shortest filter. Nothing comes back from outside the bins.

    Args:
        length: samples to return, the rest being cut or zero. None: hop_length * (frames - 1).
        resampler: raises the rate of each octave, called as (signal, 2**n, 1). None: half-band filters from octave to
            octave.

    Raises:
        ValueError: a setting makes no sense.
    """
    bins = spectrum.shape[-1] if spectrum.ndim > 1 else 0
    bank = _bank(
        sample_rate,
        hop_length,
        fmin,
        bins,
        intervals,
        gamma,
        tuning,
        filter_scale,
        norm,
        sparsity,
        window,
        scale,
        "recursive",
    )
    return _synthesise(spectrum, bank, length, resampler)


def harmonic_cqt(
    signal: Float[Array, "*batch time"],
    sample_rate: float,
    *,
    harmonics: Sequence[float] = (0.5, 1, 2, 3, 4, 5),
    hop_length: int = 256,
    fmin: float | None = None,
    n_bins: int = 360,
    bins_per_octave: int = 60,
    filter_scale: float = 1.0,
    method: Method = "recursive",
) -> Complex[Array, "*batch frames n_bins harmonics"]:
    """Constant-Q transforms from multiples of `fmin`: a note's harmonics meet in one bin (Bittner et al., 2017).

    Args:
        signal: samples.
        sample_rate: in hertz.
        harmonics: multiples of `fmin`; below one: sub-harmonics.
        hop_length, fmin, n_bins, bins_per_octave, filter_scale, method: as in `cqt`; by default Bittner's.

    Raises:
        ValueError: no harmonics, a setting makes no sense, or a bin reaches beyond half the sample rate.
    """
    if not harmonics or min(harmonics) <= 0:
        raise ValueError(f"harmonics are positive multiples, at least one, not {tuple(harmonics)}")
    lowest = note_to_hz("C1") if fmin is None else fmin
    layers = [
        cqt(
            signal,
            sample_rate,
            hop_length=hop_length,
            fmin=lowest * harmonic,
            n_bins=n_bins,
            bins_per_octave=bins_per_octave,
            filter_scale=filter_scale,
            method=method,
        )
        for harmonic in harmonics
    ]
    frames = min(layer.shape[-2] for layer in layers)
    return jnp.stack([layer[..., :frames, :] for layer in layers], axis=-1)


def _bank(
    sample_rate: float,
    hop_length: int,
    fmin: float | None,
    n_bins: int,
    intervals: int | Sequence[float],
    gamma: float | None,
    tuning: float,
    filter_scale: float,
    norm: float | None,
    sparsity: float,
    window: WindowSpec,
    scale: bool,
    method: Method,
) -> Bank:
    if method not in ("recursive", "direct"):
        raise ValueError(f"method is 'recursive' or 'direct', not {method!r}")
    ratios = equal_temperament(intervals) if isinstance(intervals, int) else tuple(map(float, intervals))
    lowest = (note_to_hz("C1") if fmin is None else float(fmin)) * 2.0 ** (tuning / max(1, len(ratios)))
    return Bank(
        sample_rate=float(sample_rate),
        hop_length=hop_length,
        fmin=lowest,
        n_bins=n_bins,
        intervals=ratios,
        gamma=None if gamma is None else float(gamma),
        filter_scale=float(filter_scale),
        norm=None if norm is None else float(norm),
        sparsity=float(sparsity),
        window=window,
        scale=scale,
        recursive=method == "recursive",
    )


@functools.partial(jax.jit, static_argnames=("bank", "pad_mode", "resampler"))
def _analyse(
    signal: Float[Array, "*batch time"], bank: Bank, pad_mode: PadMode, resampler: Resampler | None
) -> Complex[Array, "*batch frames bins"]:
    """The transform, octave by octave from the top; compiled as a whole, as it is many small steps."""
    signal = widened(signal)
    plan = analysis_plan(bank)
    frames, halvings, parts = 0, 0, []
    for octave in plan:
        if halvings < octave.halvings:
            signal = _slower(signal, bank, octave.bins.stop, halvings, octave.halvings, resampler)
            halvings = octave.halvings
        frames = frames or 1 + signal.shape[-1] // octave.hop_length
        size = len(octave.kernels)
        padded = pad(signal, size // 2, size // 2, pad_mode)
        parts.append(correlate(padded, octave.kernels, octave.hop_length, frames))
    halves = [jnp.split(part, 2, axis=-1) for part in reversed(parts)]
    real, imag = (jnp.concatenate(half, axis=-1) for half in zip(*halves, strict=True))
    return jax.lax.complex(real, imag)


@functools.partial(jax.jit, static_argnames=("bank", "length", "resampler"))
def _synthesise(
    spectrum: Complex[Array, "*batch frames bins"], bank: Bank, length: int | None, resampler: Resampler | None
) -> Float[Array, "*batch time"]:
    """The inverse, octave by octave from the bottom, the rate of the sum doubled on the way."""
    if length is not None:
        spectrum = spectrum[..., : math.ceil((length + bank.lengths.max()) / bank.hop_length), :]
    plan = synthesis_plan(bank)
    total: Array = jnp.zeros((), spectrum.real.dtype)
    halvings = plan[0].halvings
    for octave in plan:
        if resampler is None:
            for level in range(halvings, octave.halvings, -1):
                total = half_band.double(total, passband=_passband(bank, octave.bins.start, level))
            halvings = octave.halvings
        part = _octave_signal(spectrum[..., octave.bins], octave)
        if resampler is not None and octave.halvings:
            part = resampler(part, 2**octave.halvings, 1)
        total = total + part
    for level in range(halvings if resampler is None else 0, 0, -1):
        total = half_band.double(total, passband=_passband(bank, bank.n_bins, level))
    if length is None:
        return total
    return jnp.pad(total, [(0, 0)] * (total.ndim - 1) + [(0, max(0, length - total.shape[-1]))])[..., :length]


def _passband(bank: Bank, bins: int, level: int) -> float:
    """Of the filter between two rates: seven tenths of the way from the highest bin to the lower Nyquist frequency."""
    nyquist = bank.sample_rate / 2 ** (level + 1)
    return float(min(_PASSBAND, 0.7 + 0.3 * bank.cutoffs[:bins].max() / nyquist))


def _slower(signal: Array, bank: Bank, bins: int, have: int, want: int, resampler: Resampler | None) -> Array:
    """The signal of which `bins` are still to be computed, its rate halved from `have` to `want` times."""
    if resampler is not None:
        return resampler(signal, 1, 2 ** (want - have))
    for level in range(have + 1, want + 1):
        signal = half_band.halve(signal, passband=_passband(bank, bins, level))
    return signal


@functools.lru_cache(maxsize=128)
def _frames_per_block(size: int, channels: int, hop_length: int) -> int:
    """As many as step over about `_BLOCK_SAMPLES`, if their matrix is not too large."""
    count = max(1, _BLOCK_SAMPLES // hop_length)
    while count > 1 and count * channels * (size + (count - 1) * hop_length) > _MATRIX:
        count //= 2
    return count


def correlate(
    signal: Float[Array, "*batch time"], kernels: Float[np.ndarray, "size channels"], hop_length: int, frames: int
) -> Float[Array, "*batch frames channels"]:
    """The sum of `size` samples from `t * hop_length` on, times each kernel, for so many frames; zeros after the end.

    Blocks of consecutive frames are products of blocks of samples and a banded matrix: nothing is gathered, no frame is
    ever written out, and the transpose is as cheap.
    """
    size, channels = kernels.shape
    group = _frames_per_block(size, channels, hop_length)
    step, span = group * hop_length, size + (group - 1) * hop_length
    matrix = np.zeros((span, group, channels))
    for i in range(group):
        matrix[i * hop_length : i * hop_length + size, i] = kernels
    rows = jnp.asarray(matrix.reshape(span, -1), signal.dtype)
    count, shifts = -(-frames // group), -(-span // step)
    wanted = (count + shifts - 1) * step
    edges = [(0, 0, 0)] * (signal.ndim - 1) + [(0, wanted - signal.shape[-1], 0)]
    blocks = jax.lax.pad(signal, jnp.zeros((), signal.dtype), edges).reshape(*signal.shape[:-1], -1, step)
    total = _banded_product(blocks, rows, count)
    return total.reshape(*signal.shape[:-1], count * group, channels)[..., :frames, :]


def _banded_product(
    blocks: Float[Array, "*batch blocks step"], rows: Float[Array, "span channels"], count: int
) -> Float[Array, "*batch count channels"]:
    """Of `span` samples from each of the first `count` blocks on: a matrix product for each block that they reach."""
    step, span = blocks.shape[-1], len(rows)
    shifts = -(-span // step)
    if shifts <= _UNROLLED:
        total = jnp.zeros((), blocks.dtype)
        for i in range(shifts):
            some = rows[i * step : (i + 1) * step]
            part = blocks[..., i : i + count, : some.shape[0]]
            total = total + jnp.matmul(part, some, precision=EXACT)
        return total
    rows = jnp.pad(rows, [(0, shifts * step - span), (0, 0)]).reshape(shifts, step, -1)

    def add(total: Array, shift: tuple[Array, Array]) -> tuple[Array, None]:
        part = jax.lax.dynamic_slice_in_dim(blocks, shift[0], count, -2)
        return total + jnp.matmul(part, shift[1], precision=EXACT), None

    start = jnp.zeros((*blocks.shape[:-2], count, rows.shape[-1]), blocks.dtype)
    return jax.lax.scan(add, start, (jnp.arange(shifts), rows))[0]


def _octave_signal(spectrum: Complex[Array, "*batch frames bins"], octave: Octave) -> Float[Array, "*batch time"]:
    """Frames synthesised from an octave's bins, averaged where they overlap, at the octave's own rate."""
    size, frames = len(octave.kernels), spectrum.shape[-2]
    parts = jnp.concatenate([spectrum.real, spectrum.imag], -1)
    made = product(parts, octave.kernels.T)
    return weighted_overlap_add(
        made,
        np.ones(size),
        octave.hop_length,
        start=size // 2,
        length=octave.hop_length * max(0, frames - 1),
        uncovered="zero",
    )
