import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiozoo.signal import energy_normalisation as en

RNG = np.random.default_rng(0)


def by_hand(energies, smoothing, gain=0.98, bias=2.0, power=0.5, eps=1e-6, start=None):
    """Equations 1 and 2 of the paper, frame by frame."""
    average = np.ones(energies.shape[-1]) if start is None else start
    rows = []
    for energy in energies:
        average = (1 - smoothing) * average + smoothing * energy
        rows.append((energy / (eps + average) ** gain + bias) ** power - bias**power)
    return np.stack(rows) if rows else energies


@settings(max_examples=6)
@given(
    st.sampled_from([0, 1, 63, 64, 131]),
    st.floats(1e-3, 1),
    st.floats(0, 1),
    st.floats(0.1, 5),
    st.floats(0.05, 1),
    st.booleans(),
)
def test_it_is_its_definition(frames, smoothing, gain, bias, power, first):
    energies = RNG.gamma(0.5, 100, (frames, 3))
    start = energies[0] if first and frames else None
    expected = by_hand(energies, smoothing, gain, bias, power, start=start)
    with jax.enable_x64(True):
        ours = en.pcen(
            jnp.asarray(energies),
            smoothing=smoothing, gain=gain, bias=bias, power=power, start="first" if first else "one",
        )  # fmt: skip
    np.testing.assert_allclose(ours, expected, rtol=1e-7, atol=1e-9)


def test_settings_of_each_band():
    energies = RNG.gamma(0.5, 100, (90, 4))
    given = {
        "smoothing": np.array([0.02, 0.1, 0.5, 1.0]),
        "gain": np.array([0.1, 0.9, 0.98, 1.0]),
        "bias": np.array([0.5, 1.0, 2.0, 4.0]),
        "power": np.array([0.1, 0.5, 0.7, 1.0]),
    }
    expected = by_hand(energies, **given)
    with jax.enable_x64(True):
        fixed = jax.jit(lambda e: en.pcen(e, **given))
        np.testing.assert_allclose(fixed(energies), expected, rtol=1e-7)
        learnt = jax.tree.map(jnp.asarray, given)
        np.testing.assert_allclose(jax.jit(en.pcen)(jnp.asarray(energies), **learnt), expected, rtol=1e-7)


def test_its_limits():
    energies = jnp.asarray(RNG.gamma(0.5, 100, (20, 4)), jnp.float32)
    average = np.asarray(en.moving_average(energies, smoothing=0.1)[0], np.float64)
    level = energies / (1e-6 + average) ** 0.98
    np.testing.assert_allclose(en.pcen(energies, smoothing=0.1, power=0.0), np.log1p(level), rtol=1e-4)
    np.testing.assert_allclose(en.pcen(energies, smoothing=0.1, bias=0.0), np.sqrt(level), rtol=1e-4)


@settings(max_examples=5)
@given(st.lists(st.sampled_from([1, 3, 70]), max_size=4), st.sampled_from(["one", "first"]))
def test_pieces_give_the_whole_s_answer(cuts, start):
    energies = jnp.asarray(RNG.gamma(0.5, 100, (2, sum(cuts), 3)), jnp.float32)
    stream = jax.jit(lambda e, state: en.pcen_with_state(e, state, smoothing=0.06, start=start))
    whole = stream(energies, None)[0]
    state, pieces, begun = None, [energies[:, :0]], 0
    for count in cuts:
        piece, state = stream(energies[:, begun : begun + count], state)
        pieces.append(piece)
        begun += count
    np.testing.assert_allclose(jnp.concatenate(pieces, 1), whole, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(
    "options", [{}, {"bias": 0.0}, {"power": 0.0}, {"start": "first"}, {"bias": 0.0, "power": 0.3}]
)
def test_gradients_are_finite_in_silence(options):
    loss = lambda x: en.pcen(x, smoothing=0.05, **options).sum()
    for energies in (jnp.zeros((40, 2)), jnp.zeros((40, 2)).at[7].set(1e6)):
        assert np.isfinite(en.pcen(energies, smoothing=0.05, **options)).all()
        assert np.isfinite(jax.grad(loss)(energies)).all()


def test_gradients_reach_every_setting_and_are_right():
    with jax.enable_x64(True):
        energies = jnp.asarray(RNG.gamma(0.5, 100, (2, 70, 3)))
        names = ("smoothing", "gain", "bias", "power")
        given = [jnp.array(value) for value in ([0.1, 0.2, 0.3], [0.9, 0.5, 0.98], [2.0, 1.0, 0.5], [0.5, 0.3, 0.9])]
        loss = jax.jit(lambda *s: jnp.sum(en.pcen(energies, **dict(zip(names, s, strict=True))) ** 2))
        gradients = jax.grad(loss, argnums=(0, 1, 2, 3))(*given)
        for i, gradient in enumerate(gradients):
            step = np.zeros((4, 1, 3))
            step[i, 0, 1] = 1e-6
            ahead, behind = (loss(*(g + sign * s[0] for g, s in zip(given, step, strict=True))) for sign in (1, -1))
            np.testing.assert_allclose(gradient[1], (ahead - behind) / 2e-6, rtol=1e-5)


def test_batches_and_dtypes():
    energies = jnp.asarray(RNG.gamma(0.5, 100, (2, 3, 20, 4)), jnp.float16)
    ours, state = en.pcen_with_state(energies, None, smoothing=0.1)
    assert ours.dtype == jnp.float16 and state.dtype == jnp.float32 and state.shape == (2, 3, 4)
    mapped = jax.jit(jax.vmap(jax.vmap(lambda x: en.pcen(x, smoothing=0.1))))(energies)
    np.testing.assert_allclose(mapped.astype(np.float32), ours.astype(np.float32), rtol=0.01)
    single, _ = en.pcen_with_state(energies[0, 0], state[0, 0], smoothing=0.1)
    np.testing.assert_array_equal(single, en.pcen_with_state(energies, state, smoothing=0.1)[0][0, 0])


def test_a_steady_level_is_brought_to_the_same_loudness():
    frames = jnp.ones((400, 1))
    quiet, loud = (en.pcen(level * frames, smoothing=0.05, gain=1.0)[-1, 0] for level in (1e2, 1e6))
    np.testing.assert_allclose(quiet, loud, rtol=1e-3)
    assert 0.02 < en.pcen_smoothing(0.4, sample_rate=16_000, hop_length=160) < 0.03


@pytest.mark.parametrize(
    "options, message",
    [
        ({"smoothing": 0.0}, "smoothing must be above 0 and up to 1, not 0.0"),
        ({"smoothing": 1.1}, "smoothing"),
        ({"smoothing": np.array([0.1, -0.1])}, "smoothing"),
        ({"gain": -1.0}, "gain must be not negative"),
        ({"bias": float("nan")}, "bias"),
        ({"power": -0.1}, "power"),
        ({"eps": 0.0}, "eps"),
        ({"start": "last"}, "'last'|last"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        en.pcen(jnp.ones((4, 2)), **{"smoothing": 0.1, **options})
    with pytest.raises(ValueError, match="time constant"):
        en.pcen_smoothing(0.0, sample_rate=1, hop_length=1)
