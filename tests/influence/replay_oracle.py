"""Trainings whose loop keeps every step's weights, and the replay formulas by plain loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from influence_helpers import QUERIES, Network, Pair, draw, gradients_of
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.runs import Run, record

N = 10
BATCHES = ([0, 1, 2, 3], [4, 5, 5, 6], [8, 7])
"""Row 5 twice in a batch, a smaller last batch, and row 9 never."""

GROUPS = (
    (("conv.weight", "norm.weight", "norm.bias", "head.weight"), 0.3),
    (("conv.bias", "head.bias"), 0.07),
)
State = dict[str, Tensor]


@dataclass
class Watched:
    """A recorded training; `states` holds the weights before each step, and the final ones."""

    model: nn.Module
    train: Pair
    queries: Pair
    batches: list[list[int]]
    rates: list[dict[str, float]] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    run: Run | None = None


def fresh(drop: float = 0.0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        model = Network().double()
    model.drop.p = drop
    return model


def watch_training(
    out: Path,
    batches: Sequence[list[int]] = BATCHES,
    *,
    passes: int = 2,
    drop: float = 0.0,
    momentum: float = 0.5,
    factor: float = 1.0,
) -> Watched:
    """Momentum, weight decay in one group, unequal rates, lowered at every step."""
    model = fresh(drop).train()
    found = Watched(model, draw(N, seed=1), draw(QUERIES, seed=2), [*batches] * passes)
    named = dict(model.named_parameters())
    optimizer = torch.optim.SGD(
        [{"params": [named[n] for n in names], "lr": factor * rate} for names, rate in GROUPS],
        momentum=momentum,
        weight_decay=0.01 if momentum else 0.0,
    )
    inputs, labels = found.train
    with record(out, model, optimizer, found.train, checkpoint_every=0) as recording:
        for number, rows in enumerate(found.batches):
            recording.batch(rows)
            found.states.append(_copied(model))
            found.rates.append({name: optimizer.param_groups[g]["lr"] for g, name in _members()})
            optimizer.zero_grad()
            F.cross_entropy(model(inputs[rows]), labels[rows]).backward()
            optimizer.step()
            for group in optimizer.param_groups:
                group["lr"] *= 0.8
            if number == 1:
                recording.checkpoint()
    found.states.append(_copied(model))
    found.run = Run.open(out)
    return found


def tracin(watched: Watched, only: str = "") -> Tensor:
    """For every step, every row of its batch and every query: one term of the source's sum."""
    model = fresh()
    scores = torch.zeros(N, QUERIES, dtype=torch.float64)
    for state, rows, rates in zip(watched.states, watched.batches, watched.rates, strict=False):
        model.load_state_dict(state)
        left = gradients_of(model, watched.train)
        right = gradients_of(model, watched.queries)
        for i in rows:
            for j in range(QUERIES):
                for name, rate in rates.items():
                    if name.startswith(only):
                        product = (left[i][name] * right[j][name]).sum()
                        scores[i, j] += rate / len(rows) * product
    return scores


def tracin_ideal(watched: Watched) -> Tensor:
    """The loss changes of the steps on each row, from the loop's own weights."""
    scores = torch.zeros(N, QUERIES, dtype=torch.float64)
    for number, (row,) in enumerate(watched.batches):
        before, after = (losses(watched, watched.states[number + k]) for k in (0, 1))
        scores[row] += before - after
    return scores


def one_by_one(watched: Watched) -> tuple[Tensor, State]:
    """Plain descent by hand on the recorded order, one example per step, in evaluation mode."""
    model = fresh().eval()
    model.load_state_dict(watched.states[0])
    scores = torch.zeros(N, QUERIES, dtype=torch.float64)
    for rows, rates in zip(watched.batches, watched.rates, strict=True):
        for row in rows:
            before = losses(watched, model.state_dict())
            (gradient,) = gradients_of(model, tuple(part[row : row + 1] for part in watched.train))
            for name, rate in rates.items():
                model.get_parameter(name).data -= rate / len(rows) * gradient[name]
            scores[row] += before - losses(watched, model.state_dict())
    return scores, model.state_dict()


def losses(watched: Watched, state: State) -> Tensor:
    """The loss of every query, one at a time, in evaluation mode."""
    model = fresh().eval()
    model.load_state_dict(state)
    inputs, labels = watched.queries
    with torch.no_grad():
        return torch.stack(
            [F.cross_entropy(model(inputs[j][None]), labels[j][None]) for j in range(QUERIES)]
        )


def _members() -> list[tuple[int, str]]:
    return [(number, name) for number, (names, _) in enumerate(GROUPS) for name in names]


def _copied(model: nn.Module) -> State:
    return {name: value.clone() for name, value in model.state_dict().items()}
