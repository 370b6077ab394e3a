"""LEAF and SincNet against the papers' equations written in torch, and SincNet's kernels against asteroid's."""

import functools
import math

import asteroid_filterbanks
import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from audiozoo.layers.frontends import Leaf, LearnablePCEN, SincFilters
from tests.signal import exactness

pytestmark = pytest.mark.oracle

RATE, FILTERS, TAPS, HOP = 8000, 12, 101, 40
RNG = np.random.default_rng(0)
WAVEFORM = RNG.standard_normal((2, 900)).astype(np.float32)
LEAF = Leaf(sample_rate=RATE, filters=FILTERS, window_length=TAPS, hop_length=HOP, high_hz=3800.0)
SINC = SincFilters(filters=FILTERS, window_length=TAPS, hop_length=3, sample_rate=RATE)


@functools.cache
def leaf_variables():
    """The initial ones, shaken so that every channel has numbers of its own."""
    start = jax.jit(LEAF.init)(jax.random.key(0), jnp.asarray(WAVEFORM))
    return jax.tree.map(lambda x: jnp.asarray(x * RNG.uniform(0.9, 1.1, x.shape), jnp.float32), start)


def torch_leaf(parameters, waveform):
    """Zeghidour et al., 2021, equations 3 to 6, and sPCEN as a loop."""
    dtype = waveform.dtype
    p = {name: torch.tensor(np.asarray(x), dtype=dtype) for name, x in parameters.items() if name != "compression"}
    c = {name: torch.tensor(np.asarray(x), dtype=dtype) for name, x in parameters["compression"].items()}
    time = torch.arange(TAPS, dtype=dtype) - TAPS // 2
    unit = math.sqrt(2 * math.log(2)) / math.pi
    eta, sigma = p["centre"].clamp(0, math.pi)[:, None], p["width"].clamp(4 * unit, TAPS * unit)[:, None]
    gabor = torch.exp(1j * eta * time) * torch.exp(-(time**2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)
    padded = F.pad(waveform[:, None], (TAPS // 2, TAPS // 2))
    real, imaginary = (F.conv1d(padded, part.flip(-1)[:, None]) for part in (gabor.real, -gabor.imag))
    energies = real**2 + imaginary**2
    window = torch.linspace(-1, 1, TAPS, dtype=dtype)
    low_pass = torch.exp(-0.5 * (window / p["pooling"].clamp(2 / TAPS, 0.5)[:, None]) ** 2)
    pooled = F.conv1d(F.pad(energies, (TAPS // 2, TAPS // 2)), low_pass[:, None], stride=HOP, groups=FILTERS)
    pooled = pooled.clamp(min=1e-5)
    alpha, delta, root = (torch.exp(c[f"log_{name}"])[:, None] for name in ("gain", "bias", "power"))
    s = torch.sigmoid(c["smoothing_logit"])
    smooth = [pooled[..., 0]]
    for frame in range(1, pooled.shape[-1]):
        smooth.append((1 - s) * smooth[-1] + s * pooled[..., frame])
    level = (1e-12 + torch.stack(smooth, -1)) ** alpha
    return ((pooled / level + delta) ** root - delta**root).transpose(1, 2)


@functools.cache
def leaf_case():
    ours = LEAF.apply(leaf_variables(), jnp.asarray(WAVEFORM)).features
    parameters = leaf_variables()["params"]
    narrow, wide = (torch_leaf(parameters, torch.tensor(WAVEFORM, dtype=d)) for d in (torch.float32, torch.float64))
    return np.asarray(ours), narrow.numpy(), wide.numpy()


def torch_sinc(low, band, waveform):
    """Ravanelli & Bengio, 2018, equations 4 to 6: 2 f₂ sinc(2π f₂ n) - 2 f₁ sinc(2π f₁ n) under Hamming's window."""
    dtype = waveform.dtype
    low = 50 + torch.tensor(np.asarray(low), dtype=dtype).abs()
    high = (low + 50 + torch.tensor(np.asarray(band), dtype=dtype).abs()).clamp(max=RATE / 2)
    n = torch.arange(TAPS, dtype=dtype) - TAPS // 2
    one = lambda f: 2 * f[:, None] / RATE * torch.sinc(2 * f[:, None] / RATE * n)
    window = 0.54 - 0.46 * torch.cos(2 * math.pi * torch.arange(TAPS, dtype=dtype) / (TAPS - 1))
    kernel = (one(high) - one(low)) * window
    kernel = kernel / kernel[:, TAPS // 2 : TAPS // 2 + 1]
    return F.conv1d(F.pad(waveform[:, None], (TAPS // 2, TAPS // 2)), kernel[:, None], stride=3).transpose(1, 2)


@functools.cache
def sinc_case():
    variables = SINC.init(jax.random.key(0), jnp.asarray(WAVEFORM))
    ours = SINC.apply(variables, jnp.asarray(WAVEFORM)).features
    p = variables["params"]
    wide = torch_sinc(p["low"], p["band"], torch.tensor(WAVEFORM, dtype=torch.float64)).numpy()
    return np.asarray(ours), torch_sinc(p["low"], p["band"], torch.tensor(WAVEFORM)).numpy(), wide


EXACTNESS = {"LEAF (torch)": leaf_case, "SincNet (torch)": sinc_case}


@pytest.mark.parametrize("layer", EXACTNESS)
def test_as_exact_as_its_oracle(layer):
    exactness.check(*EXACTNESS[layer]())


def test_gradients_are_torchs():
    variables = leaf_variables()
    ours = jax.jit(jax.grad(lambda x: jnp.sum(jnp.sin(LEAF.apply(variables, x).features))))(jnp.asarray(WAVEFORM))
    leaf = torch.tensor(WAVEFORM, dtype=torch.float64, requires_grad=True)
    torch.sin(torch_leaf(variables["params"], leaf)).sum().backward()
    assert leaf.grad is not None
    np.testing.assert_allclose(ours, leaf.grad.numpy(), atol=1e-4 * float(leaf.grad.abs().max()))


def test_sinc_kernels_begin_as_asteroids():
    peer = asteroid_filterbanks.ParamSincFB(2 * FILTERS, TAPS, sample_rate=RATE)
    click = jnp.zeros((1, 301)).at[0, 150].set(1.0)
    layer = SINC.clone(hop_length=1)
    ours = layer.apply(layer.init(jax.random.key(0), click), click).features[0, 100:201]
    theirs = peer.filters().detach().numpy()[:FILTERS, 0].T  # its other half are the odd filters of a later paper
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_learnable_pcen_is_librosas():
    energies = np.exp(RNG.standard_normal((1, 50, 6))).astype(np.float32)
    layer = LearnablePCEN(gain=0.8, bias=3.0, power=0.25, smoothing=0.05, start="one")
    ours = layer.apply(layer.init(jax.random.key(0), jnp.asarray(energies)), jnp.asarray(energies))[0]
    theirs = librosa.pcen(energies[0].astype(np.float64).T, gain=0.8, bias=3.0, power=0.25, b=0.05).T
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
