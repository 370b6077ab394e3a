import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal import masking
from audiozoo.signal.masking import frequency_mask, spec_augment, time_mask, time_warp

KEY = jax.random.key(3)
RNG = np.random.default_rng(0)
SMALL = masking.Policy(3, 4, 2, 6, 0.5, 2)


def ones(*shape):
    return jnp.ones(shape)


@functools.cache
def masked_frames(rows=20_000, frames=20, width=7):
    """Which frames a single mask fills, of many rows."""
    masked = jax.jit(lambda key: time_mask(key, ones(rows, frames, 1), width=width))(KEY)
    return np.asarray(masked[..., 0] == 0)


def test_widths_are_uniform_up_to_the_bound_and_stretches_whole():
    masked = masked_frames()
    widths = masked.sum(1)
    counts = np.bincount(widths, minlength=8)
    assert len(counts) == 8
    np.testing.assert_allclose(counts / len(widths), 1 / 8, atol=5 * np.sqrt(0.11 / 20_000))
    edges = np.diff(np.pad(masked.astype(int), ((0, 0), (1, 1))), axis=1)
    assert ((edges == 1).sum(1) == (widths > 0)).all()


def test_starts_are_uniform_on_what_the_paper_says():
    masked = masked_frames()
    starts = masked[masked.sum(1) == 5].argmax(1)
    counts = np.bincount(starts, minlength=15)
    assert len(counts) == 15  # [0, τ - t): 0 to 14
    expected = len(starts) / 15
    assert np.sum((counts - expected) ** 2 / expected) < 40  # chi-squared of 14 degrees: 1 in 4000 above 38
    assert not masked[:, -1].any()


def test_the_mean_share_masked_is_that_of_the_widths():
    assert abs(masked_frames().mean() - 3.5 / 20) < 0.002
    bands = jax.jit(lambda key: frequency_mask(key, ones(20_000, 1, 20), width=7))(KEY)
    assert abs(float((bands == 0).mean()) - 3.5 / 20) < 0.002


def test_rows_are_independent():
    masked = masked_frames().astype(float)
    assert abs(np.corrcoef(masked[:-1, 8], masked[1:, 8])[0, 1]) < 0.03


def test_adaptive_masks_grow_with_the_row():
    masks = jax.jit(lambda f, n: time_mask(KEY, f, n, width=None, share=0.1, count=20, count_share=0.05))
    lengths = np.repeat([0, 9, 40, 200], 500)
    masked = np.asarray(masks(ones(2000, 200, 1), jnp.asarray(lengths))[..., 0] == 0)
    masked = masked & (np.arange(200) < lengths[:, None])
    assert not masked[lengths <= 9].any()  # no frame wide, and no mask
    assert masked[lengths == 40].sum(1).max() == 2 * 4  # two masks of up to four frames
    starts = (np.diff(masked[lengths == 200].astype(int), axis=1) == 1).sum(1)
    assert 5 <= starts.max() <= 10
    # each of ten masks of mean width 10 covers a frame of the middle with a chance of about 10 / 190
    assert abs(masked[lengths == 200][:, 60:140].mean() - (1 - (1 - 10 / 190) ** 10)) < 0.02


SMALL_AUGMENT = jax.jit(functools.partial(spec_augment, policy=SMALL, fill="mean"))


@settings(max_examples=12)
@given(st.integers(0, 12), st.integers(0, 2**31))
def test_padding_and_batch_mates_change_nothing(length, seed):
    key, rng = jax.random.key(seed), np.random.default_rng(seed)
    features = rng.standard_normal((2, 20, 5)).astype(np.float32)
    features[1, length:] = np.nan
    ours = SMALL_AUGMENT(key, features, jnp.array([20, length]))
    assert not ours[1, length:].any() and np.isfinite(ours).all()
    other = np.stack([np.zeros((12, 5), np.float32), features[1, :12]])
    np.testing.assert_allclose(SMALL_AUGMENT(key, other, jnp.array([12, length]))[1], ours[1, :12], atol=2e-6)


def test_jit_and_batches_and_keys():
    features = jnp.asarray(RNG.standard_normal((2, 3, 30, 8)), jnp.float32)
    eager = functools.partial(spec_augment, policy=SMALL)
    augment = jax.jit(eager)
    ours = augment(KEY, features)
    np.testing.assert_allclose(eager(KEY, features), ours, atol=1e-6)
    np.testing.assert_allclose(augment(KEY, features.reshape(6, 30, 8)).reshape(features.shape), ours, atol=1e-6)
    assert not np.allclose(augment(jax.random.key(4), features), ours)
    two = jax.vmap(augment)(jax.random.split(KEY, 2), features)
    np.testing.assert_allclose(two[1], augment(jax.random.split(KEY, 2)[1], features[1]), atol=1e-6)
    single = augment(KEY, features[0, 0])
    np.testing.assert_allclose(single, ours[0, 0], atol=1e-6)
    assert augment(KEY, features[:0]).shape == (0, 3, 30, 8)
    assert augment(KEY, features[:, :, :0]).shape == (2, 3, 0, 8)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64])
