import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiozoo.ops.checks import check_waveform

GOOD = np.linspace(-1, 1, 20, dtype=np.float32).reshape(2, 10)


@pytest.mark.parametrize(
    "waveform, error, words",
    [
        ([[0.0]], TypeError, "not list"),
        (None, TypeError, "not NoneType"),
        ("speech.wav", TypeError, "not str"),
        (GOOD.astype(np.int16), TypeError, "divide by 32768"),
        (GOOD.astype(np.int64), TypeError, "int64"),
        (GOOD.astype(np.complex64), TypeError, "complex64"),
        (GOOD > 0, TypeError, "bool"),
        (GOOD[0], ValueError, r"shape \(10,\).*\(batch, time\)"),
        (GOOD[..., None], ValueError, r"shape \(2, 10, 1\)"),
        (GOOD[:0], ValueError, "no clips"),
    ],
)
def test_a_wrong_waveform_is_named(waveform, error, words):
    with pytest.raises(error, match=words):
        check_waveform(waveform)


@pytest.mark.parametrize(
    "lengths, error, words",
    [
        ([10.0, 10.0], TypeError, "integer"),
        ([10], ValueError, r"it is \(2,\)"),
        ([[10, 10]], ValueError, r"it is \(2,\)"),
        (10, ValueError, r"it is \(2,\)"),
        ([10, 11], ValueError, "0 to 10"),
        ([-1, 10], ValueError, "0 to 10"),
    ],
)
def test_wrong_lengths_are_named(lengths, error, words):
    with pytest.raises(error, match=words):
        check_waveform(GOOD, lengths)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, jnp.bfloat16])
def test_any_float_becomes_float32(dtype):
    waveform, lengths = check_waveform(GOOD.astype(dtype))
    assert waveform.dtype == jnp.float32
    assert lengths.dtype == jnp.int32
    np.testing.assert_array_equal(waveform, GOOD.astype(dtype).astype(np.float32))
    np.testing.assert_array_equal(lengths, [10, 10])


@given(st.lists(st.integers(0, 10), min_size=2, max_size=2))
def test_samples_beyond_a_length_are_zero(lengths):
    spoilt = np.where(np.arange(10) < np.array(lengths)[:, None], GOOD, np.nan)
    waveform, same = check_waveform(spoilt, lengths)
    np.testing.assert_array_equal(same, lengths)
    for row, clip, length in zip(waveform, GOOD, lengths, strict=True):
        np.testing.assert_array_equal(row[:length], clip[:length])
        assert not row[length:].any()


def test_traced_lengths_are_clipped():
    """They cannot be looked at, so the nearest that fit are taken."""
    _, lengths = jax.jit(check_waveform)(GOOD, jnp.array([-3, 99]))
    np.testing.assert_array_equal(lengths, [0, 10])
