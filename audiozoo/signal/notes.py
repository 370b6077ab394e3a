"""Pitches as hertz, MIDI numbers, octaves and names."""

import re

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_A4_HZ, _A4_MIDI = 440.0, 69
_PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"#": 1, "♯": 1, "b": -1, "♭": -1}
_NAME = re.compile(r"([A-Ga-g])([#♯b♭]*)(-?\d+)")

Numbers = Float[Array | np.ndarray, "*shape"] | float


def hz_to_midi(hz: Numbers) -> Numbers:
    """MIDI note numbers, not rounded: 69 is 440 Hz and an octave is 12. Hertz above zero."""
    return 12 * _log2(hz / _A4_HZ) + _A4_MIDI


def midi_to_hz(midi: Numbers) -> Numbers:
    """Hertz of MIDI note numbers: the inverse of `hz_to_midi`."""
    return _A4_HZ * 2.0 ** ((midi - _A4_MIDI) / 12)


def hz_to_octaves(hz: Numbers, *, tuning: float = 0.0, bins_per_octave: int = 12) -> Numbers:
    """Octaves above 27.5 Hz, so that 440 Hz is 4; `tuning` is that of 440 Hz in bins. Hertz above zero."""
    reference = _A4_HZ * 2.0 ** (tuning / bins_per_octave)
    return _log2(hz / (reference / 16))


def note_to_midi(name: str) -> int:
    """The MIDI number of a note such as "C4" (60), "F#3", "B♭-1"; any number of accidentals.

    Raises:
        ValueError: it is no note.
    """
    found = _NAME.fullmatch(name)
    if not found:
        raise ValueError(f"a note is a letter, accidentals and an octave, such as 'C#4', not {name!r}")
    letter, accidentals, octave = found.groups()
    shift = sum(_ACCIDENTALS[accidental] for accidental in accidentals)
    return 12 * (int(octave) + 1) + _PITCH_CLASSES[letter.upper()] + shift


def note_to_hz(name: str) -> float:
    """The frequency of a note in hertz: "A4" is 440.

    Raises:
        ValueError: it is no note.
    """
    return _A4_HZ * 2.0 ** ((note_to_midi(name) - _A4_MIDI) / 12)


def equal_temperament(bins_per_octave: int) -> tuple[float, ...]:
    """The ratios to the lowest of the notes of an octave that equal steps divide.

    Raises:
        ValueError: no steps.
    """
    if bins_per_octave < 1:
        raise ValueError(f"bins_per_octave must be positive, not {bins_per_octave}")
    return tuple((2.0 ** (np.arange(bins_per_octave) / bins_per_octave)).tolist())


def _log2(value: Numbers) -> Numbers:
    return jnp.log2(value) if isinstance(value, jax.Array) else np.log2(value)
