"""Checks of what comes out: as declared, finite, and confined to the row it belongs to."""

import typing

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import jaxtyped

from tests.conformance.subject import Output, Subject, assert_same_clip, finite, noise, row


def check_declared_outputs(subject: Subject) -> None:
    """A NamedTuple with `lengths`, each field of the shape and type that its annotation says, floats in float32."""
    for batch, time in ((1, subject.shortest), (3, subject.time)):
        output = subject(noise(0, batch, time))
        assert hasattr(output, "_fields"), "an output is a NamedTuple, with names"
        assert "lengths" in output._fields, "an output says how much of it is valid"
        assert_as_declared(output)
        assert output.lengths.shape == (batch,)
        for name, array in output._asdict().items():
            assert len(array) == batch, f"{name} does not begin with the batch"
            assert array.dtype in (np.float32, np.int32, np.bool_), f"{name} is {array.dtype}"
        longest = {
            array.shape[1 + axis] for name, array in output._asdict().items() for axis in subject.time_axes[name]
        }
        assert not longest or int(output.lengths[0]) in longest, "a full row's length is the length of its output"
        assert jax.tree.map(np.shape, output) == jax.tree.map(np.shape, subject.shapes(batch, time))


def assert_as_declared(output: Output) -> None:
    hints = typing.get_type_hints(type(output), include_extras=True)
    with jaxtyped("context"):  # one meaning of each dimension's name across all fields
        for name, value in output._asdict().items():
            assert isinstance(jnp.asarray(value), hints[name]), f"{name}: {value.shape} is not {hints[name]}"


def check_finite(subject: Subject) -> None:
    """On silence, full scale, clipping, a constant, a click, the shortest clip and one that is too short."""
    time = subject.time
    click = np.zeros(time)
    click[time // 2] = 1
    clips = [
        np.zeros(time),
        np.random.default_rng(0).uniform(-1, 1, time),
        np.sign(np.random.default_rng(1).uniform(-1, 1, time)),
        np.ones(time),
        click,
        1e-20 * noise(2, time),
    ]
    names = ("silence", "full-scale noise", "clipping", "a constant", "a click", "near silence")
    for first in (0, 3):
        output = subject(np.stack(clips[first : first + 3]))
        for index, name in enumerate(names[first : first + 3]):
            assert finite(row(output, index)), f"not finite on {name}"
    for scale in (0, 1):
        assert finite(subject(scale * noise(3, 1, subject.shortest))), "not finite on the shortest clip"


def check_no_samples(subject: Subject) -> None:
    """A row of length zero has an answer of length zero; an array of no samples is an answer or a clear error."""
    output = subject(noise(0, 3, subject.time), [0, subject.time, min(1, subject.shortest - 1)])
    assert finite(output)
    assert output.lengths[0] == 0, f"no samples, and yet {output.lengths[0]} answers"
    for shape in ((0, subject.time), (3, 0)):
        try:
            empty = subject(np.zeros(shape))
        except ValueError as error:
            assert "waveform" in str(error), f"an error that does not name the waveform: {error}"
        else:
            assert finite(empty)
            assert len(empty.lengths) == shape[0]


def check_lengths_grow_with_the_clip(subject: Subject) -> None:
    """More samples never give fewer answers."""
    lengths = np.linspace(0, subject.time, 9).astype(int)
    answered = np.concatenate([subject(noise(0, 3, subject.time), three).lengths for three in lengths.reshape(3, 3)])
    assert (np.diff(answered) >= 0).all()
    assert (answered >= 0).all()


def check_nan_stays_in_its_row(subject: Subject) -> None:
    """NaN and infinite samples spoil no other row, and beyond a row's length not even their own."""
    clean = noise(0, 3, subject.time)
    lengths = [subject.time, subject.time - 100, subject.time]
    expected = subject(clean, lengths)
    for value in (np.nan, np.inf):
        spoilt = clean.copy()
        spoilt[0, 5:9] = value
        spoilt[1, lengths[1] :] = value
        output = subject(spoilt, lengths)
        for index in (1, 2):
            assert_same_clip(subject, row(output, index), row(expected, index))
