import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.decoding import autoregressive
from tests.decoding import toy as reference
from tests.decoding.toy import Toy

END = 2


def found(hypothesis, row=0):
    return tuple(np.asarray(hypothesis.tokens[row, : hypothesis.lengths[row]]).tolist())


@functools.partial(jax.jit, static_argnames=("beams", "steps", "end_token", "length_penalty", "patience", "rules"))
def beam_search(first, state, **settings):
    return autoregressive.beam_search(reference.step, first, state, **settings)


@functools.partial(jax.jit, static_argnames=("samples", "steps", "end_token", "rules"))
def sample(first, state, **settings):
    return autoregressive.sample(reference.step, first, state, **settings)


def search(toys, beams, steps, **settings):
    """`beam_search` of one toy, or of several toys as the rows of a batch."""
    state, first = reference.stacked([toys] if isinstance(toys, Toy) else toys, beams)
    return beam_search(first, state, beams=beams, steps=steps, **settings)


def draw(toy, rows, **settings):
    return sample(np.repeat(toy.first[None], rows, axis=0), toy.state(rows, settings.get("samples", 1)), **settings)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "beams, patience, length_penalty", [(1, 1.0, 1.0), (2, 1.0, 1.0), (3, 1.0, 0.6), (4, 2.0, 1.0), (3, 1.0, 0.0)]
)
def test_beam_search_is_the_plain_one(seed, beams, patience, length_penalty):
    toy = Toy(vocabulary=7, steps=6, seed=seed)
    ours = search(toy, beams, 6, end_token=END, patience=patience, length_penalty=length_penalty)
    symbols, score = reference.beam_search(
        toy, beams=beams, steps=6, end=END, patience=patience, length_penalty=length_penalty
    )
    assert found(ours) == symbols
    np.testing.assert_allclose(ours.scores[0], score, rtol=1e-5)


@pytest.mark.parametrize("seed", range(6))
def test_a_beam_as_wide_as_the_tree_finds_the_best_of_all(seed):
    toy = Toy(vocabulary=4, steps=4, seed=seed)
    ours = search(toy, 64, 4, end_token=END, patience=1e6)
    symbols, score = max(toy.every(4, END), key=lambda one: one[1] / len(one[0]) if one[0] else -np.inf)
    assert found(ours) == symbols
    np.testing.assert_allclose(ours.scores[0], score, rtol=1e-5)


def test_rows_of_a_batch_do_not_see_each_other():
    toys = [Toy(vocabulary=6, steps=5, seed=seed) for seed in range(4)]
    together = search(toys, 3, 5, end_token=END)
    for row, toy in enumerate(toys):
        alone = search(toy, 3, 5, end_token=END)
        assert found(together, row) == found(alone)
        np.testing.assert_allclose(together.scores[row], alone.scores[0], rtol=1e-6)


def test_each_row_has_its_own_limit_and_zero_means_not_searched():
    toys = [Toy(vocabulary=6, steps=5, seed=3) for _ in range(4)]
    hypothesis = search(toys, 2, 5, end_token=5, limits=jnp.array([1, 3, 5, 0]))
    assert hypothesis.lengths.tolist()[3] == 0 and hypothesis.scores[3] == -jnp.inf
    for row, limit in enumerate((1, 3, 5)):
        assert found(hypothesis, row) == reference.beam_search(toys[0], beams=2, steps=limit, end=5)[0]


def test_given_symbols_count_in_the_length():
    """Two symbols against five: with many given symbols, the length hardly matters and the likelier one wins."""
    differ = 0
    for seed in range(10):
        toy = Toy(vocabulary=4, steps=4, seed=seed)
        plain = search(toy, 64, 4, end_token=END, patience=1e6)
        given = search(toy, 64, 4, end_token=END, patience=1e6, given=jnp.array([1000]))
        best = max(toy.every(4, END), key=lambda one: one[1] / (len(one[0]) + 1000))
        assert found(given) == best[0]
        differ += found(plain) != found(given)
    assert differ


