import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal.framing import (
    centred_frames,
    frame,
    kaldi_frames,
    overlap_add,
    pad,
    standardise_frames,
    weighted_overlap_add,
)


@pytest.mark.parametrize("time, size, hop", [(10, 4, 2), (11, 4, 2), (4, 4, 9), (50, 7, 3)])
def test_frames_are_slices(time, size, hop):
    signal = np.random.default_rng(0).standard_normal((2, 3, time))
    expected = [signal[..., i : i + size] for i in range(0, time - size + 1, hop)]
    np.testing.assert_array_equal(frame(jnp.asarray(signal), size, hop), np.float32(np.stack(expected, axis=-2)))


@pytest.mark.parametrize("time, size, hop", [(0, 4, 2), (9, 4, 3), (9, 5, 3)])
def test_centred_frames_have_their_sample_in_the_middle(time, size, hop):
    signal = jnp.arange(1.0, time + 1)
    frames = centred_frames(signal, size, hop)
    assert frames.shape == (1 + time // hop, size)
    middle = frames[:, size // 2]
    np.testing.assert_array_equal(middle, [i * hop + 1 if i * hop < time else 0 for i in range(len(frames))])


@pytest.mark.parametrize("size, hop", [(0, 1), (1, 0), (-1, 1), (1, -2)])
def test_frames_of_no_size_are_refused(size, hop):
    for function in (frame, kaldi_frames, functools.partial(kaldi_frames, snip_edges=False)):
        with pytest.raises(ValueError, match="positive"):
            function(jnp.zeros(3), size, hop)
    with pytest.raises(ValueError, match="positive"):
        overlap_add(jnp.zeros((2, abs(size))), min(hop, 0))


def test_a_signal_shorter_than_a_frame_has_none():
    assert frame(jnp.zeros((2, 3)), 4, 1).shape == (2, 0, 4)
    assert frame(jnp.zeros((2, 0)), 4, 7).shape == (2, 0, 4)


@settings(max_examples=40)
@given(
    st.integers(0, 9),
    st.integers(0, 30),
    st.integers(0, 30),
    st.sampled_from(["reflect", "constant", "edge", "symmetric", "wrap"]),
)
def test_padding_is_numpy_s(time, before, after, mode):
    signal = np.arange(1.0, time + 1, dtype=np.float32)
    expected = np.pad(signal, (before, after), mode if time else "constant")
    np.testing.assert_array_equal(jax.jit(lambda x: pad(x, before, after, mode))(signal), expected)


@settings(max_examples=30)
@given(st.integers(0, 6), st.integers(1, 40), st.integers(1, 50))
def test_overlap_add_is_the_transpose_of_framing(count, size, hop):
    frames = np.random.default_rng(count).standard_normal((2, count, size)).astype(np.float32)
    expected = np.zeros((2, (count - 1) * hop + size if count else 0), np.float32)
    for i in range(count):
        expected[:, i * hop : i * hop + size] += frames[:, i]
    ours = jax.jit(lambda x: overlap_add(x, hop))(frames)
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_overlap_add_differentiates_to_framing():
    weights = jnp.arange(3.0 * 16 + 40)
    for hop in (16, 2):  # written out, and as a loop
        weights = jnp.arange(3.0 * hop + 40)
        gradient = jax.grad(lambda x, w=weights, h=hop: overlap_add(x, h) @ w)(jnp.zeros((4, 40)))
        np.testing.assert_array_equal(gradient, frame(weights, 40, hop))


def kaldi_by_definition(signal, size, hop):
    """Kaldi's ExtractWindow, sample by sample: mirror until inside."""
    count = (len(signal) + hop // 2) // hop
    frames = np.zeros((count, size), signal.dtype)
    for i in range(count):
        for j in range(size):
            k = i * hop + hop // 2 - size // 2 + j
            while not 0 <= k < len(signal):
                k = -k - 1 if k < 0 else 2 * len(signal) - 1 - k
            frames[i, j] = signal[k]
    return frames


@settings(max_examples=20)
@given(st.integers(0, 40), st.integers(1, 25), st.integers(1, 25))
def test_kaldi_frames_mirror_the_ends(time, size, hop):
    signal = np.arange(1.0, time + 1, dtype=np.float32)
    ours = jax.jit(lambda x: kaldi_frames(x, size, hop, snip_edges=False))(signal)
    np.testing.assert_array_equal(ours, kaldi_by_definition(signal, size, hop))
    np.testing.assert_array_equal(kaldi_frames(jnp.asarray(signal), size, hop), frame(jnp.asarray(signal), size, hop))


@pytest.mark.parametrize("count", [1, 2, 3, 9])
@pytest.mark.parametrize("size, hop", [(8, 2), (7, 3), (8, 8), (12, 1)])
def test_a_traced_window_divides_like_a_known_one(count, size, hop):
    frames = jnp.asarray(np.random.default_rng(0).standard_normal((count, size)), jnp.float32)
    window = np.hanning(size + 2)[1:-1]
    settings = {"start": 1, "length": (count - 1) * hop + size - 2}
    known = weighted_overlap_add(frames, window, hop, **settings)
    traced = jax.jit(lambda w: weighted_overlap_add(frames, w, hop, **settings))(jnp.asarray(window, jnp.float32))
    np.testing.assert_allclose(traced, known, rtol=1e-5, atol=1e-6)


def test_what_lies_under_no_window_is_an_error_or_zero():
    frames, window = jnp.ones((5, 4)), np.ones(4)
    with pytest.raises(ValueError, match=r"sample 4 .* under no window"):
        weighted_overlap_add(frames, window, 5, start=0, length=24)
    zeros = weighted_overlap_add(frames, window, 5, start=0, length=26, uncovered="zero")
    np.testing.assert_array_equal(zeros, [*[1, 1, 1, 1, 0] * 5, 0])
    with pytest.raises(ValueError, match="cover only 20"):
        weighted_overlap_add(frames, window, 4, start=0, length=30)
    with pytest.raises(ValueError, match="cannot have -1"):
        weighted_overlap_add(frames, window, 4, start=0, length=-1)


def test_standardised_frames_have_unit_variance():
    frames = 3 + 1e-2 * np.random.default_rng(0).standard_normal((5, 64))
    ours = np.asarray(standardise_frames(jnp.asarray(frames)), np.float64)
    np.testing.assert_allclose(ours.mean(1), 0, atol=1e-3)
    np.testing.assert_allclose(ours.std(1, ddof=1), 1, rtol=1e-5)


def test_silent_frames_stay_silent_with_finite_gradients():
    assert not standardise_frames(jnp.zeros((2, 8))).any()
    assert np.isfinite(jax.grad(lambda x: standardise_frames(x).sum())(jnp.zeros((2, 8)))).all()
    assert np.isfinite(standardise_frames(jnp.full((1, 8), 1e-30))).all()
