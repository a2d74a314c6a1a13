"""What each engine costs in forward passes and memory; for peers see `python -m bench speed`.

    python -m bench engines [--only architectures] [--width 16] [--batch-size 512] [--pairs 15]

Prints, for networks of every family (`bench/architectures.py`), the CPU time of self-influence for
a batch in units of an ordinary forward and backward pass of the same batch, in the same memory
layout and with the same threads, and in units of a loop of backward passes of one example each.

Prints, for one checkpoint of a ResNet-18 on MNIST-sized images:

* time of a pass over training examples, in units of a plain forward pass of the same network, the
  same batch and the same memory layout (medians of paired runs with their quartiles): the
  Jacobian-vector product (Algorithm 1 of the source), norms, inner products with 100 queries, ten
  directions, an ordinary forward and backward pass, and what they replace: a loop of one backward
  pass per example, and vectorised per-example gradients;
* peak memory above the loaded network, each in a process of its own, in units of inference.

Data are random numbers: neither time nor memory depends on the pixels.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Annotated, Literal

import torch
from cyclopts import Parameter

from bench.architectures import ARCHITECTURES, CLASSES
from bench.tables import head, row
from bench.timing import MARK, cpu_seconds, frugal, high_water, seconds
from radiotracer.gradients import (
    Batch,
    Objective,
    directional,
    directional_many,
    inner,
    keep,
    per_example_gradients,
    plan_for,
    square_norm,
    summed_gradient,
)
from radiotracer.training.networks import ResNet18

Name = Literal["inference", "jvp", "norms", "backward"]

Part = Literal["architectures", "time", "memory"]

JOBS: dict[Name, str] = {
    "inference": "inference",
    "jvp": "Jacobian-vector product",
    "norms": "norms",
    "backward": "forward + backward",
}
"""What memory is measured of."""

MEMORY_BATCHES = 4
MEMORY_BATCH_SIZE = 4096
"""Large, so that activations and not the allocator's granularity are measured."""


