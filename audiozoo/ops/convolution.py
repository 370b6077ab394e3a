"""One-dimensional convolution, channels last, by whichever of three ways is fast: they agree to float32 rounding."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_SPECTRAL_FROM = 16  # taps: below it, a direct convolution does as little work
_SPECTRAL_UP_TO = 512  # samples: a dense Fourier matrix pays only for short signals
_BLOCK = 4  # outputs computed together from one stretch of a single-channel signal


def conv1d(
    x: Float[Array, "batch time inputs"],
    kernel: Float[Array, "taps inputs outputs"],
    *,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
) -> Float[Array, "batch shorter outputs"]:
    """`y[t] = sum over q of x[t * stride + q - padding[0]] @ kernel[q]`, with zeros beyond both ends.

    XLA's CPU backend is slow where kernels are about as long as the signal, so there, in float32, the sum is taken in
    the frequency domain, or, for one input channel, as one matrix product of overlapping stretches.

    Raises:
        ValueError: the padded signal is shorter than the kernel, or channels differ.
    """
    (_, time, inputs), (taps, expected, _) = x.shape, kernel.shape
    if inputs != expected:
        raise ValueError(f"x has {inputs} channels, the kernel wants {expected}")
    if time + sum(padding) < taps:
        raise ValueError(f"{time} samples and padding of {padding} are shorter than the kernel of {taps} taps")
    return _chosen(x, kernel, stride, padding)(x, kernel, stride=stride, padding=padding)


def _chosen(x: Array, kernel: Array, stride: int, padding: tuple[int, int]) -> Callable[..., Array]:
    _, time, inputs = x.shape
    taps = len(kernel)
    if jax.default_backend() != "cpu" or x.dtype != jnp.float32 or taps < _SPECTRAL_FROM:
        return direct_conv1d
    if inputs == 1:
        return stretched_conv1d
    short = time <= _SPECTRAL_UP_TO and max(padding) < taps
    return spectral_conv1d if stride == 1 and short else direct_conv1d


def direct_conv1d(
    x: Float[Array, "batch time inputs"],
    kernel: Float[Array, "taps inputs outputs"],
    *,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
) -> Float[Array, "batch shorter outputs"]:
    """`conv1d` by XLA's own convolution."""
    return jax.lax.conv_general_dilated(
        x, kernel, (stride,), [padding], dimension_numbers=jax.lax.ConvDimensionNumbers((0, 2, 1), (2, 1, 0), (0, 2, 1))
    )


def stretched_conv1d(
    x: Float[Array, "batch time 1"],
    kernel: Float[Array, "taps 1 outputs"],
    *,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
) -> Float[Array, "batch shorter outputs"]:
    """`conv1d` of one channel as a matrix product: a stretch of samples gives a few outputs that lie side by side.

    The matrix holds the kernel once for each of those outputs, shifted, so that a sample is copied far less often than
    it is used.
    """
    batch, time, _ = x.shape
    taps, _, outputs = kernel.shape
    count = 1 + (time + sum(padding) - taps) // stride
    blocks = -(-count // _BLOCK)
    span = taps + stride * (_BLOCK - 1)
    room = stride * _BLOCK * (blocks - 1) + span - time - padding[0]
    starts = stride * _BLOCK * np.arange(blocks)[:, None]
    padded = jnp.pad(x[..., 0], ((0, 0), (padding[0], max(room, 0))))
    stretches = padded[:, starts + np.arange(span)]
    shifts = [jnp.pad(kernel[:, 0], ((stride * i, span - taps - stride * i), (0, 0))) for i in range(_BLOCK)]
    y = stretches.reshape(-1, span) @ jnp.concatenate(shifts, axis=1)
    return y.reshape(batch, blocks * _BLOCK, outputs)[:, :count]


def spectral_conv1d(
    x: Float[Array, "batch time inputs"],
    kernel: Float[Array, "taps inputs outputs"],
    *,
    stride: int = 1,
    padding: tuple[int, int] = (0, 0),
) -> Float[Array, "batch shorter outputs"]:
    """`conv1d` in the frequency domain: there, every frequency is one small complex matrix product over the channels.

    The transforms are products with dense real matrices. For long kernels on short signals this is up to twenty times
    less arithmetic than the sum over taps, and all of it is matrix products.
    """
    (batch, time, inputs), (taps, _, outputs) = x.shape, kernel.shape
    count = time + sum(padding) - taps + 1
    first, last = max(0, padding[0] - count + 1), min(taps, padding[0] + time)  # taps that meet a sample at all
    fourier = _fourier(time, count, first - padding[0], last - padding[0])
    samples = x.transpose(1, 0, 2).reshape(time, batch * inputs)  # every transform is then one matrix product
    weights = kernel[first:last].reshape(last - first, inputs * outputs)

    def at_one_frequency(values: tuple[Array, Array, Array, Array]) -> tuple[Array, Array]:
        signal_real, signal_imaginary, kernel_real, kernel_imaginary = values
        parts = jnp.concatenate([signal_real, signal_imaginary]) @ jnp.concatenate(
            [kernel_real, kernel_imaginary], axis=1
        )
        (rr, ri), (ir, ii) = (jnp.split(half, 2, axis=1) for half in jnp.split(parts, 2))
        return rr - ii, ri + ir

    bins = len(fourier.kernel_real)
    real, imaginary = jax.lax.map(  # one product at a time: XLA's CPU backend does not spread batched ones well
        at_one_frequency,
        (
            (fourier.signal_real @ samples).reshape(bins, batch, inputs),
            (fourier.signal_imaginary @ samples).reshape(bins, batch, inputs),
            (fourier.kernel_real @ weights).reshape(bins, inputs, outputs),
            (fourier.kernel_imaginary @ weights).reshape(bins, inputs, outputs),
        ),
    )
    y = jnp.matmul(fourier.inverse, jnp.concatenate([real, imaginary]).reshape(2 * bins, batch * outputs))
    return y.reshape(count, batch, outputs).transpose(1, 0, 2)


class _Fourier(NamedTuple):
    signal_real: np.ndarray  # (bins, time)
    signal_imaginary: np.ndarray
    kernel_real: np.ndarray  # (bins, taps), of the kernel reversed in time
    kernel_imaginary: np.ndarray
    inverse: np.ndarray  # (count, 2 bins), from real and imaginary parts


@functools.cache
def _fourier(time: int, count: int, begin: int, end: int) -> _Fourier:
    """Transforms of a length at which `y[t] = sum of x[t + q] w[q]`, begin <= q < end, does not wrap onto itself."""
    reach = max(time - begin, count + end - 1, time, count)
    length = reach + reach % 2
    angles = 2 * np.pi / length * np.arange(length // 2 + 1)[:, None]
    signal, kernel, out = angles * np.arange(time), angles * np.arange(begin, end), angles * np.arange(count)
    weight = np.full((length // 2 + 1, 1), 2 / length)  # all bins but the first and the last stand for two
    weight[[0, -1]] = 1 / length
    inverse = np.concatenate([weight * np.cos(out), -weight * np.sin(out)]).T
    matrices = (np.cos(signal), -np.sin(signal), np.cos(kernel), np.sin(kernel), inverse)
    return _Fourier(*(matrix.astype(np.float32) for matrix in matrices))
