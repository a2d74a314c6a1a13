"""What each part of the default detector is worth, and what the alternatives give.

    python benchmarks/ablation.py [--runs bench-flips] [--seeds 100 101 102 103] [--quick]

Takes the finished runs of `benchmarks/detection.py` (and makes those that are missing), walks over
their checkpoints once more, and prints average precision and recall at 0.1 % false positives of
label-posterior with one part changed at a time. Settings were chosen with this on seeds 100 to 103.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from detection import RECIPES, result
from torch import Tensor

from radiotracer.data import open_data
from radiotracer.detectors import DETECTORS, Detector, Observation, Summed, detection
from radiotracer.detectors.label_posterior import LabelPosterior
from radiotracer.recipes import Manifest
from radiotracer.runs import Run
from radiotracer.scanning.inputs import ScanInputs
from radiotracer.scanning.walk import rank_by_all
from radiotracer.training.networks import build_model


def believed(seen: Observation) -> Tensor:
    """A soft minimum of the loss over the checkpoints: was the label ever believed?

    Sums over the checkpoints are what a detector gets; with a high power of the probability, the
    sum follows its largest term.
    """
    return -(-8.0 * seen.losses.double()).exp()


def variants() -> list[Detector]:
    default = LabelPosterior()
    return [
        default,
        replace(default, name="without trusted queries", needs=frozenset()),
        replace(default, name="without the floor (epsilon 1e-9)", natural_error_rate=1e-9),
        replace(default, name="epsilon 0.001", natural_error_rate=0.001),
        replace(default, name="epsilon 0.01", natural_error_rate=0.01),
        replace(default, name="without smoothing", smoothing=0.0),
        replace(default, name="twice the smoothing", smoothing=1.0),
        DETECTORS["loss"],
        DETECTORS["margin"],
        Summed("smallest loss over the checkpoints", "", believed),
        DETECTORS["self-influence-last-layer"],
    ]


def judge(recipe: str, seed: int, quick: bool, folder: Path) -> dict[str, tuple[float, float]]:
    result(recipe, seed, quick, folder)
    run = Run.open(folder / "run")
    train = open_data(str(run.info.data.source))
    manifest = Manifest.read(Path(train.source), train)
    assert manifest is not None
    with torch.random.fork_rng(devices=[]):
        model = build_model(run.info.model)
    inputs = ScanInputs(model, run, train, open_data("mnist:test"))
    found = rank_by_all(inputs, variants(), classes=10)
    quality = {
        name: detection(ranking.scores, manifest.is_tampered)
        for name, ranking in found.by_name.items()
    }
    return {name: (each.auprc, each.tpr_at_fpr_001) for name, each in quality.items()}


def table(seeds: Sequence[int], found: Sequence[dict[str, tuple[float, float]]]) -> None:
    print(f"| variant | {' | '.join(f'seed {seed}' for seed in seeds)} |")
    print("|---" * (len(seeds) + 1) + "|")
    for name in found[0]:
        cells = [f"{each[name][0]:.4f} / {each[name][1]:.4f}" for each in found]
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("bench-flips"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102, 103])
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--quick", action="store_true", help="10,000 images each")
    options = parser.parse_args()
    for recipe in options.recipes:
        found = [
            judge(recipe, seed, options.quick, options.runs / f"{recipe}-{seed}")
            for seed in options.seeds
        ]
        print(f"\n## {recipe}: average precision / recall at 0.1 % false positives\n")
        table(options.seeds, found)


if __name__ == "__main__":
    main()
