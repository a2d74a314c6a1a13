"""Influence between two numbers of examples, by one ordinary backward pass each."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from influence_helpers import Pair, Training
from safetensors.torch import load_file
from torch import Tensor, nn

from radiotracer.gradients import Batch, Task

Number = Callable[[nn.Module, Batch], Tensor]


def gradients(model: nn.Module, number: Number, pair: Pair) -> list[dict[str, Tensor]]:
    """One ordinary backward pass per example, alone."""
    model.eval()
    found = []
    for row in range(len(pair[0])):
        batch = Batch(pair[0][row : row + 1], pair[1][row : row + 1])
        model.zero_grad()
        number(model, batch).sum().backward()
        found.append(
            {
                n: torch.zeros_like(p) if p.grad is None else p.grad.clone()
                for n, p in model.named_parameters()
            }
        )
    return found


def by_loop(
    training: Training,
    task: Task,
    combine: Callable[[dict[str, Tensor], dict[str, Tensor], dict[str, float]], Tensor],
) -> Tensor:
    model = copy.deepcopy(training.model)
    total = torch.zeros(len(training.train[0]), len(training.queries[0]), dtype=torch.float64)
    files = sorted((training.run.folder / "checkpoints").iterdir())
    for file, rates in zip(files, training.rates, strict=True):
        model.load_state_dict(load_file(file))
        lefts = gradients(model, task.train_loss, training.train)
        rights = gradients(model, task.measurement, training.queries)
        for i, left in enumerate(lefts):
            for j, right in enumerate(rights):
                total[i, j] += combine(left, right, rates)
    return total


def inner(left: dict[str, Tensor], right: dict[str, Tensor], rates: dict[str, float]) -> Tensor:
    return sum((rate * (left[n] * right[n]).sum() for n, rate in rates.items()), torch.zeros(()))


def cosine(left: dict[str, Tensor], right: dict[str, Tensor], rates: dict[str, float]) -> Tensor:
    plain = dict.fromkeys(rates, 1.0)
    lengths = inner(left, left, plain).sqrt() * inner(right, right, plain).sqrt()
    return inner(left, right, rates) / lengths