@pytest.mark.parametrize("seed", range(5))
def test_greedy_takes_the_likeliest_each_time(seed):
    toy = Toy(vocabulary=9, steps=7, seed=seed)
    ours = draw(toy, 1, steps=7, end_token=END)
    symbols, score = (), 0.0
    while len(symbols) < 7:
        log_probs = toy.log_probs(symbols)
        score += log_probs.max()
        if log_probs.argmax() == END:
            break
        symbols += (int(log_probs.argmax()),)
    assert found(ours) == symbols
    np.testing.assert_allclose(ours.scores[0], score, rtol=1e-5)
    assert (np.asarray(ours.tokens[0, len(symbols) :]) == END).all()


def test_samples_follow_the_tempered_distribution():
    toy = Toy(vocabulary=5, steps=1, seed=1)
    rows, temperature = 20_000, 0.7
    keys = jax.random.split(jax.random.key(0), rows)
    drawn = draw(toy, rows, steps=1, end_token=-1, temperature=jnp.full(rows, temperature), keys=keys)
    counts = np.bincount(np.asarray(drawn.tokens[:, 0]), minlength=5) / rows
    expected = np.exp(toy.first / temperature) / np.exp(toy.first / temperature).sum()
    np.testing.assert_allclose(counts, expected, atol=0.015)
    np.testing.assert_allclose(drawn.scores, toy.log_probs(())[drawn.tokens[:, 0]], rtol=1e-5)  # at temperature 1


def test_the_best_of_several_samples_is_kept_and_belongs_to_its_key():
    toy, keys = Toy(vocabulary=6, steps=5, seed=4), jax.random.split(jax.random.key(1), 3)

    def drawn(keys, samples, end=END, temperature=1.0):
        temperature = jnp.full(len(keys), temperature)
        return draw(toy, len(keys), steps=5, end_token=end, samples=samples, temperature=temperature, keys=keys)

    together = drawn(keys, 4)
    for row in range(3):
        alone = drawn(keys[row : row + 1], 4)
        assert found(together, row) == found(alone)
        score = sum(toy.log_probs(found(alone)[:i])[s] for i, s in enumerate(found(alone)))
        score += toy.log_probs(found(alone))[END] if len(found(alone)) < 5 else 0.0
        np.testing.assert_allclose(alone.scores[0], score, rtol=1e-5)
    many, one = (drawn(keys, samples, end=-1, temperature=9.0) for samples in (30, 1))  # all of five symbols
    assert (many.scores >= one.scores).all() and many.scores.mean() > one.scores.mean()


def test_rules_see_the_beams_own_history():
    """A rule that forbids every symbol already used: the answer is the best path without repetition."""
    toy = Toy(vocabulary=6, steps=5, seed=2)

    def no_repetition(logits, tokens, count):
        used = (tokens[..., None] == jnp.arange(6)) & (jnp.arange(5) < count)[:, None]
        return jnp.where(used.any(axis=-2), -jnp.inf, logits)

    ours = found(search(toy, 3, 5, end_token=-1, rules=no_repetition))
    assert len(set(ours)) == 5
    greedy = draw(toy, 1, steps=5, end_token=-1, rules=no_repetition)
    assert len(set(found(greedy))) == 5


@pytest.mark.parametrize(
    "wrong", [{"beams": 0}, {"steps": 0}, {"patience": 0.0}], ids=["no beams", "no steps", "no patience"]
)
def test_settings_outside_their_range_are_refused(wrong):
    toy = Toy(vocabulary=4, steps=2)
    with pytest.raises(ValueError, match="at least 1"):
        search(toy, **{"beams": 1, "steps": 2, "end_token": END, **wrong})


def test_a_temperature_needs_keys():
    toy = Toy(vocabulary=4, steps=2)
    with pytest.raises(ValueError, match="keys"):
        draw(toy, 1, steps=2, end_token=END, temperature=jnp.ones(1))
