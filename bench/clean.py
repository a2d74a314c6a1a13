"""What the default detector flags where nobody tampered: a check of its p-values.

    python -m bench clean [--out bench-clean] [--seeds 0 1 2] [--data mnist fashion-mnist]

Each cell is that of `python -m bench detect` without the tampering: 5,000 random training examples,
a head trained on a frozen extractor that saw 20,000 others, 2,000 random test images as validation
examples. Prints how many examples `contrast` flags (none, in 19 of 20 cells or more, if its
p-values are right), which share of them has a p-value below 0.01 and 0.001, and what
`label-posterior` flags.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np

from bench.detect.config import DetectConfig
from bench.detect.ground import ground_of, parts_of, validation
from bench.tables import head, row
from radiotracer.detectors import DETECTORS, calibrated
from radiotracer.runs import Run
from radiotracer.scanning.inputs import ScanInputs
from radiotracer.scanning.walk import rank_by_all

NAMES = ("contrast", "label-posterior")


def flags(data: str, seed: int, out: Path) -> tuple[list[int], list[float]]:
    config = DetectConfig()
    parts = parts_of(data, config, seed)
    folder = out / f"{data}-{seed}"
    ground = ground_of(parts, config, "head-only", seed=seed, folder=folder)
    run = Run.open(folder / "clean-head-only")
    found = rank_by_all(
        ScanInputs(
            ground.clean,
            run,
            parts.victim,
            validation(ground.test, config.queries, seed, without=None),
        ),
        [DETECTORS[name] for name in NAMES],
        classes=len(parts.victim.class_names),
        seed=seed,
    ).by_name
    flagged = [int(calibrated(n, found).is_flagged.sum()) for n in NAMES]
    p_values = found["contrast"].p_values
    assert p_values is not None
    return flagged, [float(np.mean(p_values < level)) for level in (0.01, 0.001)]


def main(
    *,
    out: Path = Path("bench-clean"),
    seeds: tuple[int, ...] = (0, 1, 2),
    data: tuple[str, ...] = ("mnist", "fashion-mnist"),
) -> None:
    """Print the table.

    Args:
        out: Where networks are kept.
        seeds: Of the data's parts and the trainings.
        data: Training data that have a test split.
    """
    print(
        head(["data", "seed", "contrast flags", "p < 0.01", "p < 0.001", "label-posterior flags"])
    )
    for name, seed in product(data, seeds):
        flagged, below = flags(name, seed, out)
        shares = (f"{share:.4f}" for share in below)
        print(row([name, seed, flagged[0], *shares, flagged[1]]), flush=True)
