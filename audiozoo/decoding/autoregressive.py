"""Autoregressive search: one compiled loop from the first logits to the best sequence, whatever the model.

A model is a `step(tokens, state, ancestry) -> (logits, state)`. Its caches are never re-ordered: what beam `b` feeds at
step `s` stays in slot `(s, b)`, and ``ancestry[:, b, s]`` says which slot of step `s` belongs to the history of beam
`b`. `rules(logits, tokens, count)` may forbid symbols, given the `count` symbols that each beam has so far.

The semantics are those of CTranslate2 (`BeamSearch`, `GreedySearch`), which faster-whisper runs on: a beam step ranks
``2 · beams`` candidates, finished ones among the first `beams` are hypotheses, and a row stops at `beams · patience`
hypotheses. Hypotheses are ranked by ``score / length ** length_penalty``, the length without the end symbol.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

Logits = Float[Array, "batch beams vocabulary"]
History = Int[Array, "batch beams steps"]
Step = Callable[[Int[Array, "batch beams"], Any, History], tuple[Logits, Any]]
Rules = Callable[[Logits, History, Int[Array, ""]], Logits]


class Hypothesis(NamedTuple):
    """The best sequence of each row. `tokens` is without the end symbol, and filled with it beyond `lengths`."""

    tokens: Int[Array, "batch steps"]
    lengths: Int[Array, " batch"]
    scores: Float[Array, " batch"]  # sum of log-probabilities, the end symbol's included if it was reached


class _Beams(NamedTuple):
    tokens: Int[Array, "batch beams steps"]
    ancestry: Int[Array, "batch beams steps"]
    scores: Float[Array, "batch beams"]
    finished: Int[Array, " batch"]  # hypotheses so far
    top_finished: Bool[Array, " batch"]  # the most probable beam has ended at least once
    done: Bool[Array, " batch"]
    best: Hypothesis
    best_rank: Float[Array, " batch"]  # the length-normalised score of `best`


class _Samples(NamedTuple):
    tokens: Int[Array, "batch samples steps"]
    scores: Float[Array, "batch samples"]
    lengths: Int[Array, "batch samples"]
    done: Bool[Array, "batch samples"]


def no_rules(logits: Array, tokens: Array, count: Array) -> Array:
    """Every symbol is allowed."""
    return logits


def beam_search(
    step: Step,
    first_logits: Float[Array, "batch vocabulary"],
    state: Any,
    *,
    beams: int,
    steps: int,
    end_token: int | Int[Array, ""],
    rules: Rules = no_rules,
    limits: Int[Array, " batch"] | None = None,
    given: Int[Array, " batch"] | None = None,
    length_penalty: float = 1.0,
    patience: float = 1.0,
) -> Hypothesis:
    """The best hypothesis of a beam search over at most `steps` symbols a row.

    Args:
        step: the model; see the module's description.
        first_logits: what the model says after the prompt.
        state: what the model keeps; any pytree of fixed shapes.
        beams, patience: a row ends when it has ``round(beams · patience)`` hypotheses.
        limits: the symbols that each row may have, at most `steps` (default) and at least one; a row with the limit 0
            is not searched at all, and ends with a score of minus infinity.
        given: symbols of each row's prompt that count as part of its hypothesis when its score is normalised.
        length_penalty: with 0, a row also ends as soon as its most probable beam does.

    Raises:
        ValueError: settings outside their range.
    """
    if beams < 1 or steps < 1 or patience <= 0:
        raise ValueError(f"beams ({beams}) and steps ({steps}) must be at least 1, and patience ({patience}) above 0")
    batch, vocabulary = first_logits.shape
    candidates = min(2 * beams, beams * vocabulary)
    enough = int(beams * patience + 0.5)
    limits = jnp.full(batch, steps) if limits is None else jnp.minimum(limits, steps)
    given = jnp.zeros(batch, jnp.int32) if given is None else given
    rows = jnp.arange(batch)[:, None]

    def choose(beam: _Beams, logits: Array, count: Array) -> _Beams:
        log_probs = jax.nn.log_softmax(rules(logits, beam.tokens, count))
        totals = jnp.where(beam.scores[..., None] > -jnp.inf, beam.scores[..., None] + log_probs, -jnp.inf)
        scores, flat = jax.lax.top_k(totals.reshape(batch, -1), candidates)
        parents, tokens = flat // vocabulary, flat % vocabulary
        is_end, is_last = tokens == end_token, (count + 1 >= limits)[:, None]
        histories = beam.tokens[rows, parents].at[..., count].set(tokens)

        ended = (is_end | is_last) & (jnp.arange(candidates) < beams) & (scores > -jnp.inf) & ~beam.done[:, None]
        lengths = jnp.where(is_end, count, count + 1)
        size = (lengths + given[:, None]).astype(scores.dtype)
        ranks = jnp.where(ended, scores / size**length_penalty, -jnp.inf)
        first = jnp.argmax(ranks, axis=1)[:, None]
        here = lambda x: jnp.take_along_axis(x, first, axis=1)[:, 0]
        # A hypothesis without symbols ranks at minus infinity, and is still better than none.
        better = (here(ranks) > beam.best_rank) | (here(ended) & (beam.finished == 0))
        symbols = jnp.where(jnp.arange(steps) < here(lengths)[:, None], histories[rows[:, 0], first[:, 0]], end_token)
        best = Hypothesis(
            jnp.where(better[:, None], symbols, beam.best.tokens),
            jnp.where(better, here(lengths), beam.best.lengths),
            jnp.where(better, here(scores), beam.best.scores),
        )
        finished = beam.finished + ended.sum(axis=1)
        top_finished = beam.top_finished | ended[:, 0]
        done = beam.done | is_last[:, 0] | (finished >= enough if length_penalty else top_finished)

        alive = jnp.argsort(is_end, axis=1, stable=True)[:, :beams]  # the most probable that go on
        take = lambda x: jnp.take_along_axis(x, alive, axis=1)
        return _Beams(
            histories[rows, alive],
            beam.ancestry[rows, take(parents)],
            jnp.where(take(is_end), -jnp.inf, take(scores)),
            finished,
            top_finished,
            done,
            best,
            jnp.where(better, here(ranks), beam.best_rank),
        )

    slots = jnp.broadcast_to(jnp.arange(beams)[:, None], (batch, beams, steps))
    empty = Hypothesis(
        jnp.full((batch, steps), end_token, jnp.int32),
        jnp.zeros(batch, jnp.int32),
        jnp.full(batch, -jnp.inf, jnp.float32),
    )
    start = _Beams(
        tokens=jnp.full((batch, beams, steps), end_token, jnp.int32),
        ancestry=slots,
        scores=jnp.where(jnp.arange(beams) == 0, 0.0, -jnp.inf) + jnp.zeros((batch, 1)),  # all beams are one at first
        finished=jnp.zeros(batch, jnp.int32),
        top_finished=jnp.zeros(batch, bool),
        done=limits < 1,
        best=empty,
        best_rank=jnp.full(batch, -jnp.inf, jnp.float32),
    )
    first = choose(start, jnp.broadcast_to(first_logits[:, None], (batch, beams, vocabulary)), jnp.int32(0))

    def body(carry: tuple[Array, _Beams, Any]) -> tuple[Array, _Beams, Any]:
        count, beam, state = carry
        ancestry = beam.ancestry.at[..., count - 1].set(jnp.arange(beams))
        logits, state = step(jax.lax.dynamic_index_in_dim(beam.tokens, count - 1, 2, False), state, ancestry)
        return count + 1, choose(beam._replace(ancestry=ancestry), logits, count), state

    going = lambda carry: ~carry[1].done.all()
    return jax.lax.while_loop(going, body, (jnp.int32(1), first, state))[1].best


def sample(
    step: Step,
    first_logits: Float[Array, "batch vocabulary"],
    state: Any,
    *,
    steps: int,
    end_token: int | Int[Array, ""],
    samples: int = 1,
    temperature: Float[Array, " batch"] | None = None,
    keys: Key[Array, " batch"] | None = None,
    rules: Rules = no_rules,
    limits: Int[Array, " batch"] | None = None,
    given: Int[Array, " batch"] | None = None,
    length_penalty: float = 1.0,
) -> Hypothesis:
    """The best of `samples` independent sequences a row, drawn at `temperature`; without one, the greedy sequence.

    Scores are log-probabilities at temperature 1. The draw of a row depends on its own key and nothing else in the
    batch. Other arguments as in `beam_search`.

    Raises:
        ValueError: settings outside their range, or a temperature without keys.
    """
    if samples < 1 or steps < 1:
        raise ValueError(f"samples ({samples}) and steps ({steps}) must be at least 1")
    if (temperature is None) != (keys is None):
        raise ValueError("a temperature needs keys, one a row, and keys need a temperature")
    if temperature is None and samples > 1:
        raise ValueError("without a temperature all samples are the same: ask for one")
    batch, vocabulary = first_logits.shape
    limits = jnp.full(batch, steps) if limits is None else jnp.minimum(limits, steps)
    given = jnp.zeros(batch, jnp.int32) if given is None else given

    def choose(drawn: _Samples, logits: Array, count: Array) -> _Samples:
        log_probs = jax.nn.log_softmax(rules(logits, drawn.tokens, count))
        tempered = log_probs
        if temperature is not None and keys is not None:
            now = jax.vmap(lambda key: jax.random.fold_in(key, count))(keys)
            noise = jax.vmap(lambda key: jax.random.gumbel(key, (samples, vocabulary)))(now)
            tempered = log_probs / temperature[:, None, None] + noise
        tokens = jax.lax.top_k(tempered, 1)[1][..., 0]  # on CPU three times faster than argmax
        scores = jnp.take_along_axis(log_probs, tokens[..., None], axis=-1)[..., 0]
        tokens = jnp.where(drawn.done, end_token, tokens)
        return _Samples(
            drawn.tokens.at[..., count].set(tokens),
            drawn.scores + jnp.where(drawn.done, 0.0, scores),
            drawn.lengths + (tokens != end_token),
            drawn.done | (tokens == end_token) | (count + 1 >= limits)[:, None],
        )

    slots = jnp.broadcast_to(jnp.arange(samples)[:, None], (batch, samples, steps))
    start = _Samples(
        tokens=jnp.full((batch, samples, steps), end_token, jnp.int32),
        scores=jnp.zeros((batch, samples), jnp.float32),
        lengths=jnp.zeros((batch, samples), jnp.int32),
        done=jnp.broadcast_to((limits < 1)[:, None], (batch, samples)),
    )
    first = choose(start, jnp.broadcast_to(first_logits[:, None], (batch, samples, vocabulary)), jnp.int32(0))

    def body(carry: tuple[Array, _Samples, Any]) -> tuple[Array, _Samples, Any]:
        count, drawn, state = carry
        logits, state = step(jax.lax.dynamic_index_in_dim(drawn.tokens, count - 1, 2, False), state, slots)
        return count + 1, choose(drawn, logits, count), state

    going = lambda carry: ~carry[1].done.all()
    drawn = jax.lax.while_loop(going, body, (jnp.int32(1), first, state))[1]
    size = (drawn.lengths + given[:, None]).astype(drawn.scores.dtype)
    best = jnp.argmax(jnp.nan_to_num(drawn.scores / size**length_penalty, neginf=-jnp.inf, nan=-jnp.inf), axis=1)
    here = lambda x: x[jnp.arange(batch), best]
    return Hypothesis(here(drawn.tokens), here(drawn.lengths), jnp.where(limits < 1, -jnp.inf, here(drawn.scores)))
