"""Checks that an answer depends on the clip alone: not on padding, batch-mates, transformations, or earlier calls."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conformance.subject import Output, Subject, assert_close, assert_same, assert_same_clip, noise, row, valid


def check_transforms(subject: Subject) -> None:
    """Eager, jitted and vmapped give the same."""
    waveform, lengths = noise(0, 3, subject.time), np.array([subject.time, subject.time - 200, 0], np.int32)
    jitted = subject(waveform, lengths)
    eager = subject.model.apply(subject.variables, jnp.asarray(waveform), jnp.asarray(lengths))
    one = lambda samples, length: row(subject.model.apply(subject.variables, samples[None], length[None]), 0)
    mapped = jax.jit(jax.vmap(one))(waveform, lengths)
    assert_same(jitted, eager)
    assert_same(jitted, mapped)


def check_padding(subject: Subject) -> None:
    """A clip's answer is the same alone as with any padding after it."""
    for length in {subject.shortest, max(subject.shortest, subject.time - 613), subject.time}:
        clip = noise(length, length)
        padded = np.full((3, subject.longer), 0.7, np.float32)  # what lies beyond the length is not silence
        padded[0, :length] = clip
        output = row(subject(padded, [length, subject.longer, 0]), 0)
        assert_same_clip(subject, output, subject.alone(clip))


def check_leak_is_real(subject: Subject) -> None:
    """A preset that says its model leaks is believed only if it does."""
    try:
        check_padding(subject)
    except AssertionError:
        return
    raise AssertionError(f"says it leaks ({subject.preset.leaks}), and does not")


def check_batch_mates(subject: Subject) -> None:
    """Every row of a batch is as it is beside silence, whatever the others are and however long."""
    lengths_of_rows = st.lists(st.integers(0, subject.time), min_size=3, max_size=3)

    @given(lengths_of_rows, st.integers(0, 99))
    @example([subject.time, 0, 1], 0)
    @example([subject.shortest, subject.time - 1, subject.shortest - 1], 1)
    def the_same_beside_any(lengths: list[int], seed: int) -> None:
        samples = noise(seed, 3, subject.time)
        together = subject(samples, lengths)
        for index, length in enumerate(lengths):
            padded = np.zeros((3, subject.longer), np.float32)
            padded[1, :length] = samples[index, :length]
            apart = row(subject(padded, [0, length, 0]), 1)
            assert_same_clip(subject, row(together, index), apart)

    the_same_beside_any()


def check_pure(subject: Subject) -> None:
    """Equal calls give equal answers, to the bit, and the order of calls leaves no trace."""
    first, second = noise(0, 3, subject.time), noise(1, 3, subject.time)
    before = subject(first)
    other = subject(second)
    again = subject(first)
    assert_same(before, again, tolerance=0)
    fresh = jax.jit(lambda v, w: subject.model.apply(v, w))
    assert_same(fresh(subject.variables, second), other, tolerance=1e-6)


def check_traced_once(subject: Subject) -> None:
    """Models that are equal are one to `jit`: it traces for the first only."""
    traces = 0

    def call(model, variables, waveform):
        nonlocal traces
        traces += 1
        return model.apply(variables, waveform)

    compiled = jax.jit(call, static_argnums=0)
    twin = subject.full.with_changes(**subject.full.small).model
    for model in (subject.model, twin):
        jax.eval_shape(lambda *args, model=model: compiled(model, *args), subject.variables, noise(0, 1, subject.time))
    assert traces == 1, f"traced {traces} times for two equal models"


def check_streaming(subject: Subject) -> None:
    """Cut anywhere, into pieces of any length, the pieces' answers joined are the whole's, row by row."""
    time, model, variables = subject.longer, subject.model, subject.variables
    waveform = noise(0, 2, time)
    initial = jax.jit(lambda v: model.apply(v, 2, method="initial_state"))(variables)
    stream = jax.jit(lambda v, *args: model.apply(v, *args, method="stream"))
    flush = jax.jit(lambda v, state: model.apply(v, state, method="flush"))

    @given(st.lists(st.sampled_from((0, 1, 300, 977)), max_size=12))  # each size is compiled once
    @example([1, 1, 977, 300, 0, 300, 1, 300, 300, 1])
    def the_same_however_cut(sizes: list[int]) -> None:
        state, pieces, start = initial, [], 0
        while sizes and start + sizes[0] <= time:
            size, *sizes = sizes
            second = size - min(size, 17)  # the second row is shorter in each piece, so rows go out of step
            lengths = np.array([size, second], np.int32)
            output, state = stream(variables, jnp.asarray(waveform[:, start : start + size]), state, lengths)
            pieces.append((output, start, lengths))
            start += size
        pieces.append((flush(variables, state)[0], start, np.zeros(2, np.int32)))
        for index in range(2):
            heard = [waveform[index, at : at + lengths[index]] for _, at, lengths in pieces]
            samples = np.concatenate(heard)
            padded = np.zeros((2, time), np.float32)
            padded[0, : len(samples)] = samples
            whole = row(subject(padded, [len(samples), 0]), 0)
            assert_joined(subject, [row(piece, index) for piece, _, _ in pieces], whole)

    the_same_however_cut()


def assert_joined(subject: Subject, pieces: list[Output], whole: Output) -> None:
    """One row's pieces, of each as much as its length says, are the whole."""
    assert sum(int(piece.lengths) for piece in pieces) == int(whole.lengths), "answers were lost or made up"
    expected = valid(subject, whole, int(whole.lengths))
    parts = [valid(subject, piece, int(piece.lengths)) for piece in pieces]
    for name, axes in subject.time_axes.items():
        for axis in axes:
            assert_close(np.concatenate([part[name] for part in parts], axis), expected[name], what=name)
