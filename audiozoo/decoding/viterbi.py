"""The most probable path of hidden states (Viterbi, 1967), over a whole sequence or as it arrives, in pieces."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int


class ViterbiPath(NamedTuple):
    states: Int[Array, "batch time"]  # zero beyond `lengths`
    log_probability: Float[Array, " batch"]  # of the path and the observations together; zero for an empty sequence


class ViterbiState(NamedTuple):
    """What the past of a sequence comes down to."""

    scores: Float[Array, "batch states"]  # of the best path that ends in each state, less the best of them
    log_probability: Float[Array, " batch"]  # of the best path so far
    started: Bool[Array, " batch"]  # false before the first observation


def initial_state(log_initial: Float[Array, "batch states"]) -> ViterbiState:
    """Before any observation: the log-probability of every state."""
    batch = len(log_initial)
    return ViterbiState(jnp.asarray(log_initial), jnp.zeros(batch), jnp.zeros(batch, bool))


def advance(
    state: ViterbiState,
    log_emissions: Float[Array, "batch time states"],
    log_transition: Float[Array | np.ndarray, "states states"],
    lengths: Int[Array, " batch"] | None = None,
) -> tuple[ViterbiState, Float[Array, "batch time states"]]:
    """Takes in observations: the new state, and the scores after each of them, which `trace_back` goes through.

    `log_transition` goes from the row's state to the column's. Beyond `lengths` nothing changes any more.
    """
    batch, time, _ = log_emissions.shape
    limits = jnp.full(batch, time) if lengths is None else lengths

    def step(state: ViterbiState, now: tuple[Array, Array]) -> tuple[ViterbiState, Array]:
        emissions, index = now
        best = jnp.max(state.scores[:, :, None] + log_transition, axis=1)
        scores = jnp.where(state.started[:, None], best, state.scores) + emissions
        top = scores.max(axis=-1)  # taken out, for sums over hours would lose what tells paths apart
        scores = scores - jnp.where(jnp.isfinite(top), top, 0)[:, None]
        valid = index < limits
        after = ViterbiState(
            jnp.where(valid[:, None], scores, state.scores),
            state.log_probability + jnp.where(valid, top, 0),
            state.started | valid,
        )
        return after, after.scores

    state, scores = jax.lax.scan(step, state, (log_emissions.swapaxes(0, 1), jnp.arange(time)))
    return state, scores.swapaxes(0, 1)


def trace_back(
    scores: Float[Array, "batch time states"],
    log_transition: Float[Array | np.ndarray, "states states"],
    lengths: Int[Array, " batch"] | None = None,
) -> Int[Array, "batch time"]:
    """The best path, from the scores of `advance`. Of equally good states, the lowest counts.

    Predecessors are found here, for the path alone, not on the way forward for every state.
    """
    batch, time, _ = scores.shape
    limits = jnp.full(batch, time) if lengths is None else lengths
    into = jnp.asarray(log_transition).T

    def step(state: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        before, index = now  # `state` is that at `index + 1`
        previous = jnp.argmax(before + jnp.where((index + 1 < limits)[:, None], into[state], 0), axis=-1)
        return previous, previous

    start = jnp.zeros(batch, jnp.argmax(scores[:, 0], axis=-1).dtype)
    _, path = jax.lax.scan(step, start, (scores.swapaxes(0, 1), jnp.arange(time)), reverse=True)
    return path.swapaxes(0, 1)


def viterbi(
    log_emissions: Float[Array, "batch time states"],
    log_transition: Float[Array | np.ndarray, "states states"],
    log_initial: Float[Array, " states"] | None = None,
    lengths: Int[Array, " batch"] | None = None,
) -> ViterbiPath:
    """The path of the highest joint probability; uniform `log_initial` and full `lengths` by default."""
    batch, time, states = log_emissions.shape
    first = jnp.full(states, -np.log(states)) if log_initial is None else log_initial
    begin = initial_state(jnp.broadcast_to(first, (batch, states)).astype(log_emissions.dtype))
    end, scores = advance(begin, log_emissions, log_transition, lengths)
    path = trace_back(scores, log_transition, lengths)
    valid = jnp.arange(time) < (time if lengths is None else lengths[:, None])
    return ViterbiPath(jnp.where(valid, path, 0), end.log_probability)


def settled(
    scores: Float[np.ndarray, "time states"], log_transition: Float[np.ndarray, "states states"], *, final: bool = False
) -> Int[np.ndarray, " settled"]:
    """The beginning of the path that no later observation can change; all of it if these scores are the last.

    It is as far as the paths into all the present states share it, and they meet soon where transitions are local.
    The scores of what has not settled yet must be kept, for the next call.
    """
    time, states = scores.shape
    if not time:
        return np.empty(0, np.int64)
    ends = scores[-1].argmax(keepdims=True) if final else np.flatnonzero(np.isfinite(scores[-1]))
    if not len(ends):  # nothing is possible, so everything is equally
        ends = np.arange(states)
    path = np.empty(time, np.int64)
    known = 0  # how much of the path is filled in, from its beginning
    for index in range(time - 1, -1, -1):
        if index < time - 1:
            ends = np.unique((scores[index][:, None] + log_transition[:, ends]).argmax(axis=0))
        if len(ends) == 1:
            path[index] = ends[0]
            known = max(known, index + 1)
    return path[:known]


def decided(
    scores: Float[np.ndarray, "time states"], log_transition: Float[np.ndarray, "states states"], *, keep: int
) -> tuple[Int[np.ndarray, " decided"], Float[np.ndarray, "keep states"]]:
    """Decides on the best path of now up to the last `keep` observations, though later ones might change it.

    For sequences whose paths do not meet, such as any number of equal observations, and would have to be kept whole.

    Returns:
        The path's beginning, `time - keep` states; and the scores that are left, in which whatever does not come from
        there is impossible (-inf), so that the path stays one. The last row is what to go on from, in `ViterbiState`.

    Raises:
        ValueError: `keep` is not between 1 and the number of observations less one.
    """
    if not 1 <= keep < len(scores):
        raise ValueError(f"keep is {keep}; it must be from 1 to {len(scores) - 1}, for there are {len(scores)} scores")
    path = settled(scores, log_transition, final=True)[: len(scores) - keep]
    left = scores[len(path) :].copy()
    descends = np.arange(scores.shape[1]) == path[-1]
    for row, before in zip(left, scores[len(path) - 1 :], strict=False):
        descends = descends[(before[:, None] + log_transition).argmax(axis=0)]
        row[~descends] = -np.inf
    return path, left
