"""Scattering against kymatio: its NumPy front end, in float64, and that on PyTorch, in the precision it is given."""

import functools

import jax
import numpy as np
import pytest
import torch
from kymatio.scattering1d.frontend.numpy_frontend import ScatteringNumPy1D
from kymatio.scattering1d.frontend.torch_frontend import ScatteringTorch1D

from audiozoo.signal.scattering import scattering_moduli, scattering_paths, scattering_transform
from tests.signal import exactness

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:Signal support is too small:UserWarning")]

SIGNAL = np.random.default_rng(0).standard_normal((2, 1000))
CASES = [  # samples, octaves, per octave, support, oversampling
    (512, 5, (4, 1), None, 0),
    (777, 4, (1, 1), 20, 1),
    (300, 5, (3, 2), 100, 2),
]


@functools.cache
def single_precision():
    ours = jax.jit(lambda x: scattering_transform(x, octaves=5, per_octave=(4, 1), gain="kymatio"))
    theirs = ScatteringTorch1D(5, 1000, (4, 1))(torch.as_tensor(SIGNAL.astype(np.float32))).numpy()
    reference = ScatteringNumPy1D(5, 1000, (4, 1))(SIGNAL)
    return ours(SIGNAL.astype(np.float32)), theirs.swapaxes(-1, -2), reference.swapaxes(-1, -2)


EXACTNESS = {"scattering J=5, Q=(4, 1) (kymatio on torch)": single_precision}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    exactness.check(*EXACTNESS[transform]())


@pytest.mark.parametrize("time, octaves, per_octave, support, oversampling", CASES)
def test_coefficients_and_paths(time, octaves, per_octave, support, oversampling):
    peer = ScatteringNumPy1D(octaves, time, per_octave, T=support, oversampling=oversampling)
    settings = {"octaves": octaves, "per_octave": per_octave, "support": support, "oversampling": oversampling}
    with jax.enable_x64(True):
        ours = jax.jit(lambda x: scattering_transform(x, **settings, gain="kymatio"))(SIGNAL[:, :time])
    np.testing.assert_allclose(ours, peer(SIGNAL[:, :time]).swapaxes(-1, -2), atol=1e-14)
    paths, meta = scattering_paths(octaves=octaves, per_octave=per_octave), peer.meta()
    np.testing.assert_array_equal(paths.order, meta["order"])
    np.testing.assert_allclose(paths.frequency, meta["xi"], rtol=1e-14)
    np.testing.assert_allclose(paths.bandwidth, meta["sigma"], rtol=1e-14)
    np.testing.assert_array_equal(paths.octave, np.nan_to_num(meta["j"], nan=-1))
    np.testing.assert_array_equal(paths.wavelet, np.nan_to_num(meta["n"], nan=-1))


def test_first_order_alone():
    peer = ScatteringNumPy1D(4, 200, 2, max_order=1)
    with jax.enable_x64(True):
        ours = jax.jit(lambda x: scattering_transform(x, octaves=4, per_octave=2, max_order=1, gain="kymatio"))(
            SIGNAL[0, :200]
        )
    np.testing.assert_allclose(ours, peer(SIGNAL[0, :200]).T, atol=1e-14)


@pytest.mark.parametrize("oversampling", [0, 1])
def test_moduli(oversampling):
    peer = ScatteringNumPy1D(5, 512, (2, 1), T=0, oversampling=oversampling, out_type="list")
    with jax.enable_x64(True):
        ours = jax.jit(
            lambda x: scattering_moduli(x, octaves=5, per_octave=2, oversampling=oversampling, gain="kymatio")
        )(SIGNAL[:, :512])
    for coefficient, theirs in zip(ours, peer(SIGNAL[:, :512]), strict=True):
        np.testing.assert_allclose(coefficient, theirs["coef"], atol=1e-14)


def test_at_the_full_rate_there_is_one_gain():
    peer = ScatteringNumPy1D(4, 256, 2, oversampling=9)
    with jax.enable_x64(True):
        ours = jax.jit(lambda x: scattering_transform(x, octaves=4, per_octave=2, oversampling=9))(SIGNAL[0, :256])
    np.testing.assert_allclose(ours, peer(SIGNAL[0, :256]).T, atol=1e-14)
