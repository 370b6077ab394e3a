"""What every transform of `audiozoo.signal` gets, because it is exported. The checks themselves are in contract.py."""

import functools

import jax
import numpy as np
import pytest

from audiozoo import signal
from audiozoo.signal.dft import Parts
from tests.signal.contract import CLAUSES, SLOW, Call, broken

RATE = 8000
KEY = jax.random.key(3)
STFT = {"n_fft": 64, "hop_length": 16}
MEL = {"sample_rate": RATE, "n_mels": 8}
CENTRES = np.linspace(100, RATE / 2, 8)  # hertz
FEATURES = (20, 8)  # frames, bands
SPECTRUM = (12, 33)  # frames, bins
NOTES = {"hop_length": 64, "fmin": 500.0}
HUM = {"fmin": 250.0, "fmax": 1000.0, "frame_length": 128, "hop_length": 64}
B, A = np.array([0.3, 0.2, 0.1]), np.array([1.0, -0.5, 0.2])
SOS = signal.butterworth(2, 1000, sample_rate=RATE)
SCALES = np.array([2.0, 4.0, 8.0])
FRAMES = signal.KaldiFrames(sample_rate=RATE)
RESPONSE = np.array([0.0, 1.0, 0.5, -0.3, 0.1], np.float32)
KERNEL = np.array([0.1, 0.5, 0.3], np.float32)
LOUD = {"row": (4000,)}  # a block of 0.4 s and more
gain = functools.partial(signal.random_gain, gain_db=(-6.0, 6.0))
polarity = functools.partial(signal.random_polarity, probability=0.5)


def both(x):
    """Real and imaginary parts, made of one array."""
    return Parts(x, x[..., ::-1])


def energies(function, row=FEATURES, **settings):
    return Call(function, row, "energies", **settings)


def spectrum(function, row=SPECTRUM, **settings):
    return Call(function, row, "spectrum", **settings)


def drawn(function, row=(600,), **settings):
    return Call(lambda x: function(KEY, x), row, keyed=True, **settings)


