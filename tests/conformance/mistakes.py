"""Checks that what a person gets wrong is said in a person's words, before XLA says it in its own."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from tests.conformance.subject import Subject, assert_same, noise


def refused(subject: Subject, kinds: type | tuple[type, ...], word: str, *args: Any) -> None:
    """The call raises one of `kinds`, with a short message that has `word` in it."""
    try:
        subject.model.apply(subject.variables, *args)
    except kinds as error:
        text = str(error)
        assert word in text, f"says nothing of {word!r}: {text}"
        assert len(text) < 500, f"too long to read: {text}"
        return
    raise AssertionError(f"took {[getattr(a, 'shape', a) for a in args]} without a word")


def check_wrong_waveforms(subject: Subject) -> None:
    """Wrong rank, wrong type, no array at all."""
    good = noise(0, 2, subject.time)
    refused(subject, ValueError, "(batch, time)", good[0])
    refused(subject, ValueError, "(batch, time)", good[..., None])
    refused(subject, ValueError, "(batch, time)", np.float32(0.5))
    for dtype in (np.int16, np.int32, np.bool_, np.complex64):
        refused(subject, TypeError, "dtype", good.astype(dtype))
    refused(subject, TypeError, "list", good.tolist())
    refused(subject, TypeError, "NoneType", None)


def check_wrong_lengths(subject: Subject) -> None:
    """Of the wrong number, type or rank, negative, or beyond the array."""
    good, time = noise(0, 2, subject.time), subject.time
    for lengths in ([time], [time] * 3, [[time, time]], time):
        refused(subject, ValueError, "lengths", good, np.asarray(lengths))
    for lengths in ([time, time + 1], [-1, time]):
        refused(subject, ValueError, "lengths", good, np.asarray(lengths))
    refused(subject, TypeError, "lengths", good, np.asarray([time, time], np.float32))


def check_right_but_unusual(subject: Subject) -> None:
    """NumPy or JAX arrays, half precision, lists of lengths, small integers: all the same answer."""
    samples, lengths = noise(0, 3, subject.time), [subject.time, subject.time - 40, subject.time - 200]
    samples = np.asarray(samples, np.float16).astype(np.float32)  # so that halves hold it exactly
    expected = subject(samples, lengths)
    unusual = (samples.astype(np.float16), jnp.asarray(lengths, jnp.uint16)), (samples.astype(np.float64), lengths)
    for waveform, valid in unusual:
        assert_same(subject.compiled(subject.variables, waveform, np.asarray(valid)), expected)
    assert_same(subject.model.apply(subject.variables, samples, lengths), expected)
