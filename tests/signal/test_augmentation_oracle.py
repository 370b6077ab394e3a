"""Noise at a ratio, speed and masks against torchaudio; rooms against scipy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
import torch

from audiozoo.signal.augmentation import mix_at_snr, random_room, random_speed
from audiozoo.signal.masking import frequency_mask, time_mask, time_warp
from audiozoo.signal.resampling import resample_sinc
from tests.signal import exactness
from tests.signal.torchaudio_oracle import torchaudio

pytestmark = pytest.mark.oracle

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
SIGNAL, NOISE = RNG.standard_normal((2, 3, 4000)).astype(np.float32)
LENGTHS = np.array([4000, 2500, 17])
VALID = np.arange(4000) < LENGTHS[:, None]
RESPONSE = (RNG.standard_normal(800) * np.exp(-np.arange(800) / 150)).astype(np.float32)


@functools.cache
def noise_case():
    ratio = np.array([5.0, -3.0, 12.0])
    ours = mix_at_snr(jnp.asarray(SIGNAL), jnp.asarray(NOISE), jnp.asarray(LENGTHS), snr_db=jnp.asarray(ratio))

    def oracle(dtype):
        tensors = (torch.tensor(x, dtype=dtype) for x in (SIGNAL, NOISE, ratio))
        return torchaudio.functional.add_noise(*tensors, lengths=torch.tensor(LENGTHS)).numpy() * VALID

    return np.asarray(ours), oracle(torch.float32), oracle(torch.float64)


@functools.cache
def speed_case(factor):
    clips = random_speed(KEY, jnp.asarray(SIGNAL), jnp.asarray(LENGTHS), factors=(factor,), resampler=resample_sinc)

    def oracle(dtype):
        played, lengths = torchaudio.functional.speed(
            torch.tensor(SIGNAL * VALID, dtype=dtype), 16_000, factor, torch.tensor(LENGTHS)
        )
        np.testing.assert_array_equal(clips.lengths, lengths)
        return played.numpy() * (np.arange(played.shape[1]) < lengths.numpy()[:, None])

    return np.asarray(clips.signal), oracle(torch.float32), oracle(torch.float64)


@functools.cache
def room_case():
    ours = random_room(KEY, jnp.asarray(SIGNAL), jnp.asarray(RESPONSE)[None], jnp.asarray(LENGTHS))
    direct = np.abs(RESPONSE).argmax()

    def oracle(dtype):
        response = (RESPONSE / RESPONSE[direct]).astype(dtype)
        whole = scipy.signal.oaconvolve((SIGNAL * VALID).astype(dtype), response[None], axes=-1)
        return whole[:, direct : direct + 4000] * VALID

    return np.asarray(ours), oracle(np.float32), oracle(np.float64)


EXACTNESS = {
    "noise at a ratio (torchaudio)": noise_case,
    "speed ×0.9 (torchaudio)": lambda: speed_case(0.9),
    "speed ×1.1 (torchaudio)": lambda: speed_case(1.1),
    "reverberation (scipy's oaconvolve)": room_case,
}


@pytest.mark.parametrize("transform", EXACTNESS)
def test_as_exact_as_its_oracle(transform):
    exactness.check(*EXACTNESS[transform]())


@pytest.mark.parametrize("axis", ["time", "frequency"])
def test_masks_fall_as_torchaudio_lets_them(axis):
    """Its widths end one below its parameter; its last start is half as likely, as it is cut from a real number."""
    rows, size, width = 40_000, 16, 5
    if axis == "time":
        ours = jax.jit(lambda key: time_mask(key, jnp.ones((rows, size, 1)), width=width))(KEY)
    else:
        ours = jax.jit(lambda key: frequency_mask(key, jnp.ones((rows, 1, size)), width=width))(KEY)
    torch.manual_seed(0)
    theirs = torchaudio.functional.mask_along_axis_iid(torch.ones(rows, 1, size), width + 1, 0.0, axis=2)
    masked = [np.asarray(x).reshape(rows, size) == 0 for x in (ours, theirs)]
    widths, starts = [], []
    for rows_masked in masked:
        count = rows_masked.sum(1)
        widths.append(np.bincount(count, minlength=width + 1) / rows)
        begin = np.bincount(rows_masked[count == 3].argmax(1), minlength=size - 3)
        starts.append(begin[:-1] / begin[:-1].sum())
    np.testing.assert_allclose(widths[0], widths[1], atol=0.012)
    np.testing.assert_allclose(starts[0], starts[1], atol=0.02)
    assert not masked[0][:, -1].any() and not masked[1][:, -1].any()


def test_masks_are_no_wider_than_the_share():
    """As torchaudio's `p`, which takes the share of the array; ours takes that of the row."""
    features = jnp.ones((3000, 20, 1))
    ours = np.asarray(jax.jit(lambda key: time_mask(key, features, width=15, share=0.3))(KEY))[..., 0] == 0
    torch.manual_seed(0)
    theirs = torchaudio.functional.mask_along_axis_iid(torch.ones(3000, 1, 20), 15, 0.0, axis=2, p=0.35)
    assert ours.sum(1).max() == 6 == (theirs[:, 0].numpy() == 0).sum(1).max()


def test_a_warp_stretches_two_pieces_as_torch_interpolates():
    frames, width = 40, 5
    features = RNG.standard_normal((frames, 3)).astype(np.float32)
    ramp = jnp.arange(float(frames))[:, None]
    for seed in range(4):
        warp = jax.jit(functools.partial(time_warp, jax.random.key(seed), width=width))
        places = np.asarray(warp(ramp), np.float64)[:, 0]
        bend = np.abs(np.diff(places, 2)).argmax() + 1  # the moment that was moved, and where from
        source = round(float(places[bend]))
        pieces = []
        for part, count in ((features[: source + 1], bend + 1), (features[source:], frames - bend)):
            tensor = torch.tensor(part.T)[None]
            pieces.append(torch.nn.functional.interpolate(tensor, size=count, mode="linear", align_corners=True)[0])
        expected = np.concatenate([pieces[0].numpy(), pieces[1].numpy()[:, 1:]], axis=1).T
        np.testing.assert_allclose(warp(jnp.asarray(features)), expected, atol=1e-4)
