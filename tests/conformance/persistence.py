"""Checks that a model outlives its process: checkpoints, weight files, exported programs."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import export
from orbax.checkpoint import v1 as ocp

from audiozoo import weights
from tests.conformance.subject import Subject, assert_same, noise


def check_orbax(subject: Subject, folder: Path) -> None:
    """Saved and restored by Orbax, to the bit."""
    ocp.save(folder / "checkpoint", subject.variables)
    like = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), subject.variables)
    restored = ocp.load(folder / "checkpoint", like)
    assert jax.tree.structure(restored) == jax.tree.structure(subject.variables)
    assert_same(restored, subject.variables, tolerance=0)


def check_safetensors(subject: Subject, folder: Path) -> None:
    """Saved and loaded by safetensors, to the bit, in float32 and bfloat16."""
    for dtype in (jnp.float32, jnp.bfloat16):
        variables = jax.tree.map(lambda x, d=dtype: x.astype(d), subject.variables)
        weights.save(folder / "model.safetensors", variables, {"dtype": jnp.dtype(dtype).name})
        loaded, metadata = weights.load(folder / "model.safetensors")
        assert metadata["dtype"] == jnp.dtype(dtype).name
        assert jax.tree.structure(loaded) == jax.tree.structure(variables)
        assert_same(loaded, variables, tolerance=0)
        assert {leaf.dtype for leaf in jax.tree.leaves(loaded)} == {leaf.dtype for leaf in jax.tree.leaves(variables)}


def check_export(subject: Subject) -> None:
    """Exported for any batch size, serialised and read back, it gives the same answers."""

    def call(variables, waveform, lengths):
        return subject.model.apply(variables, waveform, lengths)._asdict()

    batch, time = export.symbolic_shape(f"batch, {subject.time}")
    shapes = jax.ShapeDtypeStruct((batch, time), jnp.float32), jax.ShapeDtypeStruct((batch,), jnp.int32)
    exported = export.export(jax.jit(call))(subject.variables, *shapes)
    again = export.deserialize(exported.serialize())
    for size in (1, 3):
        waveform, lengths = noise(0, size, subject.time), np.full(size, subject.time - 100, np.int32)
        assert_same(again.call(subject.variables, waveform, lengths), subject(waveform, lengths)._asdict())
