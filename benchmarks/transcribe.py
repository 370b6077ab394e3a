"""Transcription: audiozoo against faster-whisper (CTranslate2) and transformers (PyTorch), same weights, float32.

All read the same published arrays: faster-whisper its own file, transformers the arrays renamed to its names. Settings
are each program's defaults but for the language (English), the beam, and one temperature, so that none falls back.
"""

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import harness

RATE = 16_000


@functools.cache
def clip(name: str) -> np.ndarray:
    """The J. F. Kennedy recording (11 s), or five minutes of telephone prompts with half a second between them."""
    from audiozoo.data import load_audio
    from tests import recordings

    if name == "jfk":
        return load_audio(recordings.jfk(), RATE)
    pause = np.zeros(RATE // 2, np.float32)
    pieces: list[np.ndarray] = []
    for prompt in recordings.prompts():
        if prompt.spoken:
            pieces += [load_audio(prompt.path, RATE), pause]
        if sum(map(len, pieces)) >= 300 * RATE:
            break
    return np.concatenate(pieces)[: 300 * RATE]


def audiozoo(*, model: str, audio: str, beam_size: int) -> Callable[[], str]:
    from audiozoo.pipelines import Transcriber

    samples = clip(audio)
    ready = Transcriber.load(model)
    return lambda: ready(samples, sample_rate=RATE, language="en", beam_size=beam_size, temperature=0.0).text


def faster_whisper(*, model: str, audio: str, beam_size: int) -> Callable[[], str]:
    from benchmarks.parity_whisper import peer

    samples = clip(audio)
    with tempfile.TemporaryDirectory() as folder:
        ready = peer(model, Path(folder), harness.THREADS)

    def run() -> str:
        segments, _ = ready.transcribe(samples, language="en", beam_size=beam_size, temperature=0.0)
        return "".join(segment.text for segment in segments).strip()

    return run


def transformers(*, model: str, audio: str, beam_size: int) -> Callable[[], str]:
    import tokenizers
    import torch
    from transformers import WhisperFeatureExtractor

    from audiozoo import zoo

    torch.set_num_threads(harness.THREADS)
    samples = clip(audio)
    peer = huggingface_whisper(model)
    extractor = WhisperFeatureExtractor(feature_size=zoo.preset(model).model.config.mel_bins)
    tokenizer = tokenizers.Tokenizer.from_file(str(zoo.files(model)["tokenizer"]))
    long = len(samples) > 30 * RATE
    settings: dict[str, Any] = {"num_beams": beam_size, "return_timestamps": True}
    if long:
        settings |= {"condition_on_prev_tokens": True, "temperature": 0.0}
    if peer.generation_config.is_multilingual:
        settings |= {"language": "en", "task": "transcribe"}

    def run() -> str:
        padding: dict[str, Any] = {"truncation": False, "padding": "longest"} if long else {}
        inputs = extractor(samples, sampling_rate=RATE, return_tensors="pt", return_attention_mask=True, **padding)
        with torch.inference_mode():
            tokens = peer.generate(**inputs, **settings)
        first_special = peer.generation_config.eos_token_id
        return tokenizer.decode([token for token in tokens[0].tolist() if token < first_special]).strip()

    return run


CONTENDERS = {"audiozoo": audiozoo, "faster-whisper": faster_whisper, "transformers": transformers}


def huggingface_whisper(model: str) -> Any:
    """transformers' Whisper holding audiozoo's arrays under its own names."""
    import torch
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    from audiozoo import zoo
    from audiozoo.models.whisper_presets import TRANSFORMERS
    from audiozoo.pipelines.tokens import Tokenizer
    from audiozoo.weights.layout import from_variables

    ours, variables = zoo.load(model)
    c, t = ours.config, Tokenizer(zoo.files(model)["tokenizer"])
    tokens: dict[str, Any] = {
        "decoder_start_token_id": t.start,
        "eos_token_id": t.end,
        "pad_token_id": t.end,
        "bos_token_id": t.end,
    }
    peer = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=c.vocabulary,
            d_model=c.width,
            encoder_layers=c.encoder_layers,
            decoder_layers=c.decoder_layers,
            encoder_attention_heads=c.heads,
            decoder_attention_heads=c.heads,
            encoder_ffn_dim=4 * c.width,
            decoder_ffn_dim=4 * c.width,
            num_mel_bins=c.mel_bins,
            **tokens,
        )
    )
    arrays = {name: torch.tensor(np.asarray(array)) for name, array in from_variables(variables, TRANSFORMERS).items()}
    missing, unexpected = peer.load_state_dict(arrays, strict=False)
    left = [name for name in missing if name not in ("proj_out.weight", "model.encoder.embed_positions.weight")]
    if left or unexpected:
        raise ValueError(f"transformers' Whisper was not filled: missing {left}, unexpected {unexpected}")
    peer.tie_weights()
    more: dict[str, Any] = {"task_to_id": {"transcribe": t.transcribe, "translate": t.translate}}
    more["lang_to_id"] = {f"<|{code}|>": number for code, number in t.languages.items()}
    peer.generation_config = GenerationConfig(
        **tokens,
        max_length=c.text_positions,
        is_multilingual=c.multilingual,
        no_timestamps_token_id=t.no_timestamps,
        prev_sot_token_id=t.start_of_previous,
        max_initial_timestamp_index=50,
        suppress_tokens=sorted(t.non_speech),
        begin_suppress_tokens=[*t.encode(" "), t.end],
        **(more if c.multilingual else {}),
    )
    return peer.eval()


def rows() -> list[harness.Row]:
    results = []
    for model in ("whisper_tiny_en", "whisper_base"):
        for audio, seconds, repeats in (("jfk", "11 s", 7), ("prompts", "5 min", 2)):
            for beam_size, words in ((1, "greedy"), (5, "beam 5")):
                settings = {"model": model, "audio": audio, "beam_size": beam_size}
                name = f"{model}, {seconds}, {words}"
                results += harness.race(name, "benchmarks.transcribe", tuple(CONTENDERS), settings, repeats)
    return results
