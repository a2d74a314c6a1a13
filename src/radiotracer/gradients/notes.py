"""How an objective's gradients were computed, for reports."""

from __future__ import annotations

from radiotracer.gradients.derivatives import route_of
from radiotracer.gradients.ghost import dense_parameters
from radiotracer.gradients.objective import Objective


def engine_notes(objective: Objective) -> tuple[str, ...]:
    """What did not go by the fastest engine so far, and why: one line each."""
    notes = []
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
