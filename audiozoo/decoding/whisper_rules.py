"""What Whisper may say next: suppressed symbols and the grammar of its timestamps (Radford et al., 2022, §4.5).

Pure functions on logits, for the inside of a compiled search. The symbols are ordered: text, the end of the text, other
special symbols ending with "no timestamps", then one symbol for each 20 ms of the window.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


class Grammar(NamedTuple):
    """The symbols that the rules speak of; arrays, so that another choice of them compiles nothing anew."""

    suppressed: Bool[Array, " vocabulary"]  # never
    suppressed_first: Bool[Array, " vocabulary"]  # not as the first symbol: a blank, the end
    end: Int[Array, ""]
    first_timestamp: Int[Array, ""]  # the symbol of 0.00 s, the one after "no timestamps"
    max_initial: Int[Array, ""]  # the latest first timestamp, in symbols after `first_timestamp`


def suppress(
    logits: Float[Array, "batch beams vocabulary"], count: Int[Array, ""], grammar: Grammar
) -> Float[Array, "batch beams vocabulary"]:
    """Minus infinity for what is never said, and at the first step for what is not said first."""
    return jnp.where(grammar.suppressed | (grammar.suppressed_first & (count == 0)), -jnp.inf, logits)


def timestamps(
    logits: Float[Array, "batch beams vocabulary"],
    tokens: Int[Array, "batch beams steps"],
    count: Int[Array, ""],
    grammar: Grammar,
    starts: Bool[Array, " batch"],
) -> Float[Array, "batch beams vocabulary"]:
    """Timestamps come in pairs, never go back, and come when together they are likelier than any one text symbol.

    Args:
        tokens: the symbols so far, of which the first `count` are set.
        starts: rows whose first symbol must be a timestamp, at most `max_initial` (rows with a text prefix do not).
    """
    ids = jnp.arange(logits.shape[-1])
    is_time, is_text = ids >= grammar.first_timestamp, ids < grammar.end
    so_far = jnp.arange(tokens.shape[-1]) < count
    at = lambda i: jnp.take(tokens, jnp.maximum(i, 0), axis=-1)
    last_is_time = (count > 0) & (at(count - 1) >= grammar.first_timestamp)
    pair = last_is_time & ((count < 2) | (at(count - 2) >= grammar.first_timestamp))
    open_time = last_is_time & ~pair  # a segment has ended: its successor's start or the end of all must follow
    latest = jnp.max(jnp.where(so_far, tokens, 0), axis=-1)  # timestamps never go back, so the largest is the last one
    earliest = jnp.where(open_time, latest, jnp.maximum(latest, grammar.first_timestamp - 1) + 1)

    forbidden = ids == grammar.first_timestamp - 1  # "no timestamps"
    forbidden |= is_time & (pair[..., None] | (ids < earliest[..., None]))
    forbidden |= is_text & open_time[..., None]
    must_start = (starts & (count == 0))[:, None, None]
    forbidden |= must_start & (~is_time | (ids > grammar.first_timestamp + grammar.max_initial))
    logits = jnp.where(forbidden, -jnp.inf, logits)

    any_time = jax.nn.logsumexp(jnp.where(is_time, logits, -jnp.inf), axis=-1)
    best_text = jnp.max(jnp.where(is_time, -jnp.inf, logits), axis=-1)
    told = (count > 0) & ~pair & (any_time > best_text)
    return jnp.where(told[..., None] & ~is_time, -jnp.inf, logits)
