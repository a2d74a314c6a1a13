"""Draw docs/img/gallery-labels.png: what a scan of untouched MNIST ranks first, and what was read.

    python tools/gallery_labels.py SCAN --blind sheet.png    # the images to read, without any label
    python tools/gallery_labels.py SCAN

SCAN is what the commands of docs/gallery/wrong-labels-of-mnist.md wrote. The readings are in
docs/gallery/readings.csv: the first of the ranking and as many random images, shuffled.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from gallery_style import GREEN, GREY, RED, grid, save, show
from matplotlib import pyplot as plt

from radiotracer.data import Dataset, open_data

READINGS = Path(__file__).parent.parent / "docs" / "gallery" / "readings.csv"
FIRST, COLUMNS, SEED = 60, 12, 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scan", type=Path)
    parser.add_argument("--blind", type=Path)
    options = parser.parse_args()
    data = open_data("mnist")
    ranked = pq.read_table(options.scan / "ranking.parquet")["id"].to_pylist()
    if options.blind is not None:
        blind(data, shuffled(ranked), options.blind)
    else:
        labelled(data, ranked)


def shuffled(ranked: list[str]) -> list[str]:
    """Ids of the first of the ranking and of as many random others, in random order."""
    draws = np.random.default_rng(SEED)
    others = draws.choice(ranked[FIRST:], FIRST, replace=False).tolist()
    return [str(each) for each in draws.permutation(ranked[:FIRST] + others)]


def blind(data: Dataset, ids: list[str], target: Path) -> None:
    """Numbered images and nothing else."""
    places = {name: row for row, name in enumerate(data.ids.tolist())}
    figure, axes = grid(len(ids) // COLUMNS, COLUMNS, width=12, height=len(ids) / COLUMNS * 1.2)
    for number, (panel, name) in enumerate(zip(axes.flat, ids, strict=True)):
        show(panel, data.content[places[name]])
        panel.set_title(str(number), fontsize=8, pad=2)
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.97, wspace=0.05, hspace=0.25)
    figure.savefig(target, dpi=110)
    plt.close(figure)


def labelled(data: Dataset, ranked: list[str]) -> None:
    """The first of the ranking: the label given, and what was read without knowing it."""
    with READINGS.open(encoding="utf-8") as lines:
        read = {row["id"]: row["read"] for row in csv.DictReader(lines)}
    places = {name: row for row, name in enumerate(data.ids.tolist())}
    figure, axes = grid(FIRST // COLUMNS, COLUMNS, width=7.6, height=4.6)
    for panel, name in zip(axes.flat, ranked[:FIRST], strict=True):
        given = str(data.labels[places[name]])
        colour = GREY if read[name] == "?" else GREEN if read[name] == given else RED
        show(panel, data.content[places[name]], frame=colour)
        panel.set_title(f"{given} | {read[name]}", color=colour, pad=3)
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.95, wspace=0.12, hspace=0.38)
    save(figure, "gallery-labels.png")
    for kind, ids in (("first", ranked[:FIRST]), ("random", set(read) - set(ranked[:FIRST]))):
        pairs = [(str(data.labels[places[name]]), read[name]) for name in ids]
        same = sum(given == seen for given, seen in pairs)
        unsure = sum(seen == "?" for _, seen in pairs)
        print(
            f"{kind} {len(pairs)}: {same} read as labelled, {unsure} not readable, "
            f"{len(pairs) - same - unsure} read otherwise"
        )


if __name__ == "__main__":
    main()
