"""Windows are scipy's, name by name."""

import numpy as np
import pytest
import scipy.signal.windows

from audiozoo.signal import windows

SPECS = [
    "barthann",
    "bartlett",
    "blackman",
    "blackmanharris",
    "bohman",
    "boxcar",
    "cosine",
    "flattop",
    "hamming",
    "hann",
]
SPECS += ["lanczos", "nuttall", "parzen", "taylor", "triang", ("kaiser", 8.6), ("gaussian", 3.0), ("tukey", 0.3)]
SPECS += [
    ("chebwin", 90.0),
    ("general_hamming", 0.6),
    ("dpss", 0.9),
    ("general_gaussian", 1.5, 3.0),
    ("tukey", 0.0),
    ("tukey", 1.0),
]


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("size", [1, 2, 3, 8, 17, 101])
@pytest.mark.parametrize("periodic", [False, True])
def test_windows_are_scipys(spec, size, periodic):
    name, *parameters = (spec,) if isinstance(spec, str) else spec
    if name == "dpss" and size < 3:
        return
    expected = getattr(scipy.signal.windows, name)(size, *parameters, sym=not periodic)
    np.testing.assert_allclose(windows.window(spec, size, periodic=periodic), expected, atol=1e-12)


def test_all_of_scipys_names_are_known():
    assert not set(scipy.signal.windows.__all__) - {"get_window"} - set(windows._NAMED)


def test_the_others():
    levels = [0.4, 0.5, 0.1]
    np.testing.assert_allclose(
        windows.general_cosine(9, *levels, periodic=False), scipy.signal.windows.general_cosine(9, levels), atol=1e-15
    )
    np.testing.assert_allclose(
        windows.exponential(9, 2.0, periodic=False), scipy.signal.windows.exponential(9, tau=2.0), atol=1e-15
    )
    expected = scipy.signal.windows.kaiser_bessel_derived(16, 4.0)
    np.testing.assert_allclose(windows.kaiser_bessel_derived(16, 4.0), expected, atol=1e-14)
    half = windows.vorbis(16) ** 2
    np.testing.assert_allclose(half[:8] + half[8:], 1)
    np.testing.assert_allclose(windows.povey(400), windows.hann(400, periodic=False) ** 0.85)


@pytest.mark.parametrize(
    "call",
    [
        lambda: windows.hann(0),
        lambda: windows.window("magic", 5),
        lambda: windows.window("kaiser", 5),
        lambda: windows.slepian(8, 5.0),
        lambda: windows.kaiser_bessel_derived(7, 2.0),
        lambda: windows.kaiser_length(60.0, 0.0),
    ],
)
def test_mistakes_are_said(call):
    with pytest.raises(ValueError):
        call()


def test_constants_cannot_be_spoilt():
    with pytest.raises(ValueError):
        windows.hann(8)[0] = 1
