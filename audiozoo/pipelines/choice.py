"""Which model a pipeline runs: one of the zoo by its name, one that `audiozoo.save` wrote, or one that is at hand."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from audiozoo import zoo
from audiozoo.models.preset import Model

Choice = str | os.PathLike[str] | tuple[Model, Mapping[str, Any]]


class Chosen(NamedTuple):
    """A model that is ready to run."""

    name: str  # of the preset that it is, or is most like
    model: Model
    variables: Mapping[str, Any]


def chosen(choice: Choice, task: str, *, dtype: Any = None, offline: bool | None = None) -> Chosen:
    """The model and its weights, once it is sure that they are for `task`.

    Args:
        choice: a name of the zoo; a path that `audiozoo.save` wrote; or what `audiozoo.load` gave: model and variables.
        task: what the model has to be for.
        dtype, offline: as for `audiozoo.load`; a model at hand is taken as it is.

    Raises:
        ValueError: a model for another task, or a file that is none.
        TypeError: something else than a name, a path, or a model with its variables.
        FileNotFoundError: no such file.
        audiozoo.zoo.UnknownModel, audiozoo.zoo.WeightsUnavailable: as `audiozoo.load`.
    """
    if isinstance(choice, tuple):
        if len(choice) != 2:
            raise TypeError(f"a model at hand is a pair, (model, variables), not {len(choice)} things")
        model, variables = choice
        name = zoo.nearest(model)
        _check(name, task, name)
        return Chosen(name, model, variables)
    if not isinstance(choice, str | os.PathLike):
        raise TypeError(f"a model is a name, a path, or (model, variables), not a {type(choice).__name__}")
    text = os.fspath(choice)
    if isinstance(choice, str) and zoo.is_name(text):
        _check(text, task, text)  # before anything is fetched
        return Chosen(text, *zoo.load(text, dtype=dtype, offline=offline))
    model, variables = zoo.load(Path(text), dtype=dtype, offline=offline)
    name = zoo.nearest(model)
    _check(name, task, text)
    return Chosen(name, model, variables)


def _check(name: str, task: str, shown: str) -> None:
    found = zoo.preset(name).task
    if found != task:
        raise ValueError(f"{shown} is for {found}, not for {task}; there are {', '.join(zoo.list_models(task=task))}")
