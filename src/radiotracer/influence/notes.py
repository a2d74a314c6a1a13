"""What a reader of scores along a training should know of the training."""

from __future__ import annotations

import pyarrow.compute as pc

from radiotracer.errors import RunError
from radiotracer.gradients import Objective
from radiotracer.runs import Run
from radiotracer.runs.schema import UNKNOWN


def run_notes(run: Run) -> tuple[str, ...]:
    """Where the formulas do not fit what was recorded: one sentence each."""
    notes = []
    if run.info.status != "complete":
        notes.append("The training did not end; the checkpoints that it left were used.")
    optimizer = run.info.optimizer.name
    if optimizer == UNKNOWN:
        notes.append(
            "TracIn's derivation is for plain gradient descent; what the run used is not known."
        )
    elif not optimizer.startswith("SGD"):
        notes.append(
            f"TracIn's derivation is for plain gradient descent; the run used {optimizer}, "
            "whose steps differ from learning rate x gradient."
        )
    notes.extend(
        f"Learning rate 0 at {checkpoint.file}: it counts nothing."
        for checkpoint in run.checkpoints
        if not any(run.summed_rates(checkpoint).values())
    )
    return (*notes, *_untrained_examples(run))


def parameter_notes(run: Run, objective: Objective) -> tuple[str, ...]:
    """Which of the network's parameters the scores leave out, and why."""
    trained = run.summed_rates(run.checkpoints[0])
    names = [name for name, _ in objective.model.named_parameters()]
    frozen = [name for name in names if name not in trained]
    unasked = [name for name in names if name in trained and name not in objective.traced]
    return tuple(
        f"Left out, {why}: {some_of(left)}."
        for left, why in (
            (frozen, "as the recorded optimiser did not train them"),
            (unasked, "as layers= does not name them"),
        )
        if left
    )


def some_of(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _untrained_examples(run: Run) -> tuple[str, ...]:
    try:
        rows = pc.list_flatten(run.steps()["batch"])
    except RunError as error:
        return (f"Nothing is known of the steps: {error.came}.",)
    examples = run.info.data.examples
    seen = len(pc.unique(rows))
    if seen >= examples:
        return ()
    return (
        f"{examples - seen:,} of {examples:,} examples are in no recorded step: their scores say "
        "what training on them would have done.",
    )
