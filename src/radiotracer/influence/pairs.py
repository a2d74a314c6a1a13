"""Inner products of many examples' gradients with many queries', block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

from radiotracer.gradients import Batch, Data, Kept, Objective, in_batches, inner, keep, square_norm
from radiotracer.influence.tracing import Tracing

KEPT = 2**28
"""Numbers that the queries' kept gradients may hold at once: 1 GiB in single precision."""


def query_blocks(tracing: Tracing, queries: Data) -> Iterator[tuple[slice, Kept]]:
    """The queries' gradients at the loaded checkpoint, as many at a time as memory allows.

    Args:
        tracing: The run and its network, at some checkpoint.
        queries: m examples.

    Yields:
        Columns, from 0 to m, and what is kept of these queries.
    """
    asked = tracing.asked
    one = keep(asked, next(in_batches(queries, 1, device=asked.device)))
    size = max(1, min(tracing.batch_size, KEPT // max(1, one.numbers)))
    start = 0
    for batch in in_batches(queries, size, device=asked.device):
        kept = keep(asked, batch)
        yield slice(start, start + kept.count), kept
        start += kept.count


def products_with(
    objective: Objective, batches: Iterable[Batch], kept: Kept, rates: Mapping[str, float]
) -> Tensor:
    """``sum_p w_p <g_i^p, q_j^p>`` with every kept query, shape (n_train, kept), on the CPU."""
    return torch.cat([inner(objective, batch, kept, rates).cpu() for batch in batches])


def square_norms(
    objective: Objective, batches: Iterable[Batch], rates: Mapping[str, float]
) -> Tensor:
    """``sum_p w_p ||g_i^p||^2`` of every example, shape (n,), on the CPU."""
    return torch.cat([square_norm(objective, batch, rates).cpu() for batch in batches])