# One line for each transform.
# fmt: off
CALLS = {
    # augmentation
    "add_noise": drawn(lambda key, x: signal.add_noise(key, x, np.ones(50, np.float32))),
    "mix_at_snr": Call(lambda x: signal.mix_at_snr(x, x[..., ::-1], snr_db=3.0)),
    "random_band_stop": drawn(functools.partial(signal.random_band_stop, sample_rate=RATE, taps=33)),
    "random_clipping": drawn(signal.random_clipping),
    "random_codec": drawn(functools.partial(signal.random_codec, bits=(4, 6))),
    "random_crop": drawn(functools.partial(signal.random_crop, length=100)),
    "random_gain": drawn(signal.random_gain),
    "random_pitch": drawn(functools.partial(signal.random_pitch, steps=(0, 2), **STFT)),
    "random_polarity": drawn(signal.random_polarity),
    "random_room": drawn(lambda key, x: signal.random_room(key, x, np.stack([RESPONSE, RESPONSE[::-1]]))),
    "random_shift": drawn(functools.partial(signal.random_shift, most=20)),
    "random_speed": drawn(functools.partial(signal.random_speed, factors=(1.0, 1.25))),
    "reverberate": Call(lambda x: signal.reverberate(x, RESPONSE)),
    # cepstra
    "add_deltas": Call(signal.add_deltas, FEATURES),
    "cepstral_coefficients": energies(lambda x: signal.cepstral_coefficients(x, count=4)),
    "dct": Call(signal.dct, FEATURES),
    "delta": Call(lambda x: signal.delta(x, width=5), FEATURES),
    "lfcc": Call(lambda x: signal.lfcc(x, sample_rate=RATE, n_lfcc=4, n_filters=8, **STFT)),
    "mfcc": Call(lambda x: signal.mfcc(x, n_mfcc=4, **MEL, **STFT)),
    # chroma
    "chroma_cens": energies(lambda x: signal.chroma_cens(x, smoothing=5), (20, 12)),
    "chroma_cqt": Call(lambda x: signal.chroma_cqt(x, RATE, n_octaves=2, bins_per_octave=12, **NOTES)),
    "chroma_stft": Call(lambda x: signal.chroma_stft(x, RATE, **STFT)),
    "tonnetz": energies(signal.tonnetz, (20, 12)),
    # combining
    "chain": drawn(signal.chain(gain, polarity)),
    "one_of": drawn(signal.one_of(gain, polarity)),
    "sometimes": drawn(signal.sometimes(gain, 0.5)),
    # constant_q
    "cqt": Call(lambda x: signal.cqt(x, RATE, n_bins=12, bins_per_octave=6, **NOTES)),
    "harmonic_cqt": Call(
        lambda x: signal.harmonic_cqt(x, RATE, harmonics=(1, 2), n_bins=6, bins_per_octave=6, **NOTES)
    ),
    "icqt": spectrum(lambda x: signal.icqt(x, RATE, bins_per_octave=6, **NOTES), (12, 12)),
    "ivqt": spectrum(lambda x: signal.ivqt(x, RATE, intervals=6, **NOTES), (12, 12)),
    "vqt": Call(lambda x: signal.vqt(x, RATE, n_bins=12, intervals=6, **NOTES)),
    # continuous_wavelets
    "cwt": Call(lambda x: signal.cwt(x, SCALES)),
    "icwt": spectrum(lambda x: signal.icwt(x, SCALES), (60, 3)),
    # decibels
    "amplitude_to_db": Call(signal.amplitude_to_db, FEATURES),
    "db_to_amplitude": Call(signal.db_to_amplitude, FEATURES),
    "db_to_power": Call(signal.db_to_power, FEATURES),
    "power_to_db": energies(lambda x: signal.power_to_db(x, top_db=20.0)),
    # dft
    "irdft": Call(lambda x: signal.irdft(both(x), 14), FEATURES),
    "istft_parts": Call(lambda x: signal.istft_parts(both(x), **STFT), SPECTRUM),
    "rdft": Call(signal.rdft, FEATURES),
    "spectrogram_parts": Call(lambda x: signal.spectrogram_parts(x, power=1.0, **STFT)),
    "stft_parts": Call(lambda x: signal.stft_parts(x, **STFT)),
    # discrete_wavelets
    "dwt": Call(lambda x: signal.dwt(x, "db2")),
    "extend": Call(lambda x: signal.extend(x, 3, 4, "reflect")),
    "idwt": Call(lambda x: signal.idwt(x, 2 * x, "db2")),
    "wavedec": Call(lambda x: signal.wavedec(x, "db2", level=2)),
    "waverec": Call(lambda x: signal.waverec([x, 2 * x], "db2")),
    # energy_normalisation
    "pcen": energies(lambda x: signal.pcen(x, smoothing=0.1)),
    "pcen_with_state": energies(lambda x: signal.pcen_with_state(x, None, smoothing=0.1)),
    # filters
    "filtfilt": Call(lambda x: signal.filtfilt(x, B, A)),
    "lfilter": Call(lambda x: signal.lfilter(x, B, A)),
    "lfilter_with_state": Call(lambda x: signal.lfilter_with_state(x, B, A)),
    "sosfilt": Call(lambda x: signal.sosfilt(x, SOS)),
    "sosfilt_with_state": Call(lambda x: signal.sosfilt_with_state(x, SOS)),
    "sosfiltfilt": Call(lambda x: signal.sosfiltfilt(x, SOS)),
    # fir
    "convolve": Call(lambda x: signal.convolve(x, KERNEL)),
    "fir_filter": Call(lambda x: signal.fir_filter(x, KERNEL)),
    # framing
    "centred_frames": Call(lambda x: signal.centred_frames(x, 64, 16)),
    "frame": Call(lambda x: signal.frame(x, 64, 16)),
    "kaldi_frames": Call(lambda x: signal.kaldi_frames(x, 64, 16, snip_edges=False)),
    "overlap_add": Call(lambda x: signal.overlap_add(x, 3), FEATURES),
    "pad": Call(lambda x: signal.pad(x, 9, 7, "reflect")),
    "pad_each": Call(lambda x: signal.pad_each(x, np.full(x.shape[:-1], min(4, x.shape[-1])), 9, 7, "reflect")),
    "weighted_overlap_add": Call(
        lambda x: signal.weighted_overlap_add(x, signal.hann(8), 3, start=4, length=40, uncovered="zero"), FEATURES
    ),
    # frontends
    "ast_features": Call(signal.ast_features),
    "clap_log_mel": Call(signal.clap_log_mel),
    "hifigan_log_mel": Call(signal.hifigan_log_mel),
    "panns_log_mel": Call(lambda x: signal.panns_log_mel(x, sample_rate=8000)),
    "speecht5_log_mel": Call(signal.speecht5_log_mel),
    "tacotron2_log_mel": Call(signal.tacotron2_log_mel),
    "vggish_log_mel": Call(signal.vggish_log_mel),
    "vggish_patches": Call(signal.vggish_patches, (16_000,)),
    "wav2vec2_normalise": Call(signal.wav2vec2_normalise),
    "yamnet_log_mel": Call(signal.yamnet_log_mel),
    "yamnet_patches": Call(signal.yamnet_patches),
    # gammatone
    "gammatone_filterbank": Call(lambda x: signal.gammatone_filterbank(x, sample_rate=RATE, n_filters=3)),
    "gammatone_spectrogram": Call(lambda x: signal.gammatone_spectrogram(x, sample_rate=RATE, n_filters=8, **STFT)),
    # half_band
    "double": Call(lambda x: signal.double(x, passband=0.5)),
    "halve": Call(lambda x: signal.halve(x, passband=0.5)),
    # inversion
    "griffin_lim": energies(lambda x: signal.griffin_lim(x, iterations=2, **STFT), SPECTRUM),
    # kaldi
    "kaldi_fbank": Call(lambda x: signal.kaldi_fbank(x, frames=FRAMES, mels=signal.KaldiMels(num_bins=8))),
    "kaldi_mfcc": Call(lambda x: signal.kaldi_mfcc(x, frames=FRAMES)),
    "kaldi_spectrogram": Call(lambda x: signal.kaldi_spectrogram(x, frames=FRAMES)),
    # levels
    "de_emphasis": Call(signal.de_emphasis),
    "level": Call(signal.level),
    "normalise_peak": Call(signal.normalise_peak),
    "peak": Call(signal.peak),
    "pre_emphasis": Call(signal.pre_emphasis),
    "remove_dc": Call(signal.remove_dc),
    "rms": Call(lambda x: signal.rms(x, frame_length=64, hop_length=16)),
    "true_peak": Call(signal.true_peak),
    # loudness
    "integrated_loudness": Call(lambda x: signal.integrated_loudness(x, sample_rate=RATE), **LOUD),
    "momentary_loudness": Call(lambda x: signal.momentary_loudness(x, sample_rate=RATE), **LOUD),
    "normalise_loudness": Call(lambda x: signal.normalise_loudness(x, sample_rate=RATE, to=-23.0), **LOUD),
    # masking
    "frequency_mask": drawn(functools.partial(signal.frequency_mask, width=3), FEATURES),
    "spec_augment": drawn(functools.partial(signal.spec_augment, policy=signal.Policy(4, 3, 1, 4, 1.0, 1)), FEATURES),
    "time_mask": drawn(functools.partial(signal.time_mask, width=5), FEATURES),
    "time_warp": drawn(functools.partial(signal.time_warp, width=4), FEATURES),
    # mel
    "inverse_mel": energies(lambda x: signal.inverse_mel(x, sample_rate=RATE, n_fft=64, iterations=5)),
    "mel_spectrogram": Call(lambda x: signal.mel_spectrogram(x, **MEL, **STFT)),
    "mel_to_audio": energies(lambda x: signal.mel_to_audio(x, sample_rate=RATE, iterations=2, **STFT), tolerance=1e-3),
    "whisper_log_mel": Call(lambda x: signal.whisper_log_mel(x, n_mels=80)),
    # normalisation
    "cmvn": Call(signal.cmvn, FEATURES),
    "sliding_cmvn": Call(lambda x: signal.sliding_cmvn(x, window=6, min_window=3, variance=True), FEATURES),
    # notes: of hertz and of numbers of notes above zero
    "hz_to_midi": Call(lambda x: signal.hz_to_midi(440 + x), FEATURES),
    "hz_to_octaves": Call(lambda x: signal.hz_to_octaves(440 + x), FEATURES),
    "midi_to_hz": Call(signal.midi_to_hz, FEATURES),
    # onset
    "onset_strength": Call(lambda x: signal.onset_strength(x, RATE, n_mels=8, **STFT)),
    "spectral_flux": Call(signal.spectral_flux, FEATURES),
    "spectral_flux_multi": Call(lambda x: signal.spectral_flux_multi(x, (0, 3, 8)), FEATURES),
    # periodicity
    "autocorrelate": Call(lambda x: signal.autocorrelate(x, max_size=20)),
    # phase
    "instantaneous_frequency": spectrum(lambda x: signal.instantaneous_frequency(x, RATE, **STFT)),
    "phase_vocoder": spectrum(lambda x: signal.phase_vocoder(x, 1.25)),
    "pitch_shift": Call(lambda x: signal.pitch_shift(x, 2, **STFT)),
    "time_stretch": Call(lambda x: signal.time_stretch(x, 1.25, **STFT)),
    # pitch, pitch_tracks
    "pyin": Call(lambda x: signal.pyin(x, RATE, thresholds=10, resolution=0.5, **HUM)),
    "yin": Call(lambda x: signal.yin(x, RATE, **HUM)),
    # quantisation
    "compress": Call(signal.compress),
    "expand": Call(signal.expand),
    "g711_decode": Call(lambda x: signal.g711_decode((99 * abs(x)).astype(np.uint8))),
    "g711_encode": Call(lambda x: signal.g711_encode((9000 * x).astype(np.int16))),
    "mu_law_decode": Call(lambda x: signal.mu_law_decode((200 * abs(x)).astype(np.int32))),
    "mu_law_encode": Call(signal.mu_law_encode),
    "quantise": Call(lambda x: signal.quantise(x, bits=8)),
    "quantise_codes": Call(lambda x: signal.quantise_codes(x, bits=8)),
    "signal_to_noise": Call(lambda x: signal.signal_to_noise(x, x + 0.1 * x[..., ::-1])),
    # reassigned
    "reassigned_spectrogram": Call(lambda x: signal.reassigned_spectrogram(x, RATE, **STFT)),
    # resampling
    "resample": Call(lambda x: signal.resample(x, source_rate=3, target_rate=2, quality="low")),
    "resample_poly": Call(lambda x: signal.resample_poly(x, up=2, down=3)),
    "resample_sinc": Call(lambda x: signal.resample_sinc(x, source_rate=3, target_rate=2)),
    # rhythm
    "fourier_tempogram": energies(lambda x: signal.fourier_tempogram(x, win_length=8), (30,)),
    "tempo": energies(lambda x: signal.tempo(x, RATE, 512), (12, 40)),
    "tempogram": energies(lambda x: signal.tempogram(x, win_length=8), (30,)),
    # rooms
    "energy_decay": Call(signal.energy_decay),
    "reverberation_time": Call(lambda x: signal.reverberation_time(x, sample_rate=RATE)),
    # scattering
    "scattering_moduli": Call(lambda x: signal.scattering_moduli(x, octaves=3), (128,)),
    "scattering_transform": Call(lambda x: signal.scattering_transform(x, octaves=3), (128,)),
    # separation
    "hpss": energies(lambda x: signal.hpss(x, kernel_size=3)),
    "hpss_signal": Call(lambda x: signal.hpss_signal(x, kernel_size=3, **STFT)),
    "median_filter": Call(lambda x: signal.median_filter(x, 3), FEATURES),
    "soft_mask": energies(lambda x: signal.soft_mask(x, x[..., ::-1], power=2.0)),
    # spectral
    "istft": spectrum(lambda x: signal.istft(x, **STFT)),
    "magnitude": spectrum(signal.magnitude),
    "power": spectrum(signal.power),
    "spectrogram": Call(lambda x: signal.spectrogram(x, power=1.0, **STFT)),
    "stft": Call(lambda x: signal.stft(x, **STFT)),
    "unit_phasor": spectrum(signal.unit_phasor),
    # spectral_shape
    "poly_features": energies(lambda x: signal.poly_features(x, CENTRES)),
    "spectral_bandwidth": energies(lambda x: signal.spectral_bandwidth(x, CENTRES)),
    "spectral_centroid": energies(lambda x: signal.spectral_centroid(x, CENTRES)),
    "spectral_contrast": energies(lambda x: signal.spectral_contrast(x, CENTRES, low_hz=800.0, n_bands=2)),
    "spectral_flatness": energies(signal.spectral_flatness),
    "spectral_rolloff": energies(lambda x: signal.spectral_rolloff(x, CENTRES)),
    "zero_crossing_rate": Call(lambda x: signal.zero_crossing_rate(x, frame_length=64, hop_length=16)),
    # tuning
    "estimate_tuning": Call(lambda x: signal.estimate_tuning(x, RATE, **STFT)),
    # wavelet_packets
    "inverse_packet_tree": Call(lambda x: signal.inverse_packet_tree(x, "db2"), FEATURES),
    "iswt": Call(lambda x: signal.iswt([x, 2 * x], "db2")),
    "packet_tree": Call(lambda x: signal.packet_tree(x, "db2", level=2)),
    "swt": Call(lambda x: signal.swt(x, "db2", level=2)),
}
# fmt: on

