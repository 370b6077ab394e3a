"""Waveforms and spectra as pure functions of arrays: no parameters, no Flax, any leading axes.

Everything public can be had from here (`audiozoo.signal.stft`); each lives in the module of its subject.
"""

import importlib
from typing import Any

MODULES: dict[str, tuple[str, ...]] = {  # a line or block for each module
    "augmentation": (
        "add_noise",
        "coloured_noise",
        "mix_at_snr",
        "random_band_stop",
        "random_clipping",
        "random_codec",
        "random_crop",
        "random_gain",
        "random_pitch",
        "random_polarity",
        "random_room",
        "random_shift",
        "random_speed",
        "reverberate",
    ),
    "biquads": (
        "allpass",
        "bandpass",
        "butterworth",
        "frequency_response",
        "high_shelf",
        "highpass",
        "low_shelf",
        "lowpass",
        "notch",
        "peaking",
    ),
    "cepstra": ("add_deltas", "cepstral_coefficients", "dct", "delta", "lfcc", "mfcc"),
    "chroma": ("chroma_cens", "chroma_cqt", "chroma_filters", "chroma_stft", "cq_to_chroma", "tonnetz"),
    "combining": ("chain", "mixup", "one_of", "sometimes"),
    "constant_q": ("cqt", "harmonic_cqt", "icqt", "ivqt", "vqt"),
    "decibels": ("amplitude_to_db", "db_to_amplitude", "db_to_power", "power_to_db"),
    "dft": ("irdft", "istft_parts", "rdft", "spectrogram_parts", "stft_parts"),
    "energy_normalisation": ("pcen", "pcen_smoothing", "pcen_with_state"),
    "filters": (
        "filtfilt",
        "lfilter",
        "lfilter_with_state",
        "lfilter_zi",
        "sosfilt",
        "sosfilt_with_state",
        "sosfilt_zi",
        "sosfiltfilt",
    ),
    "fir": ("convolve", "fir_filter", "firwin"),
    "framing": ("centred_frames", "frame", "kaldi_frames", "overlap_add", "pad", "pad_each", "weighted_overlap_add"),
    "frontends": (
        "FrontEnd",
        "ast_features",
        "clap_log_mel",
        "hifigan_log_mel",
        "panns_log_mel",
        "speecht5_log_mel",
        "tacotron2_log_mel",
        "vggish_log_mel",
        "vggish_patch_count",
        "vggish_patches",
        "wav2vec2_normalise",
        "yamnet_log_mel",
        "yamnet_patch_count",
        "yamnet_patches",
    ),
    "gammatone": ("gammatone_filterbank", "gammatone_filters", "gammatone_sections", "gammatone_spectrogram"),
    "half_band": ("double", "halve"),
    "inversion": ("griffin_lim",),
    "kaldi": ("KaldiFrames", "KaldiMels", "kaldi_fbank", "kaldi_mel_filters", "kaldi_mfcc", "kaldi_spectrogram"),
    "levels": ("de_emphasis", "level", "normalise_peak", "peak", "pre_emphasis", "remove_dc", "rms", "true_peak"),
    "loudness": ("integrated_loudness", "k_weighting", "momentary_loudness", "normalise_loudness"),
    "masking": ("Policy", "frequency_mask", "spec_augment", "time_mask", "time_warp"),
    "mel": (
        "hz_to_mel",
        "inverse_mel",
        "mel_filters",
        "mel_spectrogram",
        "mel_to_audio",
        "mel_to_hz",
        "whisper_log_mel",
    ),
    "normalisation": ("StreamingCmvn", "cmvn", "sliding_cmvn"),
    "notes": ("equal_temperament", "hz_to_midi", "hz_to_octaves", "midi_to_hz", "note_to_hz", "note_to_midi"),
    "onset": ("onset_strength", "spectral_flux", "spectral_flux_multi"),
    "periodicity": ("autocorrelate",),
    "phase": ("instantaneous_frequency", "phase_vocoder", "pitch_shift", "time_stretch"),
    "pitch": ("yin",),
    "pitch_tracks": ("pyin",),
    "quantisation": (
        "compress",
        "expand",
        "g711_decode",
        "g711_encode",
        "mu_law_decode",
        "mu_law_encode",
        "quantise",
        "quantise_codes",
        "signal_to_noise",
    ),
    "reassigned": ("reassigned_spectrogram",),
    "resampling": ("resample", "resample_poly", "resample_sinc"),
    "rhythm": ("fourier_tempogram", "tempo", "tempo_frequencies", "tempogram"),
    "rooms": ("energy_decay", "eyring_time", "reverberation_time", "room_impulse_response", "sabine_time"),
    "scales": (
        "bark_filters",
        "bark_to_hz",
        "erb_bandwidth",
        "erb_to_hz",
        "hz_to_bark",
        "hz_to_erb",
        "linear_filters",
    ),
    "separation": ("hpss", "hpss_signal", "median_filter", "soft_mask"),
    "spectral": ("frame_count", "istft", "magnitude", "power", "spectrogram", "stft", "unit_phasor"),
    "spectral_shape": (
        "poly_features",
        "spectral_bandwidth",
        "spectral_centroid",
        "spectral_contrast",
        "spectral_flatness",
        "spectral_rolloff",
        "zero_crossing_rate",
    ),
    "streaming": ("StreamingIstft", "StreamingStft"),
    "continuous_wavelets": (
        "MexicanHat",
        "Morlet",
        "Paul",
        "Sampled",
        "cone_of_influence",
        "cwt",
        "frequency_scales",
        "icwt",
        "scale_frequencies",
    ),
    "discrete_wavelets": ("dwt", "dwt_max_level", "extend", "idwt", "wavedec", "waverec"),
    "scattering": ("scattering_moduli", "scattering_paths", "scattering_transform"),
    "wavelet_filters": ("Wavelet", "wavelet", "wavelet_names"),
    "wavelet_packets": ("inverse_packet_tree", "iswt", "packet_lengths", "packet_tree", "swt"),
    "tuning": ("estimate_tuning",),
    "windows": ("hamming", "hann", "kaiser", "window"),
}
_HOMES = {name: module for module, names in MODULES.items() for name in names}

__all__ = sorted(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"audiozoo.signal.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'audiozoo.signal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
