"""Waveforms as they might have been recorded: noise, rooms, levels, speeds, pitches, losses, mixtures.

Pure functions, key first. Every row draws its own, from the key, its index in the batch and its valid samples alone:
neither padding nor batch-mates change what becomes of it. What lies behind a row's length counts as silence and comes
back as zeros. Settings are drawn in float32, so that signals of every dtype meet the same.
"""

import functools
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from audiozoo.signal.fir import convolve, firwin
from audiozoo.signal.levels import safe_sqrt
from audiozoo.signal.phase import pitch_shift
from audiozoo.signal.precision import wide_dtype
from audiozoo.signal.quantisation import Law, compress, expand, quantise
from audiozoo.signal.resampling import resample
from audiozoo.signal.rows import Clips, Range, by_row, check_range, clear, draw, draw_whole, full_lengths

Level = Literal["direct", "rms", "response"]
Lengths = Int[Array, "*batch"] | None
Signal = Float[Array, "*batch time"]
COLOURS = {"white": 0.0, "pink": 1.0, "brown": 2.0, "blue": -1.0, "violet": -2.0}


def mix_at_snr(
    signal: Signal, noise: Float[Array, "*#batch time"], lengths: Lengths = None, *, snr_db: float | Array
) -> Signal:
    """signal + a noise, a such that the power of the signal over that of the noise is `snr_db` over the valid part.

    `torchaudio.functional.add_noise`, which puts noise into the padding as well. Beside a silent signal the noise is
    silent, too, and silent noise adds nothing; gradients there are those of the signal alone.

    Args:
        signal: samples.
        noise: as many; leading axes broadcast against the signal's.
        lengths: valid samples of each row; None: all.
        snr_db: one, or one for each row.

    Raises:
        ValueError: the noise has another length.
    """
    if signal.shape[-1] != noise.shape[-1]:
        raise ValueError(f"signal and noise are equally long, not {signal.shape[-1]} and {noise.shape[-1]} samples")
    lengths = full_lengths(signal.shape[:-1], signal.shape[-1], lengths)
    dtype = wide_dtype(signal)
    wide, noise = (clear(jnp.broadcast_to(x, signal.shape).astype(dtype), lengths) for x in (signal, noise))
    energy, unwanted = (jnp.sum(jnp.square(x), -1) for x in (wide, noise))
    heard = (energy > 0) & (unwanted > 0)
    scale = jnp.sqrt(jnp.where(heard, energy, 1) / jnp.where(heard, unwanted, 1)) * 10 ** (-jnp.asarray(snr_db) / 20)
    return (wide + jnp.where(heard, scale, 0).astype(dtype)[..., None] * noise).astype(signal.dtype)


def add_noise(
    key: Key[Array, ""], signal: Signal, noise: Array, lengths: Lengths = None, *, snr_db: Range = (5.0, 20.0)
) -> Signal:
    """`mix_at_snr` with a piece of noise, from a random sample on and round and round if it is the shorter.

    Args:
        key: for all rows.
        signal: samples.
        noise: (…, samples), of any length but zero; leading axes broadcast against the signal's.
        lengths: valid samples of each row; None: all.
        snr_db: one for all, or the range that each row's is drawn from.

    Raises:
        ValueError: there is no noise, or a range falls.
    """
    check_range("snr_db", snr_db)
    if not noise.shape[-1]:
        raise ValueError("noise has no samples")
    rows = jnp.broadcast_to(noise, (*signal.shape[:-1], noise.shape[-1]))

    def add(key: Array, row: Array, length: Array, noise: Array) -> Array:
        first, second = jax.random.split(key)
        start = draw_whole(first, 0, noise.shape[0])
        piece = noise[(start + jnp.arange(row.shape[0])) % noise.shape[0]]
        return mix_at_snr(row, piece, length, snr_db=draw(second, snr_db))

    return by_row(add, key, signal, lengths, rows)


