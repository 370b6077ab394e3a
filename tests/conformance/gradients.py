"""Checks of learning: gradients that are finite and reach every parameter, and statistics that padding stays out of."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.conformance.subject import Subject, assert_same, finite, noise, probe

DEAD = 1e-7  # a gradient this small beside the largest one is rounding


def gradient_of(subject: Subject) -> Any:
    def loss(params: Any, rest: Any, waveform: Any, lengths: Any) -> Any:
        return probe(subject.model.apply({**rest, "params": params}, waveform, lengths))

    return subject.calls.setdefault("gradient", jax.jit(jax.grad(loss, argnums=(0, 2))))


def gradients(subject: Subject, waveform: Any, lengths: list[int]) -> tuple[Any, Any]:
    """Of `probe` by the parameters, and by the samples."""
    rest = {name: tree for name, tree in subject.variables.items() if name != "params"}
    return gradient_of(subject)(
        subject.variables["params"], rest, jnp.asarray(waveform, jnp.float32), jnp.asarray(lengths, jnp.int32)
    )


def check_every_parameter_learns(subject: Subject) -> None:
    """A finite gradient that is not zero, for every parameter."""
    by_params, by_samples = gradients(subject, noise(0, 4, subject.time), [subject.time] * 4)
    assert finite(by_params)
    sizes = {
        jax.tree_util.keystr(k): float(jnp.abs(g).max()) for k, g in jax.tree_util.tree_leaves_with_path(by_params)
    }
    dead = [path for path, size in sizes.items() if size <= DEAD * max(sizes.values())]
    assert not dead, f"no gradient reaches {dead}"
    assert finite(by_samples)
    assert float(jnp.abs(by_samples).max()) > 0, "the answer does not depend on the samples"


def check_gradients_are_finite(subject: Subject) -> None:
    """At silence, beside padding, without any samples, at full scale."""
    waveform = np.stack([np.zeros(subject.time), noise(0, subject.time), noise(1, subject.time), np.ones(subject.time)])
    by_params, by_samples = gradients(subject, waveform, [subject.time, subject.shortest, 0, subject.time])
    assert finite(by_params), "a parameter's gradient is not finite"
    assert finite(by_samples), "a sample's gradient is not finite"
    beyond = np.asarray(by_samples)[1, subject.shortest :]
    assert not beyond.any(), "samples beyond the length have a gradient"


def train_mode(subject: Subject, waveform: np.ndarray, lengths: list[int], *, dropout: bool = True) -> tuple[Any, Any]:
    """The output and the new statistics."""
    mutable = [name for name in subject.variables if name != "params"]
    settings = [field.name for field in dataclasses.fields(subject.model.config) if "dropout" in field.name]
    model = subject.preset.with_changes(**({} if dropout else dict.fromkeys(settings, 0.0))).model

    def call(variables: Any, samples: Any, valid: Any, key: Any) -> tuple[Any, Any]:
        return model.apply(variables, samples, valid, train=True, mutable=mutable, rngs={"dropout": key})

    compiled = subject.calls.setdefault(("train", dropout), jax.jit(call))
    lengths = jnp.asarray(lengths, jnp.int32)
    return compiled(subject.variables, jnp.asarray(waveform), lengths, jax.random.key(0))


def check_train_mode(subject: Subject) -> None:
    """`train=True` answers in the same form; running statistics move, are finite, and do not see the padding."""
    lengths = [subject.time, subject.time - 500]
    samples = noise(0, 2, subject.longer)
    output, statistics = train_mode(subject, samples[:, : subject.time], lengths)
    assert finite(output)
    assert finite(statistics)
    assert jax.tree.map(np.shape, output) == jax.tree.map(np.shape, subject.shapes(2, subject.time))
    before = {name: tree for name, tree in subject.variables.items() if name != "params"}
    assert jax.tree.structure(statistics) == jax.tree.structure(before)
    if before:
        moved = jax.tree.map(lambda a, b: bool(np.any(np.asarray(a) != np.asarray(b))), statistics, before)
        assert any(jax.tree.leaves(moved)), "training moves no statistics"


def check_statistics_see_no_padding(subject: Subject) -> None:
    """Training on a padded batch moves the running statistics as training on the same batch with less padding."""
    lengths = [subject.time, subject.time - 500]
    samples = noise(0, 2, subject.longer)
    _, tight = train_mode(subject, samples[:, : subject.time], lengths, dropout=False)
    _, padded = train_mode(subject, samples, lengths, dropout=False)
    assert_same(padded, tight)
