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


class _Terms(NamedTuple):
    """On what terms rows end and hypotheses compete; see `beam_search`."""

    end: int | Int[Array, ""]
    limits: Int[Array, " batch"]
    given: Int[Array, " batch"]
    length_penalty: float


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
    terms = _terms(end_token, limits, given, length_penalty, batch, steps)
    enough = int(beams * patience + 0.5)

    def choose(beam: _Beams, logits: Array, count: Array) -> _Beams:
        return _extend(beam, jax.nn.log_softmax(rules(logits, beam.tokens, count)), count, terms, enough)

    first_logits = jnp.broadcast_to(first_logits[:, None], (batch, beams, vocabulary))
    first = choose(_first_beams(batch, beams, steps, terms), first_logits, jnp.int32(0))

    def body(carry: tuple[Array, _Beams, Any]) -> tuple[Array, _Beams, Any]:
        count, beam, state = carry
        ancestry = beam.ancestry.at[..., count - 1].set(jnp.arange(beams))
        logits, state = step(jax.lax.dynamic_index_in_dim(beam.tokens, count - 1, 2, False), state, ancestry)
        return count + 1, choose(beam._replace(ancestry=ancestry), logits, count), state

    going = lambda carry: ~carry[1].done.all()
    return jax.lax.while_loop(going, body, (jnp.int32(1), first, state))[1].best


def _terms(end: Any, limits: Any, given: Any, length_penalty: float, batch: int, steps: int) -> _Terms:
    return _Terms(
        end,
        jnp.full(batch, steps) if limits is None else jnp.minimum(limits, steps),
        jnp.zeros(batch, jnp.int32) if given is None else given,
        length_penalty,
    )


def _first_beams(batch: int, beams: int, steps: int, terms: _Terms) -> _Beams:
    """No symbols yet; all beams of a row are one at first, so only one of them counts."""
    empty = jnp.full((batch, steps), terms.end, jnp.int32)
    nothing = jnp.full(batch, -jnp.inf, jnp.float32)
    return _Beams(
        tokens=jnp.full((batch, beams, steps), terms.end, jnp.int32),
        ancestry=jnp.broadcast_to(jnp.arange(beams)[:, None], (batch, beams, steps)),
        scores=jnp.where(jnp.arange(beams) == 0, 0.0, -jnp.inf) + jnp.zeros((batch, 1)),
        finished=jnp.zeros(batch, jnp.int32),
        top_finished=jnp.zeros(batch, bool),
        done=terms.limits < 1,
        best=Hypothesis(empty, jnp.zeros(batch, jnp.int32), nothing),
        best_rank=nothing,
    )


def _extend(beam: _Beams, log_probs: Array, count: Array, terms: _Terms, enough: int) -> _Beams:
    """Every beam by one symbol: what ends is held against the best so far, the likeliest of the rest go on."""
    batch, beams, vocabulary = log_probs.shape
    candidates = min(2 * beams, beams * vocabulary)
    rows = jnp.arange(batch)[:, None]
    totals = jnp.where(beam.scores[..., None] > -jnp.inf, beam.scores[..., None] + log_probs, -jnp.inf)
    scores, flat = jax.lax.top_k(totals.reshape(batch, -1), candidates)
    parents, tokens = flat // vocabulary, flat % vocabulary
    is_end, is_last = tokens == terms.end, (count + 1 >= terms.limits)[:, None]
    histories = beam.tokens[rows, parents].at[..., count].set(tokens)
    ended = (is_end | is_last) & (jnp.arange(candidates) < beams) & (scores > -jnp.inf) & ~beam.done[:, None]
    best, best_rank = _better(beam, histories, jnp.where(is_end, count, count + 1), scores, ended, terms)

    finished = beam.finished + ended.sum(axis=1)
    top_finished = beam.top_finished | ended[:, 0]
    alive = jnp.argsort(is_end, axis=1, stable=True)[:, :beams]
    take = lambda x: jnp.take_along_axis(x, alive, axis=1)
    return _Beams(
        tokens=histories[rows, alive],
        ancestry=beam.ancestry[rows, take(parents)],
        scores=jnp.where(take(is_end), -jnp.inf, take(scores)),
        finished=finished,
        top_finished=top_finished,
        done=beam.done | is_last[:, 0] | (finished >= enough if terms.length_penalty else top_finished),
        best=best,
        best_rank=best_rank,
    )


