"""Samples in fewer bits: uniform steps with and without dither, and the companding laws of telephony."""

import math
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from audiozoo.signal.precision import wide_dtype, widened

Law = Literal["mu", "a"]
_A = 87.6


def quantise(signal: Float[Array, "*shape"], *, bits: int, key: Key[Array, ""] | None = None) -> Float[Array, "*shape"]:
    """The nearest of 2^bits levels, multiples of 2^(1 - bits) from -1 to just below 1; what is beyond is clipped.

    Rounds half to even. With a `key`, triangular (TPDF) noise of two steps peak to peak is added first, so that the
    mean and the power of the error no longer depend on the signal (Lipshitz, Wannamaker and Vanderkooy, 1992). Its
    gradient is that of the clipping alone (straight through).

    Raises:
        ValueError: not 1 to 24 bits, which is what float32 holds.
    """
    codes = _codes(signal, bits, key)
    step = 2.0 ** (1 - bits)
    wide = signal.astype(codes.dtype)
    passing = jnp.clip(wide, -1, 1 - step)
    return (passing + jax.lax.stop_gradient(codes * step - passing)).astype(signal.dtype)


def quantise_codes(
    signal: Float[Array, "*shape"], *, bits: int, key: Key[Array, ""] | None = None
) -> Int[Array, "*shape"]:
    """The whole numbers, from -2^(bits - 1) to 2^(bits - 1) - 1, that `quantise` stands for."""
    return _codes(signal, bits, key).astype(jnp.int32)


def _codes(signal: Array, bits: int, key: Array | None) -> Array:
    if not 1 <= bits <= 24:
        raise ValueError(f"want 1 to 24 bits, not {bits}")
    half = 2 ** (bits - 1)
    scaled = widened(signal) * half
    if key is not None:
        noise = jax.random.uniform(key, (2, *signal.shape), scaled.dtype)
        scaled = scaled + noise[0] - noise[1]
    return jnp.clip(jnp.round(scaled), -half, half - 1)


def signal_to_noise(
    reference: Float[Array, "*batch time"], signal: Float[Array, "*batch time"], *, ceiling: float = 200.0
) -> Float[Array, "*batch"]:
    """Power of the reference over that of the difference, in dB within ±`ceiling`; of two silences, the ceiling.

    For n-bit quantisation of a full-scale sine it is about 6.02 n + 1.76. Of half precision it is float32.
    """
    dtype = wide_dtype(reference)
    wanted = jnp.sum(jnp.square(reference.astype(dtype)), -1)
    noise = jnp.sum(jnp.square(reference.astype(dtype) - signal.astype(dtype)), -1)
    both = (wanted > 0) & (noise > 0)
    ratio = 10 / math.log(10) * (jnp.log(jnp.where(both, wanted, 1)) - jnp.log(jnp.where(both, noise, 1)))
    silent = jnp.where(noise > 0, -ceiling, ceiling)
    return jnp.where(both, jnp.clip(ratio, -ceiling, ceiling), silent)


def compress(
    signal: Float[Array, "*shape"], *, law: Law = "mu", parameter: float | None = None
) -> Float[Array, "*shape"]:
    """[-1, 1] to [-1, 1] by ITU-T G.711's continuous curves, fine near zero: mu-law (255) or A-law (87.6).

    Raises:
        ValueError: no such law, or a parameter that is not positive (mu) or not above one (A).
    """
    mu = _parameter(law, parameter)
    size = jnp.abs(signal)
    if law == "mu":
        return jnp.sign(signal) * jnp.log1p(mu * size) / math.log1p(mu)
    loud = (1 + jnp.log(mu * jnp.maximum(size, 1 / mu))) / (1 + math.log(mu))
    return jnp.where(size < 1 / mu, signal * (mu / (1 + math.log(mu))), jnp.sign(signal) * loud)


