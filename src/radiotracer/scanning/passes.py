"""What a checkpoint shows of a stretch of examples: pure passes, whose results a unit keeps."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from numpy.typing import NDArray
from pydantic import JsonValue
from torch import Tensor

from radiotracer.data.identity import NO_CLASS
from radiotracer.detectors import Detector, Need, Observation, Seen
from radiotracer.errors import InputError
from radiotracer.gradients import (
    Batch,
    Data,
    Evaluation,
    Fitting,
    LastLayerSum,
    Objective,
    directional,
    in_batches,
    last_layer_gradients,
    measure,
    represent,
    require_finite_losses,
    summed_gradient,
)
from radiotracer.influence import scale, unit_sum, unless_zero
from radiotracer.scale import Result
from radiotracer.scanning.columns import Columns, as_array
from radiotracer.scanning.survey import surveyed_layers

Found = TypeVar("Found")

DIVIDED = "examples per pass"
"""The fact of a unit some of whose batches did not fit into memory: sizes of their parts."""

SUMS: dict[Need, str] = {
    Need.DIRECTION: "direction",
    Need.UNIT_DIRECTION: "unit-direction",
    Need.OUTPUT: "incident-direction",
}
"""Under which names a pass over what is asked about keeps its sums of gradients."""

NORMS = frozenset({Need.NORM, Need.UNIT_DIRECTION, Need.OUTPUT})
"""What takes a backward pass over the examples."""


@dataclass(frozen=True)
class ValidationSums:
    """What examples are held against at a checkpoint.

    Args:
        directions: Sums over all validation examples, or those of the incident, times the learning
            rates, by parameter name.
        last_layer: Their summed last-layer gradient.
    """

    directions: Mapping[Need, dict[str, Tensor]]
    last_layer: LastLayerSum | None


@dataclass(frozen=True)
class Passes:
    """Passes at the checkpoint that is loaded.

    Args:
        objective: The network and the loss.
        detectors: Whose observations are wanted.
        batch_size: Examples per pass.
        rates: Learning rates by parameter name.
        where: The checkpoint by name, for errors.
        number: The checkpoint, from 0.
        count: How many checkpoints there are.
        fitting: How many examples fit into a pass. What comes of batches that did not fit may
            differ in the last bits from what comes of whole ones; units say so (`DIVIDED`).
    """

    objective: Objective
    detectors: Sequence[Detector]
    batch_size: int
    rates: dict[str, float]
    where: str
    number: int = 0
    count: int = 1
    fitting: Fitting = field(default_factory=Fitting)

    @property
    def asked(self) -> Objective:
        """What is asked of examples that are no training examples."""
        return self.objective.asked

    @property
    def needs(self) -> frozenset[Need]:
        """All that some detector needs."""
        return needs_of(self.detectors)

    def validation(self, validation: Data, rows: range) -> Result:
        """Some of the validation examples: what detectors observe, and their sums of gradients."""
        started = time.perf_counter()
        observed, sizes = Columns(), _Sizes()
        sums: dict[str, Tensor] = {}
        for seen, parts in self._each(validation, rows, self._ask, sizes):
            observed.put(seen)
            for name, part in parts.items():
                sums[name] = sums[name] + part if name in sums else part
        elapsed = time.perf_counter() - started
        asking = frozenset({Need.VALIDATION, Need.COMPARISON})
        seconds = {each.name: elapsed for each in self.detectors if each.needs & asking}
        arrays = {name: as_array(total) for name, total in sums.items()}
        return Result({**observed.arrays(), **arrays}, _facts(seconds, sizes))

    def incident(self, incident: Data, rows: range) -> Result:
        """Some examples of the incident: the sum of their unit gradients."""
        started = time.perf_counter()
        sizes, sums = _Sizes(), dict[str, Tensor]()
        kind = SUMS[Need.OUTPUT]
        for unit in self._each(incident, rows, lambda part: unit_sum(self.asked, [part]), sizes):
            for name, part in unit.items():
                key = f"{kind}/{name}"
                sums[key] = sums[key] + part if key in sums else part
        elapsed = time.perf_counter() - started
        seconds = {each.name: elapsed for each in self.detectors if Need.OUTPUT in each.needs}
        return Result(
            {name: as_array(total) for name, total in sums.items()}, _facts(seconds, sizes)
        )

    def sums(self, parts: Iterable[Result]) -> ValidationSums:
        """The sums over all that is asked about, from those over stretches, in their order."""
        totals: dict[str, NDArray[Any]] = {}
        for part in parts:
            for name, array in part.arrays.items():
                if not name.startswith(("seen/", "labels")):
                    totals[name] = totals[name] + array if name in totals else array
        point = self.objective.parameters()
        directions = {
            need: scale(
                {
                    name: torch.from_numpy(totals[f"{kind}/{name}"]).to(point[name])
                    for name in self.objective.traced
                    if f"{kind}/{name}" in totals
                },
                self.rates,
            )
            for need, kind in SUMS.items()
            if any(name.startswith(f"{kind}/") for name in totals)
        }
        if "last-layer/weight" not in totals:
            return ValidationSums(directions, None)
        weight, bias = (torch.from_numpy(totals[f"last-layer/{k}"]) for k in ("weight", "bias"))
        return ValidationSums(directions, LastLayerSum(weight, bias))

    def examples(self, train: Data, rows: range, asked: ValidationSums) -> Result:
        """Some of the training examples: what detectors observe."""
        observed, sizes = Columns(), _Sizes()
        seconds: dict[str, float] = defaultdict(float)
        show = functools.partial(self._show, asked=asked)
        for seen, spent in self._each(train, rows, show, sizes):
            observed.put(seen)
            for name, value in spent.items():
                seconds[name] += value
        return Result(observed.arrays(), _facts(seconds, sizes))

    def layers(self, data: Data, rows: range) -> Result:
        """Some examples as the layers represent them, float32."""
        started = time.perf_counter()
        observed, sizes = Columns(), _Sizes()
        names = surveyed_layers(self.objective, data)
        represented = functools.partial(self._represented, names=names)
        for seen in self._each(data, rows, represented, sizes):
            observed.put(seen)
        elapsed = time.perf_counter() - started
        seconds = {d.name: elapsed for d in self.detectors if Need.LAYERS in d.needs}
        return Result(observed.arrays(), _facts(seconds, sizes))

    def _each(
        self, data: Data, rows: range, do: Callable[[Batch], Found], sizes: _Sizes
    ) -> Iterator[Found]:
        """A pass for each batch, or for each part of those that do not fit into memory."""
        for batch in in_batches(data, self.batch_size, rows, device=self.objective.device):
            for part, found in self.fitting.parts(batch, do):
                if len(part) < len(batch):
                    sizes.add(len(part))
                yield found

    def _ask(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What detectors observe of validation examples, and sums over them, by name."""
        observed: dict[str, Tensor] = {}
        sums: dict[str, Tensor] = {}

        def watch(_: Batch, evaluation: Evaluation) -> None:
            seen = self._observe(batch, evaluation)
            if seen.last_layer is not None:
                total = seen.last_layer.sum()
                sums.update({"last-layer/weight": total.weight, "last-layer/bias": total.bias})
            for detector in self.detectors:
                if Need.COMPARISON in detector.needs:
                    observed[f"seen/{detector.name}"] = observed_by(detector, seen)
            observed["labels"] = class_numbers(batch)

        if Need.DIRECTION in self.needs:
            gradient = summed_gradient(self.asked, [batch], watch)
            sums |= {f"direction/{name}": part for name, part in gradient.items()}
        else:
            with torch.no_grad():
                watch(batch, self.asked.evaluate(batch))
        if Need.UNIT_DIRECTION in self.needs:
            units = unit_sum(self.asked, [batch])
            sums |= {f"unit-direction/{name}": part for name, part in units.items()}
        return observed, sums

    def _show(
        self, batch: Batch, asked: ValidationSums
    ) -> tuple[dict[str, Tensor], dict[str, float]]:
        """What detectors observe of training examples, and the seconds of each detector."""
        started = time.perf_counter()
        seen = self._look(batch, asked)
        passes = time.perf_counter() - started
        observed, seconds = {"labels": class_numbers(batch)}, {}
        for detector in self.detectors:
            began = time.perf_counter()
            observed[f"seen/{detector.name}"] = observed_by(detector, seen)
            seconds[detector.name] = time.perf_counter() - began + passes
        return observed, seconds

    def _represented(self, batch: Batch, names: Sequence[str]) -> dict[str, Tensor]:
        """What the layers of these names make of examples."""
        model, head = self.objective.model, self.objective.head
        with torch.no_grad(), self.objective.casting():
            shown = represent(model, batch.inputs, names, head=head)
        layers = {
            f"layer/{place:04d}/{name}": shown.layers[name].float()
            for place, name in enumerate(names)
        }
        return {"labels": class_numbers(batch), "outputs": shown.outputs.float(), **layers}

    def _look(self, batch: Batch, asked: ValidationSums) -> Observation:
        """The cheapest pass that shows what the detectors need."""
        objective = self.objective
        total = asked.last_layer
        if self.needs & NORMS:
            found = measure(objective, batch, list(asked.directions.values()), self.rates)
            along = dict(zip(asked.directions, found.along.unbind(dim=1), strict=True))
            norm = found.square_norm.sqrt()
            by_direction = {
                need: unless_zero(along[need], norm)
                for need in (Need.UNIT_DIRECTION, Need.OUTPUT)
                if need in along
            }
            return self._observe(
                batch,
                found,
                query_sum=total,
                influence=along.get(Need.DIRECTION),
                renormalised=by_direction.get(Need.UNIT_DIRECTION),
                taught=by_direction.get(Need.OUTPUT),
                square_norm=found.weighted_square_norm,
                norm=norm,
            )
        if Need.DIRECTION in asked.directions:
            seen = directional(objective, batch, asked.directions[Need.DIRECTION])
            return self._observe(batch, seen, query_sum=total, influence=seen.derivatives)
        with torch.no_grad():
            return self._observe(batch, objective.evaluate(batch), query_sum=total)

    def _observe(
        self,
        batch: Batch,
        evaluation: Evaluation,
        *,
        query_sum: LastLayerSum | None = None,
        **further: Tensor | None,
    ) -> Observation:
        evaluation = Evaluation(
            evaluation.losses.detach(),
            evaluation.outputs.detach(),
            None if evaluation.features is None else evaluation.features.detach(),
        )
        require_finite_losses(evaluation.losses, where=self.where)
        factors = None
        if Need.HEAD in self.needs:
            factors = last_layer_gradients(
                self.objective, evaluation, batch.targets, self.rates
            ).cpu()
        # On the CPU: what follows is little work, in float64, which not every device has.
        return Observation(
            labels=class_numbers(batch),
            losses=evaluation.losses.cpu(),
            outputs=evaluation.outputs.cpu(),
            last_layer=factors,
            query_sum=query_sum,
            checkpoint=self.number,
            checkpoints=self.count,
            **{name: None if each is None else each.cpu() for name, each in further.items()},
        )


