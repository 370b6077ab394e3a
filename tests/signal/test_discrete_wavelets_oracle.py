"""Filters, transforms, packets and the stationary transform against PyWavelets."""

import functools
import typing

import jax
import numpy as np
import pytest
import pywt

from audiozoo.signal.discrete_wavelets import Boundary, dwt, dwt_max_level, extend, idwt, wavedec, waverec
from audiozoo.signal.wavelet_filters import wavelet, wavelet_names
from audiozoo.signal.wavelet_packets import iswt, packet_tree, swt
from tests.signal import exactness

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:Level value of:UserWarning")]
pytestmark += [pytest.mark.filterwarnings("ignore:norm=True, but:UserWarning")]

MODES = typing.get_args(Boundary)
SIGNAL = np.random.default_rng(0).standard_normal(4000)


def compiled(function, *arguments):
    with jax.enable_x64(arguments[0].dtype == np.float64):
        return jax.jit(function)(*arguments)


def same_filters(name):  # as ours, so that what is compared is the transform and not PyWavelets' table
    return pywt.Wavelet(name, filter_bank=[list(kernel) for kernel in wavelet(name)])


@functools.cache
def analysis(name, mode, peer):
    ours = compiled(lambda x: wavedec(x, name, level=3, mode=mode), SIGNAL.astype(np.float32))
    theirs, reference = (
        pywt.wavedec(SIGNAL.astype(t), same_filters(name), mode=mode, level=3) for t in (np.float32, np.float64)
    )
    return [np.concatenate(bands) for bands in (ours, theirs, reference)]


def synthesis(name, mode):
    bands = pywt.wavedec(SIGNAL, same_filters(name), mode=mode, level=3)
    narrow = [band.astype(np.float32) for band in bands]
    ours = jax.jit(lambda c: waverec(c, name, mode=mode))(narrow)
    return ours, pywt.waverec(narrow, same_filters(name), mode=mode), pywt.waverec(bands, same_filters(name), mode=mode)


def stationary(name):
    ours = compiled(lambda x: swt(x, name, level=3), SIGNAL.astype(np.float32))
    settings = {"level": 3, "trim_approx": True}
    theirs, reference = (pywt.swt(SIGNAL.astype(t), same_filters(name), **settings) for t in (np.float32, np.float64))
    return [np.stack(bands) for bands in (ours, theirs, reference)]


EXACTNESS = {
    "wavedec db4, symmetric (PyWavelets)": lambda: analysis("db4", "symmetric", "pywt"),
    "wavedec sym8, periodization (PyWavelets)": lambda: analysis("sym8", "periodization", "pywt"),
    "wavedec db20, antireflect (PyWavelets)": lambda: analysis("db20", "antireflect", "pywt"),
    "waverec db4 (PyWavelets)": lambda: synthesis("db4", "symmetric"),
    "waverec bior4.4, periodization (PyWavelets)": lambda: synthesis("bior4.4", "periodization"),
    "swt sym4 (PyWavelets)": lambda: stationary("sym4"),
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    exactness.check(*EXACTNESS[transform]())


def test_the_same_wavelets():
    assert set(wavelet_names()) == set(pywt.wavelist(kind="discrete")) - {"dmey"}


@pytest.mark.parametrize("name", wavelet_names())
def test_filters(name):
    # PyWavelets' tables of these are rounded, and its filters as far from orthogonal; the others are ours to the bit or
    # the last one.
    rounded = name.startswith("sym") or name in ("bior4.4", "bior5.5", "bior6.8", "rbio4.4", "rbio5.5", "rbio6.8")
    np.testing.assert_allclose(wavelet(name), pywt.Wavelet(name).filter_bank, atol=2e-11 if rounded else 2e-16, rtol=0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("time, name", [(2, "db2"), (3, "db5"), (9, "haar"), (12, "bior2.4"), (21, "coif1")])
def test_one_level_in_every_mode(mode, time, name):
    theirs = pywt.dwt(SIGNAL[:time], name, mode)
    ours = compiled(lambda x: dwt(x, name, mode=mode), SIGNAL[:time])
    np.testing.assert_allclose(ours, theirs, atol=1e-13 if mode != "antireflect" else 1e-12)
    back = compiled(lambda a, d: idwt(a, d, name, mode=mode), *theirs)
    np.testing.assert_allclose(back, pywt.idwt(*theirs, name, mode), atol=1e-12)


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode not in ("reflect", "antireflect")])  # refused there
def test_one_sample(mode):
    theirs = pywt.dwt(SIGNAL[:1], "db2", mode)
    np.testing.assert_allclose(compiled(lambda x: dwt(x, "db2", mode=mode), SIGNAL[:1]), theirs, atol=1e-15)


@pytest.mark.parametrize(
    "mode", [mode for mode in MODES if mode != "periodization"]
)  # which `pywt.pad` takes as periodic
def test_continuations(mode):
    ours = compiled(lambda x: extend(x, 13, 15, mode), SIGNAL[:5])
    np.testing.assert_allclose(ours, pywt.pad(SIGNAL[:5], (13, 15), mode), atol=1e-13)


@pytest.mark.parametrize("mode, level", [("symmetric", None), ("periodization", 5), ("smooth", 4)])
def test_levels(mode, level):
    theirs = pywt.wavedec(SIGNAL[:101], "db3", mode, level)
    ours = compiled(lambda x: wavedec(x, "db3", mode=mode, level=level), SIGNAL[:101])
    assert len(ours) == len(theirs)
    for band, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(band, expected, atol=1e-12)
    back = compiled(lambda *c: waverec(c, "db3", mode=mode), *theirs)
    np.testing.assert_allclose(back, pywt.waverec(theirs, "db3", mode), atol=1e-12)


def test_most_levels():
    for name in ("haar", "db4", "coif5"):
        taps = pywt.Wavelet(name).dec_len
        lengths = [1, 2, 5, 7, 8, 29, 30, 31, 56, 58, 1000, 2**20]
        assert [dwt_max_level(n, name) for n in lengths] == [pywt.dwt_max_level(n, taps) for n in lengths]


@pytest.mark.parametrize("order, theirs", [("frequency", "freq"), ("natural", "natural")])
def test_packets(order, theirs):
    tree = pywt.WaveletPacket(SIGNAL[:61], "db3", "symmetric", 3)
    expected = np.stack([node.data for node in tree.get_level(3, theirs)], axis=-1)
    ours = compiled(lambda x: packet_tree(x, "db3", level=3, order=order), SIGNAL[:61])
    np.testing.assert_allclose(ours, expected, atol=1e-13)


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("name", ["haar", "db3", "bior2.4", "bior3.5"])
def test_stationary_transforms(name, normalise):
    theirs = pywt.swt(SIGNAL[:24], name, 3, trim_approx=True, norm=normalise)
    ours = compiled(lambda x: swt(x, name, level=3, normalise=normalise), SIGNAL[:24])
    np.testing.assert_allclose(ours, theirs, atol=1e-13)
    back = compiled(lambda *c: iswt(c, name, normalise=normalise), *theirs)
    np.testing.assert_allclose(back, pywt.iswt(theirs, name, norm=normalise), atol=1e-13)
