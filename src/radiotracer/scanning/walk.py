"""Every detector in one walk over the checkpoints, sharing the passes that they read."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from radiotracer.data import identify
from radiotracer.detectors import Detector, Need, Observation, Ranking, Survey, Trace
from radiotracer.errors import InputError, NotFiniteError
from radiotracer.gradients import (
    Batch,
    Data,
    Evaluation,
    LastLayerSum,
    count,
    directional,
    in_batches,
    last_layer_gradients,
    measure,
    require_finite_losses,
    summed_gradient,
)
from radiotracer.influence import Tracing, scale, unit_sum, unless_zero
from radiotracer.scanning.rows import Rows
from radiotracer.scanning.survey import survey, surveyed_layers

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many examples are done, and how many there are."""


@dataclass(frozen=True)
class Rankings:
    """What every detector that could run says of every example.

    Args:
        by_name: By detector name; row ``i`` is training example ``i``.
        seconds: By detector name: the passes that it read and its own arithmetic. A pass that
            several detectors share counts for each of them.
        left_out: Detectors that could not run, with the reason.
    """

    by_name: Mapping[str, Ranking]
    seconds: Mapping[str, float]
    left_out: Mapping[str, str]


def rank_by_all(
    tracing: Tracing,
    train: Data,
    queries: Data | None,
    detectors: Sequence[Detector],
    *,
    classes: int,
    incident: Data | None = None,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Rankings:
    """Rank the training examples by every detector.

    The checkpoints are the outer loop, and each file is read once. Per checkpoint: one forward
    pass over the queries (with a backward pass if a detector needs their direction), and one pass
    over the training examples: forward, a Jacobian-vector product if a detector needs it, or
    forward and backward if one needs norms.

    Args:
        tracing: The run, its network and what to trace.
        train: The n training examples, in the run's order.
        queries: Trusted examples, or None.
        detectors: What to rank by.
        classes: How many classes.
        incident: Examples that are known to be predicted wrongly, with their true labels, or None.
        seed: For what is random.
        progress: Told how far it is.

    Raises:
        InputError: No detector can run, or `incident` is predicted as labelled.
        NotFiniteError: A loss, or in the end a score, is NaN or infinite.
    """
    chosen, left_out = _runnable(detectors, tracing, train, queries, incident)
    if not chosen:
        raise InputError(
            expected="a detector that can run",
            came="; ".join(f"{name} needs {why}" for name, why in left_out.items()),
            do="give --queries or choose another --detector",
        )
    state = _State(tracing, chosen, classes)
    for number, (checkpoint, rates) in enumerate(tracing.checkpoints(), start=1):
        where = f"checkpoint {number} of {len(tracing.run.checkpoints)}"
        state.visit(checkpoint.file, rates)
        if queries is not None:
            state.see_queries(queries, functools.partial(progress, f"{where}: queries"))
        state.see_train(train, functools.partial(progress, f"{where}: examples"))
    state.look_back(train, queries, incident, functools.partial(progress, "layers: examples"))
    return state.rankings(len(tracing.run.checkpoints), seed, left_out)


class _State:
    """Sums over the checkpoints, and what the present checkpoint has told so far."""

    def __init__(self, tracing: Tracing, detectors: Sequence[Detector], classes: int) -> None:
        self.tracing = tracing
        self.detectors = detectors
        self.classes = classes
        self.needs = frozenset().union(*(detector.needs for detector in detectors))
        self.sums: dict[tuple[str, str], np.ndarray] = {}
        self.labels: dict[str, np.ndarray] = {}
        self.seconds: dict[str, float] = defaultdict(float)
        self.survey: Survey | None = None

    def visit(self, where: str, rates: dict[str, float]) -> None:
        """Begin a checkpoint."""
        self.where = where
        self.rates = rates
        self.directions: dict[Need, dict[str, Tensor]] = {}
        self.query_sum: LastLayerSum | None = None

    def see_queries(self, queries: Data, tell: Callable[[int, int], None]) -> None:
        """One pass over the queries: their comparison, their summed gradients."""
        if not self.needs & {Need.QUERIES, Need.COMPARISON}:
            return
        started = time.perf_counter()
        observed = Rows(count(queries), tell)

        def watch(batch: Batch, evaluation: Evaluation) -> None:
            seen = self._observe(batch, evaluation)
            if seen.last_layer is not None:
                part = seen.last_layer.sum()
                self.query_sum = part if self.query_sum is None else self.query_sum + part
            for detector in self.detectors:
                if Need.COMPARISON in detector.needs:
                    observed.put(detector.name, detector.observe(seen))
            observed.put("labels", batch.targets.unsqueeze(1))
            observed.advance(len(batch.inputs))

        batches = in_batches(queries, self.tracing.batch_size)
        if Need.DIRECTION in self.needs:
            gradient = summed_gradient(self.tracing.objective, batches, watch)
            self.directions[Need.DIRECTION] = scale(gradient, self.rates)
        else:
            for batch in batches:
                with torch.no_grad():
                    watch(batch, self.tracing.objective.evaluate(batch))
        if Need.UNIT_DIRECTION in self.needs:
            batches = in_batches(queries, self.tracing.batch_size)
            units = unit_sum(self.tracing.objective, batches)
            self.directions[Need.UNIT_DIRECTION] = scale(units, self.rates)
        self._add("queries", observed)
        elapsed = time.perf_counter() - started
        for detector in self.detectors:
            if detector.needs & {Need.QUERIES, Need.COMPARISON}:
                self.seconds[detector.name] += elapsed

    def see_train(self, train: Data, tell: Callable[[int, int], None]) -> None:
        """One pass over the training examples."""
        observed = Rows(count(train), tell)
        for batch in in_batches(train, self.tracing.batch_size):
            started = time.perf_counter()
            seen = self._look(batch)
            passes = time.perf_counter() - started
            for detector in self.detectors:
                began = time.perf_counter()
                observed.put(detector.name, detector.observe(seen))
                self.seconds[detector.name] += time.perf_counter() - began + passes
            observed.put("labels", batch.targets.unsqueeze(1))
            observed.advance(len(batch.inputs))
        self._add("train", observed)

    def look_back(
        self,
        train: Data,
        queries: Data | None,
        incident: Data | None,
        tell: Callable[[int, int], None],
    ) -> None:
        """The layers of the last checkpoint, if a detector looks at them."""
        if Need.LAYERS not in self.needs:
            return
        started = time.perf_counter()
        self.survey = survey(self.tracing, train, queries, incident, tell)
        for detector in self.detectors:
            if Need.LAYERS in detector.needs:
                self.seconds[detector.name] += time.perf_counter() - started

    def _look(self, batch: Batch) -> Observation:
        """The cheapest pass that shows what the detectors need."""
        objective = self.tracing.objective
        if self.needs & {Need.NORM, Need.UNIT_DIRECTION}:
            named = list(self.directions)
            found = measure(objective, batch, list(self.directions.values()), self.rates)
            along = dict(zip(named, found.along.unbind(dim=1), strict=True))
            renormalised = None
            if Need.UNIT_DIRECTION in along:
                length = found.square_norm.sqrt()
                renormalised = unless_zero(along[Need.UNIT_DIRECTION], length)
            return self._observe(
                batch,
                found,
                influence=along.get(Need.DIRECTION),
                renormalised=renormalised,
                square_norm=found.weighted_square_norm,
            )
        if Need.DIRECTION in self.directions:
            seen = directional(objective, batch, self.directions[Need.DIRECTION])
            return self._observe(batch, seen, influence=seen.derivatives)
        with torch.no_grad():
            return self._observe(batch, objective.evaluate(batch))

    def rankings(self, checkpoints: int, seed: int, left_out: Mapping[str, str]) -> Rankings:
        """Rank by every detector, once every checkpoint has been seen."""
        by_name: dict[str, Ranking] = {}
        for detector in self.detectors:
            started = time.perf_counter()
            ranking = detector.rank(
                Trace(
                    train=self.sums["train", detector.name],
                    labels=self.labels["train"],
                    queries=self.sums.get(("queries", detector.name)),
                    query_labels=self.labels.get("queries"),
                    classes=self.classes,
                    checkpoints=checkpoints,
                    seed=seed,
                    survey=self.survey,
                )
            )
            self.seconds[detector.name] += time.perf_counter() - started
            if not np.isfinite(ranking.scores).all():
                raise NotFiniteError(
                    expected=f"finite scores from {detector.name}",
                    came=f"{int((~np.isfinite(ranking.scores)).sum())} NaN or infinite",
                    do="check the run's losses, or leave the detector out",
                )
            by_name[detector.name] = ranking
        return Rankings(by_name, dict(self.seconds), left_out)

    def _observe(
        self, batch: Batch, evaluation: Evaluation, **further: Tensor | None
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
                self.tracing.objective, evaluation, batch.targets, self.rates
            )
        return Observation(
            labels=batch.targets,
            losses=evaluation.losses,
            outputs=evaluation.outputs,
            last_layer=factors,
            query_sum=self.query_sum,
            **further,
        )

    def _add(self, side: str, observed: Rows) -> None:
        self.labels[side] = observed.columns.pop("labels")[:, 0].astype(np.int64)
        for name, values in observed.columns.items():
            self.sums[side, name] = self.sums.get((side, name), 0.0) + values


def _runnable(
    detectors: Sequence[Detector],
    tracing: Tracing,
    train: Data,
    queries: Data | None,
    incident: Data | None,
) -> tuple[list[Detector], dict[str, str]]:
    missing = {Need.INCIDENT} if incident is None else set()
    if queries is None:
        missing |= {Need.QUERIES, Need.EVERY_CLASS}
    elif any(Need.EVERY_CLASS in each.needs for each in detectors) and not _has_every_class(
        train, queries
    ):
        missing.add(Need.EVERY_CLASS)
    if tracing.objective.head is None:
        missing.add(Need.HEAD)
    if not surveyed_layers(tracing.objective, train):
        missing.add(Need.LAYERS)
    if find_spec("cleanlab") is None:
        missing.add(Need.CLEANLAB)
    chosen, left_out = [], {}
    for detector in detectors:
        lacking = sorted(need.value for need in detector.needs & missing)
        if lacking:
            left_out[detector.name] = " and ".join(lacking)
        else:
            chosen.append(detector)
    return chosen, left_out


def _has_every_class(train: Data, queries: Data) -> bool:
    """Whether two trusted examples or more have each label of the training examples."""
    counts = np.bincount(identify(queries).labels)
    labels = np.unique(identify(train).labels)
    return bool(labels.max() < len(counts) and (counts[labels] >= 2).all())
