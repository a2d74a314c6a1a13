"""Which engine computes ``<g_i, v>`` for a network: the fastest that can, and is right.

================  ==========================================  ==========================
route             needs                                       cost, in forward passes
================  ==========================================  ==========================
forward-mode      a forward-mode rule for every operation     about 3
double-backward   backward rules that can be differentiated   about 12
loop              what training needed                        about 50
ghost             several directions (`radiotracer.gradients.ghost`)
================  ==========================================  ==========================

A route that raises is left for the next one; so is one whose derivatives differ from an ordinary
backward pass on the first examples (`probe.py`). The choice depends on the network's operations and
not on its weights, so it is made once for each objective and kept when checkpoints are loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from radiotracer.errors import InputError
from radiotracer.gradients.derivatives.double_backward import double_backward
from radiotracer.gradients.derivatives.forward_mode import forward_mode
from radiotracer.gradients.derivatives.one_by_one import one_by_one
from radiotracer.gradients.derivatives.probe import Engine, is_right
from radiotracer.gradients.memory import is_out_of_memory
from radiotracer.gradients.objective import Evaluation, Objective, Parameters
from radiotracer.gradients.task import Batch
from radiotracer.gradients.unfused import unfused

RouteName = Literal["forward-mode", "double-backward", "loop", "ghost"]

ENGINES: dict[RouteName, Engine] = {
    "forward-mode": forward_mode,
    "double-backward": double_backward,
    "loop": one_by_one,
}


@dataclass(frozen=True)
class Route:
    """How derivatives were computed.

    Args:
        name: The engine.
        reason: Why this one, in one line: what became of each faster one, or that it was checked.
    """

    name: RouteName
    reason: str


def route_of(objective: Objective) -> Route | None:
    """The route chosen for this objective; None before its first (telling) batch."""
    found: Route | None = objective.found.get(Route)
    return found


def derivatives_by_route(
    objective: Objective, batch: Batch, direction: Parameters
) -> tuple[Evaluation, Tensor, Route]:
    """The forward pass, ``<g_i, v>`` of shape (n,), and the route that was taken.

    Raises:
        InputError: No route can differentiate the network.
    """
    point = objective.parameters()
    known = route_of(objective)
    failures = [] if known is None or known.name == "forward-mode" else [known.reason]
    names = list(ENGINES)
    for name in names[names.index(known.name) if known else 0 :]:
        engine = ENGINES[name]
        try:
            with unfused(objective.model):
                evaluation, derivatives = engine(objective, batch, point, direction)
                if known is not None and name == known.name:
                    return evaluation, derivatives, known
                right = True if name == "loop" else is_right(engine, objective, batch)
        except RuntimeError as error:
            if is_out_of_memory(error):
                # The other routes need more.
                raise
            failures.append(f"{name}: {_first_line(error)}")
            cause = error
            continue
        if right is None:
            reason = "not checked yet: the first examples have no gradient, or not a finite one"
            return evaluation, derivatives, Route(name, "; ".join([*failures, reason]))
        if right:
            checked = f"{name}: agrees with a backward pass"
            route = Route(name, "; ".join(failures) if failures else checked)
            objective.found[Route] = route
            return evaluation, derivatives, route
        failures.append(f"{name}: differs from a backward pass")
    raise InputError(
        expected="a network and a loss that can be differentiated",
        came="; ".join(failures),
        do="change the operation that is named",
    ) from cause


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return text if len(text) <= 200 else text[:199] + "…"