def test_dtypes_are_kept_and_meet_the_same(dtype):
    values = RNG.standard_normal((2, 30, 8))
    with jax.enable_x64(dtype == jnp.float64):
        ours = jax.jit(lambda x: spec_augment(KEY, x, policy=SMALL))(jnp.asarray(values, dtype))
        assert ours.dtype == dtype
        ours = np.asarray(ours, np.float64)
    same = jax.jit(lambda x: spec_augment(KEY, x, policy=SMALL))(jnp.asarray(values, jnp.float32))
    np.testing.assert_allclose(ours, same, atol=0.05)


def test_gradients_pass_where_nothing_is_masked():
    features, lengths = jnp.asarray(RNG.standard_normal((3, 20, 4)), jnp.float32), jnp.array([20, 11, 0])
    masks = functools.partial(time_mask, KEY, lengths=lengths, width=8)
    gradient = jax.grad(lambda x: masks(x).sum())(features)
    np.testing.assert_array_equal(gradient, masks(jnp.ones_like(features)))
    whole = jax.jit(jax.grad(lambda x: jnp.square(spec_augment(KEY, x, lengths, policy=SMALL)).sum()))
    assert np.isfinite(whole(features)).all() and not np.any(whole(jnp.zeros_like(features)))


@pytest.mark.parametrize("seed", range(6))
def test_a_warp_is_a_line_to_a_moved_moment_and_one_from_it(seed):
    frames, width = 50, 6
    ramp = jnp.arange(1.0, frames + 1)[:, None]
    warped = np.asarray(jax.jit(lambda key: time_warp(key, ramp, width=width))(jax.random.key(seed)))[:, 0] - 1
    slopes = np.diff(warped)
    assert warped[0] == 0 and abs(warped[-1] - frames + 1) < 1e-4
    bends = np.flatnonzero(np.abs(np.diff(slopes)) > 1e-4) + 1
    assert len(bends) <= 1  # W(t) is of two lines
    if len(bends):
        assert width <= bends[0] <= frames - width - 1
        shift = warped[bends[0]] - bends[0]
        assert abs(shift - round(shift)) < 1e-4 and 0 < abs(round(shift)) <= width


def test_warps_are_uniform_and_reach_their_bounds():
    ramp = jnp.broadcast_to(jnp.arange(1.0, 31)[:, None], (4000, 30, 1))
    warped = np.asarray(jax.jit(lambda key: time_warp(key, ramp, width=3))(KEY))[..., 0] - 1
    off = warped - np.arange(30)
    shift = np.take_along_axis(off, np.abs(off).argmax(1)[:, None], 1).round().astype(int)[:, 0]
    counts = np.bincount(shift + 3, minlength=7) / 4000
    np.testing.assert_allclose(counts, 1 / 7, atol=0.03)


def test_long_rows_keep_their_places():
    frames = 60_000
    ramp = jnp.arange(float(frames))[:, None]
    warped = np.asarray(time_warp(KEY, ramp, width=80), np.float64)[:, 0]
    assert np.abs(np.diff(warped, 2)).max() < 0.02  # half a unit in the last place of a ramp this long is 0.004


def test_short_rows_are_not_warped():
    features = jnp.asarray(RNG.standard_normal((6, 3)), jnp.float32)
    np.testing.assert_array_equal(time_warp(KEY, features, width=3), features)
    assert not np.array_equal(time_warp(KEY, features, width=2), features)


def test_masks_hold_what_they_are_told():
    features = jnp.asarray(RNG.standard_normal((200, 12, 3)), jnp.float32) + 5
    lengths = jnp.full(200, 9)
    marked = np.asarray(jax.jit(lambda x: time_mask(KEY, x, lengths, width=5, fill=-7.0))(features))
    masked = marked[:, :9] == -7
    assert masked.any() and (masked.all(-1) == masked.any(-1)).all() and not marked[:, 9:].any()
    meant = np.asarray(jax.jit(lambda x: time_mask(KEY, x, lengths, width=5, fill="mean"))(features))[:, :9]
    means = np.broadcast_to(np.asarray(features)[:, :9].mean((1, 2), keepdims=True), meant.shape)
    np.testing.assert_allclose(meant[masked], means[masked], rtol=1e-6)
    np.testing.assert_array_equal(meant[~masked], np.asarray(features)[:, :9][~masked])


def test_policies_are_the_papers():
    assert masking.LB == (80, 27, 1, 100, 1.0, 1, None) and masking.LD == (80, 27, 2, 100, 1.0, 2, None)
    assert masking.SM == (40, 15, 2, 70, 0.2, 2, None) and masking.SS == (40, 27, 2, 70, 0.2, 2, None)
    features = jnp.asarray(RNG.standard_normal((2, 300, 80)), jnp.float32)
    for policy in (masking.LB, masking.ADAPTIVE, masking.Policy()):
        changed = np.asarray(jax.jit(functools.partial(spec_augment, policy=policy))(KEY, features))
        assert np.array_equal(changed, features) == (policy == masking.Policy())


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="zero or more"):
        time_mask(KEY, ones(5, 2), width=-1)
    with pytest.raises(ValueError, match=r"shares within \[0, 1\]"):
        time_mask(KEY, ones(5, 2), width=1, share=1.5)
    with pytest.raises(ValueError, match="zero or more"):
        frequency_mask(KEY, ones(5, 2), width=1, count=-1)
    with pytest.raises(ValueError, match="zero or more"):
        time_warp(KEY, ones(5, 2), width=-1)
    with pytest.raises(ValueError, match="lengths have shape"):
        time_mask(KEY, ones(3, 5, 2), jnp.array([1, 2]), width=1)