_Sizes = set[int]
"""How many examples passes took where a batch did not fit into memory."""


def _facts(seconds: Mapping[str, float], sizes: _Sizes) -> dict[str, JsonValue]:
    facts: dict[str, JsonValue] = {"seconds": {name: round(s, 6) for name, s in seconds.items()}}
    return facts | {DIVIDED: [*sorted(sizes)]} if sizes else facts


def observed_by(detector: Detector, seen: Observation) -> Tensor:
    """What a detector observes of n examples, float64, shape (n, k).

    Raises:
        InputError: It observes something else.
    """
    found = detector.observe(seen)
    if not isinstance(found, Tensor) or found.dim() != 2 or len(found) != len(seen.labels):
        raise InputError(
            expected=f"a tensor of shape ({len(seen.labels)}, k) from observe of {detector.name}",
            came=f"shape {tuple(found.shape)}"
            if isinstance(found, Tensor)
            else type(found).__name__,
            do="let it return one row per example",
        )
    return found.detach().double()


def class_numbers(batch: Batch) -> Tensor:
    """The class of each example, or `NO_CLASS`, int64, shape (n,), on the CPU."""
    targets = batch.targets
    if isinstance(targets, Tensor) and targets.dim() == 1 and not targets.is_floating_point():
        return targets.cpu()
    return torch.full((len(batch),), NO_CLASS)


def needs_of(detectors: Iterable[Detector]) -> frozenset[Need]:
    """All that some detector needs."""
    return frozenset().union(*(detector.needs for detector in detectors))


def seen_of(arrays: Mapping[str, NDArray[Any]]) -> Seen:
    """What `Passes.layers` found, as detectors are given it."""
    # Their numbers put the layers in order: a file keeps none.
    layers = sorted(name for name in arrays if name.startswith("layer/"))
    return Seen(
        torch.from_numpy(arrays["labels"]),
        torch.from_numpy(arrays["outputs"]),
        {name.split("/", 2)[2]: torch.from_numpy(arrays[name]) for name in layers},
    )
