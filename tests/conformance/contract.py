"""Checks of the form: a model is a value, its parameters have names, its size is what was published."""

import dataclasses
import re

import jax
import numpy as np
from flax import nnx
from flax.nnx import bridge

from tests.conformance.subject import Subject, assert_same, noise

AUTOMATIC = re.compile(r"_\d+$")
NAMED = re.compile(r"^[a-z][a-z0-9_]*$")


def check_value(subject: Subject) -> None:
    """Hashable, equal to its like, different from others, printable with its sizes; its config is frozen."""
    model = subject.full.model
    twin = model.clone(config=dataclasses.replace(model.config))
    assert model == twin
    assert hash(model) == hash(twin)
    other = subject.full.with_changes(dtype=np.float16).model
    assert model != other
    assert type(model).__name__ in repr(model)
    for field in dataclasses.fields(model.config):
        assert f"{field.name}={getattr(model.config, field.name)!r}" in repr(model)
    try:
        model.config.__setattr__(dataclasses.fields(model.config)[0].name, None)
    except dataclasses.FrozenInstanceError:
        return
    raise AssertionError("a config is not to be changed")


def paths(tree) -> list[str]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in leaves]


def check_names(subject: Subject) -> None:
    """Every step of a parameter's path is an explicit lower-case name, never Linen's own `Conv_0`."""
    bad = [path for path in paths(subject.variables) if not all(map(NAMED.match, path.split("/")))]
    assert not bad, f"not explicit names: {bad}"


def check_parameter_count(subject: Subject) -> None:
    """Exactly as many trainable parameters as published, in the full size."""
    count = sum(leaf.size for leaf in jax.tree.leaves(subject.full_shapes["params"]))
    assert count == subject.full.parameters, f"{count:,} parameters; published: {subject.full.parameters:,}"


def check_full_size_answers(subject: Subject) -> None:
    """The full size has the twin's parameters in other shapes, and takes what its card says, traced only."""
    full = subject.full_shapes
    output = jax.eval_shape(subject.full.model.apply, full, jax.ShapeDtypeStruct((2, subject.shortest), np.float32))
    assert output._fields == subject.shapes(1, subject.shortest)._fields
    twin = jax.eval_shape(subject.preset.init, jax.random.key(0))
    assert set(map(generic, paths(twin))) == set(map(generic, paths(full)))


def generic(path: str) -> str:
    return re.sub(r"\d+", "#", path)


def check_card(subject: Subject) -> None:
    """What people are told is there."""
    card = subject.full
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", card.task)
    assert 1_000 <= card.sample_rate <= 192_000
    assert card.summary and card.paper and card.licence
    assert len(card.summary) <= 100 and "\n" not in card.summary
    assert re.search(r"(19|20)\d\d|\w\.\w+/\w", card.paper), "a paper has a year, or at least an address"
    assert card.shortest >= 1
    for publication in card.published:
        assert "weights" in publication.files and publication.licence


def check_nnx_bridge(subject: Subject) -> None:
    """`flax.nnx.bridge.ToNNX` takes it."""
    waveform = noise(0, 2, subject.time)
    module = bridge.ToNNX(subject.model, rngs=nnx.Rngs(0))
    bridge.lazy_init(module, waveform)
    assert_same(module(waveform), bridge_variables(subject, module, waveform), tolerance=1e-5)


def bridge_variables(subject: Subject, module, waveform):
    """What Linen answers with the weights that the bridge made."""
    state = nnx.to_pure_dict(nnx.state(module, nnx.Not(nnx.RngState)))
    kinds = {path: type(variable) for path, variable in nnx.to_flat_state(nnx.state(module, nnx.Not(nnx.RngState)))}
    variables: dict = {}
    for path, kind in kinds.items():
        value = state
        for key in path:
            value = value[key]
        node = variables.setdefault("params" if kind is nnx.Param else "batch_stats", {})
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = value
    return subject.model.apply(variables, waveform)
