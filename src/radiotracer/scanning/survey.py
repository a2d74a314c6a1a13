"""All examples at once, as the layers of the last checkpoint show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import torch
from torch import Tensor

from radiotracer.detectors import Seen, Survey
from radiotracer.errors import InputError
from radiotracer.gradients import (
    PENULTIMATE,
    Data,
    Objective,
    count,
    first_input,
    in_batches,
    layer_names,
    represent,
)
from radiotracer.influence import Tracing


def surveyed_layers(objective: Objective, data: Data) -> tuple[str, ...]:
    """The layers that detectors look at: those that have learned something."""
    modules = dict(objective.model.named_modules())
    return tuple(
        name
        for name in layer_names(objective.model, first_input(data))
        if name == PENULTIMATE or any(True for _ in modules[name].parameters())
    )


def survey(
    tracing: Tracing,
    train: Data,
    queries: Data | None,
    incident: Data | None,
    tell: Callable[[int, int], None],
) -> Survey:
    """One forward pass over everything at the loaded checkpoint.

    Of `incident` those that are predicted wrongly are kept; `InputError` when there are none.

    Representations are kept in memory as float32: about 4 KB per example for the quarter-width
    ResNet-18.
    """
    layers = surveyed_layers(tracing.objective, train)
    total = sum(count(data) for data in (train, queries, incident) if data is not None)
    done = 0

    def see(data: Data) -> Seen:
        nonlocal done
        labels: list[Tensor] = []
        outputs: list[Tensor] = []
        columns: dict[str, list[Tensor]] = defaultdict(list)
        for batch in in_batches(data, tracing.batch_size):
            with torch.no_grad():
                shown = represent(
                    tracing.objective.model, batch.inputs, layers, head=tracing.objective.head
                )
            labels.append(batch.targets)
            outputs.append(shown.outputs.float())
            for name, values in shown.layers.items():
                columns[name].append(values.float())
            done += len(batch.inputs)
            tell(done, total)
        return Seen(
            torch.cat(labels),
            torch.cat(outputs),
            {name: torch.cat(parts) for name, parts in columns.items()},
        )

    return Survey(
        see(train),
        None if queries is None else see(queries),
        None if incident is None else _wrong(see(incident)),
    )


def _wrong(seen: Seen) -> Seen:
    wrong = seen.outputs.argmax(dim=1) != seen.labels
    if not wrong.any():
        raise InputError(
            expected="an incident: an example that the last checkpoint predicts wrongly",
            came=f"{len(wrong)} that it predicts as labelled",
            do="pass one with its true label that is predicted as something else",
        )
    layers = {name: values[wrong] for name, values in seen.layers.items()}
    return Seen(seen.labels[wrong], seen.outputs[wrong], layers)