DESIGN = "makes a constant of a few numbers, in NumPy"
BIQUAD = "makes a filter of scalars; sosfilt meets arrays"
SETTINGS = "settings, or an object with a state: no function of arrays"
COUNT = "counts what there will be, of whole numbers"
TABLE = "makes a table in NumPy's float64"
OTHERS = {
    "mixup": "mixes the rows of one leading axis with each other",
    "coloured_noise": "makes a signal of a key alone",
    "room_impulse_response": "makes a signal of a room's geometry",
    **dict.fromkeys(("allpass", "bandpass", "high_shelf", "highpass", "low_shelf", "lowpass", "notch"), BIQUAD),
    **dict.fromkeys(("peaking", "frequency_response", "lfilter_zi", "sosfilt_zi"), BIQUAD),
    **dict.fromkeys(("butterworth", "firwin", "k_weighting", "gammatone_sections", "pcen_smoothing"), DESIGN),
    **dict.fromkeys(("eyring_time", "sabine_time", "equal_temperament", "note_to_hz", "note_to_midi"), DESIGN),
    **dict.fromkeys(("hamming", "hann", "kaiser", "window", "wavelet", "wavelet_names"), DESIGN),
    **dict.fromkeys(("chroma_filters", "cq_to_chroma", "gammatone_filters", "kaldi_mel_filters"), TABLE),
    **dict.fromkeys(("bark_filters", "linear_filters", "mel_filters", "tempo_frequencies"), TABLE),
    **dict.fromkeys(("bark_to_hz", "hz_to_bark", "erb_bandwidth", "erb_to_hz", "hz_to_erb"), TABLE),
    **dict.fromkeys(("hz_to_mel", "mel_to_hz", "cone_of_influence", "frequency_scales", "scale_frequencies"), TABLE),
    **dict.fromkeys(("scattering_paths",), TABLE),
    **dict.fromkeys(("frame_count", "vggish_patch_count", "yamnet_patch_count", "dwt_max_level"), COUNT),
    **dict.fromkeys(("packet_lengths",), COUNT),
    **dict.fromkeys(("FrontEnd", "KaldiFrames", "KaldiMels", "Policy", "Wavelet", "Morlet", "Paul"), SETTINGS),
    **dict.fromkeys(("MexicanHat", "Sampled", "StreamingCmvn", "StreamingIstft", "StreamingStft"), SETTINGS),
}

