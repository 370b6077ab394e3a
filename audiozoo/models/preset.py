"""What the zoo knows of a named model, before any array exists."""

import dataclasses
import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from audiozoo.weights.published import Published

DTYPES = ("float32", "bfloat16", "float16")

Model = nn.Module  # the rooms that handle models without knowing what they are made of say this


@dataclasses.dataclass(frozen=True)
class Preset:
    """A model and its card. `model.config` is a frozen dataclass; `model.dtype` is the type it computes in."""

    model: Model
    task: str  # "speech-to-text", "voice-activity", "pitch", …
    sample_rate: int  # hertz, of the waveform that the model takes
    summary: str  # one line, for lists
    paper: str  # authors, year, arXiv number
    licence: str  # of the published weights
    parameters: int  # exact count of trainable parameters
    shortest: int  # the fewest samples that give an answer
    small: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # config changes that make a quick test twin
    published: tuple[Published, ...] = ()  # where its weights can be had, the preferred source first
    streams: bool = False  # has `initial_state(batch)` and `stream(chunk, state)`
    leaks: str = ""  # why a padded clip differs from the same clip alone, for models defined so; else empty
    reference: str = ""  # published figures of merit, with their source

    def init(self, key: jax.Array) -> Mapping[str, Any]:
        """Fresh variables: a nested dict of arrays."""
        return self.model.init(key, jnp.zeros((1, self.shortest)))

    def with_changes(self, **changes: Any) -> "Preset":
        """The same card around a model with other settings: fields of its config, and `dtype`.

        Raises:
            TypeError: a name that is neither a field of the config nor `dtype`, or a dtype to compute nothing in.
        """
        model = self.model
        if "dtype" in changes:
            model = model.clone(dtype=computing_dtype(changes.pop("dtype")).type)
        return dataclasses.replace(self, model=model.clone(config=dataclasses.replace(model.config, **changes)))


def computing_dtype(value: Any) -> np.dtype:
    """The type that a model computes in; None is float32.

    Raises:
        TypeError: not one of `DTYPES` (JAX has no float64 unless told so, and other types cannot hold weights).
    """
    try:
        dtype = jnp.dtype("float32" if value is None else value)
    except TypeError:
        dtype = None
    if dtype is None or dtype.name not in DTYPES:
        raise TypeError(f"dtype must be one of {', '.join(DTYPES)}, not {str(value)[:40]!r}")
    return dtype


def check_settings(config: Any, changes: Mapping[str, Any]) -> None:
    """Whether `changes` of a config are of the types of its own values, and counts where those are counts.

    Raises:
        TypeError: another type.
        ValueError: a count below one, or a number that is not finite.
    """
    for name, value in changes.items():
        _check_setting(name, value, getattr(config, name))


def check_extent(settings: Mapping[str, Any], family: Iterable[Any], arrays: int) -> None:
    """Whether the settings of a file that nobody vouches for are in reach of the `family`'s configs.

    To compare a file with a model the model is traced, and what is traced must not be a matter of the file's word:
    numbers are bounded by four times the family's largest (or 4096), layers by the file's own number of `arrays`.

    Raises:
        ValueError: a setting is far beyond.
    """
    known = [dataclasses.asdict(config) for config in family]
    layers = 0
    for name, value in settings.items():
        found = list(_numbers(value))
        largest = max(map(abs, (number for config in known for number in _numbers(config.get(name)))), default=0)
        if name.endswith("layers"):
            layers += sum(found)
            limit = 4 * largest
        else:
            limit = max(4 * largest, 4096)
        if len(found) > 4096 or any(abs(number) > limit for number in found):
            raise ValueError(f"its {name} is far beyond any model of its kind (at most {limit})")
    if layers > arrays:
        raise ValueError(f"it has {arrays} arrays and claims {layers} layers")


def _check_setting(name: str, value: Any, like: Any) -> None:
    if isinstance(like, bool | str):
        if not isinstance(value, type(like)):
            raise TypeError(f"{name} must be a {type(like).__name__}, not {str(value)[:40]!r}")
    elif isinstance(like, tuple):
        if not isinstance(value, tuple):
            raise TypeError(f"{name} must be a tuple, not {str(value)[:40]!r}")
        if like and not isinstance(like[0], tuple):
            if len(value) != len(like):
                raise ValueError(f"{name} must have {len(like)} values, not {len(value)}")
            for item in value:
                _check_setting(name, item, like[0])
        elif not all(isinstance(item, tuple) and all(map(_is_index, item)) for item in value):
            raise TypeError(f"{name} must be a tuple of tuples of indexes, not {str(value)[:40]!r}")
    elif isinstance(like, int):
        if not isinstance(value, int | np.integer) or isinstance(value, bool):
            raise TypeError(f"{name} must be an integer, not {str(value)[:40]!r}")
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {str(value)[:40]}")
    elif isinstance(like, numbers.Real):
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            raise TypeError(f"{name} must be a number, not {str(value)[:40]!r}")
        if not math.isfinite(value):
            raise ValueError(f"{name} must be finite, not {value}")


def _is_index(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 0)


def _numbers(value: Any) -> Iterable[Any]:
    if isinstance(value, tuple):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, numbers.Real):
        yield value
