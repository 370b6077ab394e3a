"""Checks that where and in what precision a model runs changes nothing that matters."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

from tests.conformance.subject import Subject, assert_same, finite, noise, probe, row, valid

LEARNING_RATE = 1e-2


def step_of(subject: Subject, axis: str | None = None) -> Any:
    """The answer, and the parameters after one step of gradient descent on `probe`.

    Not Adam's, which blows rounding up where a gradient is nearly zero.
    """

    def step(variables: Any, waveform: Any, lengths: Any) -> tuple[Any, Any]:
        def loss(params: Any) -> tuple[Any, Any]:
            output = subject.model.apply({**variables, "params": params}, waveform, lengths)
            return probe(output), output

        gradient, output = jax.grad(loss, has_aux=True)(variables["params"])
        if axis:
            gradient = jax.lax.pmean(gradient, axis)
        scale = LEARNING_RATE / jnp.sqrt(sum(jnp.sum(g**2) for g in jax.tree.leaves(gradient)))
        return output, jax.tree.map(lambda p, g: p - scale * g, variables["params"], gradient)

    return step


def check_eight_devices(subject: Subject) -> None:
    """A batch over eight devices is answered, and learned from by `jit` and by `pmap`, as on one."""
    devices = jax.device_count()
    assert devices == 8, "tests/conftest.py gives eight"
    waveform = noise(0, devices, subject.time)
    lengths = np.full(devices, subject.time, np.int32)
    lengths[1] = subject.time - 300
    mesh = jax.make_mesh((devices,), ("data",), axis_types=(AxisType.Auto,))
    everywhere, split = NamedSharding(mesh, P()), NamedSharding(mesh, P("data"))

    answer, learned = jax.jit(step_of(subject))(subject.variables, waveform, lengths)
    sharded = jax.jit(step_of(subject), in_shardings=(everywhere, split, split))
    assert_same(sharded(subject.variables, waveform, lengths), (answer, learned))

    pmapped = jax.pmap(step_of(subject, "data"), "data", in_axes=(None, 0, 0), out_axes=(0, None))
    by_device, together = pmapped(subject.variables, waveform[:, None], lengths[:, None])
    assert_same(jax.tree.map(lambda x: x[:, 0], by_device), answer)
    assert_same(together, learned)


def check_bfloat16(subject: Subject) -> None:
    """With `dtype=bfloat16` it computes in it, answers in float32, and is near what float32 gives."""
    half = subject.preset.with_changes(dtype=jnp.bfloat16).model
    waveform = noise(0, 3, subject.time)
    lengths = [subject.time, subject.time - 300, subject.shortest]
    exact = subject(waveform, lengths)
    apply = jax.jit(half.apply)
    for stored in (jnp.float32, jnp.bfloat16):
        params = jax.tree.map(lambda x, dtype=stored: x.astype(dtype), subject.variables["params"])
        output = apply({**subject.variables, "params": params}, waveform, jnp.asarray(lengths, jnp.int32))
        assert finite(output)
        np.testing.assert_array_equal(output.lengths, exact.lengths)
        for index in range(3):
            near(subject, row(output, index), row(exact, index))
    inside = jax.make_jaxpr(half.apply)(subject.variables, waveform)
    assert "bf16" in str(inside), "computes in float32 when asked for bfloat16"


def near(subject: Subject, ours: Any, theirs: Any) -> None:
    """Within a few per cent of the spread of the values: eight bits of mantissa, over the depth of a small twin."""
    length = int(theirs.lengths)
    a, b = valid(subject, ours, length), valid(subject, theirs, length)
    for name in a:
        if np.issubdtype(b[name].dtype, np.floating) and b[name].size:
            assert a[name].dtype == np.float32, f"{name} is {a[name].dtype}"
            error = np.sqrt(np.mean((a[name] - b[name]) ** 2))
            spread = np.sqrt(np.mean(b[name] ** 2)) + 1e-6
            assert error < 0.05 * spread, f"{name} is {error / spread:.1%} off"


def check_parameters_are_float32(subject: Subject) -> None:
    """Parameters are made in float32, in whatever the model computes: optimisers need the digits."""
    half = jax.eval_shape(subject.preset.with_changes(dtype=jnp.bfloat16).init, jax.random.key(0))
    for made in (subject.full_shapes, half):
        assert {leaf.dtype.name for leaf in jax.tree.leaves(made["params"])} == {"float32"}


def check_init_is_deterministic(subject: Subject) -> None:
    """The same key makes the same weights, another key others."""
    again = jax.jit(lambda key: subject.preset.init(key))  # traced anew
    assert_same(again(jax.random.key(0)), subject.initial, tolerance=0)
    other = jax.tree.leaves(again(jax.random.key(1)))
    assert any(bool((a != b).any()) for a, b in zip(jax.tree.leaves(subject.initial), other, strict=True))
