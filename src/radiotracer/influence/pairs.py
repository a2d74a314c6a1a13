"""Inner products of many examples' gradients with many queries', block by block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from radiotracer.gradients import Data, Kept, Objective, in_batches, inner, keep, square_norm

KEPT = 2**28
"""Numbers that the queries' kept gradients may hold at once: 1 GiB in single precision."""


def query_blocks(
    objective: Objective, queries: Data, batch_size: int
) -> Iterator[tuple[slice, Kept]]:
    """The queries' gradients at the loaded checkpoint, as many at a time as memory allows.

    Args:
        objective: Network and loss at the loaded checkpoint.
        queries: m examples.
        batch_size: Examples per block at most.

    Yields:
        Columns, from 0 to m, and what is kept of these queries.
    """
    one = keep(objective, next(in_batches(queries, 1, device=objective.device)))
    size = max(1, min(batch_size, KEPT // max(1, one.numbers)))
    start = 0
    for batch in in_batches(queries, size, device=objective.device):
        kept = keep(objective, batch)
        yield slice(start, start + kept.count), kept
        start += kept.count


def products_with(
    objective: Objective, train: Data, kept: Kept, rates: Mapping[str, float], batch_size: int
) -> Tensor:
    """``sum_p w_p <g_i^p, q_j^p>`` with every kept query, shape (n_train, kept), on the CPU."""
    batches = in_batches(train, batch_size, device=objective.device)
    return torch.cat([inner(objective, batch, kept, rates).cpu() for batch in batches])


def square_norms(
    objective: Objective, data: Data, rates: Mapping[str, float], batch_size: int
) -> Tensor:
    """``sum_p w_p ||g_i^p||^2`` of every example, shape (n,), on the CPU."""
    batches = in_batches(data, batch_size, device=objective.device)
    return torch.cat([square_norm(objective, batch, rates).cpu() for batch in batches])
