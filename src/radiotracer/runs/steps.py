"""What each optimiser step learned from, at which rates, and which parameters it moved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer

from radiotracer.errors import InputError
from radiotracer.wrappers import named_parameters


@dataclass
class LoggedStep:
    """One step of the training; several optimisers may have taken it together.

    Args:
        number: From 1.
        epoch: Passes over the data completed before it.
        rows: What it learned from.
        rates: Learning rates by parameter group of all optimisers; 0 of one that rested.
        by: Numbers of the optimisers that took it.
    """

    number: int
    epoch: int
    rows: list[int]
    rates: list[float]
    by: set[int]


class StepLog:
    """Watches optimisers until `close`.

    Args:
        model: The network in training; only read.
        optimizers: Those that train it.
        number: Steps that were taken before.
        epoch: Passes over the data completed before.
    """

    def __init__(
        self, model: nn.Module, optimizers: Sequence[Optimizer], *, number: int, epoch: int
    ) -> None:
        self.number = number
        self.epoch = epoch
        """Passes over the data completed so far."""
        self.steps: list[LoggedStep] = []
        """Since the last checkpoint."""
        self.moved: set[str] = set()
        """Parameters that had a gradient since the last checkpoint."""
        self._parameters = list(named_parameters(model))
        self.optimizers = tuple(optimizers)
        self._slots: list[tuple[int, int]] = []
        self._rows: list[int] = []
        self._announced: list[int] = []
        self._versions = {name: each._version for name, each in self._parameters}
        self._find_slots()
        self._hooks = [
            optimizer.register_step_post_hook(lambda *_, place=place: self._after(place))
            for place, optimizer in enumerate(optimizers)
        ]

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The parameter groups of all optimisers, in the order in which they joined."""
        return [self.optimizers[place].param_groups[group] for place, group in self._slots]

    def close(self) -> None:
        """Watch no longer."""
        for hook in self._hooks:
            hook.remove()

    def announce(self, rows: Iterable[int]) -> None:
        """The next step learns from these rows, too."""
        self._announced.extend(int(row) for row in rows)

    def forget(self) -> None:
        """No step learns from the rows announced since the last one."""
        self._announced = []

    def clear(self) -> None:
        """Begin with no step: those since the last checkpoint are kept elsewhere now."""
        self.steps, self.moved = [], set()

    def _after(self, place: int) -> None:
        self._find_slots()
        if self._announced or not self.steps or place in self.steps[-1].by:
            self._begin_step()
        # Otherwise it is another optimiser's part of the same step: no batch has come between.
        step = self.steps[-1]
        step.by.add(place)
        step.rates += [0.0] * (len(self._slots) - len(step.rates))
        for slot, (of, group) in enumerate(self._slots):
            if of == place:
                # Read after the step and before any scheduler moves them on.
                step.rates[slot] = float(self.optimizers[place].param_groups[group]["lr"])
        # What no optimiser has may hold a gradient of an earlier training.
        own = self._own()
        self.moved.update(
            name for name, each in self._parameters if each.grad is not None and id(each) in own
        )

    def _begin_step(self) -> None:
        # Several steps may be taken with one batch.
        self._rows = self._announced or self._rows
        self._announced = []
        if not self._rows:
            raise InputError(
                expected="a batch from recording.batches(loader) before each optimizer.step()",
                came="a step whose examples nobody named",
                do="iterate over recording.batches(loader), or call recording.batch(rows)",
            )
        self.number += 1
        self.steps.append(LoggedStep(self.number, self.epoch, self._rows, [], set()))
        if len(self.steps) == 2:
            self.require_all_optimizers()

    def _own(self) -> set[int]:
        """The `id` of every parameter that an optimiser has."""
        return {id(parameter) for group in self.groups for parameter in group["params"]}

    def _find_slots(self) -> None:
        """Layers that are unfrozen later come as groups of their own."""
        known = set(self._slots)
        self._slots += [
            (place, group)
            for place, optimizer in enumerate(self.optimizers)
            for group in range(len(optimizer.param_groups))
            if (place, group) not in known
        ]

    def require_all_optimizers(self) -> None:
        """Raise `InputError` where a parameter was moved that no optimiser has."""
        own = self._own()
        moved = [
            name
            for name, each in self._parameters
            if id(each) not in own and each.requires_grad and each._version != self._versions[name]
        ]
        if moved:
            raise InputError(
                expected="every optimiser that trains the network",
                came=f"{len(moved)} parameters that changed and that none of them has "
                f"({', '.join(moved[:3])})",
                do="pass all of them: optimizer=[first, second]",
            )
