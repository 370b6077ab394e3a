import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal.discrete_wavelets import dwt
from audiozoo.signal.wavelet_packets import inverse_packet_tree, iswt, packet_lengths, packet_tree, swt

RNG = np.random.default_rng(0)
TREE = jax.jit(lambda x: packet_tree(x, "db20", level=3, mode="periodization"))
noise = lambda *shape: RNG.standard_normal(shape)


@settings(max_examples=6)
@given(
    time=st.integers(1, 40),
    level=st.integers(0, 3),
    mode=st.sampled_from(["symmetric", "periodization", "antireflect"]),
    order=st.sampled_from(["frequency", "natural"]),
)
def test_trees_grow_back(time, level, mode, order):
    signal = noise(2, time)
    with jax.enable_x64(True):
        packets = jax.jit(lambda x: packet_tree(x, "db2", level=level, mode=mode, order=order))(signal)
        back = jax.jit(lambda p: inverse_packet_tree(p, "db2", mode=mode, order=order, length=time))(packets)
    assert packets.shape == (2, packet_lengths(time, "db2", level=level, mode=mode)[-1], 2**level)
    np.testing.assert_allclose(back, signal, atol=1e-11)


@pytest.mark.parametrize("band", range(8))
def test_nodes_are_in_the_order_of_their_frequencies(band):
    tone = jnp.sin(np.pi * (band + 0.5) / 8 * np.arange(512))
    energy = np.sum(np.square(TREE(tone)), axis=0)
    assert energy.argmax() == band and energy[band] > 0.7 * energy.sum()


def test_one_level_of_packets_is_a_transform():
    signal = jnp.asarray(noise(30), jnp.float32)
    np.testing.assert_array_equal(packet_tree(signal, "haar", level=1), jnp.stack(dwt(signal, "haar"), axis=-1))
    assert inverse_packet_tree(packet_tree(signal, "haar", level=2), "haar").shape == (32,)  # 30 -> 15 -> 8


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("name", ["haar", "db3", "bior2.4"])
@pytest.mark.parametrize("time", [1, 7])
def test_stationary_transforms_come_back(name, normalise, time):
    signal = noise(2, time)
    with jax.enable_x64(True):
        coefficients = jax.jit(lambda x: swt(x, name, level=2, normalise=normalise))(signal)
        back = jax.jit(lambda c: iswt(c, name, normalise=normalise))(coefficients)
    assert [band.shape for band in coefficients] == [(2, time)] * 3
    np.testing.assert_allclose(back, signal, atol=1e-12)
    if normalise and not name.startswith("bior"):
        assert sum(np.sum(np.square(band)) for band in coefficients) == pytest.approx(float(np.sum(signal**2)))


def test_a_delay_of_the_signal_is_a_delay_of_the_stationary_transform():
    signal = jnp.asarray(noise(24), jnp.float32)
    transform = jax.jit(lambda x: swt(x, "db2", level=2))
    for band, delayed in zip(transform(signal), transform(jnp.roll(signal, 5)), strict=True):
        np.testing.assert_allclose(jnp.roll(band, 5), delayed, atol=1e-5)


def test_even_samples_of_a_stationary_transform_are_a_periodic_one():
    signal = jnp.asarray(noise(32), jnp.float32)
    low, high = swt(signal, "db3", level=1)
    bands = dwt(signal, "db3", mode="periodization")
    np.testing.assert_allclose(low[::2], bands.approximation, atol=1e-5)
    np.testing.assert_allclose(high[::2], bands.detail, atol=1e-5)


def test_dtype_batches_and_gradients():
    signal = jnp.asarray(noise(2, 3, 16), jnp.bfloat16)
    flat = signal.astype(jnp.float32)

    @jax.jit
    def transform(x):
        packets = packet_tree(x, "db2", level=2)
        return jnp.concatenate([*swt(x, "db2", level=2), packets.reshape(*x.shape[:-1], -1)], axis=-1)

    assert transform(signal).dtype == jnp.bfloat16
    np.testing.assert_allclose(jax.vmap(transform)(flat), transform(flat), atol=1e-5)
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(jnp.sin(transform(x)))))(jnp.zeros((2, 16)))
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0.1


@pytest.mark.parametrize(
    "mistake, message",
    [
        (lambda: packet_tree(jnp.ones(8), "db2", level=-1), "-1"),
        (lambda: packet_tree(jnp.ones(8), "db2", level=1, order="low"), "low"),
        (lambda: inverse_packet_tree(jnp.ones((8, 3)), "db2"), "power of two"),
        (lambda: inverse_packet_tree(jnp.ones((8, 4)), "db2", length=9), "9 samples"),
        (lambda: swt(jnp.ones(8), "db2", level=-1), "-1"),
        (lambda: swt(jnp.ones(0), "db2", level=1), "one sample"),
        (lambda: iswt([jnp.ones(4), jnp.ones(5)], "db2"), "4, 5"),
        (lambda: iswt([], "db2"), "want the approximation"),
    ],
)
def test_mistakes_are_named(mistake, message):
    with pytest.raises(ValueError, match=message):
        mistake()
