"""TracInCP and self-influence of the last linear layer alone: one forward pass per checkpoint.

Pruthi et al. 2020, appendix F. Differs from the source in: the bias counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

from radiotracer.errors import InputError
from radiotracer.gradients import (
    Batch,
    Data,
    LastLayerGradients,
    count,
    last_layer_gradients,
    require_finite_losses,
)
from radiotracer.influence.tracing import Tracing, require_loss


def last_layer_pairs(tracing: Tracing, train: Data, queries: Data) -> Tensor:
    """``TracInCP(z_i, z'_j)`` of the last layer for every pair.

    Returns:
        float64, shape (n_train, n_queries); positive means a proponent of the query.

    Raises:
        InputError: The network's output is not a linear layer's output.
    """
    scores = torch.zeros(count(train), count(queries), dtype=torch.float64)
    for checkpoint, rates in tracing.checkpoints():
        column = 0
        rows = list(_gradients(tracing, tracing.held(train, checkpoint), rates, checkpoint.file))
        for right in _gradients(tracing, tracing.batches(queries), rates, checkpoint.file):
            columns = slice(column, column + len(right.errors))
            scores[:, columns] += torch.cat([left.inner(right) for left in rows])
            column = columns.stop
    return scores


def last_layer_sum(tracing: Tracing, train: Data, queries: Data) -> Tensor:
    """``sum_j TracInCP(z_i, z'_j)`` of the last layer over all queries.

    Returns:
        float64, shape (n_train,); positive means a proponent of the queries.
    """
    scores = torch.zeros(count(train), dtype=torch.float64)
    for checkpoint, rates in tracing.checkpoints():
        asked = _gradients(tracing, tracing.batches(queries), rates, checkpoint.file)
        sums = [part.sum() for part in asked]
        total = sums[0]
        for part in sums[1:]:
            total = total + part
        held = _gradients(tracing, tracing.held(train, checkpoint), rates, checkpoint.file)
        scores += torch.cat([part.inner_with_sum(total) for part in held])
    return scores


def last_layer_self_influence(tracing: Tracing, train: Data) -> Tensor:
    """Self-influence of the last layer: float64, shape (n_train,), never negative."""
    scores = torch.zeros(count(train), dtype=torch.float64)
    for checkpoint, rates in tracing.checkpoints():
        held = _gradients(tracing, tracing.held(train, checkpoint), rates, checkpoint.file)
        scores += torch.cat([part.square_norm() for part in held])
    return scores


def _gradients(
    tracing: Tracing, batches: Iterable[Batch], rates: Mapping[str, float], where: str
) -> Iterator[LastLayerGradients]:
    require_loss(tracing.objective.task)
    if tracing.objective.head is None:
        raise InputError(
            expected="a network whose output is a linear layer's output",
            came="one that ends otherwise",
            do="use a formula over all layers instead",
        )
    for batch in batches:
        with torch.no_grad():
            evaluation = tracing.objective.evaluate(batch)
        require_finite_losses(evaluation.losses, where=where)
        yield last_layer_gradients(tracing.objective, evaluation, batch.targets, rates).cpu()
