"""GAS, influence functions and representer points beside TracInCP and baselines, on small MNIST.

    python benchmarks/comparison.py [--out bench-comparison] [--seeds 0 1 2] [--examples 5000]

Each run is a `radiotracer demo` on 5,000 images with tampered labels, ResNet-18 at a quarter of its
width trained on them for 4 epochs, and 500 trusted queries. Its scan ranks by TracInCP, the last
layer's self-influence, the baselines and the default detector; influence functions and representer
points are added to it here, at the last checkpoint. A seed that is finished is not done again, so
the benchmark can be stopped and started; delete a run's comparison.json to have it ranked again.

Influence functions are over the last layer, where the Hessian can be formed. Seconds are those of
one method with everything that it needs, which methods of the same walk share.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from detection import RECIPES, cell
from torch import Tensor

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
from radiotracer.recipes import Manifest
from radiotracer.reproduce.demo import DemoConfig, run_demo, sample
from radiotracer.runs import Run
from radiotracer.training.networks import build_model

METRICS = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "tpr_at_fpr_01": "TPR at 1% FPR",
    "tpr_at_fpr_001": "TPR at 0.1% FPR",
    "seconds": "seconds",
}
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


def result(recipe: str, seed: int, examples: int, out: Path) -> dict[str, dict[str, float]]:
    finished = out / "comparison.json"
    if finished.exists():
        return json.loads(finished.read_text())
    summary = out / "summary.json"
    if not summary.exists():
        print(f"running {recipe}, seed {seed} …", flush=True)
        config = DemoConfig(recipe=recipe, seed=seed, examples=examples, queries=500)
        run_demo(config, out, command=f"benchmarks/comparison.py, {recipe}, seed {seed}")
    print(f"comparing {recipe}, seed {seed} …", flush=True)
    found = from_the_scan(json.loads(summary.read_text())) | peers(out, seed)
    finished.write_text(json.dumps(found, indent=2) + "\n")
    return found


def from_the_scan(summary: dict[str, Any]) -> dict[str, dict[str, float]]:
    return {
        name: {metric: quality[FROM_THE_SCAN.get(metric, metric)] for metric in METRICS}
        for name, quality in summary["detectors"].items()
    }


def peers(out: Path, seed: int) -> dict[str, dict[str, float]]:
    run = Run.open(out / "run")
    train = open_data(str(run.info.data.source))
    queries = sample(open_data("mnist:test"), 500, seed)
    manifest = Manifest.read(Path(train.source), train)
    assert manifest is not None
    with torch.random.fork_rng(devices=[]):
        model = build_model(run.info.model)
    everything = Tracing.of(model, run, train)
    last = Tracing.of(model, run, train, layers=["head.*"])
    found = {}
    for name, suspicion in (ALL_LAYERS | LAST_LAYER).items():
        tracing = everything if name in ALL_LAYERS else last
        started = time.perf_counter()
        scores = suspicion(tracing, train, queries).numpy()
        seconds = time.perf_counter() - started
        found[name] = {**asdict(detection(scores, manifest.is_tampered)), "seconds": seconds}
    return found


def table(found: list[dict[str, dict[str, float]]]) -> None:
    print(f"| method | {' | '.join(METRICS.values())} |")
    print("|---" * (len(METRICS) + 1) + "|")
    for name in found[0]:
        cells = [
            f"{sum(each[name][metric] for each in found) / len(found):.0f}"
            if metric == "seconds"
            else cell([each[name][metric] for each in found])
            for metric in METRICS
        ]
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("bench-comparison"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--examples", type=int, default=5_000)
    options = parser.parse_args()
    for recipe in options.recipes:
        found = [
            result(
                recipe,
                seed,
                options.examples,
                options.out / f"{recipe}-{options.examples}-{seed}",
            )
            for seed in options.seeds
        ]
        print(
            f"\n## {recipe}, {options.examples:,} examples, seeds {options.seeds}: mean (range)\n"
        )
        table(found)


if __name__ == "__main__":
    main()
