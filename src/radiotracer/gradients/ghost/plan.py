"""Finds out on two examples how each parameter is used, and proves it before it is relied on."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch

from radiotracer.data.inputs import joined, named
from radiotracer.gradients.checkpointing import without_recomputation
from radiotracer.gradients.ghost.forms import Form
from radiotracer.gradients.ghost.operations import Step, Way
from radiotracer.gradients.ghost.spread import PLACES
from radiotracer.gradients.ghost.tape import Tape
from radiotracer.gradients.ghost.truth import Truth, first_line
from radiotracer.gradients.ghost.uses import Use
from radiotracer.gradients.memory import is_out_of_memory
from radiotracer.gradients.objective import Objective
from radiotracer.gradients.revealing import revealing_point
from radiotracer.gradients.task import Batch

ATTEMPTS = 32
"""How often the two examples are passed through the network at most, before giving up on rules."""

PROBES = 4
"""How many pairs of examples are tried at most, where gradients are zero and prove nothing."""

SILENT = "its gradient is zero or not finite on the examples that rules are tried on"


@dataclass(frozen=True)
class Plan:
    """How each traced parameter's gradients are found.

    Args:
        steps: For parameters with rules: how each of their uses is treated.
        dense: For the others: why they need the dense engine.
    """

    steps: Mapping[str, tuple[Step, ...]]
    dense: Mapping[str, str]

    @property
    def settled(self) -> bool:
        """Whether other examples could not show more."""
        return SILENT not in self.dense.values()


class _Dense(dict[str, str]):
    """What an objective has left to the dense engine so far, in any batch, and why."""


def plan_for(objective: Objective, batch: Batch) -> Plan:
    """The objective's plan; made on the first batch that settles it, and kept."""
    plan: Plan | None = objective.found.get(Plan)
    if plan is not None:
        return plan
    for start in range(0, min(len(batch), 2 * PROBES), 2):
        plan = make_plan(objective, batch.take(slice(start, start + 2)))
        if plan.settled:
            objective.found[Plan] = plan
            break
    assert plan is not None  # noqa: S101
    return plan


def dense_parameters(objective: Objective) -> Mapping[str, str]:
    """Which parameters needed the dense engine so far, and why; none before the first batch."""
    return MappingProxyType(objective.found.get(_Dense, {}))


def note_dense(objective: Objective, reasons: Mapping[str, str]) -> None:
    """Remember for `dense_parameters` which parameters a batch left to the dense engine."""
    # Where no gradient shows itself, there was hardly anything to compute.
    reasons = {name: reason for name, reason in reasons.items() if reason != SILENT}
    if not reasons:
        return
    known = objective.found.setdefault(_Dense, _Dense())
    known.update({name: reason for name, reason in reasons.items() if name not in known})


def make_plan(objective: Objective, batch: Batch) -> Plan:
    """Try rules on the first two examples of a batch until they agree with ordinary gradients.

    Every parameter's per-example gradients are compared, number by number, with those of ordinary
    backward passes of one example each; so a rule that is wrong for this network is never used.
    Mixed precision would hide small errors: the proof is in the precision of the weights.

    Args:
        objective: Network and loss at a loaded checkpoint.
        batch: At least one example.

    Raises:
        InputError: Not even an ordinary backward pass is possible.
    """
    probe = batch.take(slice(2))
    if len(probe) < 2:
        # One example cannot tell where the example axis is; with a copy of itself it can.
        probe = Batch(joined([probe.inputs] * 2), joined([probe.targets] * 2))
    search = _Search(objective.exact, probe)
    for _ in range(ATTEMPTS):
        if not search.open:
            break
        search.attempt()
    search.give_up(search.open, "no treatment was found in time")
    search.prove()
    return Plan(MappingProxyType(search.known), MappingProxyType(search.dense))


