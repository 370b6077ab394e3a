import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.signal import scattering
from audiozoo.signal.scattering import scattering_paths

RNG = np.random.default_rng(0)
SETTINGS = {"octaves": 4, "per_octave": 2}
STATIC = ("octaves", "per_octave", "support", "max_order", "oversampling", "gain")
scattering_transform = jax.jit(scattering.scattering_transform, static_argnames=STATIC)
scattering_moduli = jax.jit(
    scattering.scattering_moduli, static_argnames=[name for name in STATIC if name != "support"]
)
noise = lambda *shape: RNG.standard_normal(shape)


@pytest.mark.parametrize("time", [16, 61, 128])
def test_shapes_follow_the_paths(time):
    signal = jnp.asarray(noise(2, time), jnp.float32)
    coefficients = scattering_transform(signal, **SETTINGS)
    paths = scattering_paths(**SETTINGS)
    assert coefficients.shape[::2] == (2, len(paths.order))
    assert coefficients.shape[1] in (time // 16, time // 16 + 1)
    alone = jax.jit(jax.vmap(lambda x: scattering_transform(x, **SETTINGS)))(signal)
    np.testing.assert_allclose(alone, coefficients, atol=1e-6)


def test_paths_go_down():
    paths = scattering_paths(octaves=6, per_octave=(8, 2), sample_rate=16_000)
    assert (np.diff(paths.order) >= 0).all() and set(paths.order) == {0, 1, 2}
    first = paths.frequency[paths.order == 1, 0]
    assert (np.diff(first) < 0).all() and 0.3 * 16_000 < first[0] < 8000
    second = paths.order == 2
    assert (paths.octave[second, 1] > paths.octave[second, 0]).all()
    assert np.isnan(paths.frequency[0]).all() and (paths.wavelet[0] == -1).all()
    assert np.isnan(paths.bandwidth[1, 1]) and paths.bandwidth[1, 0] > 0
    only = scattering_paths(octaves=6, per_octave=(8, 2), max_order=1)
    assert only.frequency.shape == (1 + len(first), 1)


def test_a_tone_sounds_in_the_path_of_its_frequency():
    tone = jnp.sin(2 * np.pi * 0.11 * np.arange(512))
    coefficients = scattering_transform(tone, octaves=5, per_octave=8, max_order=1)
    paths = scattering_paths(octaves=5, per_octave=8, max_order=1)
    loudest = 1 + coefficients[4:-4, 1:].mean(axis=0).argmax()
    assert paths.frequency[loudest, 0] == pytest.approx(0.11, rel=0.05)


def test_the_second_order_hears_a_tremolo():
    time = np.arange(2048)
    tone = np.sin(2 * np.pi * 0.2 * time) * (1 + 0.9 * np.sin(2 * np.pi * 0.012 * time))
    coefficients = scattering_transform(jnp.asarray(tone), octaves=7, per_octave=(2, 1))
    paths = scattering_paths(octaves=7, per_octave=(2, 1))
    mean = np.where(paths.order == 2, coefficients[4:-4].mean(axis=0), 0)
    frequency = paths.frequency[mean.argmax()]
    assert frequency[0] == pytest.approx(0.2, rel=0.3) and frequency[1] == pytest.approx(0.012, rel=0.5)


def test_the_average_is_the_average_of_the_moduli():
    signal = jnp.asarray(noise(256), jnp.float32)
    averaged = scattering_transform(signal, **SETTINGS, oversampling=9)
    moduli = scattering_moduli(signal, **SETTINGS, oversampling=9)
    assert averaged.shape[0] == 256 and {len(m) for m in moduli} == {256}
    for path in range(1, averaged.shape[1]):  # the low-pass filter is of sum one, and positive
        middle = slice(64, 192)
        assert float(averaged[middle, path].mean()) == pytest.approx(float(moduli[path][middle].mean()), rel=0.3)
    np.testing.assert_array_equal(moduli[0], signal)


def test_a_shift_changes_little():
    signal = jnp.asarray(noise(512), jnp.float32)
    settings = {"octaves": 4, "per_octave": 2, "support": 256}
    first, second = (scattering_transform(jnp.roll(signal, n), **settings)[:, 1:] for n in (0, 2))
    assert float(jnp.linalg.norm(first - second) / jnp.linalg.norm(first)) < 0.1


def test_oversampling_adds_frames_between():
    signal = jnp.asarray(noise(256), jnp.float32)
    few, many = (scattering_transform(signal, **SETTINGS, oversampling=n) for n in (0, 2))
    assert many.shape == (4 * few.shape[0], few.shape[1])
    np.testing.assert_allclose(many[::4], few, atol=2e-3)  # what folds over in the lower rate
    quieter = scattering_transform(signal, **SETTINGS, gain="kymatio")
    paths = scattering_paths(**SETTINGS)
    halvings = np.maximum(paths.octave, 0)
    folded = np.where(paths.order == 2, halvings.sum(axis=-1), halvings[:, 0])
    np.testing.assert_allclose(quieter * 2.0**folded, few, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_dtype_is_kept(dtype):
    signal = jnp.asarray(noise(64), dtype)
    assert scattering_transform(signal, **SETTINGS).dtype == jnp.dtype(dtype)
    assert {m.dtype for m in scattering_moduli(signal, **SETTINGS)} == {jnp.dtype(dtype)}


def test_silence_has_values_and_gradients():
    def loudness(x):
        return jnp.sum(scattering_transform(x, **SETTINGS))

    value, gradient = jax.jit(jax.value_and_grad(loudness))(jnp.zeros(64))
    assert value == 0 and np.isfinite(gradient).all()
    signal = jnp.asarray(noise(64), jnp.float32)
    gradient = jax.jit(jax.grad(loudness))(signal)
    along = jnp.asarray(noise(64), jnp.float32)
    step = (loudness(signal + 1e-2 * along) - loudness(signal - 1e-2 * along)) / 2e-2
    assert float(jnp.vdot(gradient, along)) == pytest.approx(float(step), rel=0.02, abs=0.02)


@pytest.mark.parametrize(
    "settings",
    [
        {"octaves": 0},
        {"per_octave": 0},
        {"per_octave": (2, 2, 2)},
        {"max_order": 3},
        {"oversampling": -1},
        {"support": 0},
        {"support": 65},
        {"gain": "loud"},
    ],
    ids=str,
)
def test_mistakes_are_named(settings):
    with pytest.raises(ValueError, match=str(next(iter(settings.values())))[:2].replace("(", r"\(")):
        scattering_transform(jnp.ones(64), **{**SETTINGS, **settings})


def test_too_short_a_signal():
    with pytest.raises(ValueError, match="two samples"):
        scattering_moduli(jnp.ones(1), **SETTINGS)
