"""What each part of the default detector is worth, and what the alternatives give.

    python -m bench ablation [--runs bench-flips] [--seeds 100 101 102 103] [--quick]

Takes the finished runs of `python -m bench flips` (and makes those that are missing), walks over
their checkpoints once more, and prints average precision and recall at 0.1 % false positives of
label-posterior with one part changed at a time. Settings were chosen with this on seeds 100 to 103.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import Tensor

from bench.flips import config_of
from bench.tables import table
from bench.worlds import FLIPS, Flips, opened, summary_of
from radiotracer.data import open_data
from radiotracer.detectors import DETECTORS, Detector, Observation, Summed, detection
from radiotracer.detectors.label_posterior import LabelPosterior
from radiotracer.scanning.inputs import ScanInputs
from radiotracer.scanning.walk import rank_by_all


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
        replace(default, name="without validation examples", needs=frozenset()),
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


def judge(recipe: Flips, seed: int, quick: bool, folder: Path) -> dict[str, tuple[float, float]]:
    summary_of(config_of(recipe, seed, quick), folder, name="flips")
    demo = opened(folder)
    inputs = ScanInputs(demo.model, demo.run, demo.train, open_data("mnist:test"))
    found = rank_by_all(inputs, variants(), classes=10)
    quality = {
        name: detection(ranking.scores, demo.manifest.is_tampered)
        for name, ranking in found.by_name.items()
    }
    return {name: (each.auprc, each.tpr_at_fpr_001) for name, each in quality.items()}


def main(
    *,
    runs: Path = Path("bench-flips"),
    seeds: tuple[int, ...] = (100, 101, 102, 103),
    recipes: tuple[Flips, ...] = FLIPS,
    quick: bool = False,
) -> None:
    """Print a table per recipe.

    Args:
        runs: Where the runs of `python -m bench flips` are kept.
        seeds: Of the runs.
        recipes: Of the runs.
        quick: 10,000 images each.
    """
    for recipe in recipes:
        found = [judge(recipe, seed, quick, runs / f"{recipe}-{seed}") for seed in seeds]
        print(f"\n## {recipe}: average precision / recall at 0.1 % false positives\n")
        rows = (
            (name, *(f"{each[name][0]:.4f} / {each[name][1]:.4f}" for each in found))
            for name in found[0]
        )
        print(table(["variant", *(f"seed {seed}" for seed in seeds)], rows))
