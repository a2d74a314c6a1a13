"""dattri's TracInAttributor on a case, without projection, in our sign and axis order.

Its scores are (training examples, queries) and their sign is ours. It projects gradients to 512
random dimensions unless the projector's settings are taken away after construction: passing None
leaves the projection on. The queries' gradients are computed again for every batch of training
examples, so the batch of training examples is as large as memory allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from bench.speed.case import Case, Pair
from bench.speed.method import Budget, Formula, Method

LARGEST_QUERY_BATCH = 16
"""Queries per batch; their gradients share the memory with those of the training examples."""

SHARE = 8
"""It differentiates in one flat vector of parameters, which takes minutes for a ResNet-18."""


def dattri_methods(formula: Formula) -> Sequence[Method]:
    """dattri's ways to compute a formula."""
    if formula == "self-influence":
        return (Method("TracInAttributor", "dattri", _self_influence, _train, share=SHARE),)
    if formula == "last-layer":
        return ()
    name = "TracInAttributor"
    if formula == "sum":
        return (Method(name + ", summed", "dattri", _sum, _repeated, share=SHARE),)
    return (Method(name, "dattri", _pairs, _repeated, share=SHARE),)


def _sum(case: Case, budget: Budget) -> Tensor:
    return _pairs(case, budget).sum(dim=1)


def _pairs(case: Case, budget: Budget) -> Tensor:
    train, queries = _sizes(case, budget)
    attributor = _attributor(case)
    with torch.no_grad():
        scores: Tensor = attributor.attribute(
            _batches(case.train, train), _batches(case.queries, queries)
        )
    return scores.double()


def _self_influence(case: Case, budget: Budget) -> Tensor:
    attributor = _attributor(case)
    with torch.no_grad():
        scores: Tensor = attributor.self_attribute(_batches(case.train, _sizes(case, budget)[1]))
    return scores.double()


def _attributor(case: Case) -> Any:
    from dattri.algorithm.tracin import TracInAttributor
    from dattri.task import AttributionTask

    def loss(parameters: dict[str, Tensor], data: tuple[Tensor, Tensor]) -> Tensor:
        inputs, target = data
        outputs = functional_call(case.model, parameters, (inputs.unsqueeze(0),))
        return F.cross_entropy(outputs, target.unsqueeze(0))

    task = AttributionTask(loss, case.model, [state for state, _ in case.checkpoints])
    rates = torch.tensor([rate for _, rate in case.checkpoints])
    attributor = TracInAttributor(task, weight_list=rates, normalized_grad=False)
    attributor.projector_kwargs = None
    return attributor


def _batches(data: Pair, size: int) -> DataLoader[tuple[Tensor, ...]]:
    return DataLoader(TensorDataset(*data), batch_size=size)


def _sizes(case: Case, budget: Budget) -> tuple[int, int]:
    """Training examples and queries per batch."""
    fits = budget.fits(case.parameters)
    queries = max(1, min(LARGEST_QUERY_BATCH, fits // 4))
    # The other half is for what differentiating in one flat vector of parameters holds besides.
    return min(len(case.train[0]), max(1, fits // 2)), queries


def _train(case: Case, _: Budget) -> int:
    return len(case.train[0])


def _repeated(case: Case, budget: Budget) -> int:
    train, queries = len(case.train[0]), len(case.queries[0])
    return train + queries * -(-train // _sizes(case, budget)[0])
