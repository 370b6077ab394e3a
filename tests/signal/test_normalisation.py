import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal.normalisation import StreamingCmvn, cmvn, sliding_cmvn

RNG = np.random.default_rng(0)


def kaldi(features, window, min_window, center, variance):
    """SlidingWindowCmnInternal of Kaldi's feature-functions, frame by frame."""
    frames = len(features)
    out = np.zeros_like(features)
    for t in range(frames):
        start, stop = (t - window // 2, t - window // 2 + window) if center else (t - window, t + 1)
        if start < 0:
            start, stop = 0, stop - start
        if not center and stop > t:
            stop = max(t + 1, min_window)
        if stop > frames:
            start, stop = max(0, start - (stop - frames)), frames
        seen = features[start:stop]
        out[t] = features[t] - seen.mean(0)
        if variance:
            out[t] = out[t] / np.sqrt(np.maximum(seen.var(0), 1e-10)) if len(seen) > 1 else 0
    return out


@settings(max_examples=12)
@given(
    st.sampled_from([0, 1, 2, 17, 40]), st.sampled_from([1, 2, 7, 100]), st.sampled_from([1, 5, 60]), st.booleans(),
    st.booleans(),
)  # fmt: skip
def test_a_sliding_window_is_kaldi_s(frames, window, min_window, center, variance):
    features = RNG.standard_normal((2, frames, 3)) + 5
    options = {"window": window, "min_window": min_window, "center": center, "variance": variance}
    expected = np.stack([kaldi(clip, **options) for clip in features])
    lengths = np.array([frames, frames // 2])
    with jax.enable_x64(True):
        ours = jax.jit(lambda x: sliding_cmvn(x, **options))(features)
        np.testing.assert_allclose(ours, expected, atol=1e-7)
        cut = jax.jit(lambda x, n: sliding_cmvn(x, n, **options))(features, lengths)
    np.testing.assert_allclose(cut[0], expected[0], atol=1e-7)
    np.testing.assert_allclose(cut[1, : frames // 2], kaldi(features[1, : frames // 2], **options), atol=1e-7)
    assert not np.any(cut[1, frames // 2 :])


@settings(max_examples=8)
@given(st.lists(st.sampled_from([1, 4, 33]), max_size=5), st.sampled_from([1, 5, 20]), st.booleans())
def test_a_stream_gives_the_offline_answer(cuts, window, variance):
    features = jnp.asarray(RNG.standard_normal((2, sum(cuts), 3)) + 5, jnp.float32)
    whole = sliding_cmvn(features, window=window, min_window=1, variance=variance)
    normaliser = StreamingCmvn(window=window, variance=variance)
    stream, state = jax.jit(normaliser.stream), normaliser.initial_state(3, (2,))
    pieces, begun = [features[:, :0]], 0
    for count in cuts:
        piece, state = stream(features[:, begun : begun + count], state)
        pieces.append(piece)
        begun += count
    # Where a window holds two frames that are nearly alike, its variance is a difference of nearly equal numbers.
    np.testing.assert_allclose(jnp.concatenate(pieces, 1), whole, rtol=1e-3, atol=2e-3 if variance else 1e-5)


def test_a_stream_of_nothing_and_of_half_precision():
    normaliser = StreamingCmvn(window=4)
    state = normaliser.initial_state(2)
    nothing, state = normaliser.stream(jnp.zeros((0, 2)), state)
    assert nothing.shape == (0, 2) and int(state.seen) == 0
    piece, state = normaliser.stream(jnp.ones((3, 2), jnp.bfloat16), state)
    assert piece.dtype == jnp.bfloat16 and not piece.any() and int(state.seen) == 3


def test_a_clip_has_no_mean_and_unit_variance_whatever_follows_it():
    features = RNG.standard_normal((3, 50, 4)) * 3 + 7
    lengths = np.array([50, 20, 0])
    ours = jax.jit(cmvn)(jnp.asarray(features, jnp.float32), lengths)
    for clip, length in zip(ours, lengths, strict=True):
        if length:
            np.testing.assert_allclose(clip[:length].mean(0), 0, atol=1e-5)
            np.testing.assert_allclose(clip[:length].std(0), 1, rtol=1e-4)
        assert not np.any(clip[length:])
    alone = cmvn(jnp.asarray(features[1, :20], jnp.float32))
    np.testing.assert_allclose(ours[1, :20], alone, atol=1e-5)
    garbage = features.copy()
    garbage[1, 20:] = np.nan
    np.testing.assert_array_equal(jax.jit(cmvn)(jnp.asarray(garbage, jnp.float32), lengths), ours)


def test_mean_and_variance_apart():
    features = jnp.asarray(RNG.standard_normal((30, 2)) * 3 + 7, jnp.float32)
    centred, scaled = cmvn(features, variance=False), cmvn(features, mean=False)
    np.testing.assert_allclose(centred, features - features.mean(0), atol=1e-5)
    np.testing.assert_allclose(scaled, features / features.std(0), rtol=1e-4)
    np.testing.assert_array_equal(cmvn(features, mean=False, variance=False), features)


def test_a_large_offset_costs_no_digits():
    features = RNG.standard_normal((300, 2))
    offset = (features + 1000).astype(np.float32)
    expected = kaldi(offset.astype(np.float64), 50, 10, False, True)
    np.testing.assert_allclose(sliding_cmvn(offset, window=50, min_window=10, variance=True), expected, atol=1e-3)


@pytest.mark.parametrize("function", [cmvn, lambda x: sliding_cmvn(x, window=5, min_window=1, variance=True)])
def test_gradients_are_finite_in_silence(function):
    weights = jnp.asarray(RNG.standard_normal((20, 2)), jnp.float32)
    for features in (jnp.zeros((20, 2)), jnp.full((20, 2), -23.0).at[5].set(1.0)):
        assert np.isfinite(function(features)).all()
        assert np.isfinite(jax.grad(lambda x: (function(x) * weights).sum())(features)).all()
    assert not function(jnp.zeros((20, 2))).any()


def test_gradients_are_right():
    with jax.enable_x64(True):
        features, weights = jnp.asarray(RNG.standard_normal((2, 20, 2)))
        loss = jax.jit(lambda x: (sliding_cmvn(x, window=5, min_window=1, variance=True) * weights).sum())
        step = np.zeros((20, 2))
        step[9, 1] = 1e-6
        gradient = (loss(features + step) - loss(features - step)) / 2e-6
        np.testing.assert_allclose(jax.grad(loss)(features)[9, 1], gradient, rtol=1e-5)


def test_batches_and_dtypes():
    features = jnp.asarray(RNG.standard_normal((2, 3, 12, 4)), jnp.bfloat16)
    lengths = np.array([[12, 3, 1], [0, 5, 12]])
    for function in (cmvn, lambda x, n: sliding_cmvn(x, n, window=3)):
        ours = function(features, lengths)
        assert ours.dtype == jnp.bfloat16
        mapped = jax.jit(jax.vmap(jax.vmap(function)))(features, lengths)
        np.testing.assert_allclose(mapped.astype(np.float32), ours.astype(np.float32), atol=0.03)
        assert function(features[..., :0, :], lengths * 0).shape == (2, 3, 0, 4)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: cmvn(jnp.ones((2, 5, 1)), np.array([5])), "want lengths of"),
        (lambda: cmvn(jnp.ones((5, 1)), floor=0.0), "floor"),
        (lambda: sliding_cmvn(jnp.ones((5, 1)), window=0), "positive, not 0 and 100"),
        (lambda: sliding_cmvn(jnp.ones((5, 1)), min_window=0), "positive"),
        (lambda: StreamingCmvn(window=0), "positive"),
        (lambda: StreamingCmvn().stream(jnp.ones((5, 2)), StreamingCmvn().initial_state(3)), "does not continue"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
