"""GAS: renormalised influence over recorded checkpoints (Hammoudeh and Lowd 2022, section 4).

    GAS(z, z') = sum_c eta_c <g_c(z), g_c(z')> / (||g_c(z)|| ||g_c(z')||)

with ``g_c(z) = grad l(w_c, z)``, and of a query the gradient of what is asked. TracInCP lets a few
examples with large gradients lead every list; here every example counts by its direction alone.

Differs from the source in: checkpoints in place of every step; eta_c may differ between parameter
groups, and then weighs each parameter's part of the inner product (the norms are plain); a gradient
that is zero has no direction and adds 0. Renormalisation is for influence on others: of an example
on itself it is the sum of the learning rates, and says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from radiotracer.gradients import (
    Batch,
    Data,
    Objective,
    count,
    measure,
    require_finite_losses,
    square_norm,
    summed_gradient,
)
from radiotracer.influence.pairs import products_with, query_blocks, square_norms
from radiotracer.influence.tracin_cp import scale
from radiotracer.influence.tracing import Tracing, require_finite_scores


def gas_pairs(tracing: Tracing, train: Data, queries: Data) -> Tensor:
    """``GAS(z_i, z'_j)`` for every pair.

    Returns:
        float64, shape (n_train, n_queries), between minus and plus the sum of the learning rates;
        positive means a proponent of the query.
    """
    objective, m = tracing.objective, count(queries)
    plain = dict.fromkeys(objective.traced, 1.0)
    scores = torch.zeros(count(train), m, dtype=torch.float64)
    for checkpoint, rates in tracing.checkpoints():
        norms = square_norms(objective, tracing.batches(train), plain).sqrt()
        for columns, kept in query_blocks(tracing, queries):
            held = tracing.held(train, checkpoint, done=columns.start, times=kept.count, of=m)
            products = products_with(objective, held, kept, rates)
            lengths = norms.outer(kept.square_norm(plain).cpu().sqrt())
            scores[:, columns] += unless_zero(products, lengths)
        require_finite_scores(scores, where=checkpoint.file)
    return scores


def gas_sum(tracing: Tracing, train: Data, queries: Data) -> Tensor:
    """``sum_j GAS(z_i, z'_j)`` over all queries, without a gradient for each pair.

    Per checkpoint two passes over the queries and one over the training examples.

    Returns:
        float64, shape (n_train,); positive means a proponent of the queries.
    """
    scores = torch.zeros(count(train), dtype=torch.float64)
    for checkpoint, rates in tracing.checkpoints():
        direction = scale(unit_sum(tracing.asked, tracing.batches(queries)), rates)
        start = 0
        for batch in tracing.held(train, checkpoint):
            found = measure(tracing.objective, batch, [direction])
            require_finite_losses(found.losses, where=checkpoint.file)
            rows = slice(start, start + len(batch))
            scores[rows] += unless_zero(found.along[:, 0], found.square_norm.sqrt()).cpu()
            start = rows.stop
        require_finite_scores(scores, where=checkpoint.file)
    return scores


def unit_sum(objective: Objective, batches: Iterable[Batch]) -> dict[str, Tensor]:
    """``sum_j g_j / ||g_j||``: per batch one pass for the norms, and one for the weighted sum."""
    plain = dict.fromkeys(objective.traced, 1.0)
    total: dict[str, Tensor] = {}
    for batch in batches:
        norms = square_norm(objective, batch, plain).sqrt()
        weights = unless_zero(torch.ones_like(norms), norms)
        for name, part in summed_gradient(objective, [batch], weights=weights).items():
            total[name] = total[name] + part if name in total else part
    return total


def unless_zero(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The quotient; 0 where the denominator is 0."""
    return torch.where(denominator == 0, 0.0, numerator / denominator)
