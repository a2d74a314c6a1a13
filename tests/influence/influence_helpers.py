"""Real recorded trainings, and influence along them the slow and certain way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from radiotracer.runs import Run, record

CLASSES = 3
TRAIN, QUERIES = 9, 5
Pair = tuple[Tensor, Tensor]


class Network(nn.Module):
    """Convolution, normalisation with running statistics, dropout, a frozen part and a head."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.3)
        self.frozen = nn.Linear(4, 4)
        self.head = nn.Linear(4, CLASSES, bias=bias)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = F.gelu(self.norm(self.conv(inputs))).mean(dim=(2, 3))
        return self.head(torch.tanh(self.frozen(self.drop(hidden))))


class Softmaxed(Network):
    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs).softmax(dim=1)


@dataclass
class Training:
    """A recorded training, and the rates of each epoch's steps, summed by its loop itself."""

    run: Run
    model: nn.Module
    train: Pair
    queries: Pair
    rates: list[dict[str, float]]


def draw(n: int, seed: int, dtype: torch.dtype = torch.float64) -> Pair:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, 1, 6, 6, generator=generator, dtype=dtype)
    return inputs, torch.randint(0, CLASSES, (n,), generator=generator)


def train_and_record(
    out: Path,
    model: nn.Module | None = None,
    *,
    epochs: int = 3,
    groups: tuple[tuple[tuple[str, ...], float], ...] = (
        (("conv.weight", "norm.weight", "norm.bias", "head.weight"), 0.3),
        (("conv.bias", "head.bias"), 0.07),
    ),
    train: Pair | None = None,
) -> Training:
    """Two groups at unlike rates, lowered after every step; what is in no group stays frozen."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = (model or Network()).double().train()
        pair = train or draw(TRAIN, seed=1)
        named = dict(model.named_parameters())
        optimizer = torch.optim.SGD(
            [
                {"params": [named[name] for name in names if name in named], "lr": rate}
                for names, rate in groups
            ],
            momentum=0.5,
        )
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        rates = []
        loader = DataLoader(TensorDataset(*pair), batch_size=4, shuffle=True)
        with record(out, model, optimizer, pair) as recording:
            for _ in range(epochs):
                sums: dict[str, float] = {}
                for inputs, labels in recording.batches(loader):
                    loss = F.cross_entropy(model(inputs), labels)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    for (names, _), group in zip(groups, optimizer.param_groups, strict=True):
                        for name in names:
                            if name in named:
                                sums[name] = sums.get(name, 0.0) + group["lr"]
                    scheduler.step()
                rates.append(sums)
    return Training(Run.open(out), model, pair, draw(QUERIES, seed=2), rates)


def gradients_of(model: nn.Module, pair: Pair) -> list[dict[str, Tensor]]:
    """One backward pass per example, each in a batch of one."""
    model.eval()
    found = []
    for i in range(len(pair[0])):
        model.zero_grad()
        F.cross_entropy(model(pair[0][i : i + 1]), pair[1][i : i + 1]).backward()
        found.append({name: p.grad.clone() for name, p in model.named_parameters()})
    return found


def double_loop(
    training: Training, left: Pair, right: Pair, only: str = "", model: nn.Module | None = None
) -> Tensor:
    """TracInCP for every pair, by definition, over the parameters whose names start with `only`."""
    model = model or type(training.model)().double()
    scores = torch.zeros(len(left[0]), len(right[0]), dtype=torch.float64)
    files = sorted((training.run.folder / "checkpoints").iterdir())
    for file, rates in zip(files, training.rates, strict=True):
        model.load_state_dict(load_file(file))
        lefts, rights = gradients_of(model, left), gradients_of(model, right)
        for i, a in enumerate(lefts):
            for j, b in enumerate(rights):
                for name, rate in rates.items():
                    if name.startswith(only):
                        scores[i, j] += rate * (a[name] * b[name]).sum()
    return scores
