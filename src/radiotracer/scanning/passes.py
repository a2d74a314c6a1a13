"""What a checkpoint shows of a stretch of examples: pure passes, whose results a unit keeps."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import JsonValue
from torch import Tensor

from radiotracer.detectors import Detector, Need, Observation, Seen
from radiotracer.gradients import (
    Batch,
    Data,
    Evaluation,
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
from radiotracer.scanning.survey import surveyed_layers

SUMS: dict[Need, str] = {Need.DIRECTION: "direction", Need.UNIT_DIRECTION: "unit-direction"}
"""Under which names a pass over queries keeps its sums of gradients."""


@dataclass(frozen=True)
class QuerySums:
    """What examples are held against at a checkpoint.

    Args:
        directions: Sums over all queries times the learning rates, by parameter name.
        last_layer: The queries' summed last-layer gradient.
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
    """

    objective: Objective
    detectors: Sequence[Detector]
    batch_size: int
    rates: dict[str, float]
    where: str

    @property
    def needs(self) -> frozenset[Need]:
        """All that some detector needs."""
        return needs_of(self.detectors)

    def queries(self, queries: Data, rows: range) -> Result:
        """Some of the queries: what detectors observe, and their sums of gradients."""
        started = time.perf_counter()
        observed = _Columns()
        last_layer: LastLayerSum | None = None

        def watch(batch: Batch, evaluation: Evaluation) -> None:
            nonlocal last_layer
            seen = self._observe(batch, evaluation)
            if seen.last_layer is not None:
                part = seen.last_layer.sum()
                last_layer = part if last_layer is None else last_layer + part
            for detector in self.detectors:
                if Need.COMPARISON in detector.needs:
                    observed.put(f"seen/{detector.name}", detector.observe(seen).double())
            observed.put("labels", batch.targets)

        arrays: dict[str, NDArray[Any]] = {}
        batches = in_batches(queries, self.batch_size, rows)
        if Need.DIRECTION in self.needs:
            gradient = summed_gradient(self.objective, batches, watch)
            arrays |= {f"direction/{name}": _array(part) for name, part in gradient.items()}
        else:
            for batch in batches:
                with torch.no_grad():
                    watch(batch, self.objective.evaluate(batch))
        if Need.UNIT_DIRECTION in self.needs:
            units = unit_sum(self.objective, in_batches(queries, self.batch_size, rows))
            arrays |= {f"unit-direction/{name}": _array(part) for name, part in units.items()}
        if last_layer is not None:
            arrays |= {
                "last-layer/weight": _array(last_layer.weight),
                "last-layer/bias": _array(last_layer.bias),
            }
        elapsed = time.perf_counter() - started
        asking = frozenset({Need.QUERIES, Need.COMPARISON})
        seconds = {each.name: elapsed for each in self.detectors if each.needs & asking}
        return Result({**observed.arrays(), **arrays}, _facts(seconds))

    def sums(self, parts: Iterable[Result]) -> QuerySums:
        """The sums over all queries, from those over stretches of them, in their order."""
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
            return QuerySums(directions, None)
        weight, bias = (torch.from_numpy(totals[f"last-layer/{k}"]) for k in ("weight", "bias"))
        return QuerySums(directions, LastLayerSum(weight, bias))

    def examples(self, train: Data, rows: range, asked: QuerySums) -> Result:
        """Some of the training examples: what detectors observe."""
        observed = _Columns()
        seconds: dict[str, float] = defaultdict(float)
        for batch in in_batches(train, self.batch_size, rows):
            started = time.perf_counter()
            seen = self._look(batch, asked)
            passes = time.perf_counter() - started
            for detector in self.detectors:
                began = time.perf_counter()
                observed.put(f"seen/{detector.name}", detector.observe(seen).double())
                seconds[detector.name] += time.perf_counter() - began + passes
            observed.put("labels", batch.targets)
        return Result(observed.arrays(), _facts(seconds))

    def layers(self, data: Data, rows: range) -> Result:
        """Some examples as the layers represent them, float32."""
        started = time.perf_counter()
        observed = _Columns()
        names = surveyed_layers(self.objective, data)
        for batch in in_batches(data, self.batch_size, rows):
            with torch.no_grad():
                model, head = self.objective.model, self.objective.head
                shown = represent(model, batch.inputs, names, head=head)
            observed.put("labels", batch.targets)
            observed.put("outputs", shown.outputs.float())
            for place, name in enumerate(names):
                observed.put(f"layer/{place:04d}/{name}", shown.layers[name].float())
        elapsed = time.perf_counter() - started
        seconds = {d.name: elapsed for d in self.detectors if Need.LAYERS in d.needs}
        return Result(observed.arrays(), _facts(seconds))

    def _look(self, batch: Batch, asked: QuerySums) -> Observation:
        """The cheapest pass that shows what the detectors need."""
        objective = self.objective
        total = asked.last_layer
        if self.needs & {Need.NORM, Need.UNIT_DIRECTION}:
            named = list(asked.directions)
            found = measure(objective, batch, list(asked.directions.values()), self.rates)
            along = dict(zip(named, found.along.unbind(dim=1), strict=True))
            renormalised = None
            if Need.UNIT_DIRECTION in along:
                length = found.square_norm.sqrt()
                renormalised = unless_zero(along[Need.UNIT_DIRECTION], length)
            return self._observe(
                batch,
                found,
                query_sum=total,
                influence=along.get(Need.DIRECTION),
                renormalised=renormalised,
                square_norm=found.weighted_square_norm,
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
            factors = last_layer_gradients(self.objective, evaluation, batch.targets, self.rates)
        return Observation(
            labels=batch.targets,
            losses=evaluation.losses,
            outputs=evaluation.outputs,
            last_layer=factors,
            query_sum=query_sum,
            **further,
        )


def _facts(seconds: Mapping[str, float]) -> dict[str, JsonValue]:
    return {"seconds": {name: round(value, 6) for name, value in seconds.items()}}


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


class _Columns:
    """What batches show, one after the other, by name."""

    def __init__(self) -> None:
        self._parts: dict[str, list[NDArray[Any]]] = defaultdict(list)

    def put(self, name: str, values: Tensor) -> None:
        self._parts[name].append(_array(values))

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {name: np.concatenate(parts) for name, parts in self._parts.items()}


def _array(tensor: Tensor) -> NDArray[Any]:
    """NumPy has no bfloat16; float32 holds each of its values exactly."""
    values = tensor.detach().cpu()
    return np.asarray((values.float() if values.dtype == torch.bfloat16 else values).numpy())
