"""Two scans too large for this machine, planned on a sample of each and multiplied out.

    python -m bench scale_study [--sample N] [--cases images text]

- images: 1,300,000 of 224 x 224 pixels in 1,000 classes, ResNet-50, 10 checkpoints
- text: 1,000,000,000 tokens in sequences of 512, a transformer of 11 million weights, 4 checkpoints

For each: the operations of a pass are counted, the speed of this processor is measured on a forward
pass, and the product is held against what `--plan` tells of a sample, and this against what the
scan of the sample then takes. One thread, as every worker has. At the end the plan's figures for
one example are multiplied by the number of examples and checkpoints.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

import radiotracer
from bench.speed.transformer import TransformerClassifier
from bench.timing import median_seconds
from radiotracer.scanning import Plan, plan_scan, scan
from radiotracer.scanning.inputs import ScanInputs

DETECTORS = ("tracin-cp", "label-posterior")
"""Without those that look at all layers of all examples at once."""

SHARE_OF_QUERIES = 1 / 100
BATCH = 8


@dataclass(frozen=True)
class Case:
    """A scan.

    Args:
        make: The network.
        one: Inputs of so many examples.
        classes: How many labels.
        examples: How many there are to scan.
        checkpoints: At how many checkpoints.
    """

    make: Callable[[], nn.Module]
    one: Callable[[int], Tensor]
    classes: int
    examples: int
    checkpoints: int


class Bottleneck(nn.Module):
    """Three convolutions beside a short cut."""

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        outside = 4 * width
        self.body = nn.Sequential(
            nn.Conv2d(inside, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, outside, 1, bias=False), nn.BatchNorm2d(outside),
        )  # fmt: skip
        self.short: nn.Module = nn.Identity()
        if stride > 1 or inside != outside:
            self.short = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, inputs: Tensor) -> Tensor:
        """Shape (n, inside, h, w) to (n, 4 width, h / stride, w / stride)."""
        return F.relu(self.body(inputs) + self.short(inputs))


def resnet50() -> nn.Module:
    """He et al. 2016, 25.6 million weights; the stride in the second convolution, as usual now."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    inside = 64
    for stage, depth in enumerate((3, 4, 6, 3)):
        width = 64 * 2**stage
        for block in range(depth):
            layers.append(Bottleneck(inside, width, 2 if stage and not block else 1))
            inside = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


def transformer() -> nn.Module:
    """Four blocks of width 256 over a vocabulary of 32,000."""
    return TransformerClassifier(32_000, 512, 2, width=256, depth=4, heads=4)


Name = Literal["images", "text"]
NAMES: tuple[Name, ...] = get_args(Name)
CASES: dict[Name, Case] = {
    "images": Case(resnet50, lambda n: torch.rand(n, 3, 224, 224), 1000, 1_300_000, 10),
    "text": Case(
        transformer, lambda n: torch.randint(32_000, (n, 512)), 2, 1_000_000_000 // 512, 4
    ),
}


def main(*, sample: int = 64, cases: tuple[Name, ...] = NAMES) -> None:
    """Print the arithmetic of every case.

    Args:
        sample: Examples of each that are scanned.
        cases: Which.
    """
    for name in cases:
        with tempfile.TemporaryDirectory(prefix="scale-study-") as folder:
            study(name, CASES[name], sample, Path(folder))


def study(name: str, case: Case, sample: int, folder: Path) -> None:
    """One case."""
    torch.manual_seed(0)
    given = recorded(case, sample, folder / "run")
    weights = sum(weight.numel() for weight in given.model.parameters())
    inputs = case.one(BATCH)
    forward = operations(given.model, inputs)
    speed = forward / forward_seconds(given.model, inputs)
    # A pass over an example is a forward pass and its derivative along a direction: three products
    # where a forward pass takes one. A query is a forward and a backward pass: three as well.
    expected = 3 * forward / speed / BATCH
    plan = plan_scan(dataclasses.replace(given, batch_size=BATCH), detectors=DETECTORS)
    started = time.perf_counter()
    scan(
        given.model, given.run, given.train, given.validation, detectors=DETECTORS, batch_size=BATCH
    )
    took = time.perf_counter() - started
    told = plan.seconds - plan.opening
    each: dict[str, float] = {
        stage.kind: stage.seconds / max(1, stage.examples) for stage in plan.stages
    }
    print(f"\n## {name}: {weights / 1e6:.1f} million weights\n")
    print(f"forward pass       {forward / BATCH / 1e9:.2f} billion operations an example")
    print(f"this processor     {speed / 1e9:.0f} billion operations a second, one thread")
    print(f"by arithmetic      {expected:.3f} s an example and checkpoint")
    print(f"by --plan          {each['examples']:.3f} s; {each['validation']:.3f} s a query")
    print(f"sample of {sample:<8} told {told:.0f} s, took {took:.0f} s: {told / took - 1:+.0%}")
    multiplied(case, plan, each, weights)


def recorded(case: Case, sample: int, run: Path) -> ScanInputs:
    """A run of two steps of training, at whose end there is one checkpoint."""
    model = case.make()
    labels = torch.arange(sample) % case.classes
    train = (case.one(sample), labels)
    few = max(2 * BATCH, int(sample * SHARE_OF_QUERIES))
    queries = (case.one(few), torch.arange(few) % case.classes)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    data = TensorDataset(*train)
    with radiotracer.record(run, model, optimizer, data) as recording:
        for x, y in recording.batches(DataLoader(data, batch_size=sample // 2)):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    return ScanInputs(model.eval(), radiotracer.Run.open(run), train, queries)


def operations(model: nn.Module, inputs: Tensor) -> int:
    """Multiplications and additions of a forward pass."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(inputs)
    return int(counter.get_total_flops())


def forward_seconds(model: nn.Module, inputs: Tensor) -> float:
    """The median of a few forward passes, in the layout that scans use."""
    if inputs.dim() == 4:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        inputs = inputs.to(memory_format=torch.channels_last)

    def forward() -> None:
        with torch.no_grad():
            model(inputs)

    return median_seconds(forward, 5)


def multiplied(case: Case, plan: Plan, each: Mapping[str, float], weights: int) -> None:
    """The whole, from the plan's figures for one."""
    looks = case.examples * case.checkpoints
    queries = int(case.examples * SHARE_OF_QUERIES)
    asked = queries * case.checkpoints
    days = (looks * each["examples"] + asked * each["queries"]) / 86_400
    row = {stage.kind: stage for stage in plan.stages}
    kept = row["examples"].kept / row["examples"].examples
    # Units of queries keep their sums of gradients: as many numbers as there are weights.
    units = -(-queries // (16 * 512)) * case.checkpoints
    print(f"\n{case.examples:,} examples x {case.checkpoints} checkpoints + {queries:,} queries:\n")
    print(f"time               {looks:,} x {each['examples']:.3f} s + {asked:,} x ", end="")
    print(f"{each['validation']:.3f} s = {days:,.0f} days of one core like this one")
    print(f"                   {days * 24 / 256:,.1f} hours of 256 cores")
    print(f"checkpoints        {4 * weights * case.checkpoints / 1e9:.1f} GB")
    print(f"units of examples  {looks:,} x {kept:.0f} bytes = {looks * kept / 1e9:.1f} GB")
    print(f"units of queries   {units} x {4 * weights / 1e6:.0f} MB = ", end="")
    print(f"{units * 4 * weights / 1e9:.1f} GB, 8,192 queries in a unit", flush=True)
