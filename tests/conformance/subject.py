"""A preset's small twin with weights that no mistake can hide behind, and the calls that every check shares."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from audiozoo.models.preset import Model, Preset

Output = Any  # a NamedTuple of arrays, with `lengths`


class Subject:
    """What the checks are done to. Twins that are equal share it, so nothing is compiled twice."""

    def __init__(self, preset: Preset) -> None:
        self.full = preset
        self.preset = preset.with_changes(**preset.small)
        self.model: Model = self.preset.model
        self.shortest = preset.shortest
        # Long enough for several answers of a model with 64 ms frames; not a multiple of anything.
        self.time = max(3 * preset.shortest, preset.sample_rate // 5) + 37
        self.longer = self.time + 531
        self.calls: dict[Any, Any] = {}  # compiled functions, by what they are

    @functools.cached_property
    def full_shapes(self) -> Any:
        """The variables of the full size, as shapes."""
        return jax.eval_shape(self.full.init, jax.random.key(0))

    @functools.cached_property
    def initial(self) -> dict[str, Any]:
        return jax.jit(self.preset.init)(jax.random.key(0))

    @functools.cached_property
    def variables(self) -> dict[str, Any]:
        return perturb(self.initial, seed=1)

    @functools.cached_property
    def compiled(self) -> Callable[..., Output]:
        return jax.jit(self.model.apply)

    def __call__(self, waveform: Any, lengths: Any = None) -> Output:
        """The answer of the compiled model, as NumPy arrays."""
        lengths = None if lengths is None else jnp.asarray(lengths, jnp.int32)
        return jax.tree.map(np.asarray, self.compiled(self.variables, jnp.asarray(waveform, jnp.float32), lengths))

    def alone(self, samples: np.ndarray) -> Output:
        """The answer for one clip that nothing was added to, without the batch axis."""
        return row(self(samples[None]), 0)

    @functools.cached_property
    def time_axes(self) -> dict[str, tuple[int, ...]]:
        """Of each output, the axes (after the batch's) that grow with the waveform."""
        short, long = (self.shapes(1, time)._asdict() for time in (self.shortest, self.longer))
        return {
            name: tuple(i - 1 for i in range(1, a.ndim) if a.shape[i] != long[name].shape[i])
            for name, a in short.items()
        }

    def shapes(self, batch: int, time: int) -> Output:
        return jax.eval_shape(self.model.apply, self.variables, jax.ShapeDtypeStruct((batch, time), jnp.float32))


def perturb(variables: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Variables away from every identity: scales that are not one, biases and running means that are not zero."""
    generator = np.random.default_rng(seed)

    def move(path: tuple[Any, ...], leaf: Array) -> Array:
        values = np.asarray(leaf, np.float64)
        noise = generator.standard_normal(values.shape)
        moved = values + (0.2 * max(float(np.sqrt(np.mean(values**2))), 0.25)) * noise
        if path[-1].key == "var":
            moved = np.abs(moved) + 0.1
        return jnp.asarray(moved, leaf.dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return jax.tree_util.tree_map_with_path(move, dict(variables))


def noise(seed: int, *shape: int, scale: float = 0.3) -> np.ndarray:
    """Clips that differ in loudness along time and from row to row, within [-1, 1]."""
    generator = np.random.default_rng(seed)
    samples = generator.uniform(-1, 1, shape)
    swell = 0.6 + 0.4 * np.sin(np.linspace(0, 7, shape[-1]) + generator.uniform(0, 6, (*shape[:-1], 1)))
    return (scale * swell * samples).astype(np.float32)


def row(output: Output, index: int) -> Output:
    return jax.tree.map(lambda array: array[index], output)


def valid(subject: Subject, clip: Output, length: int) -> dict[str, np.ndarray]:
    """What of one row's output means something: along time, only the first `length` entries."""
    kept = {}
    for name, array in clip._asdict().items():
        for axis in subject.time_axes[name]:
            array = np.moveaxis(np.moveaxis(np.asarray(array), axis, 0)[:length], 0, axis)
        kept[name] = np.asarray(array)
    return kept


def assert_same_clip(subject: Subject, ours: Output, theirs: Output, *, tolerance: float = 1e-5) -> None:
    """Two rows mean the same: as long, and equal wherever both hold an answer, relative to the larger values."""
    assert int(ours.lengths) == int(theirs.lengths), f"lengths {int(ours.lengths)} and {int(theirs.lengths)}"
    length = int(ours.lengths)
    a, b = valid(subject, ours, length), valid(subject, theirs, length)
    for name in a:
        assert_close(a[name], b[name], tolerance=tolerance, what=name)


def assert_close(ours: Any, theirs: Any, *, tolerance: float = 1e-5, what: str = "value") -> None:
    """Equal to `tolerance` of the largest value; NaN equals only NaN."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape, f"{what}: shapes {ours.shape} and {theirs.shape}"
    finite = theirs[np.isfinite(theirs)]
    scale = max(float(np.abs(finite).max()) if finite.size else 0.0, 1e-3)
    np.testing.assert_allclose(ours / scale, theirs / scale, rtol=0, atol=tolerance, err_msg=what)


def assert_same(ours: Any, theirs: Any, *, tolerance: float = 1e-5) -> None:
    """Two trees of arrays are equal, leaf by leaf, as `assert_close` has it."""
    a, b = jax.tree_util.tree_leaves_with_path(ours), jax.tree_util.tree_leaves_with_path(theirs)
    assert len(a) == len(b), "different trees"
    for (path, left), (_, right) in zip(a, b, strict=True):
        assert_close(left, right, tolerance=tolerance, what=jax.tree_util.keystr(path))


def finite(tree: Any) -> bool:
    return all(bool(np.isfinite(np.asarray(leaf, np.float64)).all()) for leaf in jax.tree.leaves(tree))


def probe(output: Output) -> Array:
    """One number that every entry of a clip's floating-point outputs has its own say in; mean over the batch."""
    total = jnp.zeros(())
    for array in output:
        if jnp.issubdtype(array.dtype, jnp.floating):
            weights = np.random.default_rng(array.ndim).standard_normal(array.shape[1:])
            total += jnp.mean(jnp.sum(array * jnp.asarray(weights, array.dtype), axis=tuple(range(1, array.ndim))))
    return total
