"""Draw docs/img/gallery-poison.png and gallery-poison-seen.png: a clean-label poison.

    python tools/gallery_poison.py FOLDER

FOLDER is where the commands of docs/gallery/clean-label-poison.md were run.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from gallery_style import BLUE, GREY, RED, grid, save, show
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from numpy.typing import NDArray

from radiotracer.cli.recorded import network_of
from radiotracer.data import Dataset, open_data
from radiotracer.data.modalities.images import to_inputs
from radiotracer.gradients.representations import PENULTIMATE, represent
from radiotracer.recipes import Attack, Manifest
from radiotracer.runs import Run, put_weights

SHOWN, BATCH = 7, 500


@dataclass(frozen=True, eq=False)
class Case:
    """The data before and after, the truth, what was flagged (rows), and what it was done for."""

    before: Dataset
    after: Dataset
    is_tampered: NDArray[np.bool_]
    flagged: list[int]
    attack: Attack

    @property
    def poisons(self) -> list[int]:
        """Rows that were flagged and changed."""
        return [row for row in self.flagged if self.is_tampered[row]]

    @property
    def wrongly(self) -> list[int]:
        """Rows that were flagged, and that nobody changed."""
        return [row for row in self.flagged if not self.is_tampered[row]]

    @property
    def classes(self) -> tuple[int, int]:
        """What the image under attack is, and what it is to be taken for."""
        return int(self.attack.shown.labels[0]), int(self.attack.intended[0])

    def name(self, label: int) -> str:
        """Of a class."""
        return self.after.class_names[label].lower()


def main() -> None:
    folder = Path(sys.argv[1])
    after = open_data(str(folder / "poisoned"))
    places = {name: row for row, name in enumerate(after.ids.tolist())}
    ranked = pq.read_table(folder / "scan" / "ranking.parquet")
    case = Case(
        before=open_data(str(folder / "ours.npz")),
        after=after,
        is_tampered=Manifest.read(folder / "poisoned", after).is_tampered,
        flagged=[places[name] for name in ranked.filter(ranked["is_flagged"])["id"].to_pylist()],
        attack=Attack.read(folder / "poisoned"),
    )
    images(case)
    seen(case, Run.open(folder / "known"))


def images(case: Case) -> None:
    """The image under attack; poisons as they were and as they are; an honest image flagged."""
    figure, axes = grid(2, SHOWN + 4, width=8, height=2.05)
    label, wanted = map(case.name, case.classes)
    for column, row in enumerate(case.poisons[:SHOWN], start=2):
        show(axes[0, column], case.before.content[row])
        show(axes[1, column], case.after.content[row], frame=RED)
    for row, text in enumerate((f"{wanted}s as\nthey were", "as they\nare now")):
        axes[row, 1].text(0.95, 0.5, text, ha="right", va="center")
    show(axes[1, 0], case.attack.shown.content[0], frame="black")
    axes[1, 0].set_title(f"{label},\nto be taken\nfor a {wanted}")
    for row in case.wrongly[:1]:
        show(axes[1, -1], case.after.content[row], frame=BLUE)
        axes[1, -1].set_title("flagged,\nand nobody\nchanged it", color=BLUE)
    figure.subplots_adjust(left=0.03, right=0.97, top=0.98, bottom=0.02, wspace=0.06, hspace=0.06)
    save(figure, "gallery-poison.png")


def seen(case: Case, known: Run) -> None:
    """Where the network sees two classes and the poisons, before they were changed and after.

    The axes are the two principal components of both classes' features before.
    """
    model = network_of(known, None)
    put_weights(model, known.weights(known.checkpoints[-1]))
    model.eval()
    both = features(model, case.before.content[np.isin(case.before.labels, case.classes)])
    middle = both.mean(axis=0)
    directions = np.linalg.svd(both - middle, full_matrices=False)[2][:2].T
    target = (features(model, case.attack.shown.content) - middle) @ directions
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.8), sharex=True, sharey=True)
    true, wanted = case.classes
    for panel, title, data in zip(
        axes, ("before", "after the change"), (case.before, case.after), strict=True
    ):
        points = (features(model, data.content) - middle) @ directions
        dots(panel, points[data.labels == true], GREY, case.name(true))
        honest = points[(data.labels == wanted) & ~case.is_tampered]
        dots(panel, honest, BLUE, case.name(wanted))
        special(panel, target, "o", f"the {case.name(true)} under attack", s=260, facecolors="none")
        changed = points[case.is_tampered]
        name = f"the {len(changed)} {case.name(wanted)}s that are changed"
        special(panel, changed, "X", name, s=26, facecolors=RED, edgecolors="white")
        special(panel, points[case.wrongly], "s", "flagged, and not changed", s=40, facecolors=BLUE)
        panel.set(title=title, xticks=[], yticks=[])
        panel.spines[:].set_color("#cccccc")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="lower center",
        ncols=5,
        frameon=False,
        columnspacing=1,
        handletextpad=0.2,
    )
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    save(figure, "gallery-poison-seen.png")


def special(panel: Axes, points: NDArray[np.float32], marker: str, name: str, **look: Any) -> None:
    """What the picture is about, shape (n, 2)."""
    edges = {"edgecolors": "black", "linewidths": 1.2 if marker == "o" else 0.4}
    panel.scatter(*points.T, marker=marker, label=name, **{**edges, **look})


def dots(panel: Axes, points: NDArray[np.float32], colour: str, name: str) -> None:
    """One class, shape (n, 2)."""
    panel.scatter(
        *points.T, s=9, c=colour, linewidths=0.3, edgecolors="white", alpha=0.55, label=name
    )


def features(model: torch.nn.Module, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the last layer is given, shape (n, d)."""
    with torch.no_grad():
        parts = [
            represent(model, to_inputs(images[first : first + BATCH]), [PENULTIMATE])
            for first in range(0, len(images), BATCH)
        ]
    return np.concatenate([part.layers[PENULTIMATE].numpy() for part in parts])


if __name__ == "__main__":
    main()
