"""What every training script here shares: it is recorded, and traced against an ordinary loop.

A script is a function that gives a `Script`; adding one is writing that function and naming it in a
`SCRIPTS` of a test file.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

import radiotracer

N = 24


@dataclass
class Script:
    """One training, as somebody might have written it.

    Args:
        model: The network.
        loader: What the loop iterates over.
        loss: One loss per example of what the network gives, shape (n,).
        data: What is recorded and traced; None is the loader.
        step: From network and batch to the outputs and the targets of the loop.
        alone: The loader whose items the network is shown; None is `loader`.
        rows: For loops whose order no sampler tells: the rows of each batch.
    """

    model: nn.Module
    loader: Any
    loss: Callable[[Any, Any], Tensor]
    data: Any = None
    step: Callable[[nn.Module, Any], tuple[Any, Any]] = lambda model, batch: (
        model(*batch[:-1]),
        batch[-1],
    )
    alone: Any = None
    rows: list[list[int]] | None = None
    optimizer: Callable[..., torch.optim.Optimizer] = field(default=torch.optim.SGD)

    @property
    def examples(self) -> Any:
        """What is recorded."""
        return self.loader if self.data is None else self.data


def record(script: Script, folder: Path) -> radiotracer.Run:
    """Two passes over the data, recorded as the manual says."""
    optimizer = script.optimizer(script.model.parameters(), lr=0.05)
    with radiotracer.record(folder, script.model, optimizer, script.examples) as recording:
        for _ in range(2):
            watched = script.rows is None
            batches = recording.batches(script.loader) if watched else script.loader
            for number, batch in enumerate(batches):
                if script.rows is not None:
                    recording.batch(script.rows[number])
                outputs, targets = script.step(script.model, batch)
                optimizer.zero_grad()
                script.loss(outputs, targets).mean().backward()
                optimizer.step()
            if script.rows is not None:
                recording.end_pass()
    return radiotracer.Run.open(folder)


def require_exact(script: Script, run: radiotracer.Run) -> None:
    """Self-influence and influence are those of a loop in double precision."""
    tracer = radiotracer.Tracer(script.model, run, loss=script.loss, batch_size=5)
    own = tracer.self_influence(script.examples)
    pairs = tracer.influence(script.examples, script.examples)
    summed = tracer.influence(script.examples, script.examples, reduce="sum")
    expected = brute_force(script, run)
    scale = expected.abs().max()
    assert expected.diagonal().min() >= 0 and scale > 0
    # Networks and checkpoints are in single precision.
    assert (pairs - expected).abs().max() < 2e-4 * scale
    assert (own - expected.diagonal()).abs().max() < 2e-4 * scale
    assert (summed - expected.sum(dim=1)).abs().max() < 2e-4 * len(own) * scale


def brute_force(script: Script, run: radiotracer.Run) -> Tensor:
    """``sum_c rate <g_i, g_j>`` by one backward pass per example, float64, shape (n, n)."""
    alone = script.loader if script.alone is None else script.alone
    rows = range(len(alone.dataset))
    singles = [double(alone.collate_fn([alone.dataset[row]])) for row in rows]
    model = copy.deepcopy(script.model).double().eval()
    total = torch.zeros(len(rows), len(rows), dtype=torch.float64)
    for checkpoint in run.checkpoints:
        model.load_state_dict(run.weights(checkpoint))
        rates = run.summed_rates(checkpoint)
        gradients = []
        for batch in singles:
            model.zero_grad()
            outputs, targets = script.step(model, batch)
            script.loss(outputs, targets).sum().backward()
            gradients.append(
                torch.cat(
                    [
                        (p.grad if p.grad is not None else torch.zeros_like(p)).flatten()
                        * rates.get(name, 0.0) ** 0.5
                        for name, p in model.named_parameters()
                    ]
                )
            )
        stacked = torch.stack(gradients)
        total += stacked @ stacked.T
    return total


def double(batch: Any) -> Any:
    """Floating-point tensors in double precision, wherever they are in a batch."""
    if isinstance(batch, str):
        return batch
    if isinstance(batch, Tensor):
        return batch.double() if batch.is_floating_point() else batch
    if isinstance(batch, Mapping):
        return {name: double(part) for name, part in batch.items()}
    return tuple(double(part) for part in batch)


def net(inputs: int, outputs: int) -> nn.Sequential:
    """A small network, the same every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(inputs, 6), nn.Tanh(), nn.Linear(6, outputs))


def made(build: Callable[[], nn.Module]) -> nn.Module:
    """A network with the same weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build()


def draw(*shape: int, seed: int = 1) -> Tensor:
    """Normal numbers, the same every time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def choose(high: int, *shape: int, seed: int = 2) -> Tensor:
    """Integers below `high`, the same every time."""
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(seed))


def loader(data: Any, **options: Any) -> DataLoader[Any]:
    """Batches of five, shuffled."""
    order = {} if {"sampler", "batch_sampler"} & options.keys() else {"shuffle": True}
    size = {} if "batch_sampler" in options else {"batch_size": 5}
    generator = torch.Generator().manual_seed(3)
    return DataLoader(data, generator=generator, **{**size, **order, **options})


def per_example(losses: Tensor) -> Tensor:
    """The mean of each example's own losses, shape (n,)."""
    return losses.reshape(len(losses), -1).mean(dim=1)


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Also of maps and sequences, with the classes on axis 1."""
    return per_example(F.cross_entropy(outputs, targets, reduction="none"))


class Items(Dataset[Any]):
    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, row: int) -> Any:
        return self.items[row]


def items(*columns: Any, **named: Any) -> Items:
    if named:
        return Items([{k: v[i] for k, v in named.items()} for i in range(N)])
    return Items([tuple(column[i] for column in columns) for i in range(N)])
