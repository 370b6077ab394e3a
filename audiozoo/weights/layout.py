"""Foreign arrays to Flax variables: the one place that knows how other frameworks lay out a layer's weights.

A family gives a `RenameTable`; everything else (transposition, fused projections, packed gates, weight norm) is here.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class RenameTable:
    """From our paths to the names in a checkpoint.

    `scopes` are (pattern, replacement) regex rules applied in order to our module path, such as
    ``decoder/block_3/self_attention/query``; `leaves` then name the array (first rule whose pattern matches the full
    path ending in the leaf). A foreign name that ends in ``[i/n]`` is the i-th of n equal parts along the output
    features of a fused array.
    """

    scopes: tuple[tuple[str, str], ...]
    leaves: tuple[tuple[str, str], ...] = ()
    separator: str = "."
    layouts: tuple[tuple[str, str], ...] = ()  # (pattern of our full path, layout) where the leaf name is not enough
    ignore: tuple[str, ...] = ()  # patterns of foreign names that are no parameters


def to_variables(arrays: Mapping[str, np.ndarray], shapes: Mapping[str, Any], table: RenameTable) -> dict[str, Any]:
    """Variables like `shapes` (from `jax.eval_shape(preset.init, key)`), filled from `arrays`.

    Raises:
        ValueError: one message that lists every array that is missing, unused or of another shape.
    """
    raise NotImplementedError
