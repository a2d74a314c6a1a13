"""A tiny case for the speed comparison: the run that all tests share, and float64 brute force."""

from __future__ import annotations

import copy
from collections.abc import Collection

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.speed import Case, case_of
from radiotracer.data.modalities.images import to_inputs
from tiny_world import World


def tiny_case(world: World, *, train: int = 10, queries: int = 7) -> Case:
    def tensors(examples: object, count: int) -> tuple[Tensor, Tensor]:
        return to_inputs(examples.content[:count]), torch.from_numpy(examples.labels[:count])

    return case_of(
        world.run,
        copy.deepcopy(world.model),
        tensors(world.tampered, train),
        tensors(world.queries, queries),
    )


def brute_force(case: Case, *, without: Collection[str] = ()) -> Tensor:
    """TracInCP of every pair, one backward pass per example, in float64."""
    model = copy.deepcopy(case.model).double()
    traced = [p for name, p in model.named_parameters() if name not in without]

    def gradients(inputs: Tensor, targets: Tensor) -> Tensor:
        rows = []
        for row in range(len(inputs)):
            loss = F.cross_entropy(model(inputs[row : row + 1].double()), targets[row : row + 1])
            parts = torch.autograd.grad(loss, traced)
            rows.append(torch.cat([part.flatten() for part in parts]))
        return torch.stack(rows)

    scores = torch.zeros(len(case.train[0]), len(case.queries[0]), dtype=torch.float64)
    for state, rate in case.checkpoints:
        model.load_state_dict(state)
        scores += rate * gradients(*case.train) @ gradients(*case.queries).T
    return scores


def of_formula(formula: str, case: Case, *, without: Collection[str] = ()) -> Tensor:
    if formula == "self-influence":
        both = Case(case.run, case.model, case.checkpoints, case.train, case.train)
        return brute_force(both, without=without).diagonal()
    scores = brute_force(case, without=without)
    return scores.sum(dim=1) if formula == "sum" else scores
