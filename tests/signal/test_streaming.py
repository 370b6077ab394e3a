import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal.spectral import istft, stft
from audiozoo.signal.streaming import StreamingIstft, StreamingStft

# One jit around a whole stream: the many little shapes of a chunking are then compiled together.
CUTS = st.lists(st.integers(0, 25), min_size=0, max_size=5)
MODES = st.sampled_from(["reflect", "constant", "edge", "symmetric"])


def pieces(array, cuts, axis):
    edges = np.cumsum([0, *cuts, 10_000]).clip(0, array.shape[axis])
    return [jax.lax.slice_in_dim(array, a, b, axis=axis) for a, b in itertools.pairwise(edges)]


def streamed_stft(stream, signal, cuts):
    state, found = stream.initial_state(signal.shape[:-1], signal.dtype), []
    for chunk in pieces(signal, cuts, signal.ndim - 1):
        spectrum, state = stream.stream(chunk, state)
        found.append(spectrum)
    return jnp.concatenate([*found, stream.finish(state)], axis=-2)


def streamed_istft(stream, spectrum, cuts, length):
    state, found = stream.initial_state(spectrum.shape[:-2]), []
    for chunk in pieces(spectrum, cuts, spectrum.ndim - 2):
        samples, state = stream.stream(chunk, state)
        found.append(samples)
    return jnp.concatenate([*found, stream.finish(state, length)], axis=-1)


@settings(max_examples=15)
@given(st.integers(1, 17), st.integers(1, 20), st.integers(0, 70), st.booleans(), MODES, CUTS)
def test_any_chunking_gives_the_offline_spectrum(n_fft, hop, time, center, mode, cuts):
    signal = jnp.asarray(np.random.default_rng(time).standard_normal((2, time)), jnp.float32)
    stream = StreamingStft(n_fft, hop, center=center, pad_mode=mode)
    ours = jax.jit(lambda x: streamed_stft(stream, x, cuts))(signal)
    offline = jax.jit(functools.partial(stft, n_fft=n_fft, hop_length=hop, center=center, pad_mode=mode))(signal)
    assert ours.shape == offline.shape
    np.testing.assert_allclose(ours, offline, atol=1e-5)


@settings(max_examples=15)
@given(st.integers(1, 17), st.integers(1, 20), st.integers(0, 11), st.booleans(), CUTS, st.integers(0, 80))
def test_any_chunking_gives_the_offline_signal(n_fft, hop, frames, center, cuts, length):
    cuts = [cut // 6 for cut in cuts]
    rng = np.random.default_rng(frames)
    parts = rng.standard_normal((2, 2, frames, n_fft // 2 + 1))
    spectrum = jnp.asarray(parts[0] + 1j * parts[1], jnp.complex64)
    window = np.sin(np.pi * (np.arange(n_fft) + 0.5) / n_fft)  # nowhere zero, so that no sample is ill defined
    stream = StreamingIstft(n_fft, hop, window, center, uncovered="zero")
    wanted = None if length % 2 else length
    ours = jax.jit(lambda x: streamed_istft(stream, x, cuts, wanted))(spectrum)
    offline = jax.jit(
        functools.partial(
            istft, n_fft=n_fft, hop_length=hop, window=window, center=center, length=wanted, uncovered="zero"
        )
    )(spectrum)
    # A length shorter than what has been returned already cannot be taken back.
    ours = ours[..., : offline.shape[-1]]
    assert ours.shape == offline.shape
    np.testing.assert_allclose(ours, offline, atol=2e-4)


def test_there_and_back_in_one_stream_is_the_signal():
    signal = jnp.asarray(np.random.default_rng(0).standard_normal(1000), jnp.float32)
    forward, back = StreamingStft(64, 16), StreamingIstft(64, 16)

    @jax.jit
    def both(signal):
        there, here = forward.initial_state(), back.initial_state()
        found = []
        for chunk in pieces(signal, [300, 7, 200], 0):
            spectrum, there = forward.stream(chunk, there)
            samples, here = back.stream(spectrum, here)
            found.append(samples)
        samples, here = back.stream(forward.finish(there), here)
        return jnp.concatenate([*found, samples, back.finish(here, 1000)])

    np.testing.assert_allclose(both(signal), signal, atol=1e-5)


def test_a_steady_stream_is_scanned_and_compiled_once():
    signal = jnp.asarray(np.random.default_rng(0).standard_normal(64 * 20), jnp.float32)
    stream = StreamingStft(48, 16, pad_mode="constant")
    state, first = stream.initial_state(), []
    for chunk in signal[: 64 * 4].reshape(4, 64):
        spectrum, state = stream.stream(chunk, state)
        first.append(spectrum)
    state, rest = jax.lax.scan(lambda s, c: stream.stream(c, s)[::-1], state, signal[64 * 4 :].reshape(16, 64))
    ours = jnp.concatenate([*first, rest.reshape(-1, 25), stream.finish(state)])
    np.testing.assert_allclose(ours, stft(signal, n_fft=48, hop_length=16, pad_mode="constant"), atol=1e-5)


def test_what_cannot_be_streamed_is_refused():
    with pytest.raises(ValueError, match="wrap"):
        StreamingStft(8, 2, pad_mode="wrap")
    with pytest.raises(ValueError, match="under no window"):
        StreamingIstft(8, 16)
    with pytest.raises(ValueError, match="positive"):
        StreamingStft(8, 0)
    stream, back = StreamingStft(8, 2), StreamingIstft(8, 2)
    with pytest.raises(ValueError, match="does not continue"):
        stream.stream(jnp.zeros((2, 9)), stream.initial_state((3,)))
    with pytest.raises(ValueError, match="does not continue"):
        back.stream(jnp.zeros((2, 4), jnp.complex64), back.initial_state())
    with pytest.raises(ValueError, match="cover"):
        back.finish(back.stream(jnp.zeros((2, 5), jnp.complex64), back.initial_state())[1], 100)
