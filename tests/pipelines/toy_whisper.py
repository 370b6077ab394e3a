"""A Whisper of one second, with random weights and a tokenizer of single bytes: quick, and as whole as a real one."""

import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import tokenizers

from audiozoo.models.whisper import Whisper, WhisperConfig
from audiozoo.pipelines import Transcriber
from audiozoo.pipelines.tokens import Tokenizer

WINDOW = 16_000
SPECIALS = ("endoftext", "startoftranscript", "en", "de", "translate", "transcribe", "startoflm", "startofprev")
SPECIALS += ("nospeech", "notimestamps")


def write_tokenizer(path: Path, first_special: int) -> None:
    """Bytes 0 to 255, then Whisper's special symbols, for two languages."""
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(alphabet)}
    specials = [f"<|{name}|>" for name in SPECIALS]
    vocabulary |= {name: first_special + number for number, name in enumerate(specials)}
    toy = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    toy.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    toy.decoder = tokenizers.decoders.ByteLevel()
    toy.add_special_tokens(specials)
    assert json.loads(toy.to_str())
    toy.save(str(path))


@functools.cache
def weights(vocabulary: int):
    """Large enough that the logits are far apart, and no two windows say the same."""
    config = WhisperConfig(16, 1, 2, 2, vocabulary, mel_bins=20, audio_positions=WINDOW // 320, text_positions=56)
    model = Whisper(config)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 400)))
    rng = np.random.default_rng(0)
    variables = jax.tree.map(lambda x: jnp.asarray(rng.standard_normal(x.shape, np.float32) * 0.6), shapes)
    return model, variables


def transcriber(folder: Path, *, multilingual: bool = False) -> Transcriber:
    first_special = 50_257 if multilingual else 256
    path = folder / "tokenizer.json"
    write_tokenizer(path, first_special)
    vocabulary = max(first_special + len(SPECIALS) + WINDOW // 320 + 1, 51_865 * multilingual)
    return Transcriber(*weights(vocabulary), Tokenizer(path))


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise whose loudness and colour change, so that windows differ."""
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal(round(seconds * 16_000)).astype(np.float32)
    smooth = np.convolve(samples, np.ones(1 + seed % 7), mode="same")
    return (0.1 * smooth * np.sin(np.arange(len(samples)) / (2_000 + 500 * seed))).astype(np.float32)
