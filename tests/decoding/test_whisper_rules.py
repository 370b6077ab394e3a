import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.decoding import whisper_rules
from audiozoo.decoding.whisper_rules import Grammar

# Text 0 to 5, the end 6, another special symbol 7, no timestamps 8, times from 9 on: 0.00 to 0.14 s.
END, NO_TIMES, FIRST, VOCABULARY = 6, 8, 9, 17
TIMES = list(range(FIRST, VOCABULARY))


@pytest.fixture
def grammar():
    mask = lambda *symbols: jnp.isin(jnp.arange(VOCABULARY), jnp.array(symbols))
    return Grammar(mask(1, 7), mask(2, END), jnp.int32(END), jnp.int32(FIRST), jnp.int32(3))


def allowed(grammar, history, *, logits=None, starts=True):
    """The symbols that may follow; by default the logits favour text so much that no time is forced."""
    logits = np.where(np.arange(VOCABULARY) < FIRST, 9.0, 0.0) if logits is None else logits
    tokens = jnp.array([*history, *[FIRST] * (12 - len(history))])[None, None]  # what is beyond must not matter
    ruled = whisper_rules.timestamps(
        jnp.asarray(logits)[None, None], tokens, jnp.int32(len(history)), grammar, jnp.array([starts])
    )
    return np.flatnonzero(np.isfinite(np.asarray(ruled[0, 0]))).tolist()


def test_suppressed_symbols_are_never_said_and_some_not_first(grammar):
    logits = jnp.zeros((1, 1, VOCABULARY))
    finite = lambda count: np.flatnonzero(np.isfinite(whisper_rules.suppress(logits, jnp.int32(count), grammar)[0, 0]))
    assert set(range(VOCABULARY)) - set(finite(0).tolist()) == {1, 2, 6, 7}
    assert set(range(VOCABULARY)) - set(finite(1).tolist()) == {1, 7}


def test_the_first_symbol_is_an_early_time(grammar):
    assert allowed(grammar, []) == [FIRST, FIRST + 1, FIRST + 2, FIRST + 3]


def test_after_a_prefix_the_first_symbol_is_anything(grammar):
    assert allowed(grammar, [], starts=False) == [s for s in range(VOCABULARY) if s != NO_TIMES]


def test_after_the_first_time_comes_text(grammar):
    assert allowed(grammar, [FIRST + 1]) == [0, 1, 2, 3, 4, 5, END, 7]


def test_after_text_a_later_time_may_come(grammar):
    assert allowed(grammar, [FIRST + 1, 0, 3]) == [0, 1, 2, 3, 4, 5, END, 7, *TIMES[2:]]


def test_after_a_closing_time_comes_a_time_not_before_it_or_the_end(grammar):
    assert allowed(grammar, [FIRST, 0, FIRST + 4]) == [END, 7, *TIMES[4:]]


def test_after_a_pair_of_times_comes_text(grammar):
    assert allowed(grammar, [FIRST, 0, FIRST + 4, FIRST + 4]) == [0, 1, 2, 3, 4, 5, END, 7]


def test_times_that_are_likelier_together_than_any_text_are_forced(grammar):
    logits = np.where(np.arange(VOCABULARY) < FIRST, 1.0, 0.0)  # 6 times of 0 weigh log 6 = 1.79
    assert allowed(grammar, [FIRST + 1, 0], logits=logits) == TIMES[2:]
    logits[0] = 1.8
    assert 0 in allowed(grammar, [FIRST + 1, 0], logits=logits)


def test_beams_and_rows_have_their_own_histories(grammar):
    histories = jnp.array([[[FIRST, 0, FIRST + 4], [FIRST, 0, 1]], [[FIRST, FIRST + 2, 0], [FIRST, 0, FIRST + 6]]])
    logits = jnp.broadcast_to(jnp.where(jnp.arange(VOCABULARY) < FIRST, 9.0, 0.0), (2, 2, VOCABULARY))
    ruled = whisper_rules.timestamps(logits, histories, jnp.int32(3), grammar, jnp.array([True, True]))
    for row in range(2):
        for beam in range(2):
            alone = allowed(grammar, histories[row, beam].tolist())
            assert np.flatnonzero(np.isfinite(np.asarray(ruled[row, beam]))).tolist() == alone