def coloured_noise(
    key: Key[Array, ""], shape: Sequence[int], *, exponent: float | str = "pink", taps: int = 4097
) -> Float[Array, "*batch time"]:
    """Gaussian noise of unit variance whose power falls as 1 / frequency^`exponent`, by rows like everything here.

    White noise through a linear-phase filter: the law holds from about two `taps`-ths of the sample rate up, and below
    it is flat. Longer noise of the same key begins with the same samples.

    Args:
        key: for all rows.
        shape: (…, time).
        exponent: within [-3, 3], or a name: white 0, pink 1, brown 2, blue -1, violet -2.
        taps: of the filter, odd.

    Raises:
        ValueError: no such colour, or `taps` is even.
    """
    power = COLOURS.get(exponent) if isinstance(exponent, str) else float(exponent)
    if power is None or not abs(power) <= 3 or taps < 3 or taps % 2 == 0:
        raise ValueError(
            f"want an exponent within [-3, 3] or one of {', '.join(COLOURS)}, and odd taps, not {exponent!r} and {taps}"
        )

    def noise(key: Array, row: Array, length: Array) -> Array:
        if not power:
            return jax.random.normal(key, row.shape, row.dtype)
        white = jax.random.normal(key, (row.shape[0] + taps - 1,), row.dtype)
        return convolve(white, _colour(power, taps), mode="valid")

    return by_row(noise, key, jnp.zeros(shape), None)


