"""What every transform of `audiozoo.signal` promises, as checks of a small call of it."""

import dataclasses
import functools
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from audiozoo import signal

LEADING = (2, 3)
FIRST, SILENT = (0, 0), (1, 2)  # rows of a batch: one of noise, and the one without a sound
LENGTHS = (0, 1, 5)  # the last is only traced
PACKAGE = str(Path(signal.__file__).parent)
Transform = Callable[[Any], Any]
# In a hurry: what is compiled here runs once, and on little.
_HURRIED = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
_compiled = functools.partial(jax.jit, compiler_options=_HURRIED)


@dataclasses.dataclass(frozen=True)
class Call:
    """A transform as a function of one array, and what that array is like.

    Args:
        function: of an array with any leading axes.
        row: shape of the array without leading axes; its first axis is time.
        kind: "signal" (noise of both signs), "energies" (noise above zero), "spectrum" (complex noise).
        keyed: drawn by rows: row i of a batch has a key of its own, and only the first is drawn as if it were alone.
        tolerance: of float32 against float64, and of one compilation against another, relative to the largest value.
    """

    function: Transform
    row: tuple[int, ...] = (600,)
    kind: str = "signal"
    keyed: bool = False
    tolerance: float = 1e-4

    @property
    def wide(self) -> type:
        return np.complex128 if self.kind == "spectrum" else np.float64

    @functools.cached_property
    def batch(self) -> np.ndarray:
        rng = np.random.default_rng(0)
        values = 0.3 * rng.standard_normal((*LEADING, *self.row))
        if self.kind == "energies":
            values = np.abs(values) + 0.01
        if self.kind == "spectrum":
            values = values + 0.3j * rng.standard_normal((*LEADING, *self.row))
        values[SILENT] = 0
        return values.astype(np.complex64 if self.kind == "spectrum" else np.float32)

    @functools.cached_property
    def result(self) -> Any:
        """Of the whole batch, compiled."""
        return jax.tree.map(np.asarray, _compiled(self.function)(self.batch))

    @functools.cached_property
    def by_row(self) -> tuple[Any, Any]:
        """Each row's result, and the gradient of a sum of it and its squares."""
        of_row = jax.vmap(jax.vmap(jax.grad(self._loss, has_aux=True)))
        gradient, results = jax.tree.map(np.asarray, _compiled(of_row)(self.batch))
        return results, gradient

    def _loss(self, row: jax.Array) -> tuple[jax.Array, Any]:
        results = self.function(row)
        return _sum(results), results

    def curvature(self) -> jax.Array:
        """How the gradient of each row changes along the first."""
        slope = jax.grad(lambda row: self._loss(row)[0])
        along = jax.vmap(jax.vmap(lambda row: jax.jvp(slope, (row,), (self.batch[FIRST],))[1]))
        return _compiled(along)(self.batch)

    def dtypes(self, dtype: Any) -> list[Any]:
        """Of all results that are no whole numbers, by tracing alone."""
        results = jax.eval_shape(self.function, jax.ShapeDtypeStruct(self.row, dtype))
        return [leaf.dtype for leaf in jax.tree.leaves(results) if jnp.issubdtype(leaf.dtype, jnp.inexact)]


def _sum(results: Any) -> jax.Array:
    """A sum of numbers and of their squares, each with another weight, so that no normalisation makes it constant."""
    total = jnp.zeros(())
    for leaf in jax.tree.leaves(results):
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            weight = jnp.cos(jnp.arange(leaf.size, dtype=jnp.float32)).reshape(leaf.shape)
            total += jnp.sum(weight * (leaf.real + leaf.imag + jnp.square(leaf.real) + jnp.square(leaf.imag)))
    return total


