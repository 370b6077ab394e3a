import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from audiozoo.layers.frontends import (
    Leaf,
    LearnableMel,
    LearnablePCEN,
    SincFilters,
    gabor_from_mel,
    gabor_kernel,
    gaussian_window,
    sinc_kernel,
)
from audiozoo.signal.energy_normalisation import pcen
from audiozoo.signal.mel import log_mel, mel_filters

RNG = np.random.default_rng(0)
RATE = 8000
FRONT_ENDS = {
    "LEAF": Leaf(sample_rate=RATE, filters=8, window_length=101, hop_length=40, high_hz=3800.0),
    "SincNet": SincFilters(filters=8, window_length=61, hop_length=5, sample_rate=RATE),
    "mel": LearnableMel(sample_rate=RATE, n_fft=128, hop_length=40, n_mels=8),
    "mel and PCEN": LearnableMel(RATE, 128, 40, 8, compress=functools.partial(LearnablePCEN, name="compression")),
}
TIME = np.arange(600) / RATE
TONES = np.stack([np.sin(2 * np.pi * hz * TIME) for hz in (300, 700, 1500, 2900)])
WAVEFORM = jnp.asarray(0.5 * TONES + 0.05 * RNG.standard_normal(TONES.shape), jnp.float32)
LENGTHS = jnp.array([600, 600, 487, 250])


@functools.cache
def variables(name):
    return jax.jit(FRONT_ENDS[name].init)(jax.random.key(0), WAVEFORM, LENGTHS)


def apply(name, *arguments):
    return _compiled(name)(variables(name), *arguments)


@functools.cache
def _compiled(name):
    return jax.jit(FRONT_ENDS[name].apply)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_it_learns(name):
    """Tones are told apart by a linear layer on the mean feature; the front end's own parameters learn alone."""
    layer = FRONT_ENDS[name]
    start = variables(name)
    features = apply(name, WAVEFORM, LENGTHS).features
    readout = jnp.asarray(RNG.standard_normal((features.shape[-1], 4)), jnp.float32) / (np.std(features) * 3)

    def loss(variables):
        features, lengths = layer.apply(variables, WAVEFORM, LENGTHS)
        if name == "SincNet":  # its outputs are waveforms, whose mean says nothing
            features = jnp.square(features)
        means = features.sum(1) / lengths[:, None]
        return optax.softmax_cross_entropy_with_integer_labels(means @ readout, jnp.arange(4)).mean()

    optimiser = optax.adam({"LEAF": 1e-2, "SincNet": 20.0}.get(name, 1e-3))  # hertz are large, weights of mel small

    @jax.jit
    def step(variables, state):
        value, gradients = jax.value_and_grad(loss)(variables)
        updates, state = optimiser.update(gradients, state)
        return optax.apply_updates(variables, updates), state, value, gradients

    now, state, losses = start, optimiser.init(start), []
    for i in range(12):
        now, state, value, gradients = step(now, state)
        losses.append(float(value))
        if i == 0:
            for path, gradient in jax.tree.leaves_with_path(gradients):
                assert np.isfinite(gradient).all() and np.any(gradient), path
    assert np.isfinite(losses).all() and losses[-1] < 0.95 * losses[0]


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_padding_and_batch_mates_change_nothing(name):
    dirty = jnp.where(jnp.arange(600) < LENGTHS[:, None], WAVEFORM, jnp.nan)
    together = apply(name, dirty, LENGTHS)
    assert np.isfinite(together.features).all()
    for row, length in ((2, 487), (3, 250)):
        alone = apply(name, WAVEFORM[row : row + 1, :length], jnp.array([length]))
        count = int(alone.lengths[0])
        assert alone.features.shape[1] == count == int(together.lengths[row])
        np.testing.assert_allclose(together.features[row, :count], alone.features[0], atol=2e-5, rtol=2e-5)
        assert not np.any(together.features[row, count:])


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_silence_and_nothing_are_finite(name):
    silent = jnp.zeros((2, 300))
    lengths = jnp.array([300, 0])

    def loss(variables, waveform):
        features = FRONT_ENDS[name].apply(variables, waveform, lengths)
        return jnp.sum(features.features), features

    gradients, (features, counts) = jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))(variables(name), silent)
    assert np.isfinite(features).all() and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    assert int(counts[1]) == 0 and not np.any(features[1])