@functools.cache
def _colour(exponent: float, taps: int) -> Float[np.ndarray, " taps"]:
    bins = np.arange(taps // 2 + 1, dtype=np.float64)
    bins[0] = 0 if exponent < 0 else 1
    response = np.fft.fftshift(np.fft.irfft(bins ** (-exponent / 2), taps)) * np.hanning(taps + 2)[1:-1]
    return response / np.sqrt(np.sum(response**2))


def reverberate(
    signal: Signal, response: Float[Array, "*#batch taps"], lengths: Lengths = None, *, level: Level = "direct"
) -> Signal:
    """A signal as heard in a room, its direct sound when and as loud as it was; what rings behind its end is cut.

    The direct sound is the largest tap of the impulse response, and what comes before it is kept.

    Args:
        signal: samples.
        response: of the room (`room_impulse_response`); leading axes broadcast against the signal's.
        lengths: valid samples of each row; None: all.
        level: "direct": the direct sound's gain is one; "rms": the whole is as loud as the signal was, over the valid
            part; "response": as the response has it. A silent response gives silence.

    Raises:
        ValueError: the response is empty, or no such level.
    """
    if level not in get_args(Level) or not response.shape[-1]:
        raise ValueError(
            f"want a response of some taps and a level of {', '.join(get_args(Level))}, not {response.shape}, {level!r}"
        )
    lengths = full_lengths(signal.shape[:-1], signal.shape[-1], lengths)
    dtype = wide_dtype(signal)
    wide, response = clear(signal.astype(dtype), lengths), response.astype(dtype)
    direct = jnp.argmax(jnp.abs(response), -1)
    if level == "direct":
        gain = jnp.take_along_axis(response, direct[..., None], -1)
        response = response / jnp.where(gain == 0, 1, gain)
    whole = convolve(wide, response)
    place = jnp.broadcast_to(direct, signal.shape[:-1])[..., None] + jnp.arange(signal.shape[-1])
    heard = clear(jnp.take_along_axis(whole, place, -1), lengths)
    if level == "rms":
        before, after = (safe_sqrt(jnp.sum(jnp.square(x), -1, keepdims=True)) for x in (wide, heard))
        heard = heard * (before / jnp.where(after > 0, after, 1))
    return heard.astype(signal.dtype)


def random_room(
    key: Key[Array, ""],
    signal: Signal,
    responses: Float[Array, "rooms taps"],
    lengths: Lengths = None,
    *,
    level: Level = "direct",
) -> Signal:
    """`reverberate` with one of several impulse responses for each row."""
    responses = jnp.asarray(responses)
    return by_row(
        lambda key, row, length: reverberate(
            row, responses[draw_whole(key, 0, responses.shape[0])], length, level=level
        ),
        key,
        signal,
        lengths,
    )


def random_gain(
    key: Key[Array, ""], signal: Signal, lengths: Lengths = None, *, gain_db: Range = (-12.0, 12.0)
) -> Signal:
    """Louder or softer by so many dB, uniform in the range.

    Raises:
        ValueError: the range falls.
    """
    check_range("gain_db", gain_db)
    return by_row(lambda key, row, length: row * _amplitude(draw(key, gain_db)), key, signal, lengths)


def _amplitude(db: Array) -> Array:
    return 10 ** (db / 20)


def random_polarity(
    key: Key[Array, ""], signal: Signal, lengths: Lengths = None, *, probability: float = 0.5
) -> Signal:
    """Upside down, with a probability.

    Raises:
        ValueError: the probability is not in [0, 1].
    """
    check_range("probability", probability, least=0, most=1)
    return by_row(
        lambda key, row, length: jnp.where(jax.random.bernoulli(key, jnp.float32(probability)), -row, row),
        key,
        signal,
        lengths,
    )


def random_speed(
    key: Key[Array, ""],
    signal: Signal,
    lengths: Lengths = None,
    *,
    factors: Sequence[float] = (0.9, 1.0, 1.1),
    resampler: Callable[..., Array] = resample,
) -> Clips:
    """Played faster or slower, pitch and all (Ko et al., 2015): ⌈length / factor⌉ samples, padded for the slowest.

    Args:
        key: for all rows.
        signal: samples.
        lengths: valid samples of each row; None: all.
        factors: each row draws one; taken as fractions with denominators up to 1000.
        resampler: `resample_sinc` for the numbers of `torchaudio.functional.speed`.

    Raises:
        ValueError: no factors, or one that is not within [0.1, 10].
    """
    if not factors or not all(0.1 <= factor <= 10 for factor in factors):
        raise ValueError(f"want factors within [0.1, 10], not {tuple(factors)}")
    ratios = [Fraction(factor).limit_denominator(1000) for factor in factors]
    time = max(-(-signal.shape[-1] * r.denominator // r.numerator) for r in ratios)

    def play(ratio: Fraction, row: Array, length: Array) -> Clips:
        up, down = ratio.denominator, ratio.numerator
        played = resampler(row, source_rate=down, target_rate=up)
        whole, rest = length // down, length % down  # apart, as their products with `up` fit into 32 bits
        return Clips(jnp.pad(played, (0, time - played.shape[0])), whole * up - (-(rest * up) // down))

    branches = [functools.partial(play, ratio) for ratio in ratios]
    return by_row(lambda key, row, length: _one(branches, key, row, length), key, signal, lengths, in_turn=True)


def _one(branches: Sequence[Callable], key: Array, *operands: Array) -> Array | Clips:
    return jax.lax.switch(draw_whole(key, 0, len(branches)), branches, *operands)


def random_pitch(
    key: Key[Array, ""],
    signal: Signal,
    lengths: Lengths = None,
    *,
    steps: Sequence[float] = (-2, -1, 0, 1, 2),
    n_fft: int = 2048,
    hop_length: int = 512,
) -> Signal:
    """Higher or lower by one of several steps in semitones, at the same speed (`pitch_shift`); zero changes nothing.

    Raises:
        ValueError: there are no steps.
    """
    if not steps:
        raise ValueError("want some steps to choose from")

    def shift(step: float, row: Array) -> Array:
        padded = jnp.pad(row, (0, n_fft))  # frames past the end are silent, whether the row is padded or not
        return pitch_shift(padded, step, n_fft=n_fft, hop_length=hop_length)[: row.shape[0]] if step else row

    branches = [functools.partial(shift, step) for step in steps]
    return by_row(lambda key, row, length: _one(branches, key, row), key, signal, lengths, in_turn=True)


def random_band_stop(
    key: Key[Array, ""],
    signal: Signal,
    lengths: Lengths = None,
    *,
    sample_rate: float,
    centre_hz: Range = (200.0, 4000.0),
    width: Range = (0.2, 1.0),
    taps: int = 257,
) -> Signal:
    """Without a band, by a linear-phase filter and without its delay.

    Args:
        key: for all rows.
        signal: samples.
        lengths: valid samples of each row; None: all.
        sample_rate: in hertz.
        centre_hz: of the band, drawn uniformly on the logarithm.
        width: of the band, as a share of its centre; the band ends at half the sample rate.
        taps: of the filter, odd: the more, the steeper (edges are about 3.3 `sample_rate` / `taps` wide).

    Raises:
        ValueError: a range falls, frequencies leave (0, sample_rate / 2), widths leave [0, 2], or even taps.
    """
    check_range("centre_hz", centre_hz, least=1e-3, most=sample_rate / 2)
    check_range("width", width, least=0, most=2)
    if taps < 1 or taps % 2 == 0:
        raise ValueError(f"want an odd number of taps, not {taps}")
    logarithms = (float(np.log(np.min(centre_hz))), float(np.log(np.max(centre_hz))))
    window = np.hamming(taps)
    time = np.arange(taps) - taps // 2

    def stop(key: Array, row: Array, length: Array) -> Array:
        first, second = jax.random.split(key)
        centre, share = jnp.exp(draw(first, logarithms)), draw(second, width)
        low, high = (jnp.clip(centre * (1 + side * share / 2) * 2 / sample_rate, 0, 1) for side in (-1, 1))
        band = high * jnp.sinc(high * time) - low * jnp.sinc(low * time)
        return convolve(row, ((time == 0) - band * window).astype(row.dtype), mode="same")

    return by_row(stop, key, signal, lengths)


def random_clipping(
    key: Key[Array, ""], signal: Signal, lengths: Lengths = None, *, threshold: Range = (0.2, 1.0)
) -> Signal:
    """Cut off above and below a share of the row's own peak.

    Raises:
        ValueError: the range falls or leaves [0, 1].
    """
    check_range("threshold", threshold, least=0, most=1)

    def clip(key: Array, row: Array, length: Array) -> Array:
        limit = draw(key, threshold).astype(row.dtype) * jnp.max(jnp.abs(row), initial=0)
        return jnp.clip(row, -limit, limit)

    return by_row(clip, key, signal, lengths)


def random_codec(
    key: Key[Array, ""],
    signal: Signal,
    lengths: Lengths = None,
    *,
    bits: Sequence[int] = (4, 6, 8),
    law: Law | None = "mu",
    cutoff: float | None = None,
    taps: int = 65,
) -> Signal:
    """As a poor line would leave it: fewer bits, companded like telephony, and without its highs if so wished.

    Gradients pass straight through the rounding. What is beyond [-1, 1] is clipped.

    Args:
        key: for all rows.
        signal: samples in [-1, 1].
        lengths: valid samples of each row; None: all.
        bits: each row draws one number of them.
        law: "mu" or "a", or None for uniform steps.
        cutoff: of a low-pass before, as a share of half the sample rate; None: no low-pass.
        taps: of the low-pass.

    Raises:
        ValueError: no bits to choose from or not 1 to 24 of them, no such law, or a cut-off not within (0, 1).
    """
    if not bits:
        raise ValueError("want some numbers of bits to choose from")

    def code(bits: int, row: Array) -> Array:
        if cutoff is not None:
            row = convolve(row, firwin(taps, cutoff), mode="same")
        if law is None:
            return quantise(row, bits=bits)
        return expand(quantise(compress(row, law=law), bits=bits), law=law)

    branches = [functools.partial(code, number) for number in bits]
    return by_row(lambda key, row, length: _one(branches, key, row), key, signal, lengths, in_turn=True)


def random_crop(key: Key[Array, ""], signal: Signal, lengths: Lengths = None, *, length: int) -> Clips:
    """`length` samples from anywhere in a row's valid part; rows that are shorter come whole, padded.

    Raises:
        ValueError: `length` is not positive.
    """
    if length < 1:
        raise ValueError(f"length is positive, not {length}")

    def crop(key: Array, row: Array, valid: Array) -> Clips:
        start = draw_whole(key, 0, jnp.maximum(valid - length, 0) + 1)
        padded = jnp.pad(row, (0, max(0, length - row.shape[0])))
        return Clips(jax.lax.dynamic_slice(padded, (start,), (length,)), jnp.minimum(valid, length))

    return by_row(crop, key, signal, lengths)


def random_shift(
    key: Key[Array, ""], signal: Signal, lengths: Lengths = None, *, most: int, wrap: bool = True
) -> Signal:
    """Later or earlier by up to `most` samples; what leaves a row's valid part comes back at its other end, or is lost.

    Raises:
        ValueError: `most` is negative.
    """
    if most < 0:
        raise ValueError(f"most is zero or more samples, not {most}")

    def shift(key: Array, row: Array, length: Array) -> Array:
        if not row.shape[0]:
            return row
        place = jnp.arange(row.shape[0]) - draw_whole(key, -most, most + 1)
        turned = row[place % jnp.maximum(length, 1)]
        return turned if wrap else jnp.where((place >= 0) & (place < length), turned, 0)

    return by_row(shift, key, signal, lengths)