def expand(
    signal: Float[Array, "*shape"], *, law: Law = "mu", parameter: float | None = None
) -> Float[Array, "*shape"]:
    """The inverse of `compress`."""
    mu = _parameter(law, parameter)
    size = jnp.abs(signal)
    if law == "mu":
        return jnp.sign(signal) * jnp.expm1(size * math.log1p(mu)) / mu
    knee = 1 / (1 + math.log(mu))
    loud = jnp.exp(jnp.maximum(size, knee) / knee - 1) / mu
    return jnp.where(size < knee, signal / (mu * knee), jnp.sign(signal) * loud)


def _parameter(law: Law, parameter: float | None) -> float:
    if law not in ("mu", "a"):
        raise ValueError(f"law is 'mu' or 'a', not {law!r}")
    value = (255.0 if law == "mu" else _A) if parameter is None else float(parameter)
    if value <= (law == "a"):
        raise ValueError(f"the parameter of {law}-law is larger than {int(law == 'a')}, not {value}")
    return value


def mu_law_encode(signal: Float[Array, "*shape"], *, levels: int = 256) -> Int[Array, "*shape"]:
    """Mu-law codes 0 to `levels` - 1, mu being levels - 1 (`torchaudio.functional.mu_law_encoding`)."""
    return ((_mu(signal, levels) + 1) / 2 * (levels - 1) + 0.5).astype(jnp.int32)


def mu_law_decode(codes: Int[Array, "*shape"], *, levels: int = 256) -> Float[Array, "*shape"]:
    """The samples that mu-law codes stand for, in float32 (`torchaudio.functional.mu_law_decoding`)."""
    if levels < 2:
        raise ValueError(f"want at least two levels, not {levels}")
    return expand(codes.astype(jnp.float32) / (levels - 1) * 2 - 1, parameter=levels - 1)


def _mu(signal: Array, levels: int) -> Array:
    if levels < 2:
        raise ValueError(f"want at least two levels, not {levels}")
    wide = widened(signal)
    return compress(jnp.clip(wide, -1, 1), parameter=levels - 1)


def g711_encode(samples: Int[Array, "*shape"], *, law: Law = "mu") -> Int[Array, "*shape"]:
    """16-bit samples to the eight bits of the telephone (ITU-T G.711, segments, inverted bits and all), as uint8."""
    _parameter(law, None)
    wide = samples.astype(jnp.int32)
    if law == "mu":
        size = jnp.minimum(jnp.abs(wide >> 2), 8158) + 33  # of 14 bits
        segment = sum(((size > 2**k - 1).astype(jnp.int32) for k in range(6, 13)), jnp.zeros_like(size))
        code = (segment << 4) | ((size >> (segment + 1)) & 15)
        return (jnp.minimum(code, 127) ^ jnp.where(wide < 0, 0x7F, 0xFF)).astype(jnp.uint8)
    narrow = wide >> 3  # of 13 bits
    size = jnp.where(narrow < 0, -narrow - 1, narrow)
    segment = sum(((size > 2**k - 1).astype(jnp.int32) for k in range(5, 12)), jnp.zeros_like(size))
    code = (segment << 4) | ((size >> jnp.maximum(segment, 1)) & 15)
    return (code ^ jnp.where(narrow < 0, 0x55, 0xD5)).astype(jnp.uint8)


def g711_decode(codes: Int[Array, "*shape"], *, law: Law = "mu") -> Int[Array, "*shape"]:
    """The 16-bit samples that G.711's bytes stand for, as int16."""
    _parameter(law, None)
    wide = codes.astype(jnp.int32) ^ (0xFF if law == "mu" else 0x55)
    segment, mantissa = (wide >> 4) & 7, wide & 15
    if law == "mu":
        size = (((mantissa << 3) + 132) << segment) - 132
        return jnp.where(wide & 0x80, -size, size).astype(jnp.int16)
    size = (mantissa << 4) + 8 + jnp.where(segment > 0, 256, 0)
    size = size << jnp.maximum(segment - 1, 0)
    return jnp.where(wide & 0x80, size, -size).astype(jnp.int16)
