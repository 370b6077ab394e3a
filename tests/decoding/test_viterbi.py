import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.decoding.viterbi import advance, decided, initial_state, settled, trace_back, viterbi


def problem(seed, batch, time, states):
    rng = np.random.default_rng(seed)
    emissions = rng.standard_normal((batch, time, states)).astype(np.float32)
    transition = np.log(rng.dirichlet(np.ones(states), size=states)).astype(np.float32)
    return emissions, transition, np.log(rng.dirichlet(np.ones(states))).astype(np.float32)


def by_all_paths(emissions, transition, initial):
    """Tries every path there is."""
    time, states = emissions.shape

    def score(path):
        steps = sum(transition[a, b] for a, b in itertools.pairwise(path))
        return initial[path[0]] + steps + sum(emissions[t, s] for t, s in enumerate(path))

    best = max(itertools.product(range(states), repeat=time), key=score)
    return list(best), score(best)


@pytest.mark.parametrize("seed", range(5))
def test_the_best_of_all_paths(seed):
    emissions, transition, initial = problem(seed, 3, 5, 4)
    lengths = np.array([5, 3, 1])
    found = viterbi(jnp.asarray(emissions), transition, jnp.asarray(initial), jnp.asarray(lengths))
    for row, length in enumerate(lengths):
        path, score = by_all_paths(emissions[row, :length], transition, initial)
        assert found.states[row].tolist() == path + [0] * (5 - length)
        np.testing.assert_allclose(found.log_probability[row], score, rtol=1e-5)


def test_impossible_transitions_are_never_taken():
    emissions, _, _ = problem(0, 1, 50, 3)
    circle = jnp.log(jnp.roll(jnp.eye(3), 1, axis=1))  # 0 to 1 to 2 to 0, with certainty
    states = np.asarray(viterbi(jnp.asarray(emissions), circle).states[0])
    assert (np.diff(states) % 3 == 1).all()


def test_an_empty_sequence_has_no_path():
    emissions, transition, _ = problem(0, 1, 4, 3)
    found = viterbi(jnp.asarray(emissions), transition, lengths=jnp.array([0]))
    assert found.log_probability.tolist() == [0] and found.states.tolist() == [[0, 0, 0, 0]]


def test_hours_lose_no_precision():
    """A second half that repeats the first is decoded as the first is, however low the total has become."""
    emissions, transition, _ = problem(1, 1, 40, 5)
    repeated = jnp.tile(jnp.asarray(emissions) - 50_000, (1, 100, 1))
    states = np.asarray(viterbi(repeated, transition).states[0]).reshape(100, 40)
    assert (states[1:-1] == states[1]).all()


@pytest.mark.parametrize("size", [1, 7, 30])
def test_piece_by_piece_is_the_whole(size):
    emissions, transition, _ = problem(2, 1, 100, 6)
    whole = np.asarray(viterbi(jnp.asarray(emissions), transition).states[0])
    state, held, path = initial_state(jnp.full((1, 6), -np.log(6))), np.empty((0, 6), np.float32), []
    for start in range(0, 100, size):
        state, scores = advance(state, jnp.asarray(emissions[:, start : start + size]), transition)
        held = np.concatenate([held, np.asarray(scores[0])])
        known = settled(held, transition)
        path.extend(known)
        held = held[len(known) :]
    assert 50 < len(path) < 100
    path.extend(settled(held, transition, final=True))
    assert path == whole.tolist()


def test_nothing_settles_before_paths_meet():
    """Two states that never meet stay open until the end."""
    apart = np.log(np.eye(2, dtype=np.float32) + 1e-30)
    emissions = jnp.asarray(np.random.default_rng(0).standard_normal((1, 20, 2)), jnp.float32)
    _, scores = advance(initial_state(jnp.zeros((1, 2))), emissions, apart)
    assert len(settled(np.asarray(scores[0]), apart)) == 0
    assert len(settled(np.asarray(scores[0]), apart, final=True)) == 20
    assert len(settled(np.empty((0, 2), np.float32), apart)) == 0


def test_scores_beyond_the_length_do_not_change_the_path():
    emissions, transition, _ = problem(3, 1, 12, 4)
    lengths = jnp.array([8])
    _, scores = advance(initial_state(jnp.zeros((1, 4))), jnp.asarray(emissions), transition, lengths)
    _, short = advance(initial_state(jnp.zeros((1, 4))), jnp.asarray(emissions[:, :8]), transition)
    np.testing.assert_array_equal(trace_back(scores, transition, lengths)[:, :8], trace_back(short, transition))


def test_what_is_decided_stays_one_path():
    """Decided early again and again, it is still a way along possible transitions."""
    rng = np.random.default_rng(4)
    near = np.abs(np.subtract.outer(np.arange(9), np.arange(9))) <= 1
    transition = np.where(near, np.log(near / near.sum(axis=1, keepdims=True) + 1e-30), -80).astype(np.float32)
    emissions = rng.standard_normal((1, 300, 9)).astype(np.float32)
    emissions[:, :, 3:6] -= 8  # two sides that a path can hardly change
    state, held, path = initial_state(jnp.zeros((1, 9))), np.empty((0, 9), np.float32), []
    for start in range(0, 300, 20):
        state, scores = advance(state, jnp.asarray(emissions[:, start : start + 20]), transition)
        held = np.concatenate([held, np.asarray(scores[0])])
        best = settled(held, transition, final=True)
        start, held = decided(held, transition, keep=6)
        assert [*start, *settled(held, transition, final=True)] == best.tolist()  # the best of now is not lost
        path.extend(start)
        state = state._replace(scores=jnp.asarray(held[-1:]))
    path.extend(settled(held, transition, final=True))
    assert len(path) == 300 and np.abs(np.diff(path)).max() == 1


@pytest.mark.parametrize("keep", [0, 5])
def test_some_must_be_kept_and_some_decided(keep):
    with pytest.raises(ValueError, match="from 1 to 4"):
        decided(np.zeros((5, 2), np.float32), np.zeros((2, 2), np.float32), keep=keep)
