"""All models in plain sight: list them, read about them, create them, load them with their published weights."""

import dataclasses
import difflib
import fnmatch
import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from audiozoo import weights
from audiozoo.models import crepe, silero_vad, whisper_presets
from audiozoo.models.preset import Model, Preset, check_extent, check_settings, computing_dtype
from audiozoo.weights.errors import DownloadError, IntegrityError, NotFoundError, OfflineError
from audiozoo.weights.published import HubFile, JoinedFile, LocalFile, PackageFile, Published, Source

PRESETS: dict[str, Preset] = {
    **crepe.PRESETS,
    **silero_vad.PRESETS,
    **whisper_presets.PRESETS,
}

_LISTED = 20  # differences that an error lists

Obtained = TypeVar("Obtained")


class UnknownModel(KeyError):
    """No preset has this name."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show the message's repr


class WeightsUnavailable(OSError):
    """No publication of a model's weights could be had."""


@dataclasses.dataclass(frozen=True)
class Info:
    """The card of a model. `str()` of it is made for people."""

    name: str
    summary: str
    task: str
    sample_rate: int  # hertz
    parameters: int
    paper: str
    licence: str  # of the published weights
    sources: tuple[str, ...]  # where the weights come from, the preferred one first; empty if they are not published
    download: int  # bytes to fetch from the preferred source
    cached: bool  # whether `load` and `files` need no network
    streams: bool
    figures: str  # published figures of merit, with their source

    def __str__(self) -> str:
        size = f"{self.download / 1e6:,.0f} MB, {'cached' if self.cached else 'not downloaded yet'}"
        rows = {
            "task": self.task + (", streaming" if self.streams else ""),
            "sample rate": f"{self.sample_rate:,} Hz",
            "parameters": f"{self.parameters:,}",
            "paper": self.paper,
            "licence": self.licence,
            "weights": size if self.sources else "none published",
            **{f"source {number}": source for number, source in enumerate(self.sources, start=1)},
            "figures": self.figures,
        }
        width = max(map(len, rows))
        lines = (f"  {label:<{width}}  {value}" for label, value in rows.items() if value)
        return "\n".join((f"{self.name}: {self.summary}", *lines))


def list_models(pattern: str = "*", *, task: str | None = None, pretrained: bool | None = None) -> list[str]:
    """The names that match a shell pattern, sorted; of one `task`, with (or without) published weights, if asked."""
    return sorted(
        name
        for name, preset in PRESETS.items()
        if fnmatch.fnmatchcase(name, pattern)
        and task in (None, preset.task)
        and pretrained in (None, bool(preset.published))
    )


def preset(name: str) -> Preset:
    """What the zoo knows of a model.

    Raises:
        UnknownModel: no such name; the message suggests the nearest ones.
    """
    if name not in PRESETS:
        near = difflib.get_close_matches(str(name).lower().replace("-", "_").replace(".", "_"), PRESETS)
        hint = f"did you mean {_alternatives(near)}?" if near else "audiozoo.list_models() names them all"
        raise UnknownModel(f"no model is called {name!r}; {hint}")
    return PRESETS[name]


def nearest(model: Model) -> str:
    """The name of the preset that a model is, or is the most like.

    Raises:
        TypeError: not a model of the zoo.
    """
    family = [name for name, card in PRESETS.items() if type(card.model) is type(model)]
    if not family:
        raise TypeError(f"{type(model).__name__} is no model of the zoo, nor a name of one")
    settings = _fields(model.config)

    def likeness(name: str) -> int:
        theirs = _fields(PRESETS[name].model.config)
        return sum(theirs[key] == settings[key] for key in settings)

    return max(family, key=likeness)


def is_name(text: str) -> bool:
    """Whether `load` takes it for a name, known or misspelt, rather than for a path."""
    return text in PRESETS or not _looks_like_a_path(text)


def info(name: str) -> Info:
    """The card of a model: what it is for, its size, its paper, where its weights come from."""
    card = preset(name)
    first = _sources(card.published[0]) if card.published else ()
    return Info(
        name=name,
        summary=card.summary,
        task=card.task,
        sample_rate=card.sample_rate,
        parameters=card.parameters,
        paper=card.paper,
        licence=card.licence,
        sources=tuple(_describe(publication) for publication in card.published),
        download=sum(source.size for source in first if isinstance(source, HubFile | PackageFile)),
        cached=any(all(map(weights.cached, publication.files.values())) for publication in card.published),
        streams=card.streams,
        figures=card.reference,
    )


def create(name: str, **changes: Any) -> Model:
    """A model without weights: `model.init(key, waveform)` makes fresh ones. `changes` go to its config and `dtype`.

    Raises:
        UnknownModel: no such name.
        TypeError: a change that the model's config has no field for, or of another type than the field.
        ValueError: a size or count below one.
    """
    return _changed(name, changes).model


