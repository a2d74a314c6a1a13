"""GAS, influence functions and representer points beside TracInCP and baselines, on small MNIST.

    python -m bench comparison [--out bench-comparison] [--seeds 0 1 2] [--examples 5000]

Each run is a `radiotracer demo` on 5,000 images with tampered labels, ResNet-18 at a quarter of its
width trained on them for 4 epochs, and 500 validation examples. Its scan ranks by TracInCP, the
last layer's self-influence, the baselines and the default detector; influence functions and
representer points are added to it here, at the last checkpoint. A seed that is finished is not done
again, so the benchmark can be stopped and started; delete a run's
comparison.json to have it ranked again.

Influence functions are over the last layer, where the Hessian can be formed. Seconds are those of
one method with everything that it needs, which methods of the same walk share.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from bench.keeping import finished
from bench.tables import spread, table
from bench.worlds import FLIPS, Flips, opened, summary_of
from radiotracer.data import Dataset, open_data
from radiotracer.detectors import detection
from radiotracer.influence import (
    Tracing,
    gas_sum,
    hessian_embedding,
    representer_self_values,
    representer_values,
    self_influence,
)
from radiotracer.reproduce.demo import DemoConfig, sample

METRICS = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "tpr_at_fpr_01": "TPR at 1% FPR",
    "tpr_at_fpr_001": "TPR at 0.1% FPR",
    "seconds": "seconds",
}
DIGITS = {"seconds": 0}
FROM_THE_SCAN = {
    "tpr_at_fpr_01": "tpr_at_fpr_0.01",
    "tpr_at_fpr_001": "tpr_at_fpr_0.001",
}

Suspicion = Callable[[Tracing, Dataset, Dataset], Tensor]


def influence_function(tracing: Tracing, train: Dataset, queries: Dataset) -> Tensor:
    embed = hessian_embedding(tracing, train)
    # The sum over the queries is taken before the product: no matrix of all pairs is made.
    return -(embed(train) @ embed(queries).sum(dim=0))


def influence_function_self(tracing: Tracing, train: Dataset, _: Dataset) -> Tensor:
    return hessian_embedding(tracing, train)(train).square().sum(dim=1)


def representer_sum(tracing: Tracing, train: Dataset, queries: Dataset) -> Tensor:
    return -representer_values(tracing, train, queries).sum(dim=1)


def representer_self(tracing: Tracing, train: Dataset, _: Dataset) -> Tensor:
    return representer_self_values(tracing, train).abs()


def representer_sum_labels(tracing: Tracing, train: Dataset, queries: Dataset) -> Tensor:
    return -representer_values(tracing, train, queries, fit_to="labels").sum(dim=1)


def representer_self_labels(tracing: Tracing, train: Dataset, _: Dataset) -> Tensor:
    return representer_self_values(tracing, train, fit_to="labels")


def renormalised(tracing: Tracing, train: Dataset, queries: Dataset) -> Tensor:
    return -gas_sum(tracing, train, queries)


def self_influence_all(tracing: Tracing, train: Dataset, _: Dataset) -> Tensor:
    return self_influence(tracing, train)


ALL_LAYERS: dict[str, Suspicion] = {
    "GAS, all layers, on queries": renormalised,
    "self-influence, all layers": self_influence_all,
}

LAST_LAYER: dict[str, Suspicion] = {
    "influence function, last layer, on queries": influence_function,
    "influence function, last layer, on itself": influence_function_self,
    "representer of predictions, on queries": representer_sum,
    "representer of predictions, on itself": representer_self,
    "representer of labels, on queries": representer_sum_labels,
    "representer of labels, on itself": representer_self_labels,
}


def compared(recipe: Flips, seed: int, examples: int, out: Path) -> dict[str, dict[str, float]]:
    config = DemoConfig(recipe=recipe, seed=seed, examples=examples, queries=500)
    return from_the_scan(summary_of(config, out, name="comparison")) | peers(out, seed)


def from_the_scan(summary: dict[str, Any]) -> dict[str, dict[str, float]]:
    return {
        name: {metric: quality[FROM_THE_SCAN.get(metric, metric)] for metric in METRICS}
        for name, quality in summary["detectors"].items()
    }


def peers(out: Path, seed: int) -> dict[str, dict[str, float]]:
    demo = opened(out)
    queries = sample(open_data("mnist:test"), 500, seed)
    everything = Tracing.of(demo.model, demo.run, demo.train)
    last = Tracing.of(demo.model, demo.run, demo.train, layers=["head.*"])
    found = {}
    for name, suspicion in (ALL_LAYERS | LAST_LAYER).items():
        tracing = everything if name in ALL_LAYERS else last
        started = time.perf_counter()
        scores = suspicion(tracing, demo.train, queries).numpy()
        seconds = time.perf_counter() - started
        found[name] = {**asdict(detection(scores, demo.manifest.is_tampered)), "seconds": seconds}
    return found


def main(
    *,
    out: Path = Path("bench-comparison"),
    seeds: tuple[int, ...] = (0, 1, 2),
    recipes: tuple[Flips, ...] = FLIPS,
    examples: int = 5_000,
) -> None:
    """Print a table per recipe.

    Args:
        out: Folder of the runs.
        seeds: Of the runs.
        recipes: What labels are tampered with by.
        examples: Training images.
    """
    for recipe in recipes:
        found = []
        for seed in seeds:
            folder = out / f"{recipe}-{examples}-{seed}"
            make = functools.partial(compared, recipe, seed, examples, folder)
            found.append(finished(folder / "comparison.json", make, {"examples": examples}))
        print(f"\n## {recipe}, {examples:,} examples, seeds {seeds}: mean (range)\n")
        rows = (
            (name, *(spread([each[name][m] for each in found], DIGITS.get(m, 4)) for m in METRICS))
            for name in found[0]
        )
        print(table(["method", *METRICS.values()], rows))
