"""A data set whose inputs are their own row numbers, and a loop over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from radiotracer.runs import Run, record

N = 12


class Rows(Dataset[tuple[Tensor, int]]):
    def __init__(self, n: int = N) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        if not 0 <= row < self.n:
            raise IndexError(row)
        return torch.tensor([float(row), 1.0]), row % 3


class BatchedRows(Rows):
    """Takes a list of rows at once, for loaders without automatic batching."""

    def __getitem__(self, row: Any) -> tuple[Tensor, Any]:
        if isinstance(row, int):
            return super().__getitem__(row)
        rows = torch.as_tensor(row)
        return torch.stack([rows.float(), torch.ones(len(rows))], dim=1), rows % 3


def network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))


def sgd(model: nn.Module, lr: float = 0.1) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), lr=lr)


def step(model: nn.Module, optimizer: torch.optim.Optimizer, inputs: Tensor, labels: Any) -> None:
    optimizer.zero_grad()
    F.cross_entropy(model(inputs), labels).backward()
    optimizer.step()


def seen_rows(inputs: Tensor) -> list[int]:
    return [int(row) for row in inputs[:, 0].tolist()]


def recorded(run: Run) -> list[list[int]]:
    return run.steps()["batch"].to_pylist()


def small_run(out: Path, *, steps: int = 3, checkpoint_every: int = 1, **options: Any) -> Run:
    """A run of a few steps on fixed batches, checkpointed by hand."""
    model = network()
    optimizer = sgd(model)
    data = Rows()
    with record(out, model, optimizer, data, checkpoint_every=0, **options) as recording:
        for number in range(1, steps + 1):
            rows = [number % N, (2 * number) % N, (3 * number) % N]
            recording.batch(rows)
            inputs = torch.stack([data[row][0] for row in rows])
            step(model, optimizer, inputs, torch.tensor([row % 3 for row in rows]))
            if number % checkpoint_every == 0:
                recording.checkpoint()
    return Run.open(out)


def files_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
