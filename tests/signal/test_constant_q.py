import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal import constant_q, half_band, notes
from audiozoo.signal.constant_q import correlate, cqt, harmonic_cqt, icqt, ivqt, vqt
from audiozoo.signal.constant_q_bank import Bank
from audiozoo.signal.framing import frame, pad
from audiozoo.signal.windows import hann

RATE = 8000
SMALL = {"hop_length": 64, "fmin": 220.0, "n_bins": 30, "bins_per_octave": 12}  # two octaves and a half
RNG = np.random.default_rng(0)
NOISE = RNG.standard_normal(3000)


def definition(signal, hop, fmin, bins, per_octave, gamma):
    """The transform as the page of `constant_q` writes it, sample by sample in float64."""
    alpha = (4 ** (1 / per_octave) - 1) / (4 ** (1 / per_octave) + 1)
    answer = np.zeros((1 + len(signal) // hop, bins), complex)
    for k in range(bins):
        frequency = fmin * 2 ** (k / per_octave)
        length = RATE / (alpha * frequency + gamma)
        n = np.arange(-length // 2, length // 2).astype(int)
        kernel = hann(len(n)) * np.exp(2j * np.pi * frequency / RATE * n)
        kernel = kernel / np.abs(kernel).sum() * np.sqrt(length)
        for t in range(len(answer)):
            inside = (t * hop + n >= 0) & (t * hop + n < len(signal))
            answer[t, k] = np.sum(signal[t * hop + n[inside]] * kernel[inside].conj())
    return answer


@pytest.mark.parametrize("hop, gamma, length", [(64, 0.0, 1500), (701, 9.0, 1500), (50, 5.0, 31)])
def test_direct_is_the_definition(hop, gamma, length):
    with jax.enable_x64(True):
        settings = {"hop_length": hop, "fmin": 120.0, "n_bins": 30, "gamma": gamma, "method": "direct"}
        ours = jax.jit(lambda x: vqt(x, RATE, **settings))(NOISE[:length])
    np.testing.assert_allclose(ours, definition(NOISE[:length], hop, 120.0, 30, 12, gamma), atol=1e-12)


@pytest.mark.parametrize("scale", [True, False])
def test_halving_the_rate_changes_little(scale):
    time = np.arange(8000) / RATE
    tones = sum(np.sin(2 * np.pi * f * time) for f in (220, 330, 700, 1100.0)).astype(np.float32)
    fast = cqt(tones, RATE, **SMALL, scale=scale, sparsity=0)[10:-10]
    slow = cqt(tones, RATE, **SMALL, scale=scale, method="direct")[10:-10]
    assert np.abs(np.abs(fast) - np.abs(slow)).max() < 0.02 * np.abs(slow).max()


def test_a_tone_is_found_in_its_bin():
    frequencies = [notes.midi_to_hz(n) for n in (57, 62, 86)]
    for frequency in frequencies:
        tone = jnp.asarray(np.sin(2 * np.pi * frequency * np.arange(8000) / RATE), jnp.float32)
        heights = jnp.abs(cqt(tone, RATE, **SMALL)).mean(0)
        assert int(heights.argmax()) == round(12 * np.log2(frequency / 220))


def test_scaled_noise_is_white():
    noise = jnp.asarray(RNG.standard_normal(100_000), jnp.float32)
    energy = jnp.mean(jnp.abs(cqt(noise, RATE, **SMALL)) ** 2, axis=0)
    np.testing.assert_allclose(energy, 1.5, rtol=0.25)  # of a Hann window's power over the square of its mean


@settings(max_examples=8)
@given(
    st.integers(0, 400),
    st.integers(1, 70),
    st.integers(1, 30),
    st.integers(1, 40),
    st.sampled_from(["constant", "wrap"]),
)
def test_correlate_is_a_product_of_frames(time, hop, size, channels, mode):
    frames = 1 + time // hop
    signal = pad(jnp.asarray(RNG.standard_normal((2, time)), jnp.float32), size, size, mode)
    kernels = RNG.standard_normal((size, channels))
    wanted = frame(jnp.pad(signal, ((0, 0), (0, hop + size))), size, hop)[:, :frames] @ kernels.astype(np.float32)
    np.testing.assert_allclose(correlate(signal, kernels, hop, frames), wanted, atol=1e-4)


def test_correlate_by_a_loop(monkeypatch):
    signal, kernels = jnp.asarray(NOISE, jnp.float32), RNG.standard_normal((300, 4))
    wanted = correlate(signal, kernels, 7, 380)
    monkeypatch.setattr(constant_q, "_UNROLLED", 1)
    np.testing.assert_allclose(correlate(signal, kernels, 7, 380), wanted, atol=1e-4)


@pytest.mark.parametrize("time, hop", [(0, 64), (1, 25), (63, 64), (127, 1000), (997, 64)])
def test_any_length_and_hop(time, hop):
    spectrum = cqt(jnp.asarray(NOISE[:time], jnp.float32), RATE, **{**SMALL, "hop_length": hop})
    assert spectrum.shape in ((1 + time // hop, 30), (1 + -(-time // 2) // (hop // 2 or 1), 30))
    assert spectrum.dtype == jnp.complex64 and np.isfinite(spectrum).all()


def test_eager_jit_vmap_and_batches_agree():
    batch = jnp.asarray(RNG.standard_normal((2, 3, 900)), jnp.float32)
    eager = cqt(batch, RATE, **SMALL)
    assert eager.shape == (2, 3, 15, 30)
    for other in (jax.jit(lambda x: cqt(x, RATE, **SMALL)), jax.vmap(lambda x: cqt(x, RATE, **SMALL))):
        np.testing.assert_allclose(other(batch), eager, atol=1e-5)
    back = icqt(eager, RATE, hop_length=64, fmin=220.0, length=900)
    single = jax.jit(lambda c: icqt(c, RATE, hop_length=64, fmin=220.0, length=900))(eager[1, 2])
    assert back.shape == (2, 3, 900) and back.dtype == jnp.float32
    np.testing.assert_allclose(back[1, 2], single, atol=1e-5)


def test_dtypes():
    short = jnp.asarray(NOISE[:300], jnp.bfloat16)
    np.testing.assert_array_equal(cqt(short, RATE, **SMALL), cqt(short.astype(jnp.float32), RATE, **SMALL))
    with jax.enable_x64(True):
        wide = cqt(jnp.asarray(NOISE[:300]), RATE, **SMALL)
        assert wide.dtype == jnp.complex128
        assert icqt(wide, RATE, hop_length=64, fmin=220.0).dtype == jnp.float64


def test_silence_has_finite_gradients():
    def loss(signal):
        spectrum = cqt(signal, RATE, **SMALL)
        return (
            jnp.sum(jnp.real(spectrum) ** 2 + jnp.imag(spectrum))
            + icqt(spectrum, RATE, hop_length=64, fmin=220.0).sum()
        )

    value, gradient = jax.jit(jax.value_and_grad(loss))(jnp.zeros(500))
    assert value == 0 and np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def test_the_gradient_is_the_transpose():
    with jax.enable_x64(True):
        signal = jnp.asarray(NOISE[:700])
        spectrum, pull = jax.vjp(lambda x: cqt(x, RATE, **SMALL), signal)
        other = jnp.asarray(RNG.standard_normal(spectrum.shape) + 1j * RNG.standard_normal(spectrum.shape))
        np.testing.assert_allclose(jnp.sum(pull(other)[0] * signal), jnp.sum((other * spectrum).real), rtol=1e-9)


@pytest.mark.parametrize("gamma", [0.0, None])
def test_there_and_back(gamma):
    """What lies within the bins comes back, when frames overlap a good deal."""
    time = np.arange(8000) / RATE
    tones = sum(np.sin(2 * np.pi * f * time + f) for f in (150, 330, 512, 890.0)).astype(np.float32)
    settings = {"hop_length": 16, "fmin": 55.0, "intervals": 12, "gamma": gamma}
    back = ivqt(vqt(tones, RATE, n_bins=60, **settings), RATE, length=8000, **settings)
    gain = np.dot(back[1500:-1500], tones[1500:-1500]) / np.dot(tones[1500:-1500], tones[1500:-1500])
    assert np.corrcoef(back[1500:-1500], tones[1500:-1500])[0, 1] > 0.9
    assert 0.5 < gain < 2


def test_lengths_of_the_inverse():
    spectrum = cqt(jnp.asarray(NOISE, jnp.float32), RATE, **SMALL)
    settings = {"hop_length": 64, "fmin": 220.0}
    assert icqt(spectrum, RATE, **settings).shape == (64 * (len(spectrum) - 1),)
    for length in (0, 2000, 5000):
        back = icqt(spectrum, RATE, length=length, **settings)
        assert back.shape == (length,)
        assert not back[3100:].any()


def test_harmonics_are_transforms_at_multiples():
    settings = {"hop_length": 64, "n_bins": 24, "bins_per_octave": 12}
    signal = jnp.asarray(NOISE, jnp.float32)
    ours = harmonic_cqt(signal, RATE, fmin=110.0, harmonics=(0.5, 1, 3), **settings)
    assert ours.shape == (47, 24, 3)
    for i, multiple in enumerate((0.5, 1, 3)):
        np.testing.assert_array_equal(ours[..., i], cqt(signal, RATE, fmin=110.0 * multiple, **settings)[:47])


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"n_bins": 0}, "n_bins must be positive"),
        ({"n_bins": 60}, "above half the sample rate"),
        ({"fmin": -1.0}, "fmin must be positive"),
        ({"hop_length": 0}, "hop_length must be positive"),
        ({"filter_scale": 0.0}, "filter_scale must be positive"),
        ({"sparsity": 1.0}, r"share in \[0, 1\)"),
        ({"norm": 0.0}, "norm must be positive"),
        ({"bins_per_octave": 0}, "bins_per_octave must be positive"),
        ({"method": "slow"}, "'recursive' or 'direct'"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        cqt(jnp.zeros(100), RATE, **{**SMALL, **wrong})


def test_what_else_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="real floating-point"):
        cqt(jnp.zeros(100, jnp.int32), RATE, **SMALL)
    with pytest.raises(ValueError, match="gamma"):
        vqt(jnp.zeros(100), RATE, fmin=100.0, n_bins=10, gamma=-1.0)
    for intervals in ((), (1.0, 1.5, 1.2), (1.0, 2.0)):
        with pytest.raises(ValueError, match="intervals"):
            vqt(jnp.zeros(100), RATE, fmin=100.0, n_bins=10, intervals=intervals)
    with pytest.raises(ValueError, match="harmonics"):
        harmonic_cqt(jnp.zeros(100), RATE, harmonics=())


@settings(max_examples=8)
@given(st.sampled_from([0, 1, 2, 3, 40, 101]), st.sampled_from([0.5, 0.8]))
def test_halving_and_doubling_are_filters(time, passband):
    signal = RNG.standard_normal((2, time))
    odd = half_band.half_band_taps(passband)
    taps = np.zeros(4 * len(odd) - 1)
    taps[::2] = np.concatenate([odd[::-1], odd])
    taps[2 * len(odd) - 1] = 0.5
    middle = 2 * len(odd) - 1
    with jax.enable_x64(True):
        halved, doubled = half_band.halve(signal, passband=passband), half_band.double(signal, passband=passband)
    assert halved.shape == (2, -(-time // 2)) and doubled.shape == (2, 2 * time)
    for row in range(2 if time else 0):
        np.testing.assert_allclose(halved[row], np.convolve(signal[row], taps)[middle : middle + time : 2], atol=1e-12)
        spread = np.zeros(2 * time)
        spread[::2] = signal[row]
        wanted = 2 * np.convolve(spread, taps)[middle : middle + 2 * time]
        np.testing.assert_allclose(doubled[row], wanted, atol=1e-12)


def test_the_half_band_filter_keeps_its_word():
    odd = half_band.half_band_taps(0.8)
    frequencies = np.linspace(0, 1, 4001)
    time = 2 * np.arange(len(odd)) + 1
    response = 0.5 + 2 * np.cos(np.pi * frequencies[:, None] * time) @ odd
    assert np.abs(response[frequencies <= 0.4] - 1).max() < 10 ** (-124 / 20)
    assert np.abs(response[frequencies >= 0.6]).max() < 10 ** (-124 / 20)
    with pytest.raises(ValueError, match="passband"):
        half_band.halve(jnp.zeros(9), passband=1.0)


def test_banks_are_values():
    settings = (8000.0, 64, 110.0, 12, notes.equal_temperament(12), 0.0, 1.0, 1.0, 0.0, "hann", True, True)
    assert Bank(*settings) == Bank(*settings) and hash(Bank(*settings)) == hash(Bank(*settings))
    np.testing.assert_allclose(Bank(*settings).frequencies, 110 * 2 ** (np.arange(12) / 12))


def test_notes():
    assert notes.note_to_midi("C4") == 60 and notes.note_to_midi("b♭-1") == 10 and notes.note_to_midi("F##3") == 55
    np.testing.assert_allclose(notes.note_to_hz("C1"), 32.70319566)
    np.testing.assert_allclose(notes.hz_to_midi(np.array([440.0, 880.0])), [69, 81])
    np.testing.assert_allclose(jax.jit(notes.midi_to_hz)(jnp.array([69.0, 60.0])), [440, 261.62557], rtol=1e-6)
    np.testing.assert_allclose(notes.hz_to_octaves(440.0), 4)
    with pytest.raises(ValueError, match="a note is"):
        notes.note_to_midi("H2")
