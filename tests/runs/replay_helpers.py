"""Trainings by loops as people write them, which keep every step's weights for themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from radiotracer.digested import digested
from radiotracer.runs import Run, record

N, CLASSES = 11, 3
Pair = tuple[Tensor, Tensor]
State = dict[str, Tensor]


class Network(nn.Module):
    """Convolution, batch normalisation, a tied layer called twice, a frozen part and a head."""

    def __init__(self, drop: float = 0.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(drop)
        self.mix = nn.Linear(4, 4)
        self.again = nn.Linear(4, 4)
        self.again.weight = self.mix.weight
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.head = nn.Linear(4, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = F.relu(self.norm(self.conv(inputs))).mean(dim=(2, 3))
        hidden = self.again(torch.tanh(self.mix(self.drop(hidden))))
        return self.head(torch.tanh(self.frozen(hidden)))


@dataclass
class Training:
    """A recorded training, and what its loop knows by itself."""

    run: Run
    model: nn.Module
    data: Pair
    before: list[State] = field(default_factory=list)
    after: list[State] = field(default_factory=list)
    rates: list[list[float]] = field(default_factory=list)


def make(drop: float = 0.0) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return Network(drop)


def draw(n: int = N) -> Pair:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 2, 6, 6, generator=generator), torch.arange(n) % CLASSES


def snapshot(model: nn.Module) -> State:
    return {name: value.clone() for name, value in model.state_dict().items()}


def two_groups(model: nn.Module) -> list[dict[str, Any]]:
    """Unequal rates and options; the frozen part is held as well."""
    first = [*model.conv.parameters(), *model.frozen.parameters(), *model.norm.parameters()]
    second = [*model.mix.parameters(), model.again.bias, *model.head.parameters()]
    return [{"params": first, "lr": 0.02}, {"params": second, "lr": 0.05, "weight_decay": 0.1}]


def nesterov(model: nn.Module) -> torch.optim.Optimizer:
    groups = two_groups(model)
    groups[0].update(momentum=0.5, nesterov=False, dampening=0.2)
    return torch.optim.SGD(groups, momentum=0.9, nesterov=True, weight_decay=1e-2)


def train_and_record(
    out: Path,
    model: nn.Module,
    optimizer_of: Callable[[nn.Module], torch.optim.Optimizer] = nesterov,
    *,
    epochs: int = 3,
    between: Callable[[nn.Module], object] = lambda _: None,
    data: Pair | None = None,
) -> Training:
    """Batches of 4 of 11 (the last of a pass is smaller), rates lowered at every step."""
    pair = draw() if data is None else data
    optimizer = optimizer_of(model)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    training = Training(None, model, pair)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        loader = DataLoader(TensorDataset(*pair), batch_size=4, shuffle=True)
        with record(out, model, optimizer, pair) as recording:
            model.train()
            for _ in range(epochs):
                for inputs, labels in recording.batches(loader):
                    training.before.append(snapshot(model))
                    training.rates.append([group["lr"] for group in optimizer.param_groups])
                    loss = F.cross_entropy(model(inputs), labels)
                    optimizer.zero_grad()
                    loss.backward()
                    between(model)
                    optimizer.step()
                    scheduler.step()
                    training.after.append(snapshot(model))
    training.run = Run.open(out)
    return training


def edit(run: Run, change: Callable[[dict[str, Any]], object]) -> Run:
    """The run with another run.json."""
    path = run.folder / "run.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(digested(content))
    return Run.open(run.folder)


def equal(left: State, right: State) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)