def _better(
    beam: _Beams, histories: Array, lengths: Array, scores: Array, ended: Array, terms: _Terms
) -> tuple[Hypothesis, Array]:
    """The best hypothesis of each row and its rank, those that ended now included."""
    ranks = jnp.where(ended, _rank(scores, lengths, terms), -jnp.inf)
    first = jnp.argmax(ranks, axis=1)
    here = lambda x: x[jnp.arange(len(x)), first]
    # A hypothesis without symbols ranks at minus infinity, and is still better than none.
    better = (here(ranks) > beam.best_rank) | (here(ended) & (beam.finished == 0))
    inside = jnp.arange(histories.shape[-1]) < here(lengths)[:, None]
    best = Hypothesis(
        jnp.where(better[:, None], jnp.where(inside, here(histories), terms.end), beam.best.tokens),
        jnp.where(better, here(lengths), beam.best.lengths),
        jnp.where(better, here(scores), beam.best.scores),
    )
    return best, jnp.where(better, here(ranks), beam.best_rank)


def _rank(scores: Array, lengths: Array, terms: _Terms) -> Array:
    return scores / (lengths + terms.given[:, None]).astype(scores.dtype) ** terms.length_penalty


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
    terms = _terms(end_token, limits, given, length_penalty, batch, steps)

    def choose(drawn: _Samples, logits: Array, count: Array) -> _Samples:
        log_probs = jax.nn.log_softmax(rules(logits, drawn.tokens, count))
        drawn_from = log_probs if keys is None else _tempered(log_probs, temperature, keys, count)
        tokens = jax.lax.top_k(drawn_from, 1)[1][..., 0]  # on CPU three times faster than argmax
        scores = jnp.take_along_axis(log_probs, tokens[..., None], axis=-1)[..., 0]
        tokens = jnp.where(drawn.done, end_token, tokens)
        return _Samples(
            drawn.tokens.at[..., count].set(tokens),
            drawn.scores + jnp.where(drawn.done, 0.0, scores),
            drawn.lengths + (tokens != end_token),
            drawn.done | (tokens == end_token) | (count + 1 >= terms.limits)[:, None],
        )

    slots = jnp.broadcast_to(jnp.arange(samples)[:, None], (batch, samples, steps))
    zero, idle = jnp.zeros((batch, samples), jnp.int32), jnp.broadcast_to((terms.limits < 1)[:, None], (batch, samples))
    start = _Samples(jnp.full(slots.shape, end_token, jnp.int32), zero.astype(jnp.float32), zero, idle)
    first = choose(start, jnp.broadcast_to(first_logits[:, None], (batch, samples, vocabulary)), jnp.int32(0))

    def body(carry: tuple[Array, _Samples, Any]) -> tuple[Array, _Samples, Any]:
        count, drawn, state = carry
        logits, state = step(jax.lax.dynamic_index_in_dim(drawn.tokens, count - 1, 2, False), state, slots)
        return count + 1, choose(drawn, logits, count), state

    going = lambda carry: ~carry[1].done.all()
    drawn = jax.lax.while_loop(going, body, (jnp.int32(1), first, state))[1]
    ranks = jnp.nan_to_num(_rank(drawn.scores, drawn.lengths, terms), neginf=-jnp.inf, nan=-jnp.inf)
    here = lambda x: x[jnp.arange(batch), jnp.argmax(ranks, axis=1)]
    scores = jnp.where(terms.limits < 1, -jnp.inf, here(drawn.scores))
    return Hypothesis(here(drawn.tokens), here(drawn.lengths), scores)


def _tempered(log_probs: Array, temperature: Any, keys: Array, count: Array) -> Array:
    """Scores whose largest is a draw at `temperature` (the Gumbel trick), each row's with its own key."""
    draw = lambda key: jax.random.gumbel(jax.random.fold_in(key, count), log_probs.shape[1:])
    return log_probs / temperature[:, None, None] + jax.vmap(draw)(keys)
