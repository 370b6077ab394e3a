import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiozoo.models.silero_vad import PRESETS, SileroVAD, SileroVADConfig, VoiceActivity
from tests.models.silero_weights import random_variables

PRESET = PRESETS["silero_vad_v6"]
MODEL = SileroVAD(SileroVADConfig(n_fft=16, channels=(6, 5, 4, 7)))  # a chunk is 32 samples, its context 4
CHUNK = MODEL.config.chunk_length
LONGEST = 400
SIZES = (0, 1, 3, 4, 31, 32, 33, 64, 70)  # few, as each compiles a program


@pytest.fixture(scope="module")
def variables():
    return random_variables(MODEL)


@pytest.fixture(scope="module")
def offline():
    return jax.jit(MODEL.apply)


@pytest.fixture(scope="module")
def stream():
    return jax.jit(functools.partial(MODEL.apply, method="stream"))


@pytest.fixture(scope="module")
def flush():
    return jax.jit(functools.partial(MODEL.apply, method="flush"))


def noise(batch):
    return np.random.default_rng(0).uniform(-1, 1, (batch, LONGEST)).astype(np.float32)


def joined(answers: list[VoiceActivity]) -> list[np.ndarray]:
    """For each row the probabilities of all its answers."""
    rows = range(len(answers[0].lengths))
    return [np.concatenate([a.probabilities[row, : a.lengths[row]] for a in answers]) for row in rows]


def test_the_preset_has_the_published_parameters():
    shapes = jax.eval_shape(PRESET.init, jax.random.key(0))
    assert sum(x.size for x in jax.tree.leaves(shapes)) == PRESET.parameters == 309_633


def test_random_weights_answer_differently_at_different_times(variables, offline):
    """Or the tests below could not fail."""
    probabilities = offline(variables, noise(1)).probabilities
    assert probabilities.std() > 0.01


@given(st.lists(st.sampled_from(SIZES), max_size=12))
def test_any_cutting_gives_the_offline_answer(variables, offline, stream, flush, sizes):
    x, position = noise(2), 0
    answers, state = [], MODEL.initial_state(2)
    for size in sizes:
        if position + size > LONGEST:
            break
        answer, state = stream(variables, x[:, position : position + size], state)
        assert answer.probabilities.shape == (2, -(-size // CHUNK))
        answers.append(answer)
        position += size
    answer, state = flush(variables, state)
    whole = offline(variables, x, jnp.full(2, position))
    assert not state.pending.any()
    for row, found in enumerate(joined([*answers, answer])):
        assert len(found) == -(-position // CHUNK)
        np.testing.assert_allclose(found, whole.probabilities[row, : len(found)], atol=1e-6)


@given(st.lists(st.tuples(st.integers(0, 33), st.integers(0, 33), st.integers(0, 33)), max_size=8))
def test_streams_of_one_batch_need_not_keep_step(variables, offline, stream, flush, pieces):
    x, position = noise(3), np.zeros(3, int)
    answers, state = [], MODEL.initial_state(3)
    for lengths in pieces:
        block = np.full((3, 33), np.nan, np.float32)  # what lies beyond a row's length must not matter
        for row, length in enumerate(lengths):
            block[row, :length] = x[row, position[row] : position[row] + length]
        answer, state = stream(variables, block, state, jnp.array(lengths))
        answers.append(answer)
        position += lengths
    answer, _ = flush(variables, state)
    whole = offline(variables, x, jnp.array(position))
    for row, found in enumerate(joined([*answers, answer])):
        assert len(found) == whole.lengths[row] == -(-position[row] // CHUNK)
        np.testing.assert_allclose(found, whole.probabilities[row, : len(found)], atol=1e-6)


def test_the_last_chunk_is_filled_up_with_zeros(variables, offline):
    x = noise(1)
    x[:, 100:] = 0
    short = MODEL.apply(variables, x[:, :100])
    assert short.lengths == 4
    np.testing.assert_allclose(short.probabilities, offline(variables, x).probabilities[:, :4], atol=1e-6)


def test_a_sample_matters_to_its_own_chunk_and_later_ones_only(variables, offline):
    x = noise(1)
    y = x.copy()
    y[:, 3 * CHUNK] += 0.5
    differ = np.asarray(offline(variables, x).probabilities != offline(variables, y).probabilities)[0]
    assert not differ[:3].any() and differ[3]


def test_silence_has_finite_gradients(variables):
    gradients = jax.grad(lambda v, x: MODEL.apply(v, x).logits.sum(), (0, 1))(variables, jnp.zeros((1, 100)))
    assert all(jnp.isfinite(g).all() for g in jax.tree.leaves(gradients))
