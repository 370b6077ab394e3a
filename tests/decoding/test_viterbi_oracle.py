import librosa
import numpy as np
import pytest

from audiozoo.decoding.viterbi import viterbi

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("seed", range(3))
def test_librosa_finds_the_same_path(seed):
    rng = np.random.default_rng(seed)
    transition, initial = rng.dirichlet(np.ones(40), size=40), rng.dirichlet(np.ones(40))
    emissions = rng.dirichlet(0.3 * np.ones(40), size=300)
    states, log_probability = librosa.sequence.viterbi(emissions.T, transition, p_init=initial, return_logp=True)
    logs = (np.log(x + np.finfo(np.float64).tiny).astype(np.float32) for x in (emissions[None], transition, initial))
    ours = viterbi(*logs)
    np.testing.assert_array_equal(ours.states[0], states)
    np.testing.assert_allclose(ours.log_probability[0], log_probability, rtol=1e-5)
