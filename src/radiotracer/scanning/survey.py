"""The layers that detectors look at, and what they show of an incident."""

from __future__ import annotations

from radiotracer.detectors import Seen
from radiotracer.errors import InputError
from radiotracer.gradients import PENULTIMATE, Data, Objective, first_input, layer_names


def surveyed_layers(objective: Objective, data: Data) -> tuple[str, ...]:
    """The layers that detectors look at: those that have learned something."""
    modules = dict(objective.model.named_modules())
    return tuple(
        name
        for name in layer_names(objective.model, first_input(data))
        if name == PENULTIMATE or any(True for _ in modules[name].parameters())
    )


def wrong(seen: Seen) -> Seen:
    """Those that are predicted as something else than their label; `InputError` without any."""
    missed = seen.outputs.argmax(dim=1) != seen.labels
    if not missed.any():
        raise InputError(
            expected="an incident: an example that the last checkpoint predicts wrongly",
            came=f"{len(missed)} that it predicts as labelled",
            do="pass one with its true label that is predicted as something else",
        )
    layers = {name: values[missed] for name, values in seen.layers.items()}
    return Seen(seen.labels[missed], seen.outputs[missed], layers)
