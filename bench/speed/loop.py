"""The yardsticks: an ordinary pass of training, and a plain loop of one backward pass per example.

The loop is the least that a user writes who needs every example's gradient. For Algorithm 1 it adds
the queries' gradients up first, so that it makes train + queries gradients, not their product.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.speed.case import Case, Pair
from bench.speed.method import Budget, Formula, Method

PASS_BATCH = 512
"""Examples per step of the ordinary pass: as many as our tracers take at once."""


def forward_backward() -> Method:
    """One ordinary pass over the training examples at each checkpoint: the unit of time."""
    return Method("one training pass", "torch", _forward_backward)


def loop_method(formula: Formula) -> Method:
    """A formula by one backward pass per example."""
    compute = {"sum": _sum, "self-influence": _self_influence, "pairs": _pairs}[formula]

    def gradients(case: Case, budget: Budget) -> int:
        train, queries = len(case.train[0]), len(case.queries[0])
        if formula == "self-influence":
            return train
        if formula == "sum":
            return train + queries
        return queries + train * -(-queries // budget.fits(case.parameters))

    return Method("loop of backward passes", "torch", compute, gradients)


def _forward_backward(case: Case, _: Budget) -> None:
    model, (inputs, targets) = copy.deepcopy(case.model), case.train
    if inputs.dim() == 4:
        # As our tracers lay images out, and the faster way here for an ordinary pass too.
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    for state, _rate in case.checkpoints:
        model.load_state_dict(state)
        for start in range(0, len(inputs), PASS_BATCH):
            rows = slice(start, start + PASS_BATCH)
            loss = F.cross_entropy(model(inputs[rows]), targets[rows], reduction="sum")
            torch.autograd.grad(loss, list(model.parameters()))


def _sum(case: Case, _: Budget) -> Tensor:
    scores = torch.zeros(len(case.train[0]), dtype=torch.float64)
    for state, rate in case.checkpoints:
        case.model.load_state_dict(state)
        total = [torch.zeros_like(parameter) for parameter in case.model.parameters()]
        for gradient in _gradients(case.model, case.queries):
            for whole, part in zip(total, gradient, strict=True):
                whole.add_(part)
        for row, gradient in enumerate(_gradients(case.model, case.train)):
            pairs = zip(gradient, total, strict=True)
            scores[row] += rate * sum(float((left * right).sum()) for left, right in pairs)
    return scores


def _self_influence(case: Case, _: Budget) -> Tensor:
    scores = torch.zeros(len(case.train[0]), dtype=torch.float64)
    for state, rate in case.checkpoints:
        case.model.load_state_dict(state)
        for row, gradient in enumerate(_gradients(case.model, case.train)):
            scores[row] += rate * sum(float(part.square().sum()) for part in gradient)
    return scores


def _pairs(case: Case, budget: Budget) -> Tensor:
    fits = budget.fits(case.parameters)
    inputs, targets = case.queries
    scores = torch.zeros(len(case.train[0]), len(inputs), dtype=torch.float64)
    for state, rate in case.checkpoints:
        case.model.load_state_dict(state)
        for start in range(0, len(inputs), fits):
            columns = slice(start, start + fits)
            chunk = (inputs[columns], targets[columns])
            right = torch.stack([_flat(g) for g in _gradients(case.model, chunk)])
            for row, gradient in enumerate(_gradients(case.model, case.train)):
                scores[row, columns] += rate * (right @ _flat(gradient)).double()
    return scores


def _gradients(model: nn.Module, data: Pair) -> Iterator[tuple[Tensor, ...]]:
    parameters = list(model.parameters())
    for row in range(len(data[0])):
        one = slice(row, row + 1)
        loss = F.cross_entropy(model(data[0][one]), data[1][one])
        yield torch.autograd.grad(loss, parameters)


def _flat(gradient: tuple[Tensor, ...]) -> Tensor:
    return torch.cat([part.flatten() for part in gradient])
