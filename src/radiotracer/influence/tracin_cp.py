"""TracInCP: influence over recorded checkpoints (Pruthi et al. 2020, section 3.3).

    TracInCP(z, z') = sum_c eta_c <grad l(w_c, z), grad m(w_c, z')>

with l the loss that was trained on and m what is asked of the query; in the source both are one.
Differs from the source in: eta_c may differ between parameter groups, and then weighs each
parameter's part of the inner product; parameters that the optimiser did not train do not count.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from radiotracer.gradients import (
    Data,
    Parameters,
    count,
    directional,
    require_finite_losses,
    summed_gradient,
)
from radiotracer.influence.pairs import products_with, query_blocks
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
        gradient = summed_gradient(tracing.asked, tracing.batches(queries))
        direction = scale(gradient, rates)
        start = 0
        for batch in tracing.held(train, checkpoint):
            found = directional(tracing.objective, batch, direction)
            require_finite_losses(found.losses, where=checkpoint.file)
            scores[start : start + len(batch)] += found.derivatives.cpu().double()
            start += len(batch)
        require_finite_scores(scores, where=checkpoint.file)
    return scores


def tracin_cp_pairs(tracing: Tracing, train: Data, queries: Data) -> Tensor:
    """``TracInCP(z_i, z'_j)`` for every pair, over all layers.

    Per checkpoint one forward and one backward pass over the queries, and one over the training
    examples for each block of queries; the gradients of single examples are never written out
    where their inner products can do without.

    Returns:
        float64, shape (n_train, n_queries); positive means a proponent of the query.
    """
    scores = torch.zeros(count(train), count(queries), dtype=torch.float64)
    for checkpoint, rates in tracing.checkpoints():
        for columns, kept in query_blocks(tracing, queries):
            held = tracing.held(
                train, checkpoint, done=columns.start, times=kept.count, of=scores.shape[1]
            )
            scores[:, columns] += products_with(tracing.objective, held, kept, rates)
        require_finite_scores(scores, where=checkpoint.file)
    return scores


def scale(gradient: Parameters, rates: Mapping[str, float]) -> dict[str, Tensor]:
    """Each parameter's part of a gradient times its learning rate."""
    return {name: rates[name] * part for name, part in gradient.items()}
