import ml_dtypes
import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audiozoo.data import AudioError, duration, load_audio

RATE = 16000
NOISE = np.random.default_rng(0).uniform(-0.9, 0.9, (3000, 2)).astype(np.float32)


def wav(path, samples=NOISE, rate=RATE, **settings):
    soundfile.write(path, samples, rate, **settings)
    return path


def test_a_float_file_at_its_own_rate_is_its_samples(tmp_path):
    samples = load_audio(wav(tmp_path / "a.wav", NOISE[:, 0], subtype="FLOAT"), RATE)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, NOISE[:, 0])


@pytest.mark.parametrize("channels", [1, 2, 6, 32, 255])
def test_channels_are_averaged(tmp_path, channels):
    many = np.random.default_rng(channels).uniform(-1, 1, (700, channels)).astype(np.float32)
    samples = load_audio(wav(tmp_path / "a.wav", many, subtype="FLOAT"), RATE)
    np.testing.assert_allclose(samples, many.mean(axis=1, dtype=np.float64), atol=1e-6)
    if channels <= 700:
        np.testing.assert_array_equal(load_audio(many, RATE), samples)


@pytest.mark.parametrize("extension", ["wav", "flac", "aiff", "au", "w64", "caf", "rf64"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_every_lossless_container_gives_the_same_samples(tmp_path, extension, subtype):
    path = wav(tmp_path / f"a.{extension}", subtype=subtype, format=extension.upper())
    step = 2.0 ** (-15 if subtype == "PCM_16" else -23)
    np.testing.assert_allclose(load_audio(path, RATE), NOISE.mean(axis=1), atol=step)
    assert duration(path) == len(NOISE) / RATE


@pytest.mark.parametrize(("extension", "options"), [("ogg", {}), ("mp3", {}), ("ogg", {"subtype": "OPUS"})])
def test_lossy_files_are_close(tmp_path, extension, options):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    samples = load_audio(wav(tmp_path / f"a.{extension}", tone, **options), RATE)
    assert abs(len(samples) - len(tone)) <= 2304
    middle = slice(4000, 12000)
    assert np.corrcoef(samples[middle], tone[middle])[0, 1] > 0.99


@pytest.mark.parametrize("rate", [1, 7, 8000, 11025, 22050, 44100, 48000, 96000, 192000, 768000])
def test_any_rate_is_resampled(tmp_path, rate):
    samples = NOISE[: max(4, min(3000, rate)), 0]
    path = wav(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    expected = soxr.resample(samples, rate, RATE, quality="HQ")
    assert abs(len(expected) - len(samples) * RATE / rate) <= 1
    np.testing.assert_array_equal(load_audio(path, RATE), expected)
    np.testing.assert_array_equal(load_audio(samples, RATE, source_rate=rate), expected)


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 192000])
def test_a_tone_keeps_its_pitch_and_level(rate):
    tone = np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)
    samples = load_audio(tone, RATE, source_rate=rate)
    expected = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    np.testing.assert_allclose(samples[1000:-1000], expected[1000:-1000], atol=1e-4)


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.float64, np.longdouble, ml_dtypes.bfloat16, ">f4"], ids=str
)
def test_every_float_type_is_taken(dtype):
    given_array = NOISE[:, 0].astype(dtype)
    samples = load_audio(given_array, RATE)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, given_array.astype(np.float32))


def test_int16_is_scaled():
    samples = load_audio(np.array([0, 16384, -32768, 32767], np.int16), RATE)
    np.testing.assert_array_equal(samples, np.float32([0, 0.5, -1, 32767 / 32768]))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.uint16, np.int32, np.int64, bool, complex, object, str])
def test_other_types_are_refused(dtype):
    with pytest.raises(AudioError, match=r"samples are floating point .* or int16"):
        load_audio(np.zeros(100).astype(dtype), RATE)


