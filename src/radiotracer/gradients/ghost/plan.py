"""Finds out on two examples how each parameter is used, and proves it before it is relied on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from radiotracer.gradients.ghost.forms import Form
from radiotracer.gradients.ghost.tape import Step, Tape, Use
from radiotracer.gradients.objective import Batch, Objective
from radiotracer.gradients.revealing import revealing_point
from radiotracer.gradients.summed import gradient_at

ATTEMPTS = 32
"""How often the two examples are passed through the network at most, before giving up on rules."""


@dataclass(frozen=True)
class Plan:
    """How each traced parameter's gradients are found.

    Args:
        steps: For parameters with rules: how each of their uses is treated.
        dense: For the others: why they need the dense engine.
    """

    steps: Mapping[str, tuple[Step, ...]]
    dense: Mapping[str, str]


_PLANS: WeakKeyDictionary[Objective, Plan] = WeakKeyDictionary()


def plan_for(objective: Objective, batch: Batch) -> Plan:
    """The objective's plan; made on the first batch that is asked about, and kept."""
    if objective not in _PLANS:
        _PLANS[objective] = make_plan(objective, batch)
    return _PLANS[objective]


def make_plan(objective: Objective, batch: Batch) -> Plan:
    """Try rules on the first two examples of a batch until they agree with ordinary gradients.

    Every parameter's per-example gradients are compared, number by number, with those of ordinary
    backward passes of one example each; so a rule that is wrong for this network is never used.

    Args:
        objective: Network and loss at a loaded checkpoint.
        batch: At least one example.
    """
    probe = Batch(batch.inputs[:2], batch.targets[:2])
    if len(probe.inputs) < 2:
        # One example cannot tell where the example axis is; with a copy of itself it can.
        probe = Batch(torch.cat([probe.inputs] * 2), torch.cat([probe.targets] * 2))
    search = _Search(objective, probe)
    for _ in range(ATTEMPTS):
        if not search.open:
            break
        search.attempt()
    dense = {**search.dense, **dict.fromkeys(search.open, "no treatment was found in time")}
    return Plan(MappingProxyType(search.known), MappingProxyType(dense))


class _Search:
    """Depth first over the ways to treat each parameter's uses, all parameters at once."""

    def __init__(self, objective: Objective, probe: Batch) -> None:
        self.objective = objective
        self.probe = probe
        self.point = revealing_point(objective)
        self.truth = _one_by_one(objective, probe, self.point)
        largest = (float(value.abs().max()) for value in self.truth.values())
        self.scale = max(largest, default=0.0)
        self.open = list(objective.traced)
        self.known: dict[str, tuple[Step, ...]] = {}
        self.dense: dict[str, str] = {}
        self.trial: dict[str, tuple[Step, ...]] = {}
        if not math.isfinite(self.scale):
            reason = "the gradients of the first two examples are not finite"
            self.dense, self.open = dict.fromkeys(self.open, reason), []

    def attempt(self) -> None:
        """One pass: parameters that agree are known; the others get their next way."""
        forms: dict[str, Form] = {}
        watched = {name: self.point[name] for name in (*self.known, *self.open)}
        plan = {**self.known, **self.trial}
        tape = Tape(watched, plan, 2, forms.__setitem__, probing=True)
        broken: str | None = None
        try:
            with torch.enable_grad(), tape:
                losses = self.objective.evaluate(self.probe, self.point).losses
            tape.backward(losses)
        except Exception as error:  # whatever the network's own code raises
            broken = f"{type(error).__name__}: {error}".splitlines()[0]
        if broken is not None:
            self._blame(tape, broken)
            return
        for name in list(self.open):
            uses = tape.uses[name]
            if self._agrees(name, forms.get(name)):
                self.open.remove(name)
                self.known[name] = tuple(use.step for use in uses)
            else:
                used = ", ".join(dict.fromkeys(use.step.operation for use in uses))
                reason = tape.failed.get(name) or (
                    f"no rule agrees with its use in {used}"
                    if uses
                    else "used where no torch operation shows it"
                )
                self._advance(name, uses, reason)

    def _agrees(self, name: str, form: Form | None) -> bool:
        truth = self.truth.get(name)
        if truth is None or form is None:
            return truth is None and form is None
        found = form.full()
        tolerance = {8: 1e-8, 4: 1e-3}.get(truth.element_size(), 5e-2)
        # A parameter that hardly matters has its gradient drowned in the others' rounding.
        allowed = tolerance * max(float(truth.abs().max()), 1e-3 * self.scale)
        # Where all is zero, every treatment agrees, and nothing is proved.
        return bool(truth.any() and ((found - truth).abs() <= allowed).all())

    def _blame(self, tape: Tape, error: str) -> None:
        """Nobody says whose treatment broke the pass: the parameter used last comes first."""
        last = next((use for use in reversed(tape.noted) if use.source.name in self.open), None)
        name = self.open[-1] if last is None else last.source.name
        self._advance(name, tape.uses[name], error)

    def _advance(self, name: str, uses: Sequence[Use], reason: str) -> None:
        """The next way of the latest use that has one; without any, the dense engine."""
        for number in reversed(range(len(uses))):
            step, ways = uses[number].step, uses[number].candidates
            later = ways[ways.index(step.way) + 1 :]
            if later:
                before = tuple(use.step for use in uses[:number])
                self.trial[name] = (*before, Step(step.operation, later[0]))
                return
        self.open.remove(name)
        self.trial.pop(name, None)
        self.dense[name] = reason


def _one_by_one(
    objective: Objective, probe: Batch, point: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Gradients by one ordinary backward pass for each example, shape (2, ...) each.

    Parameters that the losses do not depend on are absent.
    """
    found = [
        gradient_at(objective, Batch(inputs, targets), point, objective.traced)
        for inputs, targets in zip(probe.inputs.split(1), probe.targets.split(1), strict=True)
    ]
    return {
        name: torch.stack([row.get(name, torch.zeros_like(point[name])) for row in found])
        for name in objective.traced
        if any(name in row for row in found)
    }
