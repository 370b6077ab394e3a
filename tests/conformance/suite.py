"""The list of all checks: what a model gets by being in the zoo."""

import dataclasses
from collections.abc import Callable

from tests.conformance import contract, devices, gradients, invariance, mistakes, oracles, persistence, values
from tests.conformance.subject import Subject

Check = Callable[..., None]

# Of the full size, by tracing alone: for every preset.
EVERY_PRESET: tuple[Check, ...] = (
    contract.check_value,
    contract.check_card,
    contract.check_parameter_count,
    contract.check_full_size_answers,
    devices.check_parameters_are_float32,
    oracles.check_oracle_tests,
)

# Of the small twin: once for all presets whose twins are equal.
EVERY_TWIN: tuple[Check, ...] = (
    contract.check_names,
    values.check_declared_outputs,
    values.check_finite,
    values.check_no_samples,
    values.check_lengths_grow_with_the_clip,
    values.check_nan_stays_in_its_row,
    mistakes.check_wrong_waveforms,
    mistakes.check_wrong_lengths,
)

# Once for twins that differ in sizes alone, for these compile for long.
EVERY_KIND: tuple[Check, ...] = (
    contract.check_nnx_bridge,
    invariance.check_transforms,
    invariance.check_batch_mates,
    invariance.check_pure,
    invariance.check_traced_once,
    gradients.check_every_parameter_learns,
    gradients.check_gradients_are_finite,
    gradients.check_train_mode,
    devices.check_eight_devices,
    devices.check_bfloat16,
    devices.check_init_is_deterministic,
    persistence.check_orbax,
    persistence.check_safetensors,
    persistence.check_export,
    mistakes.check_right_but_unusual,
)

# Of every kind, where the card says so.
WHERE_IT_STREAMS: tuple[Check, ...] = (invariance.check_streaming,)
WHERE_IT_KEEPS_TO_THE_CLIP: tuple[Check, ...] = (invariance.check_padding, gradients.check_statistics_see_no_padding)
WHERE_IT_LEAKS: tuple[Check, ...] = (invariance.check_leak_is_real,)

NEED_A_FOLDER: tuple[Check, ...] = (persistence.check_orbax, persistence.check_safetensors)


def kind_of(subject: Subject) -> tuple:
    """What twins that differ in sizes alone have in common: the class, the card's promises, all that is no integer."""
    settings = dataclasses.asdict(subject.model.config).items()
    switches = tuple((name, None if type(value) is int else value) for name, value in settings)
    return type(subject.model), switches, subject.preset.streams, subject.preset.leaks


def checks_of_kind(subject: Subject) -> tuple[Check, ...]:
    """All that one twin of each kind has to pass, besides what every twin has to."""
    card = subject.preset
    streaming = WHERE_IT_STREAMS if card.streams else ()
    return EVERY_KIND + streaming + (WHERE_IT_LEAKS if card.leaks else WHERE_IT_KEEPS_TO_THE_CLIP)
