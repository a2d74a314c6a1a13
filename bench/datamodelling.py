"""How well influence says what a network does without some examples: datamodelling scores.

    python -m bench datamodelling [--data mnist] [--seeds 0 1 2 3 4] [--subsets 80] [--repeats 3]

A small perceptron is trained on 600 examples along a cosine schedule, by SGD and by Adam, with a
checkpoint every second epoch of eight. A scores' prediction for a random half of the examples is
their sum over it; the score is the rank correlation with the losses (less loss where more was
predicted) of networks that are trained on those halves, over the halves, and its mean over 60 test
images (Park et al. 2023, arXiv:2303.14186, definition 2.2). Printed for two weights of a
checkpoint: the learning rate of its last step, and the sum of the rates of its steps.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn import functional as F

from bench.tables import head, row
from radiotracer.data import open_data
from radiotracer.influence import Tracer
from radiotracer.runs import Checkpoint, Recording, Run, record

EXAMPLES, QUERIES, EPOCHS, BATCH, WIDTH, EVERY = 600, 60, 8, 20, 32, 2
OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    "Adam": lambda parameters: torch.optim.Adam(parameters, lr=2e-3),
}

WEIGHTS: dict[str, Callable[[Checkpoint], float]] = {
    "last rate": lambda checkpoint: checkpoint.learning_rates[0],
    "summed rates": lambda checkpoint: (checkpoint.rate_sums or (0.0,))[0],
}

Pair = tuple[Tensor, Tensor]


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 10))


def train(
    model: nn.Module,
    pair: Pair,
    optimizer: torch.optim.Optimizer,
    recording: Recording | None = None,
) -> None:
    steps = EPOCHS * -(-len(pair[1]) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(pair[1])).split(BATCH):
            if recording is not None:
                recording.batch(rows)
            optimizer.zero_grad()
            F.cross_entropy(model(pair[0][rows]), pair[1][rows]).backward()
            optimizer.step()
            schedule.step()
        if recording is not None:
            recording.end_pass()


def drawn(data: str, seed: int) -> tuple[Pair, Pair]:
    random = np.random.default_rng(seed)

    def some(source: str, count: int) -> Pair:
        every = open_data(source)
        part = every.take(random.choice(len(every), count, replace=False))
        inputs = part.modality.inputs(part.content, slice(0, count))
        assert isinstance(inputs, Tensor)
        return inputs, torch.from_numpy(part.labels)

    return some(data, EXAMPLES), some(f"{data}:test", QUERIES)


def losses_of_halves(
    train_pair: Pair, queries: Pair, kind: str, halves: NDArray[np.bool_], repeats: int
) -> NDArray[np.float64]:
    """Mean loss of each query by networks trained on each half, shape (halves, queries)."""
    found = np.zeros((len(halves), len(queries[1])))
    for number, half in enumerate(halves):
        rows = torch.from_numpy(np.flatnonzero(half))
        for repeat in range(repeats):
            model = network(1000 * repeat + number)
            part = train_pair[0][rows], train_pair[1][rows]
            train(model, part, OPTIMISERS[kind](model.parameters()))
            with torch.no_grad():
                loss = F.cross_entropy(model(queries[0]), queries[1], reduction="none")
            found[number] += loss.double().numpy() / repeats
    return found


def main(
    *,
    data: str = "mnist",
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4),
    subsets: int = 80,
    repeats: int = 3,
) -> None:
    """Print the table.

    Args:
        data: A built-in data set of 28 x 28 pixels.
        seeds: Of the examples, the halves and the networks.
        subsets: Halves of the examples.
        repeats: Networks per half.
    """
    print(head(("optimiser", "seed", "first / last weight", *WEIGHTS)))
    for kind in OPTIMISERS:
        for seed in seeds:
            found = judged(kind, drawn(data, seed), seed, subsets, repeats)
            print(row((kind, seed, *found)), flush=True)


def judged(
    kind: str, sides: tuple[Pair, Pair], seed: int, subsets: int, repeats: int
) -> tuple[str, ...]:
    """First over last weight by either, and the two scores."""
    pair, queries = sides
    random = np.random.default_rng([seed, 1])
    halves = np.zeros((subsets, EXAMPLES), dtype=bool)
    for half in halves:
        half[random.choice(EXAMPLES, EXAMPLES // 2, replace=False)] = True
    losses = losses_of_halves(pair, queries, kind, halves, repeats)
    model, found = network(seed), []
    with tempfile.TemporaryDirectory() as folder:
        optimizer = OPTIMISERS[kind](model.parameters())
        out = Path(folder) / "run"
        with record(out, model, optimizer, pair, checkpoint_every=EVERY) as recording:
            train(model, pair, optimizer, recording)
        run = Run.open(out)
        states = [run.weights(each) for each in run.checkpoints]
        weights = [[of(each) for each in run.checkpoints] for of in WEIGHTS.values()]
        for each in weights:
            tracer = Tracer(model, Run.from_checkpoints(states, each, data=pair))
            predicted = halves @ tracer.influence(pair, queries).numpy()
            ranks = [spearmanr(predicted[:, q], -losses[:, q]).statistic for q in range(QUERIES)]
            found.append(f"{np.mean(ranks):.3f}")
    return " and ".join(f"{each[0] / each[-1]:.1f}" for each in weights), *found