STEPS = {"slope": "its values go up in steps: the gradient is zero"}
WHOLE = {"slope": "whole numbers have no gradient"}
STATE = {"dtype": "the state that it hands on is not rounded to half precision"}
DEPARTURES = {
    "chroma_cens": STEPS,
    "estimate_tuning": STEPS | {"dtype": "hertz and bins of half precision would be too coarse: float32"},
    "g711_decode": WHOLE,
    "g711_encode": WHOLE,
    "lfilter_with_state": STATE,
    "mu_law_decode": WHOLE | dict.fromkeys(("dtype", "double"), "codes have no precision to keep: float32"),
    "mu_law_encode": WHOLE,
    "pcen_with_state": STATE,
    "pyin": STEPS,
    "quantise_codes": WHOLE,
    "signal_to_noise": {"dtype": "decibels of half precision would be too coarse: float32"},
    "sosfilt_with_state": STATE,
    "spectral_rolloff": STEPS,
    "stft_parts": {"dtype": "as the complex numbers of stft, which have no half: float32"},
    "tempo": STEPS,
    "whisper_log_mel": dict.fromkeys(("dtype", "double"), "Whisper's features are float32"),
    "zero_crossing_rate": STEPS,
}


def test_every_name_is_called_or_told_why_not():
    names = [name for names in signal.MODULES.values() for name in names]
    assert sorted([*CALLS, *OTHERS]) == sorted(names)
    assert DEPARTURES.keys() <= CALLS.keys()


def check(name, clauses):
    found = broken(CALLS[name], clauses)
    assert found.keys() == DEPARTURES.get(name, {}).keys() & {clause.__name__ for clause in clauses}, found


# Chains of others, and what has a loop in a loop: many seconds each.
LONG = {"hpss_signal", "mel_to_audio", "pitch_shift", "pyin", "random_pitch", "spec_augment"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in LONG)) for n in CALLS])
def test_the_contract(name):
    check(name, CLAUSES)


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_the_contract_where_compiling_takes_long(name):
    check(name, SLOW)


BREACHES = {  # what each clause is there to find
    "rows": lambda x: x * x.ndim,
    "dtype": lambda x: x.astype(np.float32) if x.dtype == jax.numpy.bfloat16 else x,
    "double": lambda x: x.astype(np.float32) if x.dtype == np.float64 else x,
    "silence": lambda x: jax.numpy.sqrt(abs(x)),
    "slope": jax.numpy.sign,
    "lengths": lambda x: x - jax.numpy.max(x, -1, keepdims=True),
}


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.__name__)
def test_every_clause_can_be_broken(clause):
    assert [*broken(Call(BREACHES[clause.__name__], (8,)))] == [clause.__name__]
