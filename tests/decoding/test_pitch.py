import jax.numpy as jnp
import numpy as np
import pytest

from audiozoo.decoding import pitch


def logits_around(bins, width=1.5):
    """A peak of the probability at fractional bins, as the network draws it."""
    distance = (np.arange(360) - np.asarray(bins)[..., None]) / width
    probabilities = np.clip(0.95 * np.exp(-(distance**2) / 2), 1e-6, None)
    return jnp.asarray(np.log(probabilities / (1 - probabilities)), jnp.float32)


def cents(frequency):
    return 1200 * np.log2(np.asarray(frequency, np.float64) / 10)


def test_a_peak_between_bins_is_found_between_bins():
    bins = np.linspace(100.0, 102.0, 21)[None]
    found = pitch.decode_weighted_argmax(logits_around(bins))
    np.testing.assert_allclose(cents(found.frequency), 20 * bins + 1997.3794084376191, atol=0.5)
    np.testing.assert_allclose(
        cents(pitch.decode_argmax(logits_around(bins)).frequency), cents(found.frequency), atol=10.5
    )
    assert (np.abs(found.bins - bins) <= 0.5).all() and (found.confidence > 0.85).all()


def test_peaks_outside_the_range_are_passed_over():
    logits = jnp.maximum(logits_around([[300.0]]), logits_around([[60.0]]) - 2)
    first, end = pitch.bins_between(100, 400)
    assert pitch.decode_argmax(logits).bins.tolist() == [[300]]
    for decode in (pitch.decode_argmax, pitch.decode_weighted_argmax, pitch.decode_viterbi):
        found = decode(logits, fmin=50, fmax=400)
        assert found.bins.tolist() == [[60]]
        assert 0.4 < found.confidence[0, 0] < 0.8
        assert first <= decode(logits, fmin=100, fmax=400).bins[0, 0] < end


def test_the_average_takes_no_bin_from_outside_the_range():
    found = pitch.decode_weighted_argmax(logits_around([[59.0]]), fmin=62.8, fmax=500)
    first, _ = pitch.bins_between(62.8, 500)
    assert cents(found.frequency)[0, 0] >= 20 * first + 1997.37


def test_a_smooth_path_ignores_a_short_jump_of_an_octave():
    bins = np.linspace(100.0, 110.0, 41)[None]
    logits = logits_around(bins)
    logits = logits.at[:, 20].set(jnp.maximum(logits_around(bins[:, 20] + 60) + 0.5, logits[:, 20]))
    alone, smooth = pitch.decode_weighted_argmax(logits), pitch.decode_viterbi(logits)
    assert alone.bins[0, 20] > 150
    np.testing.assert_allclose(cents(smooth.frequency), 20 * bins + 1997.38, atol=5)


def test_frames_beyond_the_length_do_not_matter():
    logits = logits_around(np.linspace(100, 200, 30)[None])
    padded = jnp.concatenate([logits, jnp.zeros((1, 9, 360))], axis=1)
    ours, alone = pitch.decode_viterbi(padded, jnp.array([30])), pitch.decode_viterbi(logits)
    np.testing.assert_array_equal(ours.bins[:, :30], alone.bins)
    np.testing.assert_array_equal(ours.frequency[:, :30], alone.frequency)


@pytest.mark.parametrize("fmin, fmax", [(0, 100), (200, 100), (100, 100), (5, 20), (3000, 4000), (float("nan"), 100)])
def test_a_range_without_pitches_is_refused(fmin, fmax):
    with pytest.raises(ValueError, match=r"fm|pitch"):
        pitch.bins_between(fmin, fmax)


def test_the_whole_range():
    assert pitch.bins_between(1, 10_000) == (0, 360)
    np.testing.assert_allclose(pitch.bins_to_frequency(jnp.array([0.0, 359.0])), [31.70, 2005.5], rtol=1e-4)