def load(name_or_path: str | Path, *, dtype: Any = None, offline: bool | None = None) -> tuple[Model, dict[str, Any]]:
    """A model and its weights: published ones by name, or those that `save` wrote at a path.

    `dtype` (float32 if None) is what the model computes in and what its parameters are stored in. Publications are
    tried in order, one that is already in the cache first; `offline` (None: the environment's AUDIOZOO_OFFLINE) uses
    nothing but the cache.

    Raises:
        UnknownModel: no such name.
        WeightsUnavailable: no publication could be had; the message says why, one by one.
        ValueError: a published file is not what this version knows (please report it).
        OSError: the cache cannot be written, as where the disk is full.
        FileNotFoundError, ValueError: no such file, or not one that `save` wrote.
        TypeError: a dtype that is not float32, bfloat16 or float16.

    Warns:
        audiozoo.weights.SkippedSource: a publication was altered on its way here, so another one was used.
    """
    wanted = None if dtype is None else computing_dtype(dtype)
    if isinstance(name_or_path, Path) or not is_name(name_or_path):
        return _load_file(Path(name_or_path), wanted)
    card = preset(str(name_or_path))
    wanted = computing_dtype(wanted)
    variables = _first(card, str(name_or_path), offline, lambda *choice: _converted(card, *choice))
    return card.with_changes(dtype=wanted).model, _on_device(variables, wanted)


def files(name: str, *, offline: bool | None = None) -> dict[str, Path]:
    """All published files of a model ("weights", and what goes with them: "tokenizer", "config"), fetched if need be.

    Raises:
        UnknownModel, WeightsUnavailable: as `load`.
    """

    def fetch_all(publication: Published, offline: bool | None) -> dict[str, Path]:
        return {key: weights.fetch(source, offline=offline) for key, source in publication.files.items()}

    return _first(preset(name), name, offline, fetch_all)


def save(path: str | Path, model: Model | str, variables: Mapping[str, Any], **changes: Any) -> Path:
    """Writes a model's settings and variables to a safetensors file that `load` takes.

    `model` is the model itself, or the name of one for `create(name, **changes)`. A folder gets `model.safetensors`.
    Returns the file's path.

    Raises:
        UnknownModel: as `create`.
        TypeError: as `create`; a model that is not of the zoo; changes beside a model, which has its settings.
        ValueError: variables that are not this model's, or settings that `load` would not believe.
    """
    path = Path(path)
    target = path / "model.safetensors" if path.is_dir() else path
    name, card = (model, _changed(model, changes)) if isinstance(model, str) else _card_of(model, changes)
    _check_variables(jax.eval_shape(card.init, jax.random.key(0)), variables, f"variables of {name}")
    check_extent(_fields(card.model.config), _family(card), len(jax.tree.leaves(variables)))
    settings = {**dataclasses.asdict(card.model.config), "dtype": jnp.dtype(card.model.dtype).name}
    weights.save(target, variables, {"model": name, "settings": json.dumps(settings)})
    return target


def _changed(name: str, changes: Mapping[str, Any]) -> Preset:
    card = preset(name)
    fields = [field.name for field in dataclasses.fields(card.model.config)] + ["dtype"]
    changes = {key: _hashable(value) for key, value in changes.items()}
    unknown = [change for change in changes if change not in fields]
    if unknown:
        near = [match for change in unknown for match in difflib.get_close_matches(change, fields, n=1)]
        hint = f"did you mean {_alternatives(near)}? " if near else ""
        raise TypeError(f"{name} has no setting {_alternatives(unknown)}; {hint}It has: {', '.join(fields)}")
    check_settings(card.model.config, {key: value for key, value in changes.items() if key != "dtype"})
    return card.with_changes(**changes)


def _card_of(model: Model, changes: Mapping[str, Any]) -> tuple[str, Preset]:
    """The preset that a model is the most like, with this model in it."""
    if changes:
        raise TypeError(f"a model has its settings; {_alternatives([*changes])} can only be told beside a name")
    name = nearest(model)
    return name, _changed(name, {**_fields(model.config), "dtype": model.dtype})


def _family(card: Preset) -> list[Any]:
    return [other.model.config for other in PRESETS.values() if type(other.model) is type(card.model)]


def _fields(config: Any) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}


def _first(
    card: Preset, name: str, offline: bool | None, obtain: Callable[[Published, bool | None], Obtained]
) -> Obtained:
    """What `obtain(publication, offline)` makes of the first publication that is cached, else of the first it can.

    Another one is tried only where one cannot be had. A disk that is full, or a conversion that fails, would do so
    again or is our mistake, and is not to be hidden by a longer way to the same weights.
    """
    if not card.published:
        raise WeightsUnavailable(
            f"no weights of {name} are published; audiozoo.create({name!r}) makes an untrained one"
        )
    reasons: dict[str, str] = {}
    altered: dict[str, str] = {}
    for only_cached in (True, offline):
        for publication in card.published:
            try:
                obtained = obtain(publication, only_cached)
            except (DownloadError, IntegrityError, NotFoundError, OfflineError) as error:
                reasons[_describe(publication)] = str(error)
                if isinstance(error, IntegrityError):
                    altered[_describe(publication)] = str(error)
                continue
            for source, reason in altered.items():
                message = f"{name} was loaded from {_describe(publication)}, for {source} cannot be trusted: {reason}"
                warnings.warn(message, weights.SkippedSource, stacklevel=3)
            return obtained
        if offline:
            break
    listed = "\n".join(f"  {source}: {reason}" for source, reason in reasons.items())
    raise WeightsUnavailable(f"the weights of {name} could not be had from any of their sources:\n{listed}")


