"""TracInCP: influence over recorded checkpoints (Pruthi et al. 2020, section 3.3).

    TracInCP(z, z') = sum_c eta_c <grad l(w_c, z), grad l(w_c, z')>

Differs from the source in: eta_c may differ between parameter groups, and then weighs each
parameter's part of the inner product; parameters that the optimiser did not train do not count.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from radiotracer.gradients import (
    DENSE_BATCH,
    Data,
    Parameters,
    count,
    directional,
    in_batches,
    per_example_gradients,
    require_finite_losses,
    summed_gradient,
    weighted_inner,
)
from radiotracer.influence.tracing import Tracing, require_finite_scores


def tracin_cp_sum(tracing: Tracing, train: Data, queries: Data) -> Tensor:
    """``sum_j TracInCP(z_i, z'_j)`` over all queries: the sum in Algorithm 1 of the source.

    One backward pass over the queries and one Jacobian-vector product over the training examples
    per checkpoint: O(train + queries) work where the double loop takes O(train x queries).

    Returns:
        float64, shape (n_train,); positive means a proponent of the queries.
    """
    scores = torch.zeros(count(train), dtype=torch.float64)
    for checkpoint, rates in tracing.checkpoints():
        gradient = summed_gradient(tracing.objective, in_batches(queries, tracing.batch_size))
        direction = scale(gradient, rates)
        start = 0
        for batch in in_batches(train, tracing.batch_size):
            found = directional(tracing.objective, batch, direction)
            require_finite_losses(found.losses, where=checkpoint.file)
            scores[start : start + len(batch.inputs)] += found.derivatives.double()
            start += len(batch.inputs)
        require_finite_scores(scores, where=checkpoint.file)
    return scores


def tracin_cp_pairs(tracing: Tracing, train: Data, queries: Data) -> Tensor:
    """``TracInCP(z_i, z'_j)`` for every pair, from dense per-example gradients.

    Exact and slow (about 50 forward passes for each example and query): for small sets.

    Returns:
        float64, shape (n_train, n_queries); positive means a proponent of the query.
    """
    scores = torch.zeros(count(train), count(queries), dtype=torch.float64)
    size = min(tracing.batch_size, DENSE_BATCH)
    for checkpoint, rates in tracing.checkpoints():
        column = 0
        for query_batch in in_batches(queries, size):
            right = per_example_gradients(tracing.objective, query_batch)
            columns = slice(column, column + len(query_batch.inputs))
            row = 0
            for batch in in_batches(train, size):
                left = per_example_gradients(tracing.objective, batch)
                rows = slice(row, row + len(batch.inputs))
                scores[rows, columns] += weighted_inner(left, right, rates)
                row = rows.stop
            column = columns.stop
        require_finite_scores(scores, where=checkpoint.file)
    return scores


def scale(gradient: Parameters, rates: Mapping[str, float]) -> dict[str, Tensor]:
    """Each parameter's part of a gradient times its learning rate."""
    return {name: rates[name] * part for name, part in gradient.items()}
