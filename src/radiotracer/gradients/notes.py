"""How an objective's gradients were computed, for reports."""

from __future__ import annotations

import torch

from radiotracer.gradients.derivatives import route_of
from radiotracer.gradients.ghost import Plan, dense_parameters
from radiotracer.gradients.objective import Objective
from radiotracer.gradients.precision import WHOLE, widest


def engines_of(objective: Objective) -> tuple[str, ...]:
    """By which engines gradients were computed so far: one line each."""
    notes = []
    plan: Plan | None = objective.found.get(Plan)
    if plan is not None:
        notes.append(
            f"Gradients by the rules of their operations: {len(plan.steps)} of "
            f"{len(objective.traced)} tensors."
        )
    route = route_of(objective)
    if route is not None and route.name == "forward-mode":
        notes.append("Directional derivatives by forward mode.")
    return tuple(notes)


def engine_notes(objective: Objective) -> tuple[str, ...]:
    """What did not go by the fastest engine so far, and why: one line each."""
    notes = []
    if objective.precision != WHOLE:
        notes.append(f"Forward passes in {objective.precision}, all else as the weights are.")
    if widest(objective.device) != torch.float64:
        notes.append(f"Sums in float32: {objective.device.type} has no float64.")
    route = route_of(objective)
    if route is not None and route.name != "forward-mode":
        notes.append(f"Directional derivatives by {route.name} ({route.reason}).")
    by_reason: dict[str, list[str]] = {}
    for name, reason in dense_parameters(objective).items():
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        notes.append(f"By the slow dense engine: {', '.join(names[:3])}{more} ({reason}).")
    return tuple(notes)