def _converted(card: Preset, publication: Published, offline: bool | None) -> dict[str, Any]:
    """The published weights as our variables; what was converted once is kept, and neither fetched nor read again."""

    from audiozoo.weights import store  # here, as only loading needs the readers of files

    def convert() -> Mapping[str, Any]:
        arrays = weights.read(weights.fetch(publication.files["weights"], offline=offline), publication.format)
        return weights.to_variables(arrays, jax.eval_shape(card.init, jax.random.key(0)), publication.renames)

    return store.converted(_key(card, publication), convert, weights.home() / "converted")


def _key(card: Preset, publication: Published) -> str:
    """A name for all that a conversion depends on: the source, the rename table, the config, the code that converts."""
    from audiozoo.weights import store

    source = publication.files["weights"]
    changes = []
    if isinstance(source, LocalFile) and not source.sha256 and (path := Path(source.path).expanduser()).exists():
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        changes = [(file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in inside if file.exists()]
    told = (source, changes, publication.format, publication.renames, card.model, store.converting_code())
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]


def _load_file(path: Path, dtype: np.dtype | None) -> tuple[Model, dict[str, Any]]:
    file = path / "model.safetensors" if path.is_dir() else path
    if not file.exists():
        raise FileNotFoundError(f"no model at {path}: neither a file, nor a folder with model.safetensors")
    variables, metadata = weights.load(file)
    if "model" not in metadata or "settings" not in metadata:
        raise ValueError(f"{file} does not say which model it is of; audiozoo.save writes files that do")
    try:
        card = _claimed(metadata["model"], metadata["settings"], len(jax.tree.leaves(variables)))
        given = computing_dtype(dtype or card.model.dtype)
        shapes = jax.eval_shape(card.init, jax.random.key(0))
    except Exception as error:  # whatever hostile settings make Python, JAX and Flax trip over
        raise ValueError(f"{file} has settings that this version does not know: {_shortly(error)}") from error
    _check_variables(shapes, variables, str(file))
    return card.with_changes(dtype=given).model, _on_device(variables, given)


def _claimed(name: str, text: str, arrays: int) -> Preset:
    """The model that a file says it is of; nothing in it is out of reach of the file's own size or of its family."""
    settings = {key: _hashable(value) for key, value in json.loads(text).items()}
    card = _changed(name, {"dtype": "float32", **settings})
    check_extent(_fields(card.model.config), _family(card), arrays)
    return card


def _shortly(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 500 else f"{text[:500]} …"


def _check_variables(shapes: Mapping[str, Any], variables: Mapping[str, Any], what: str) -> None:
    """Paths and shapes as the model declares them, or one error that lists the differences."""
    wanted = _flat_shapes(shapes)
    given = _flat_shapes(variables)
    if wanted != given:
        lines = [
            f"  {path[:200]}: {given.get(path, 'missing')}, not {wanted.get(path, 'a part of this model')}"
            for path in sorted(wanted.keys() | given.keys())
            if wanted.get(path) != given.get(path)
        ]
        rest = [f"  and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
        raise ValueError(f"{what} do not fit the model:\n" + "\n".join(lines[:_LISTED] + rest))


def _flat_shapes(variables: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    leaves = jax.tree_util.tree_leaves_with_path(variables)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): tuple(leaf.shape) for path, leaf in leaves}


def _on_device(variables: Mapping[str, Any], dtype: Any) -> dict[str, Any]:
    """JAX arrays: parameters in `dtype`, statistics and buffers in float32."""

    def place(path: tuple[Any, ...], value: Any) -> jax.Array:
        if not jnp.issubdtype(value.dtype, jnp.floating):
            return jnp.asarray(value)
        return jnp.asarray(value, dtype if path[0].key == "params" else jnp.float32)

    return jax.tree_util.tree_map_with_path(place, dict(variables))


def _sources(publication: Published) -> tuple[Source, ...]:
    """What has to be downloaded: each archive once, parts instead of what they make."""

    def parts(source: Source) -> Iterator[Source]:
        if isinstance(source, JoinedFile):
            yield from source.parts
        else:
            yield source

    found = [part for source in publication.files.values() for part in parts(source)]
    return tuple({getattr(source, "sha256", "") or str(source): source for source in found}.values())


def _describe(publication: Published) -> str:
    names = []
    for source in _sources(publication):
        match source:
            case HubFile():
                names.append(f"hub {source.repository}")
            case PackageFile():
                names.append(f"package {source.package} {source.version}")
            case LocalFile():
                names.append(f"file {source.path}")
    return f"{', '.join(dict.fromkeys(names))} ({publication.format})"


def _looks_like_a_path(text: str) -> bool:
    return Path(text).exists() or "/" in text or text.endswith(".safetensors")


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def _alternatives(names: list[str]) -> str:
    return " or ".join(map(repr, names))
