import typing

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal.discrete_wavelets import Boundary, dwt, dwt_max_level, extend, idwt, wavedec, waverec
from audiozoo.signal.wavelet_filters import wavelet

RNG = np.random.default_rng(0)
MODES = typing.get_args(Boundary)
jitted = jax.jit(extend, static_argnums=(1, 2, 3))
noise = lambda *shape: RNG.standard_normal(shape)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=4)
@given(time=st.integers(1, 40), name=st.sampled_from(["haar", "db2", "sym4", "bior2.4", "coif1"]))
def test_what_goes_in_comes_out(mode, time, name):
    signal = noise(2, time)
    with jax.enable_x64(True):
        bands = jax.jit(lambda x: dwt(x, name, mode=mode))(signal)
        back = jax.jit(lambda bands: idwt(*bands, name, mode=mode))(bands)
    taps = len(wavelet(name).dec_lo)
    count = -(-time // 2) if mode == "periodization" else (time + taps - 1) // 2
    assert bands.approximation.shape == bands.detail.shape == (2, count)
    assert back.shape == (2, time + time % 2)
    np.testing.assert_allclose(back[:, :time], signal, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("time, level", [(101, None), (64, 3), (7, 4)])
def test_levels(mode, time, level):
    signal = noise(time)
    with jax.enable_x64(True):
        coefficients = jax.jit(lambda x: wavedec(x, "db3", level=level, mode=mode))(signal)
        back = jax.jit(lambda c: waverec(c, "db3", mode=mode, length=time))(coefficients)
    assert len(coefficients) == 1 + (dwt_max_level(time, "db3") if level is None else level)
    np.testing.assert_allclose(back, signal, atol=1e-11)


def test_continuations():
    ramp = jnp.asarray([1.0, 2.0, 4.0])
    expected = {
        "zero": [0, 0, 0, 0, 1, 2, 4, 0, 0, 0, 0],
        "constant": [1, 1, 1, 1, 1, 2, 4, 4, 4, 4, 4],
        "symmetric": [4, 4, 2, 1, 1, 2, 4, 4, 2, 1, 1],
        "periodic": [4, 1, 2, 4, 1, 2, 4, 1, 2, 4, 1],
        "smooth": [-3, -2, -1, 0, 1, 2, 4, 6, 8, 10, 12],
        "periodization": [1, 2, 4, 4, 1, 2, 4, 4, 1, 2, 4],
        "reflect": [1, 2, 4, 2, 1, 2, 4, 2, 1, 2, 4],
        "antisymmetric": [4, -4, -2, -1, 1, 2, 4, -4, -2, -1, 1],
        "antireflect": [-5, -4, -2, 0, 1, 2, 4, 6, 7, 8, 10],
    }
    for mode, values in expected.items():
        np.testing.assert_array_equal(jitted(ramp, 4, 4, mode), values, err_msg=mode)
        np.testing.assert_array_equal(jitted(ramp, 1, 0, mode), values[3:7], err_msg=mode)
        one = jitted(jnp.asarray([3.0]), 2, 3, mode)
        assert one.shape == (6,) and set(np.abs(one).tolist()) <= {0.0, 3.0}


def test_orthogonal_wavelets_keep_the_energy():
    signal = noise(64)
    with jax.enable_x64(True):
        bands = wavedec(signal, "sym5", mode="periodization")
    assert sum(np.sum(np.square(band)) for band in bands) == pytest.approx(float(np.sum(signal**2)))


def test_a_polynomial_has_no_details():
    signal = jnp.arange(80.0) ** 2 / 1000
    detail = jax.jit(lambda x: dwt(x, "db3"))(signal).detail
    assert np.abs(detail[3:-3]).max() < 1e-5 < np.abs(detail).max()


def test_missing_bands_are_silent():
    low, high = dwt(noise(20), "db2")
    np.testing.assert_allclose(idwt(low, None, "db2"), idwt(low, 0 * high, "db2"), atol=1e-6)
    np.testing.assert_allclose(idwt(None, high, "db2"), idwt(0 * low, high, "db2"), atol=1e-6)
    smooth = waverec([low, None], "db2")
    np.testing.assert_allclose(smooth, idwt(low, None, "db2"), atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_jit_vmap_and_gradient(mode):
    signal = jnp.asarray(noise(3, 2, 21), jnp.float32)
    transform = lambda x: jnp.concatenate(wavedec(x, "db2", level=2, mode=mode), axis=-1)
    together = jax.jit(transform)(signal)
    np.testing.assert_allclose(jax.vmap(jax.jit(transform))(signal), together, atol=1e-6)
    along = jnp.asarray(noise(*together.shape), jnp.float32)
    gradient = jax.jit(jax.grad(lambda x: jnp.vdot(transform(x), along)))(signal)  # linear: the transpose
    probe = jnp.asarray(noise(3, 2, 21), jnp.float32)
    np.testing.assert_allclose(
        jnp.vdot(gradient, probe), jnp.vdot(along, jax.jit(transform)(probe)), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_dtype_is_kept(dtype):
    signal = jnp.asarray(noise(2, 33), dtype)
    coefficients = jax.jit(lambda x: wavedec(x, "db2", level=2))(signal)
    back = jax.jit(lambda c: waverec(c, "db2", length=33))(coefficients)
    assert {band.dtype for band in coefficients} == {back.dtype} == {jnp.dtype(dtype)}
    np.testing.assert_allclose(back.astype("f4"), signal.astype("f4"), atol=20 * float(jnp.finfo(dtype).eps))


def test_most_levels():
    assert [dwt_max_level(n, "db2") for n in (0, 2, 3, 6, 12, 47, 48)] == [0, 0, 0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "mistake, message",
    [
        (lambda: dwt(jnp.ones(4), "db2", mode="mirror"), "mirror"),
        (lambda: dwt(jnp.ones((2, 0)), "db2"), "without samples"),
        (lambda: dwt(jnp.ones(4, int), "db2"), "int"),
        (lambda: dwt(jnp.ones(4), "db99"), "db99"),
        (lambda: idwt(None, None, "db2"), "two bands"),
        (lambda: idwt(jnp.ones(4), jnp.ones(5), "db2"), "4, 5"),
        (lambda: idwt(jnp.ones(1), jnp.ones(1), "db2"), "too few"),
        (lambda: idwt(jnp.ones(4), jnp.ones(4), "db2", mode="mirror"), "mirror"),
        (lambda: wavedec(jnp.ones(4), "db2", level=-1), "-1"),
        (lambda: waverec([], "db2"), "approximation"),
        (lambda: waverec([None, jnp.ones(4)], "db2"), "approximation"),
        (lambda: waverec([jnp.ones(4), jnp.ones(4)], "db2", length=7), "7 samples"),
    ],
)
def test_mistakes_are_named(mistake, message):
    with pytest.raises(ValueError, match=message):
        mistake()
