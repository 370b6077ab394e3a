"""Waveforms and spectra as pure functions of arrays: no parameters, no Flax, any leading axes.

Everything public can be had from here (`audiozoo.signal.stft`); each lives in the module of its subject.
"""

import importlib
from typing import Any

_MODULES: dict[str, tuple[str, ...]] = {  # a line or block for each module
    "cepstra": ("add_deltas", "cepstral_coefficients", "dct", "delta", "lfcc", "mfcc"),
    "decibels": ("amplitude_to_db", "db_to_amplitude", "db_to_power", "power_to_db"),
    "dft": ("irdft", "istft_parts", "rdft", "spectrogram_parts", "stft_parts"),
    "energy_normalisation": ("pcen", "pcen_smoothing", "pcen_with_state"),
    "framing": ("centred_frames", "frame", "kaldi_frames", "overlap_add", "pad", "pad_each", "weighted_overlap_add"),
    "gammatone": ("gammatone_filterbank", "gammatone_filters", "gammatone_sections", "gammatone_spectrogram"),
    "inversion": ("griffin_lim",),
    "kaldi": ("KaldiFrames", "KaldiMels", "kaldi_fbank", "kaldi_mel_filters", "kaldi_mfcc", "kaldi_spectrogram"),
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
    "phase": ("instantaneous_frequency", "phase_vocoder", "pitch_shift", "time_stretch"),
    "reassigned": ("reassigned_spectrogram",),
    "scales": (
        "bark_filters",
        "bark_to_hz",
        "erb_bandwidth",
        "erb_to_hz",
        "hz_to_bark",
        "hz_to_erb",
        "linear_filters",
    ),
    "spectral": ("frame_count", "istft", "magnitude", "power", "spectrogram", "stft", "unit_phasor"),
    "streaming": ("StreamingIstft", "StreamingStft"),
    "biquads": (
        "butterworth",
        "frequency_response",
        "high_shelf",
        "highpass",
        "low_shelf",
        "lowpass",
        "notch",
        "peaking",
    ),
    "filters": ("filtfilt", "lfilter", "lfilter_zi", "sosfilt", "sosfilt_zi", "sosfiltfilt"),
    "fir": ("convolve", "fir_filter", "firwin"),
    "levels": ("de_emphasis", "normalise_peak", "peak", "pre_emphasis", "remove_dc", "rms", "true_peak"),
    "loudness": ("integrated_loudness", "k_weighting", "momentary_loudness", "normalise_loudness"),
    "quantisation": ("g711_decode", "g711_encode", "mu_law_decode", "mu_law_encode", "quantise", "signal_to_noise"),
    "rooms": ("reverberation_time", "room_impulse_response", "sabine_time"),
    "resampling": ("resample", "resample_poly", "resample_sinc"),
    "windows": ("hamming", "hann", "kaiser", "window"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"audiozoo.signal.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'audiozoo.signal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
