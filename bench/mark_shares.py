"""How small a share of marked images would still be found: the share curve of twins.

    python -m bench mark_shares [--out bench-audit] [--seeds 0 1 2] [--examples N]

Takes suspects of `python -m bench audit` from its folder (training what is not there yet) and
audits each by random parts of its pairs, as if no more had been marked. Coins are independent, so
each part is an exact test of its own; what it leaves out is that of fewer images, harder ones could
have been chosen.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.tables import table
from radiotracer.data import open_data
from radiotracer.provenance.coins import published_twins
from radiotracer.provenance.designs._twins.testing import preferences
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.preferences import WEIGHTING, beyond
from radiotracer.reproduce.demo import sample
from radiotracer.reproduce.radioactive.bench import NETWORKS
from radiotracer.reproduce.radioactive.cell import made
from radiotracer.reproduce.radioactive.config import AuditConfig
from radiotracer.reproduce.radioactive.result import Place
from radiotracer.stats import signflip
from radiotracer.training.augment import Variation

DATA = "fashion-mnist"
PARTS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Of the pairs that were marked."""

DRAWS = 50


def main(
    *,
    out: Path = Path("bench-audit"),
    augment: Variation = "none",
    share: float = 0.01,
    radius: int = 6,
    seeds: tuple[int, ...] = (0, 1, 2),
    examples: int | None = None,
    epochs: int = 20,
) -> None:
    """Print the table.

    Args:
        out: Folder of `python -m bench audit`.
        augment: How suspects vary their images.
        share: Of the images that are marked.
        radius: How many of 255 grey levels a pixel may change by.
        seeds: Of the keys and the suspects.
        examples: Training examples; by default all.
        epochs: Of the suspects.
    """
    config = AuditConfig(examples=examples, epochs=epochs)
    train = sample(open_data(DATA), examples, 0)
    columns, pairs = [], 0
    for seed in seeds:
        place = Place(DATA, "twins", share, radius, augment, "scratch", seed)
        cell = made(place, config, train, out / NETWORKS / DATA)
        drawn = cell.release.coins(cell.key)
        asked = preferences(
            network_suspect(cell.suspect, "suspect", {}), cell.release, "scores", drawn
        )
        blind = [cell.release.laid.arrays["reference"]] + [
            preferences(network_suspect(each, "reference", {}), cell.release, "scores", drawn)
            for each in cell.references
        ]
        coins = published_twins(drawn, cell.release.ids.tolist())
        columns.append(_curve(asked, np.stack(blind, axis=1), np.where(coins == 0, 1.0, -1.0)))
        pairs = len(coins)
    rows = (
        (f"{part * share:.2%}", round(part * pairs), *told)
        for part, *told in zip(PARTS, *columns, strict=True)
    )
    print(table(["share", "pairs", *(f"seed {seed}" for seed in seeds)], rows))


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
