"""What the zoo knows of a named model, before any array exists."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from audiozoo.weights.published import Published

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
            TypeError: a name that is neither a field of the config nor `dtype`.
        """
        model = self.model
        if "dtype" in changes:
            model = model.clone(dtype=changes.pop("dtype"))
        return dataclasses.replace(self, model=model.clone(config=dataclasses.replace(model.config, **changes)))
