"""Published weights: where they lie, how they are fetched and checked, how foreign formats become variables."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiozoo.weights.cache import home
    from audiozoo.weights.errors import SkippedSource, WeightsError
    from audiozoo.weights.fetching import cached, fetch
    from audiozoo.weights.formats import read
    from audiozoo.weights.layout import to_variables
    from audiozoo.weights.store import load, save

# Where each name lies; imported when first used, for the readers and the network libraries take their time.
_PLACES = {
    "SkippedSource": "errors",
    "WeightsError": "errors",
    "cached": "fetching",
    "fetch": "fetching",
    "home": "cache",
    "load": "store",
    "read": "formats",
    "save": "store",
    "to_variables": "layout",
}

__all__ = ["SkippedSource", "WeightsError", "cached", "fetch", "home", "load", "read", "save", "to_variables"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'audiozoo.weights' has no attribute {name!r}")
    module = importlib.import_module(f"audiozoo.weights.{_PLACES[name]}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