def test_frames_are_centred_on_hops():
    click = jnp.zeros((1, 400)).at[0, 200].set(1.0)
    leaf = FRONT_ENDS["LEAF"].clone(compress=None)
    features = leaf.apply(
        {"params": {k: v for k, v in variables("LEAF")["params"].items() if k != "compression"}}, click
    )
    assert features.features.shape == (1, 10, 8) and (features.features[0].argmax(0) == 5).all()
    outputs = apply("SincNet", click).features
    assert outputs.shape == (1, 80, 8)
    np.testing.assert_allclose(outputs[0, 40], 1, atol=1e-6)


def test_a_learnable_mel_begins_as_mel():
    ours = apply("mel", WAVEFORM).features
    theirs = log_mel(WAVEFORM, filters=mel_filters(RATE, 128, 8), n_fft=128, hop_length=40)
    assert theirs.shape == ours.shape
    np.testing.assert_allclose(ours[:, 4:-4], np.log(10) * theirs[:, 4:-4], atol=2e-4)


@pytest.mark.parametrize("start", ["one", "first"])
def test_learnable_pcen_begins_as_pcen(start):
    energies = jnp.asarray(np.exp(RNG.standard_normal((2, 30, 5))), jnp.float32)
    layer = LearnablePCEN(gain=0.9, bias=1.5, power=0.4, smoothing=0.1, eps=1e-4, start=start)
    ours = jax.jit(lambda x: layer.init_with_output(jax.random.key(0), x)[0])(energies)
    theirs = pcen(energies, smoothing=0.1, gain=0.9, bias=1.5, power=0.4, eps=1e-4, start=start)
    np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


def test_gabor_filters_begin_at_mel_and_stay_within_bounds():
    centres, widths = gabor_from_mel(16_000, 40, 60.0, 7800.0)
    kernel = np.asarray(gabor_kernel(jnp.asarray(centres), jnp.asarray(widths), 401), np.float64)[:, 0]
    response = np.abs(np.fft.fft(kernel[:, :40] + 1j * kernel[:, 40:], 2**15, axis=0))
    peaks = response.argmax(0) * 16_000 / 2**15
    np.testing.assert_allclose(peaks, centres * 16_000 / (2 * np.pi), atol=1)
    wide = (response > response.max(0) / 2).sum(0) * 16_000 / 2**15
    edges = 700 * (10 ** (np.linspace(*(2595 * np.log10(1 + np.array([60, 7800]) / 700)), 42) / 2595) - 1)
    wanted = 0.75 * (edges[2:] - edges[:-2])
    np.testing.assert_allclose(wide[8:], wanted[8:], rtol=0.02)  # below, 25 ms are too short for so narrow a band
    far = gabor_kernel(jnp.array([-1.0, 9.0]), jnp.array([0.0, 1e9]), 11)
    near = gabor_kernel(jnp.array([0.0, np.pi]), jnp.array([4.0, 11.0]) * np.sqrt(2 * np.log(2)) / np.pi, 11)
    np.testing.assert_allclose(far, near, atol=1e-6)


def test_windows_and_sincs_are_their_formulas():
    window = gaussian_window(jnp.array([0.4, 0.001, 3.0]), 5)
    time = np.array([-1, -0.5, 0, 0.5, 1])
    np.testing.assert_allclose(window, np.exp(-((time / np.array([[0.4], [0.4], [0.5]])) ** 2) / 2), rtol=1e-5)
    low, high = 0.05, 0.15
    kernel = np.asarray(sinc_kernel(jnp.array([low]), jnp.array([high]), 301), np.float64)[:, 0, 0]
    gain = np.abs(np.fft.rfft(kernel, 4000)) * 2 * (high - low)
    assert gain[[0, 100, 800, 1500]].max() < 0.01 and abs(gain[[300, 400, 500]] - 1).max() < 0.01


def test_settings_that_make_no_sense_are_refused():
    for layer in (Leaf(window_length=400), Leaf(hop_length=0), Leaf(high_hz=9000.0), SincFilters(window_length=2)):
        with pytest.raises(ValueError, match=r"odd window|do not fit"):
            layer.init(jax.random.key(0), WAVEFORM)
    with pytest.raises(ValueError, match="batch, time"):
        Leaf().init(jax.random.key(0), WAVEFORM[0])