@pytest.mark.parametrize("shape", [(), (2, 3, 4), (0,), (0, 2), (100, 0)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(AudioError, match="shape"):
        load_audio(np.zeros(shape, np.float32), RATE)


def test_channels_first_is_refused_with_advice():
    with pytest.raises(AudioError, match=r"\(2, 3000\).*transpose"):
        load_audio(NOISE.T, RATE)


@pytest.mark.parametrize(
    ("value", "word"), [(np.nan, "NaN"), (np.inf, "infinite"), (-np.inf, "infinite"), (1e300, "infinite")]
)
def test_samples_that_are_not_finite_are_found(tmp_path, value, word):
    samples = NOISE.astype(np.float64)
    samples[1600, 1] = value
    with pytest.raises(AudioError, match=f"the array: sample 1600 of channel 1 is {word}"):
        load_audio(samples, RATE)
    path = wav(tmp_path / "a.wav", samples, subtype="DOUBLE")
    with pytest.raises(AudioError, match=rf"a\.wav: sample 1600 \(0\.10 s\) of channel 1 is {word}"):
        load_audio(path, RATE)


def test_a_late_nan_is_found_where_it_is(tmp_path):
    samples = np.zeros(600_000, np.float32)
    samples[500_001] = np.nan
    with pytest.raises(AudioError, match=r"sample 500001 \(31\.25 s\) is NaN"):
        load_audio(wav(tmp_path / "a.wav", samples, subtype="FLOAT"), RATE)


def test_loud_and_clipped_audio_is_kept(tmp_path):
    loud = np.float32([5.0, -7.0, 1.0, -1.0, 1.0])
    np.testing.assert_array_equal(load_audio(wav(tmp_path / "a.wav", loud, subtype="FLOAT"), RATE), loud)


@pytest.mark.parametrize("rate", [0, -1, 16000.5, np.nan, np.inf, True, "16000", None])
def test_the_target_rate_is_checked(rate):
    with pytest.raises(AudioError, match=r"sample_rate is .* a positive whole number of hertz"):
        load_audio(NOISE, rate)


@pytest.mark.parametrize("rate", [0, -8000, np.nan, np.inf, True, "8000"])
def test_the_source_rate_is_checked(rate):
    with pytest.raises(AudioError, match=r"source_rate is .* a positive number of hertz"):
        load_audio(NOISE, RATE, source_rate=rate)


def test_a_file_says_its_own_rate(tmp_path):
    with pytest.raises(AudioError, match="source_rate is for arrays"):
        load_audio(wav(tmp_path / "a.wav"), RATE, source_rate=8000)


def test_less_than_one_sample_at_the_target_rate_is_an_error(tmp_path):
    path = wav(tmp_path / "a.wav", NOISE[:3], 192000)
    with pytest.raises(AudioError, match=r"a.wav: is shorter than one sample at 16000 Hz"):
        load_audio(path, RATE)
    with pytest.raises(AudioError, match="the array: is shorter than one sample"):
        load_audio(NOISE[:3], RATE, source_rate=192000)


def test_what_does_not_fit_one_array_is_refused_before_reading(tmp_path):
    path = wav(tmp_path / "a.wav", np.zeros(200_000), 1)  # 55 hours at 1 Hz
    with pytest.raises(AudioError, match=r"56 hours long.*stream_audio"):
        load_audio(path, RATE)


def test_lists_and_jax_arrays_are_arrays():
    import jax.numpy as jnp

    np.testing.assert_array_equal(load_audio([0.5, -0.5], RATE), np.float32([0.5, -0.5]))
    np.testing.assert_array_equal(load_audio(jnp.asarray(NOISE), RATE), load_audio(NOISE, RATE))


def test_the_callers_array_is_not_touched():
    kept = NOISE.copy()
    samples = load_audio(kept[:, 0], RATE)
    samples[:] = 0
    np.testing.assert_array_equal(kept, NOISE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frames=st.integers(1, 5000),
    channels=st.integers(1, 40),
    rate=st.integers(1, 400_000),
    target=st.sampled_from([8000, 16000, 22050, 44100]),
)
def test_any_file_of_any_rate_and_channels_loads(tmp_path, frames, channels, rate, target):
    frames = min(frames, max(1, rate))  # up to a second
    path = wav(tmp_path / "any.wav", np.zeros((frames, channels)), rate)
    try:
        samples = load_audio(path, target)
    except AudioError as error:
        assert "shorter than one sample" in str(error) and frames * target < rate
    else:
        assert abs(len(samples) - frames * target / rate) <= 1
        assert not samples.any()
