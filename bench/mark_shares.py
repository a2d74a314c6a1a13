"""How small a share of marked images would still be found: the share curve of twins.

    python benchmarks/mark_shares.py [--out bench-audit] [--seeds 0 1 2] [--examples N]

Takes suspects of `radiotracer bench audit` from its folder (training what is not there yet) and
audits each by random parts of its pairs, as if no more had been marked. Coins are independent, so
each part is an exact test of its own; what it leaves out is that of fewer images, harder ones could
have been chosen.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from radiotracer.data import open_data
from radiotracer.provenance.coins import published_twins
from radiotracer.provenance.designs._twins.testing import preferences
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.preferences import WEIGHTING, beyond
from radiotracer.reproduce.radioactive.bench import NETWORKS
from radiotracer.reproduce.radioactive.cell import made
from radiotracer.reproduce.radioactive.config import AuditConfig
from radiotracer.reproduce.radioactive.result import Place
from radiotracer.stats import signflip

DATA = "fashion-mnist"
PARTS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Of the pairs that were marked."""

DRAWS = 50


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("bench-audit"))
    parser.add_argument("--augment", default="none")
    parser.add_argument("--fraction", type=float, default=0.01)
    parser.add_argument("--radius", type=int, default=6)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--examples", type=int)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = AuditConfig(examples=options.examples, epochs=options.epochs)
    train = open_data(DATA)
    if options.examples is not None and options.examples < len(train):
        drawn = np.random.default_rng(0).choice(len(train), options.examples, replace=False)
        train = train.take(np.sort(drawn))
    print("| share | pairs | " + " | ".join(f"seed {seed}" for seed in options.seeds) + " |")
    print("| --- " * (len(options.seeds) + 2) + "|")
    columns, pairs = [], 0
    for seed in options.seeds:
        place = Place(
            DATA, "twins", options.fraction, options.radius, options.augment, "scratch", seed
        )
        cell = made(place, config, train, options.out / NETWORKS / DATA)
        asked = preferences(network_suspect(cell.suspect, "suspect", {}), cell.release, "scores")
        blind = [cell.release.planted.arrays["reference"]] + [
            preferences(network_suspect(each, "reference", {}), cell.release, "scores")
            for each in cell.references
        ]
        coins = published_twins(cell.key, cell.release.ids.tolist())
        columns.append(_curve(asked, np.stack(blind, axis=1), np.where(coins == 0, 1.0, -1.0)))
        pairs = len(coins)
    for part, *told in zip(PARTS, *columns, strict=True):
        share = f"{part * options.fraction:.2%} | {round(part * pairs)}"
        print(f"| {share} | " + " | ".join(told) + " |")


def _curve(asked: np.ndarray, blind: np.ndarray, signs: np.ndarray) -> list[str]:
    """Median log10 p over the draws, and its middle four fifths, for every part."""
    generator = np.random.default_rng(0)
    told = []
    for part in PARTS:
        count = round(part * len(asked))
        found = []
        for _ in range(DRAWS if part < 1 else 1):
            rows = generator.permutation(len(asked))[:count]
            rest = beyond(asked[rows], blind[rows]) * signs[rows]
            found.append(signflip(rest, weighting=WEIGHTING).log10_p)
        low, middle, high = np.quantile(found, [0.1, 0.5, 0.9])
        told.append(f"{middle:.1f} ({low:.1f} to {high:.1f})" if part < 1 else f"{middle:.1f}")
    return told


if __name__ == "__main__":
    main()
