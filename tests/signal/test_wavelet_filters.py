import numpy as np
import pytest

from audiozoo.signal.wavelet_filters import Wavelet, wavelet, wavelet_names

ORTHOGONAL = [name for family in ("haar", "db", "sym", "coif") for name in wavelet_names(family)]


def moments(taps, count):
    """Relative to what rounding may leave: positions are scaled to one, and there are at most 76 of them."""
    place = np.linspace(-1, 1, len(taps))
    return [abs(np.sum(taps * place**k)) for k in range(count)]


@pytest.mark.parametrize("name", wavelet_names())
def test_every_bank_reconstructs(name):
    bank = wavelet(name)
    taps = len(bank.rec_lo)
    assert taps % 2 == 0 and all(len(kernel) == taps and kernel.dtype == np.float64 for kernel in bank)
    delay = np.zeros(2 * taps - 1)
    delay[taps - 1] = 2
    through = np.convolve(bank.dec_lo, bank.rec_lo) + np.convolve(bank.dec_hi, bank.rec_hi)
    np.testing.assert_allclose(through, delay, atol=1e-15)
    signs = (-1.0) ** np.arange(taps)
    alias = np.convolve(signs * bank.dec_lo, bank.rec_lo) + np.convolve(signs * bank.dec_hi, bank.rec_hi)
    np.testing.assert_allclose(alias, 0, atol=1e-15)


@pytest.mark.parametrize("name", ORTHOGONAL)
def test_orthogonal_ones_are(name):
    bank = wavelet(name)
    for kernel in (bank.rec_lo, bank.rec_hi):
        shifts = np.convolve(kernel, kernel[::-1])[len(kernel) - 1 :: 2]
        np.testing.assert_allclose(shifts, np.arange(len(shifts)) == 0, atol=1e-15)
    np.testing.assert_array_equal(bank.dec_lo, bank.rec_lo[::-1])


@pytest.mark.parametrize("name", ORTHOGONAL)
def test_moments_vanish(name):
    bank, order = wavelet(name), int("".join(filter(str.isdigit, name)) or 1)
    count = 2 * order if name.startswith("coif") else order
    assert max(moments(bank.rec_hi, count)) < 1e-14
    if name.startswith("coif"):  # of the scaling function too, but the one that is its sum
        place = np.arange(len(bank.rec_lo)) - np.arange(len(bank.rec_lo)) @ bank.rec_lo / bank.rec_lo.sum()
        assert max(abs(np.sum(bank.rec_lo * (place / 3 / order) ** k)) for k in range(1, 2 * order)) < 1e-13
    if order < 10:
        assert max(moments(bank.rec_hi, count + 2)) > 1e-12, "no more than that do"


def test_extremal_phase_and_nearly_linear_phase():
    def bend(name):  # deviation of the phase from a straight line
        response = np.fft.fft(wavelet(name).rec_lo, 512)[:200]
        phase = np.unwrap(np.angle(response))
        return np.ptp(phase - np.polyval(np.polyfit(np.arange(200), phase, 1), np.arange(200)))

    for order in range(4, 21):
        assert bend(f"sym{order}") < 0.6 * bend(f"db{order}")
        zeros = np.roots(wavelet(f"db{order}").rec_lo)
        assert order > 12 or np.sum(abs(zeros) < 0.9) == order - 1  # the rest lie, numerically spread, about -1


def test_names():
    assert len(wavelet_names()) == 1 + 38 + 19 + 17 + 15 + 15
    assert wavelet_names("coif") == tuple(f"coif{n}" for n in range(1, 18))
    np.testing.assert_array_equal(wavelet("haar"), wavelet("db1"))
    np.testing.assert_array_equal(wavelet("bior3.5").rec_lo[::-1], wavelet("rbio3.5").dec_lo)
    bank = wavelet("db3")
    assert wavelet(bank) is bank and isinstance(bank, Wavelet)
    with pytest.raises(ValueError, match="read-only"):
        bank.dec_lo[0] = 0


@pytest.mark.parametrize("name", ["db39", "db0", "sym1", "db", "coif18", "bior2.3", "dmey", ""])
def test_unknown_names_are_errors(name):
    with pytest.raises(ValueError, match="wavelet"):
        wavelet(name)


def test_unknown_family():
    with pytest.raises(ValueError, match="family"):
        wavelet_names("gabor")