def setting(width: int, batch_size: int) -> tuple[Objective, Batch, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    layout = torch.channels_last
    inputs = torch.rand(batch_size, 1, 28, 28).contiguous(memory_format=layout)
    batch = Batch(inputs, torch.randint(0, 10, (batch_size,)))
    model = ResNet18(1, 10, width)
    objective = Objective.of(model, example=inputs[:1], memory_format=layout)
    return objective, batch, summed_gradient(objective, [batch])


def forward(objective: Objective, batch: Batch) -> None:
    with torch.no_grad():
        objective.evaluate(batch)


def part_of(batch: Batch, start: int, stop: int) -> Batch:
    assert isinstance(batch.inputs, torch.Tensor)
    return Batch(batch.inputs[start:stop], batch.targets[start:stop])


def loop(objective: Objective, batch: Batch, examples: int) -> None:
    for one in range(examples):
        summed_gradient(objective, [part_of(batch, one, one + 1)])


def times(width: int, batch_size: int, pairs: int) -> None:
    objective, batch, direction = setting(width, batch_size)
    few = 32
    part = part_of(batch, 0, few)
    scale = batch_size / few
    rates = dict.fromkeys(objective.traced, 0.1)
    queries = keep(objective, part_of(batch, 0, 100))
    jobs: dict[str, tuple[Callable[[], object], float]] = {
        "Jacobian-vector product": (lambda: directional(objective, batch, direction), 1.0),
        "norms": (lambda: square_norm(objective, batch, rates), 1.0),
        "inner products with 100 queries": (
            lambda: inner(objective, batch, queries, rates),
            1.0,
        ),
        "ten directions": (lambda: directional_many(objective, batch, [direction] * 10), 1.0),
        "forward + backward": (lambda: summed_gradient(objective, [batch]), 1.0),
        f"loop of single backwards ({few} of {batch_size}, scaled)": (
            lambda: loop(objective, batch, few),
            scale,
        ),
        f"vmap(grad) ({few} of {batch_size}, scaled)": (
            lambda: per_example_gradients(objective, part),
            scale,
        ),
    }
    plain = lambda: forward(objective, batch)  # noqa: E731
    print(
        f"ResNet-18, width {width}, 28x28, batch {batch_size}, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}; one forward pass: {1e3 * seconds(plain):.0f} ms"
    )
    print("time, in forward passes (median of paired runs, quartiles)")
    for name, (job, factor) in jobs.items():
        job()
        ratios = [factor * seconds(job) / seconds(plain) for _ in range(pairs)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(f"  {name:<52}{middle:8.2f}   ({low:.2f} to {high:.2f})")


def architectures(pairs: int, few: int = 8) -> None:
    """A table: one row per architecture, medians of paired runs."""
    print(f"self-influence, {torch.get_num_threads()} threads, torch {torch.__version__}")
    titles = ("network", "parameters", "batch", "dense", "/ forward + backward", "/ loop of one")
    print(head(titles), flush=True)
    for name, build in ARCHITECTURES.items():
        torch.manual_seed(0)
        model, inputs = build()
        batch = Batch(inputs, torch.randint(0, CLASSES, (len(inputs),)))
        layout = torch.channels_last if inputs.dim() == 4 else torch.preserve_format
        objective = Objective.of(model, example=inputs[:1], memory_format=layout)
        rates = dict.fromkeys(objective.traced, 0.1)
        jobs: tuple[Callable[[], object], ...] = (
            lambda: square_norm(objective, batch, rates),  # noqa: B023
            lambda: summed_gradient(objective, [batch]),  # noqa: B023
            lambda: loop(objective, batch, few),  # noqa: B023
        )
        for job in jobs:
            job()
        runs = [[cpu_seconds(job) for job in jobs] for _ in range(pairs)]
        whole = statistics.median(ours / plain for ours, plain, _ in runs)
        single = statistics.median(ours / one for ours, _, one in runs) * few / len(batch)
        count = sum(value.numel() for value in model.parameters())
        dense = f"{len(plan_for(objective, batch).dense)} of {len(objective.traced)}"
        cells = (name, f"{count / 1e6:.2f} M", len(batch), dense, f"{whole:.2f}", f"{single:.2f}")
        print(row(cells), flush=True)


def peak(job: Name, width: int, batch_size: int) -> None:
    """Peak resident memory above the loaded network, in bytes; prints JSON."""
    objective, batch, direction = setting(width, 2)
    # Everything is loaded and warm before the mark: libraries, kernels, the direction.
    forward(objective, batch)
    directional(objective, batch, direction)
    square_norm(objective, batch, dict.fromkeys(objective.traced, 0.1))
    MARK.write_text("5")  # the high-water mark starts here
    before = high_water()
    inputs = torch.rand(batch_size, 1, 28, 28).contiguous(memory_format=torch.channels_last)
    batch = Batch(inputs, torch.zeros(batch_size, dtype=torch.int64))
    for _ in range(MEMORY_BATCHES):
        if job == "inference":
            forward(objective, batch)
        elif job == "jvp":
            directional(objective, batch, direction)
        elif job == "norms":
            square_norm(objective, batch, dict.fromkeys(objective.traced, 0.1))
        else:
            summed_gradient(objective, [batch])
    after = high_water()
    print(json.dumps({"peak": after - before, "whole": after}))


def memory(width: int) -> None:
    found = {}
    for job in JOBS:
        command = [sys.executable, "-m", "bench", "engines", "--peak", job]
        command += ["--width", str(width), "--batch-size", str(MEMORY_BATCH_SIZE)]
        alone = {**frugal(), "OMP_NUM_THREADS": "1"}
        output = subprocess.run(command, env=alone, capture_output=True, check=True)
        found[job] = json.loads(output.stdout)
    base = found["inference"]
    print(
        f"peak memory at batch {MEMORY_BATCH_SIZE}, in units of inference "
        f"({base['peak'] / 2**20:.0f} MiB above the loaded network)"
    )
    for job, name in JOBS.items():
        above = found[job]["peak"] / base["peak"]
        whole = found[job]["whole"] / base["whole"]
        print(f"  {name:<52}{above:8.2f}   (whole process: {whole:.2f})")


def main(
    *,
    only: Part | None = None,
    width: int = 16,
    batch_size: int = 512,
    pairs: int = 15,
    measure: Annotated[Name | None, Parameter(name="--peak", show=False)] = None,
) -> None:
    """Print a table of architectures, then time and memory of a ResNet-18.

    Args:
        only: One of these parts.
        width: Channels of the first stage.
        batch_size: Examples per pass.
        pairs: Paired runs that medians are taken of.
    """
    if measure:
        peak(measure, width, batch_size)
        return
    if only in {None, "architectures"}:
        architectures(pairs)
    if only in {None, "time"}:
        times(width, batch_size, pairs)
    if only in {None, "memory"}:
        memory(width)
