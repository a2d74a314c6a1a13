"""TracInCP from random projections, and how far it is from the exact one.

    TracInCP(z, z') ~ sum_c <phi_c(z), phi_c(z')>

with `radiotracer.gradients.project` for phi_c at checkpoint c; each feature carries the root of the
learning rate. The estimate is unbiased; its error is measured, not bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from radiotracer.gradients import Batch, Data, Objective, ProjectionConfig, count, project
from radiotracer.influence.top import strongest
from radiotracer.influence.tracin_cp import tracin_cp_pairs
from radiotracer.influence.tracing import Tracing, require_finite_scores

COMPARED = 10
"""Proponents per query whose agreement is measured."""


class ProjectionError(BaseModel):
    """How far projected scores are from exact ones, over all pairs of a sample.

    Args:
        examples: Training examples in the sample.
        queries: Queries in the sample.
        relative_rms: Root mean square error over the root mean square of the exact scores; None
            where all of these are zero.
        pearson: Linear correlation with the exact scores; None where either are constant.
        spearman: The same of the ranks.
        overlap: Share of each query's `compared` strongest exact proponents that are among its
            `compared` strongest projected ones, averaged over the queries.
        compared: Up to 10; as many as there are examples, if fewer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    examples: int
    queries: int
    relative_rms: float | None
    pearson: float | None
    spearman: float | None
    overlap: float
    compared: int

    def __str__(self) -> str:
        """One sentence for people."""
        return (
            f"On {self.examples} examples and {self.queries} queries, projected scores differ "
            f"from exact ones by {_percent(self.relative_rms)} (root mean square), correlate with "
            f"them at {_number(self.pearson)} (Pearson) and {_number(self.spearman)} (Spearman), "
            f"and share {self.overlap:.0%} of the {self.compared} strongest proponents."
        )


def measure_error(
    tracing: Tracing, projection: ProjectionConfig, train: Data, queries: Data
) -> ProjectionError:
    """Compare projected with exact scores.

    Args:
        tracing: The run and its network.
        projection: Dimension and seed; of a store, ``store.info.projection``.
        train: A sample of training examples, few enough for exact scores.
        queries: A sample of queries.

    Raises:
        NotFiniteError: A feature or a score is NaN or infinite.
    """
    exact = tracin_cp_pairs(tracing, train, queries)
    found = torch.zeros_like(exact)
    for checkpoint, rates in tracing.checkpoints():
        left, right = (
            torch.cat(list(features_of(side, batches, projection, rates, where=checkpoint.file)))
            for side, batches in (
                (tracing.objective, tracing.batches(train)),
                (tracing.asked, tracing.batches(queries)),
            )
        )
        found += left.double() @ right.double().T
    k = min(COMPARED, count(train))
    best, true = strongest([found], k).rows, strongest([exact], k).rows
    shared = (best.unsqueeze(2) == true.unsqueeze(1)).sum() / true.numel()
    scale = exact.norm()
    return ProjectionError(
        examples=count(train),
        queries=count(queries),
        relative_rms=float((found - exact).norm() / scale) if scale else None,
        pearson=_correlation(found.flatten(), exact.flatten()),
        spearman=_correlation(_ranks(found.flatten()), _ranks(exact.flatten())),
        overlap=float(shared),
        compared=k,
    )


def features_of(
    objective: Objective,
    batches: Iterable[Batch],
    projection: ProjectionConfig,
    rates: Mapping[str, float],
    *,
    where: str,
) -> Iterator[Tensor]:
    """Features at the loaded checkpoint, float32, batch by batch: shape (rows, columns).

    Raises:
        NotFiniteError: One is NaN or infinite, in single precision.
    """
    for batch in batches:
        features = project(objective, batch, projection, rates).float().cpu()
        require_finite_scores(features, where=where)
        yield features


def _correlation(left: Tensor, right: Tensor) -> float | None:
    left, right = left - left.mean(), right - right.mean()
    scale = left.norm() * right.norm()
    return float(left @ right / scale) if scale else None


def _ranks(values: Tensor) -> Tensor:
    """Ranks from 0, float64; equal values share the mean of theirs."""
    _, which, sizes = values.unique(return_inverse=True, return_counts=True)
    sizes = sizes.double()
    ranks: Tensor = sizes.cumsum(0) - (sizes + 1) / 2
    return ranks[which]


def _percent(value: float | None) -> str:
    return "an undefined share" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "an undefined value" if value is None else f"{value:.3f}"
