import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.signal.framing import centred_frames, frame, standardise_frames


@pytest.mark.parametrize("time, size, hop", [(10, 4, 2), (11, 4, 2), (4, 4, 9), (50, 7, 3)])
def test_frames_are_slices(time, size, hop):
    signal = np.random.default_rng(0).standard_normal((2, 3, time))
    assert frame(jnp.asarray(signal[..., : size - 1]), size, hop).shape == (2, 3, 0, size)
    expected = [signal[..., i : i + size] for i in range(0, time - size + 1, hop)]
    np.testing.assert_array_equal(frame(jnp.asarray(signal), size, hop), np.float32(np.stack(expected, axis=-2)))


@pytest.mark.parametrize("time, size, hop", [(0, 4, 2), (9, 4, 3), (9, 5, 3)])
def test_centred_frames_have_their_sample_in_the_middle(time, size, hop):
    signal = jnp.arange(1.0, time + 1)
    frames = centred_frames(signal, size, hop)
    assert frames.shape == (1 + time // hop, size)
    middle = frames[:, size // 2]
    np.testing.assert_array_equal(middle, [i * hop + 1 if i * hop < time else 0 for i in range(len(frames))])


@pytest.mark.parametrize("time, size, hop", [(3, 0, 1), (3, 1, 0)])
def test_settings_that_are_not_positive_are_refused(time, size, hop):
    with pytest.raises(ValueError, match="positive"):
        frame(jnp.zeros(time), size, hop)


def test_standardised_frames_have_unit_variance():
    frames = 3 + 0.01 * np.random.default_rng(0).standard_normal((5, 64))
    ours = np.asarray(standardise_frames(jnp.asarray(frames)), np.float64)
    np.testing.assert_allclose(ours.mean(1), 0, atol=1e-4)
    np.testing.assert_allclose(ours.std(1, ddof=1), 1, rtol=1e-5)


def test_silent_frames_stay_silent_with_finite_gradients():
    assert not standardise_frames(jnp.zeros((2, 8))).any()
    assert np.isfinite(jax.grad(lambda x: standardise_frames(x).sum())(jnp.zeros((2, 8)))).all()
    assert np.isfinite(standardise_frames(jnp.full((1, 8), 1e-30))).all()
