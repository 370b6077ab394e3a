"""Bark and linear filter banks against torchaudio's."""

import numpy as np
import pytest

from audiozoo.signal import scales
from tests.signal.torchaudio_oracle import torchaudio

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("filters, low, high", [(128, 0.0, 8000.0), (20, 300.0, 7000.0)])
def test_linear_filters_are_torchaudio_s(filters, low, high):
    theirs = torchaudio.functional.linear_fbanks(257, low, high, filters, 16_000)
    ours = scales.linear_filters(16_000, 512, filters, low_hz=low, high_hz=high)
    np.testing.assert_allclose(ours, theirs, atol=2e-5)  # theirs is computed in float32, of hertz up to 8000


@pytest.mark.parametrize("scale", ["traunmuller", "schroeder", "wang"])
def test_bark_filters_are_its_triangles(scale):
    """torchaudio's prototype of bark filters is gone from its releases; its triangles, between our corners, are not."""
    import torch

    corners = scales.bark_to_hz(np.linspace(*scales.hz_to_bark(np.array([50.0, 8000.0]), scale), 26), scale)
    theirs = torchaudio.functional.functional._create_triangular_filterbank(
        torch.linspace(0, 8000, 257), torch.as_tensor(corners, dtype=torch.float32)
    )
    ours = scales.bark_filters(16_000, 512, 24, scale=scale, low_hz=50.0)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
