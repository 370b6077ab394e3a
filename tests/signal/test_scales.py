import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiozoo.signal import scales

BARKS = ["zwicker", "traunmuller", "schroeder", "wang"]
# Zwicker (1961), "Subdivision of the audible frequency range into critical bands": the upper edges of bands 1 to 24.
EDGES = [100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3700, 4400, 5300]
EDGES += [6400, 7700, 9500, 12_000, 15_500]


@given(st.floats(0, 24_000), st.sampled_from(BARKS))
def test_bark_scales_have_an_inverse(hz, scale):
    np.testing.assert_allclose(scales.bark_to_hz(scales.hz_to_bark(hz, scale), scale), hz, rtol=1e-9, atol=1e-7)


@given(st.floats(0, 24_000), st.sampled_from(["glasberg", "slaney"]))
def test_erb_scales_have_an_inverse(hz, scale):
    np.testing.assert_allclose(scales.erb_to_hz(scales.hz_to_erb(hz, scale), scale), hz, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scale, tolerance", [("zwicker", 0.2), ("traunmuller", 0.25)])
def test_critical_bands_are_a_bark_wide(scale, tolerance):
    np.testing.assert_allclose(scales.hz_to_bark(np.array(EDGES), scale), np.arange(1, 25), atol=tolerance)


@pytest.mark.parametrize("scale", BARKS)
def test_scales_rise(scale):
    assert (np.diff(scales.hz_to_bark(np.linspace(0, 24_000, 999), scale)) > 0).all()


def test_known_points():
    np.testing.assert_allclose(scales.hz_to_bark(600.0, "wang"), 6 * np.log(1 + np.sqrt(2)))
    np.testing.assert_allclose(scales.hz_to_bark(1000.0, "traunmuller"), 26.81 * 1000 / 2960 - 0.53)
    np.testing.assert_allclose(scales.erb_bandwidth(1000.0), 132.639)
    np.testing.assert_allclose(scales.erb_bandwidth(1000.0, "slaney"), 132.639, rtol=1e-6)
    np.testing.assert_allclose(scales.hz_to_erb(1000.0), 21.4 * np.log10(5.37))


def test_an_erb_is_a_step_of_its_scale():
    hz = np.array([100.0, 1000.0, 8000.0])
    step = 1e-4 * scales.erb_bandwidth(hz, "slaney")
    risen = scales.hz_to_erb(hz + step / 2, "slaney") - scales.hz_to_erb(hz - step / 2, "slaney")
    np.testing.assert_allclose(risen, 1e-4, rtol=1e-6)


@pytest.mark.parametrize("scale", BARKS)
def test_bark_filters_peak_at_even_barks(scale):
    filters = scales.bark_filters(16_000, 4096, 20, scale=scale, low_hz=100, high_hz=7000)
    assert filters.shape == (2049, 20) and not filters.flags.writeable
    barks = scales.hz_to_bark(np.fft.rfftfreq(4096, 1 / 16_000)[filters.argmax(0)], scale)
    expected = np.linspace(*scales.hz_to_bark(np.array([100.0, 7000.0]), scale), 22)[1:-1]
    np.testing.assert_allclose(barks, expected, atol=0.03)
    np.testing.assert_allclose(filters.max(0), 1, atol=0.06)
    inside = filters.sum(1)[(filters.argmax(0)[0] < np.arange(2049)) & (np.arange(2049) < filters.argmax(0)[-1])]
    np.testing.assert_allclose(inside, 1, atol=1e-9)  # neighbours share what lies between them


def test_linear_filters_are_even():
    filters = scales.linear_filters(8000, 401, 9, low_hz=400.0, high_hz=4000.0)
    hz = np.arange(201) * 8000 / 401
    peaks = 400 + 360 * np.arange(1, 10)
    np.testing.assert_allclose(filters, np.maximum(0, 1 - np.abs(hz[:, None] - peaks) / 360), atol=1e-12)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"n_barks": 0}, "positive, not 8000, 64, 0"),
        ({"low_hz": 4000.0}, "from 4000.0 to 4000.0"),
        ({"low_hz": -1.0}, "from -1.0"),
        ({"scale": "cents"}, "'cents'"),
    ],
)
def test_what_is_no_bank_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        scales.bark_filters(8000, 64, **{"n_barks": 4, **settings})


def test_what_is_no_erb_is_refused():
    for function in (scales.hz_to_erb, scales.erb_to_hz, scales.erb_bandwidth):
        with pytest.raises(ValueError, match="'bark'"):
            function(1.0, "bark")
