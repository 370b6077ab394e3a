"""A toy language model with a memory in slots, and searches over it by plain Python."""

import itertools

import jax.numpy as jnp
import numpy as np


class Toy:
    """Logits depend on the whole history, so that a search which follows the wrong beam's memory is found out."""

    def __init__(self, vocabulary: int, steps: int, seed: int = 0):
        rng = np.random.default_rng(seed)
        self.vocabulary, self.steps = vocabulary, steps
        self.first = (2 * rng.standard_normal(vocabulary)).astype(np.float32)
        self.weights = (2 * rng.standard_normal((steps, vocabulary, vocabulary))).astype(np.float32)

    def logits(self, history):
        """What follows the symbols of `history`: every symbol adds its own row, by its place."""
        return self.first + sum(self.weights[place, symbol] for place, symbol in enumerate(history))

    def log_probs(self, history):
        logits = self.logits(history)
        return logits - np.log(np.sum(np.exp(logits - logits.max()))) - logits.max()

    def state(self, batch, beams):
        slots = jnp.full((batch, beams, self.steps, self.vocabulary), 100.0)
        return jnp.int32(0), slots, jnp.broadcast_to(jnp.asarray(self.first), (batch, 1, self.vocabulary)), self.weights

    def every(self, steps, end):
        """All sequences that end with `end` or at `steps` symbols, with their log-probabilities."""
        for length in range(steps + 1):
            for symbols in itertools.product([s for s in range(self.vocabulary) if s != end], repeat=length):
                score = sum(self.log_probs(symbols[:i])[s] for i, s in enumerate(symbols))
                if length < steps:
                    yield symbols, score + self.log_probs(symbols)[end]
                else:
                    yield symbols, score


def step(tokens, state, ancestry):
    """A toy's step over slots: the contributions of each (step, beam), read back by ancestry."""
    taken, slots, first, weights = state  # slots: batch, beams, steps, vocabulary
    rows, places = jnp.arange(len(slots)), jnp.arange(slots.shape[2])
    weights = jnp.asarray(weights)
    new = weights[taken, tokens] if weights.ndim == 3 else weights[rows[:, None], taken, tokens]
    slots = slots.at[:, :, taken].set(new)
    read = slots[rows[:, None, None], ancestry, places] * (places <= taken)[:, None]
    return first + read.sum(axis=2), (taken + 1, slots, first, weights)


def stacked(toys, beams):
    """The state of several toys as the rows of one batch, and their first logits."""
    states = [toy.state(1, beams) for toy in toys]
    slots, first = (jnp.concatenate([state[i] for state in states]) for i in (1, 2))
    return (jnp.int32(0), slots, first, jnp.stack([toy.weights for toy in toys])), first[:, 0]


def beam_search(toy, *, beams, steps, end, patience=1.0, length_penalty=1.0):
    """CTranslate2's BeamSearch over one row, in plain words: (symbols, score) of the best hypothesis."""
    alive, finished = [((), 0.0)], []
    for step in range(steps):
        ranked = sorted(
            (
                ((*symbols, symbol), score + log_prob)
                for symbols, score in alive
                for symbol, log_prob in enumerate(toy.log_probs(symbols))
            ),
            key=lambda candidate: -candidate[1],
        )[: 2 * beams]
        top_ended = False
        for place, (symbols, score) in enumerate(ranked[:beams]):
            if symbols[-1] == end or step + 1 == steps:
                finished.append((symbols[:-1] if symbols[-1] == end else symbols, score))
                top_ended |= place == 0
        alive = [candidate for candidate in ranked if candidate[0][-1] != end][:beams]
        if top_ended if length_penalty == 0 else len(finished) >= round(beams * patience):
            break
    return max(finished, key=lambda found: found[1] / max(len(found[0]), 1e-30) ** length_penalty)
