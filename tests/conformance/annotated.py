"""Traces every small twin with all annotations of the package checked at run time; prints what does not hold, as JSON.

In a process of its own, because the checking is built in at import, and would answer people's mistakes (a list, the
wrong rank) before the package's own errors do.
"""

import importlib
import json
import sys
import traceback

import jaxtyping
from beartype import BeartypeConf, beartype

ROOMS = ["signal", "ops", "layers", "models", "decoding", "losses", "metrics"]


check = beartype(conf=BeartypeConf(is_pep484_tower=True))  # a whole number will do for a float, as PEP 484 has it


def trace(subject) -> None:
    """Every way that a model is called, on shapes alone."""
    import jax
    import jax.numpy as jnp

    model = subject.preset.model
    variables = jax.eval_shape(subject.preset.init, jax.random.key(0))
    waveform = jax.ShapeDtypeStruct((3, subject.time), jnp.float32)
    lengths = jax.ShapeDtypeStruct((3,), jnp.int32)
    mutable = [name for name in variables if name != "params"]
    rngs = {"dropout": jax.random.key(0)}
    jax.eval_shape(model.apply, variables, waveform)
    jax.eval_shape(model.apply, variables, waveform, lengths)
    jax.eval_shape(lambda *a: model.apply(*a, train=True, mutable=mutable, rngs=rngs), variables, waveform, lengths)
    jax.eval_shape(model.clone(dtype=jnp.bfloat16).apply, variables, waveform, lengths)
    if subject.preset.streams:
        state = jax.eval_shape(lambda v: model.apply(v, 3, method="initial_state"), variables)
        _, state = jax.eval_shape(lambda *a: model.apply(*a, method="stream"), variables, waveform, state, lengths)
        jax.eval_shape(lambda *a: model.apply(*a, method="flush"), variables, state)


def main() -> None:
    importlib.import_module("tests.conformance.annotated")  # as the hook looks for `check` there, not in __main__
    with jaxtyping.install_import_hook([f"audiozoo.{room}" for room in ROOMS], "tests.conformance.annotated.check"):
        from audiozoo import zoo
        from tests.conformance.subject import Subject
        from tests.conformance.toys import toy
    found = {}
    presets = {**zoo.PRESETS, "toy": toy()} if sys.argv[1:] != ["wrong"] else {"toy": wrong()}
    for name, preset in presets.items():
        try:
            trace(Subject(preset))
            found[name] = ""
        except Exception:
            found[name] = traceback.format_exc()[-3000:]
    print(json.dumps(found))


def wrong():
    """A model that hands integers to a function that asks for floats; unchecked, it would answer."""
    import jax.numpy as jnp

    from audiozoo.signal.framing import standardise_frames
    from tests.conformance.toys import Toy, ToyConfig, toy

    class Careless(Toy):
        def front_end(self, waveform):
            return standardise_frames(super().front_end(waveform).astype(jnp.int32))

    return toy(model=Careless(ToyConfig()))


if __name__ == "__main__":
    main()
