"""Whisper's moves agree with one another: steps with the whole, padding with none, beams with re-ordering."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.models.whisper import SAMPLES_PER_POSITION, Whisper, WhisperConfig, sinusoids
from audiozoo.models.whisper_presets import PRESETS

CONFIG = WhisperConfig(
    width=32,
    encoder_layers=2,
    decoder_layers=2,
    heads=2,
    vocabulary=97,
    audio_positions=40,
    text_positions=20,
    alignment_heads=((1, 0), (0, 1), (1, 1)),
)
MODEL = Whisper(CONFIG)
NO_PADDING = jnp.zeros(2, jnp.int32)


@functools.partial(jax.jit, static_argnames=("model", "method", "steps", "beams", "heads"))
def run(variables, *args, model=MODEL, method=None, **settings):
    return model.apply(variables, *args, method=method, **settings)


@pytest.fixture(scope="module")
def waveform():
    return jnp.asarray(np.random.default_rng(0).normal(0, 0.1, (2, CONFIG.window)), jnp.float32)


@pytest.fixture(scope="module")
def tokens():
    return jnp.asarray(np.random.default_rng(1).integers(0, CONFIG.vocabulary, (2, 12)))


@pytest.fixture(scope="module")
def variables(waveform, tokens):
    """Far from the initial ones, whose norms, biases and small embeddings would hide mistakes."""
    initial = MODEL.init(jax.random.key(0), waveform, tokens=tokens)
    rng = np.random.default_rng(2)
    return jax.tree.map(lambda x: x + jnp.asarray(rng.normal(0, 0.2, x.shape), x.dtype), initial)


@pytest.fixture(scope="module")
def whole(variables, waveform, tokens):
    return run(variables, waveform, tokens=tokens)


@pytest.fixture(scope="module")
def cross(variables, whole):
    return run(variables, whole.features, method="cross")


prefill = functools.partial(run, method="prefill")
step = functools.partial(run, method="step")
logits = functools.partial(run, method="logits")
align = functools.partial(run, method="align")


def close(ours, theirs, tolerance=1e-5):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


def test_steps_equal_the_whole(variables, tokens, whole, cross):
    hidden, state = prefill(variables, tokens[:, :4], NO_PADDING, cross, steps=8, beams=1)
    close(logits(variables, hidden), whole.logits[:, :4])
    for place in range(4, 12):
        got, state = step(variables, tokens[:, place, None], state, jnp.zeros((2, 1, 8), int), cross)
        close(got[:, 0], whole.logits[:, place])


def test_padding_at_the_left_changes_nothing(variables, tokens, whole, cross):
    """The first row is given 5 tokens, the second 3, and whatever the padding is, it cannot be seen."""
    offset = jnp.array([2, 4])
    padded = jnp.stack([jnp.roll(row, by) for row, by in zip(tokens[:, :7], (2, 4), strict=True)])
    hidden, state = prefill(variables, padded, offset, cross, steps=4, beams=1)
    got = logits(variables, hidden)
    close(got[0, 2:], whole.logits[0, :5])
    close(got[1, 4:], whole.logits[1, :3])
    for extra in range(4):
        following = jnp.array([[tokens[0, 5 + extra]], [tokens[1, 3 + extra]]])
        got, state = step(variables, following, state, jnp.zeros((2, 1, 4), int), cross)
        close(got[0, 0], whole.logits[0, 5 + extra])
        close(got[1, 0], whole.logits[1, 3 + extra])


def test_ancestry_equals_reordering(variables, tokens, cross):
    """Beams that descend from one another at random, against each history read from its start."""
    rng = np.random.default_rng(3)
    beams, steps, given = 3, 6, 2
    _, state = prefill(variables, tokens[:, :given], NO_PADDING, cross, steps=steps, beams=beams)
    texts = np.zeros((2, beams, given + steps), int)  # what each beam has read, zeros beyond
    texts[:, :, :given] = tokens[:, None, :given]
    ancestry = np.zeros((2, beams, steps), int)
    everything, answers = [], []
    for place in range(steps):
        if place:
            parents = rng.integers(0, beams, (2, beams, 1))
            texts, ancestry = (np.take_along_axis(kept, parents, axis=1) for kept in (texts, ancestry))
        texts[:, :, given + place] = fed = rng.integers(0, CONFIG.vocabulary, (2, beams))
        garbage = ancestry.copy()
        garbage[:, :, place:] = rng.integers(0, beams, (2, beams, steps - place))  # must not be read
        got, state = step(variables, jnp.asarray(fed), state, jnp.asarray(garbage), cross)
        ancestry[:, :, place] = np.arange(beams)
        everything.append(texts.copy())
        answers.append(got)
    rows = np.concatenate([texts.reshape(2 * beams, -1) for texts in everything])
    audio = jax.tree.map(lambda x: jnp.tile(jnp.repeat(x, beams, axis=0), (steps, 1, 1, 1)), cross)
    wholes = align(variables, rows, jnp.zeros(len(rows), int), audio).logits
    for place, (got, whole) in enumerate(zip(answers, np.split(np.asarray(wholes), steps), strict=True)):
        close(got, whole[:, given + place].reshape(got.shape))


def test_batch_mates_do_not_matter(variables, waveform, tokens, whole):
    alone = run(variables, waveform[1:], tokens=tokens[1:])
    close(alone.logits, whole.logits[1:])
    close(alone.features, whole.features[1:])


def test_samples_beyond_the_length_are_silence(variables, waveform, tokens):
    lengths = jnp.array([5_000, 321])
    dirty = waveform.at[0, 5_000:].set(jnp.nan)
    ours = run(variables, dirty, lengths, tokens)
    close(ours.logits[0], run(variables, waveform[:1, :5_000], tokens=tokens[:1]).logits[0])
    np.testing.assert_array_equal(ours.lengths, [-(-5_000 // SAMPLES_PER_POSITION), 2])


def test_alignment(variables, tokens, cross, whole):
    """The scores, put through a softmax, are what the values are averaged with."""
    padded = jnp.pad(tokens, ((0, 0), (3, 0)))
    every = tuple((layer, head) for layer in range(2) for head in range(2))
    ours = align(variables, padded, jnp.full(2, 3), cross, heads=every)
    assert ours.scores.shape == (2, 4, 15, CONFIG.audio_positions)
    close(ours.logits[:, 3:], whole.logits)
    chosen = align(variables, tokens, NO_PADDING, cross)
    close(chosen.scores, ours.scores[:, jnp.array([2, 1, 3]), 3:])
    unknown = Whisper(dataclasses.replace(CONFIG, alignment_heads=()))  # then the upper half of the layers
    upper = align(variables, tokens, NO_PADDING, cross, model=unknown)
    close(upper.scores, ours.scores[:, 2:, 3:])


def test_a_shorter_window_is_a_choice(variables, waveform, tokens):
    short = Whisper(dataclasses.replace(CONFIG, audio_positions=20))
    features = run(variables, waveform[:, : short.config.window], model=short, method="encode")
    assert features.shape == (2, 20, CONFIG.width)
    with pytest.raises(ValueError, match=r"6401 samples.*at most 6400 \(0\.4 s\)"):
        short.apply(variables, waveform[:, : short.config.window + 1], method="encode")
    np.testing.assert_array_equal(sinusoids(20, 32), sinusoids(40, 32)[:20])


@pytest.mark.parametrize(
    "vocabulary, prompt",
    [
        (51_864, (50_257, 50_362)),
        (51_865, (50_258, 50_259, 50_359, 50_363)),
        (51_866, (50_258, 50_259, 50_360, 50_364)),
    ],
)
def test_prompt(vocabulary, prompt):
    config = WhisperConfig(8, 1, 1, 1, vocabulary)
    assert config.prompt == prompt
    assert config.multilingual == (vocabulary > 51_864)


def test_bfloat16_is_near(variables, waveform, tokens, whole):
    half = functools.partial(run, model=Whisper(CONFIG, jnp.bfloat16))
    near = half(variables, waveform, tokens=tokens)
    assert near.logits.dtype == near.features.dtype == jnp.float32
    assert jnp.abs(near.features - whole.features).max() < 0.06 * jnp.abs(whole.features).max()
    assert jnp.abs(near.logits - whole.logits).max() < 0.06 * jnp.abs(whole.logits).max()
    cross = half(variables, near.features, method="cross")
    _, state = half(variables, tokens[:, :4], NO_PADDING, cross, steps=2, beams=1, method="prefill")
    got, _ = half(variables, tokens[:, 4:5], state, jnp.zeros((2, 1, 2), int), cross, method="step")
    assert got.dtype == jnp.float32
    assert jnp.abs(got[:, 0] - whole.logits[:, 4]).max() < 0.06 * jnp.abs(whole.logits).max()


def test_every_parameter_learns():
    preset = PRESETS["whisper_tiny"].with_changes(**PRESETS["whisper_tiny"].small)
    variables = preset.init(jax.random.key(0))
    waveform = jax.random.normal(jax.random.key(1), (1, preset.model.config.window)) / 10

    def loss(variables):
        output = preset.model.apply(variables, waveform, train=True)
        return -jax.nn.log_softmax(output.logits)[..., 7].sum()

    for path, gradient in jax.tree.leaves_with_path(jax.jit(jax.grad(loss))(variables)):
        assert jnp.isfinite(gradient).all(), path
        assert jnp.abs(gradient).max() > 0, path


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_complete(name):
    preset = PRESETS[name]
    assert preset.published
    for published in preset.published:
        assert {"weights", "tokenizer"} <= set(published.files)
    assert all(
        layer < preset.model.config.decoder_layers and head < preset.model.config.heads
        for layer, head in preset.model.config.alignment_heads
    )
