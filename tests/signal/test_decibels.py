import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from audiozoo.signal import decibels

POWERS = hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=3, min_side=0), elements=st.floats(0, 1e8))


@given(POWERS, st.floats(0, 90))
def test_no_clip_goes_further_below_its_maximum(power, top_db):
    with jax.enable_x64(True):
        level = np.asarray(decibels.power_to_db(power, top_db=top_db))
    assert level.shape == power.shape and np.isfinite(level).all()
    if level.size:
        loudest = level.max((-2, -1), keepdims=True)
        plain = 10 * np.log10(np.maximum(power, 1e-10))
        np.testing.assert_allclose(level, np.maximum(plain, loudest - top_db), atol=1e-9)


@given(st.floats(-95, 200), st.floats(1e-3, 1e3))
def test_decibels_have_an_inverse(db, ref):
    with jax.enable_x64(True):
        for there, back in (
            (decibels.db_to_power, decibels.power_to_db),
            (decibels.db_to_amplitude, decibels.amplitude_to_db),
        ):
            np.testing.assert_allclose(back(there(jnp.array(db), ref=ref), ref=ref, amin=1e-30), db, atol=1e-9)


def test_known_points():
    assert decibels.power_to_db(jnp.array([100.0, 0.0])).tolist() == [20, -100]
    assert decibels.amplitude_to_db(jnp.array([-100.0, 0.0])).tolist() == [40, -100]
    assert decibels.power_to_db(jnp.array([100.0]), ref=10.0).tolist() == [10]
    assert decibels.power_to_db(jnp.array([100.0, 1.0]), ref=jnp.max).tolist() == [0, -20]
    np.testing.assert_allclose(decibels.power_to_db(jnp.ones((2, 1)), ref=jnp.array([[1.0], [10.0]])), [[0], [-10]])


def test_a_loud_neighbour_changes_nothing_unless_asked():
    power = jnp.array([[[1.0, 1e-9]], [[1e4, 1e-9]]])
    alone = decibels.power_to_db(power[0], top_db=80.0)
    np.testing.assert_array_equal(decibels.power_to_db(power, top_db=80.0)[0], alone)
    together = decibels.power_to_db(power, top_db=80.0, axes=None)
    np.testing.assert_allclose(together[0], [[0, -40]], atol=1e-5)


@pytest.mark.parametrize("function", [decibels.power_to_db, decibels.amplitude_to_db])
def test_gradients_are_finite_in_silence(function):
    samples = jnp.zeros((3, 4)).at[1, 2].set(2.0)
    gradient = jax.grad(lambda x: function(x, top_db=80.0).sum())
    assert np.isfinite(gradient(samples)).all() and np.isfinite(gradient(jnp.zeros((3, 4)))).all()
    second = jax.grad(lambda x: gradient(x)[1, 2])(samples)
    assert np.isfinite(second).all() and second[1, 2] != 0


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_dtype_is_kept_and_jit_and_vmap_agree(dtype):
    power = jnp.asarray(np.random.default_rng(0).uniform(0, 9, (2, 3, 4)), dtype)
    level = decibels.power_to_db(power, top_db=10.0)
    assert level.dtype == decibels.db_to_power(level).dtype == dtype
    exact = decibels.power_to_db(power.astype(jnp.float32), top_db=10.0)
    np.testing.assert_array_equal(level, exact.astype(dtype))
    mapped = jax.jit(jax.vmap(lambda x: decibels.power_to_db(x, top_db=10.0)))(power)
    np.testing.assert_allclose(mapped.astype(np.float32), level.astype(np.float32), rtol=1e-2, atol=1e-2)


def test_what_makes_no_sense_is_refused():
    for settings, message in [({"amin": 0.0}, "amin"), ({"top_db": -1.0}, "top_db"), ({"top_db": 1.0}, "no axes")]:
        with pytest.raises(ValueError, match=message):
            decibels.power_to_db(jnp.ones(3), **settings)
    for values in (jnp.ones(3, jnp.complex64), jnp.ones(3, int)):
        with pytest.raises(ValueError, match="real numbers"):
            decibels.amplitude_to_db(values)