class _Search:
    """Goes through the ways to treat each parameter's uses, all parameters at once."""

    def __init__(self, objective: Objective, probe: Batch) -> None:
        self.objective = objective
        self.probe = probe
        self.point = revealing_point(objective)
        self.truth = Truth(objective, self.point, probe)
        self.known: dict[str, tuple[Step, ...]] = dict.fromkeys(self.truth.idle, ())
        self.dense = dict.fromkeys(self.truth.silent, SILENT)
        self.open = [name for name in objective.traced if name not in {*self.known, *self.dense}]
        self.trial: dict[str, tuple[Step, ...]] = {}
        self.tried: dict[str, set[tuple[Way, ...]]] = {}

    def attempt(self) -> None:
        """One pass: parameters that agree are known; the others get their next treatment."""
        tape, forms, error = self._pass({**self.known, **self.trial}, probing=True)
        if error is not None:
            for name in self._blamed(tape):
                self._advance(name, tape.uses[name], error)
            return
        failing = []
        for name in [name for name in (*self.known, *self.open) if name not in self.truth.idle]:
            if self.truth.agrees(name, forms.get(name)):
                self.known[name] = tuple(use.step for use in tape.uses[name])
            else:
                self.known.pop(name, None)
                failing.append(name)
        self.open = failing
        for name in [name for name in failing if name not in tape.overruled]:
            self._advance(name, tape.uses[name], tape.failed.get(name))

    def prove(self) -> None:
        """Pass the examples once more, as batches will be; what fails now has no rules."""
        while self.known:
            tape, forms, error = self._pass(self.known, probing=False)
            failing = [
                name
                for name in self.known
                if error is not None
                or name in tape.failed
                or not self.truth.agrees(name, forms.get(name))
            ]
            for name in failing:
                reason = "its gradients depend on how the others are found"
                self.give_up([name], error or tape.failed.get(name, reason))
            if not failing:
                return

    def give_up(self, names: Iterable[str], reason: str) -> None:
        """Leave parameters to the dense engine."""
        for name in list(names):
            self.known.pop(name, None)
            self.trial.pop(name, None)
            self.dense[name] = reason
        self.open = [name for name in self.open if name not in self.dense]

    def _pass(
        self, steps: Mapping[str, tuple[Step, ...]], *, probing: bool
    ) -> tuple[Tape, dict[str, Form], str | None]:
        """What came back for whom, or what was raised."""
        forms: dict[str, Form] = {}
        tape = Tape(
            {name: self.point[name] for name in (*self.known, *self.open)},
            steps,
            2,
            forms.__setitem__,
            probe=tuple(named(self.probe.inputs).values()) if probing else None,
        )
        try:
            with torch.enable_grad(), without_recomputation(), tape:
                held = {**self.point, **tape.leaves}
                losses = self.objective.evaluate(self.probe, held).losses
            tape.backward(losses)
            if not self.truth.agrees_on_losses(losses.detach()):
                return tape, forms, "the losses change while its use is watched"
        except Exception as error:  # whatever the network's own code raises
            if is_out_of_memory(error):
                raise
            return tape, forms, first_line(error)
        finally:
            tape.close()
        return tape, forms, None

    def _blamed(self, tape: Tape) -> list[str]:
        """Whose treatment may have broken a pass, for nobody says: who was met last comes first.

        Only copies can change the network's values; any use can run into an error at once.
        """
        copied = [
            name for name in self.open if any(use.step.way in PLACES for use in tape.uses[name])
        ]
        for names in (copied, self.open):
            met = [name for name in tape.latest if name in names]
            if met or names:
                return met or names[-1:]
        return []

    def _advance(self, name: str, uses: Sequence[Use], reason: str | None) -> None:
        """The next treatment: all uses alike, then all combinations; at last the dense engine."""
        tried = self.tried.setdefault(name, set())
        tried.add(tuple(use.step.way for use in uses))
        alike = (
            tuple(way if way in use.candidates else use.candidates[0] for use in uses)
            for way in Way
        )
        for ways in itertools.chain(alike, itertools.product(*(use.candidates for use in uses))):
            if ways not in tried:
                tried.add(ways)
                self.trial[name] = tuple(
                    Step(use.step.operation, way) for use, way in zip(uses, ways, strict=True)
                )
                return
        used = ", ".join(dict.fromkeys(use.step.operation for use in uses))
        self.give_up([name], reason or f"no rule agrees with its use in {used}")