def _same(results: Any, expected: Any, tolerance: float = 2e-5) -> None:
    """Equal in structure and shape, and in value relative to the largest."""
    assert jax.tree.structure(results) == jax.tree.structure(expected)
    for ours, theirs in zip(jax.tree.leaves(results), jax.tree.leaves(expected), strict=True):
        theirs = np.asarray(theirs)
        scale = np.abs(theirs).max(initial=0) if np.issubdtype(theirs.dtype, np.inexact) else 0
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale)


def _row(results: Any, index: tuple[int, int]) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], results)


def _finite(results: Any) -> None:
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(results))


def rows(call: Call) -> None:
    """A batch is its rows, each alone."""
    alone, result = call.by_row[0], call.result
    if call.keyed:
        alone, result = _row(alone, FIRST), _row(result, FIRST)
    _same(result, alone)


def dtype(call: Call) -> None:
    """The precision that comes in goes out; complex numbers have no half."""
    halves = {jnp.dtype(jnp.bfloat16), jnp.dtype(jnp.complex64)}
    if call.kind == "spectrum":
        assert set(call.dtypes(jnp.complex64)) <= {jnp.dtype(jnp.float32), jnp.dtype(jnp.complex64)}
    else:
        assert set(call.dtypes(jnp.float32)) <= {jnp.dtype(jnp.float32), jnp.dtype(jnp.complex64)}
        assert set(found := call.dtypes(jnp.bfloat16)) <= halves, f"of bfloat16: {found}"


def double(call: Call) -> None:
    """float64, in an array of NumPy's, comes back as such."""
    row = call.batch[FIRST].astype(call.wide)
    with jax.enable_x64(True):
        results = jax.tree.leaves(jax.eval_shape(lambda: call.function(row)))
    found = {leaf.dtype for leaf in results if jnp.issubdtype(leaf.dtype, jnp.inexact)}
    assert found <= {jnp.dtype(jnp.float64), jnp.dtype(jnp.complex128)}, f"of float64: {found}"


def silence(call: Call) -> None:
    """Values and gradients are finite where there is nothing."""
    _finite(_row(call.result, SILENT))
    _finite(_row(call.by_row, SILENT))


def slope(call: Call) -> None:
    """On noise the gradient is finite, and not zero."""
    gradient = call.by_row[1][FIRST]
    _finite(gradient)
    assert np.any(gradient), "the gradient is zero"


def lengths(call: Call) -> None:
    """However short it is: finite values, or a ValueError of our own."""
    short = []
    for length in LENGTHS:
        row = call.batch[FIRST][:length]
        try:
            jax.eval_shape(call.function, row)
        except ValueError as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            assert frame.filename.startswith(PACKAGE), f"{length} samples: {error}"
        else:
            short += [row] * (length < LENGTHS[-1])
    _finite(_compiled(lambda rows: [call.function(row) for row in rows])(short))


def agrees(call: Call) -> None:
    """float32 is what float64 is but for its rounding."""
    alone = _row(call.by_row[0], FIRST)
    with jax.enable_x64(True):
        results = jax.tree.map(np.asarray, _compiled(call.function)(call.batch[FIRST].astype(call.wide)))
    _same(alone, results, call.tolerance)


def eager(call: Call) -> None:
    """A NumPy array, op by op, gives what that row has compiled."""
    _same(call.function(call.batch[FIRST]), _row(call.by_row[0], FIRST), call.tolerance)


def curvature(call: Call) -> None:
    """The gradient's own derivative is finite, on noise and in silence."""
    _finite(call.curvature())


CLAUSES: tuple[Callable[[Call], None], ...] = (rows, dtype, double, silence, slope, lengths)
SLOW: tuple[Callable[[Call], None], ...] = (agrees, eager, curvature)  # compiling takes too long to do it every time


def broken(call: Call, clauses: tuple[Callable[[Call], None], ...] = CLAUSES) -> dict[str, str]:
    """The clauses that a call does not keep, and how."""
    found = {}
    for clause in clauses:
        try:
            clause(call)
        except Exception as error:
            found[clause.__name__] = f"{type(error).__name__}: {error}"
    return found
