"""Draw docs/img/false-discovery.svg: false discovery rates that were asked for, and realised.

    python -m bench false_discovery --out bench-fdr
    python tools/false_discovery_picture.py bench-fdr

A point is a recipe at a share, the mean over the seeds with its 95 % interval (Student's). Hollow
points: most of the cells were inconclusive, so that nothing was flagged in them.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from scipy import stats

TARGET = Path(__file__).parent.parent / "docs" / "img" / "false-discovery.svg"
DETECTORS = ("contrast", "label-posterior", "loss")
COLOURS = {"random-flip": "#1f5fae", "targeted-flip": "#c8553d", "patch-backdoor": "#4d8b57"}
RATES = ("0.01", "0.05", "0.1")
SHARES = ("0.01", "0.05", "0.1", "0.2")

Found = dict[tuple[str, str], list[dict[str, dict[str, float]]]]


def main() -> None:
    """Read the cells and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rule", default="2000 reviewed")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(20)))
    options = parser.parse_args()
    found: Found = defaultdict(list)
    for recipe in COLOURS:
        for share in SHARES:
            for seed in options.seeds:
                path = options.folder / f"mnist-{recipe}-{share}-{seed}.json"
                found[recipe, share].append(json.loads(path.read_bytes())["found"])
    mpl.rcParams.update({"svg.hashsalt": "false-discovery", "font.size": 9})
    figure, axes = plt.subplots(2, 3, figsize=(10, 5.6), sharex=True, sharey="row")
    for column, detector in enumerate(DETECTORS):
        panel(axes[0, column], found, f"{detector} | {options.rule}", "proportion")
        panel(axes[1, column], found, f"{detector} | {options.rule}", "recall")
        axes[0, column].set_title(detector)
        axes[1, column].set_xlabel("rate that was asked for")
    axes[0, 0].set_ylabel("false discovery rate,\nrealised")
    axes[1, 0].set_ylabel("recall: share of the\ntampered that is flagged")
    axes[0, 0].set_ylim(0, 0.18)
    axes[1, 0].set_ylim(0, 1.02)
    handles = [
        Line2D([], [], marker="o", linestyle="", color=colour, label=recipe)
        for recipe, colour in COLOURS.items()
    ]
    figure.legend(handles=handles, loc="lower center", ncols=3, frameon=False)
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    figure.savefig(TARGET, metadata={"Date": None})
    print(TARGET)


def panel(axes: Axes, found: Found, key: str, what: str) -> None:
    """One detector: at each rate the recipes side by side, their shares from left to right."""
    for place, rate in enumerate(RATES):
        if what == "proportion":
            asked = float(rate)
            axes.hlines(asked, place - 0.45, place + 0.45, color="#444444", linewidth=1.2)
        for row, (recipe, colour) in enumerate(COLOURS.items()):
            for column, share in enumerate(SHARES):
                worlds = [world[f"{key} | {rate}"] for world in found[recipe, share]]
                values = np.array([world[what] for world in worlds], dtype=np.float64)
                unsure = np.mean([world["inconclusive"] for world in worlds]) > 0.5
                half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
                axes.errorbar(
                    place + 0.27 * (row - 1) + 0.055 * (column - 1.5),
                    values.mean(),
                    yerr=[[min(half, values.mean())], [half]],
                    fmt="o",
                    markersize=3.5,
                    color=colour,
                    markerfacecolor="white" if unsure else colour,
                    elinewidth=0.8,
                )
    axes.set_xticks(range(len(RATES)), [f"{float(rate):.0%}" for rate in RATES])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid(axis="y", color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
