"""A short recorded training of the transformer, with another learning rate at each checkpoint."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from radiotracer.runs import Run, record

BATCH_SIZE = 64
PEAK = 0.02


def train_transformer(model: nn.Module, data: tuple[Tensor, Tensor], passes: int, out: Path) -> Run:
    """Train by stochastic gradient descent, the learning rate falling linearly, and record it."""
    shuffled = DataLoader(
        TensorDataset(*data),
        batch_size=BATCH_SIZE,
        shuffle=True,
        generator=torch.Generator().manual_seed(0),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=PEAK, momentum=0.9)
    steps = passes * len(shuffled)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / (steps + 1))
    model.train()
    with record(out, model, optimizer, data, seed=0, overwrite=True) as recording:
        for _ in range(passes):
            for inputs, labels in recording.batches(shuffled):
                loss = F.cross_entropy(model(inputs), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
    return Run.open(out)
