"""Draw docs/img/gallery-twins.png and gallery-whose.png: twins, and two audits by them.

    python tools/gallery_whose.py FOLDER

FOLDER is where the commands of docs/gallery/whose-data.md were run. The pictures tell coins of the
key: it is burnt.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from gallery_style import BLUE, GREY, RED, grid, save, show
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from numpy.typing import NDArray

from radiotracer.provenance import Key
from radiotracer.provenance.coins import published_twins
from radiotracer.provenance.designs._twins.testing import preferences
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.models.recorded_answers import RecordedAnswers
from radiotracer.provenance.preferences import WEIGHTING, beyond
from radiotracer.provenance.release import Release
from radiotracer.stats import signflip

SHOWN, DRAWS = 8, 20_000
AUDITS = {"audit-innocent": "trained on the originals", "audit-guilty": "trained on the release"}


def main() -> None:
    folder = Path(sys.argv[1])
    release, key = Release.read(folder / "marked"), Key.read(folder / "my.key")
    twins(release, key)
    audits(folder, release, key)


def twins(release: Release, key: Key) -> None:
    """The first marked image of each class: as it was, the published twin, the sealed one."""
    _, first = np.unique(release.labels, return_index=True)
    chosen = first[:SHOWN]
    public = published_twins(key, release.ids.tolist())[chosen]
    both = release.planted.arrays["twins"][chosen]
    figure, axes = grid(3, SHOWN + 1, width=7.6, height=2.75)
    rows = (
        ("as it was", release.originals[chosen], None),
        ("published", both[np.arange(SHOWN), public], RED),
        ("sealed", both[np.arange(SHOWN), 1 - public], BLUE),
    )
    for line, (text, images, frame) in zip(axes, rows, strict=True):
        line[0].text(0.95, 0.5, text, ha="right", va="center", color=frame or "black")
        for panel, image in zip(line[1:], images, strict=True):
            show(panel, image, frame=frame)
    figure.subplots_adjust(left=0.02, right=0.99, top=0.98, bottom=0.02, wspace=0.06, hspace=0.06)
    save(figure, "gallery-twins.png")


def audits(folder: Path, release: Release, key: Key) -> None:
    """By pair, how much more the published twin is preferred; and what coins alone would sum to."""
    figure, axes = plt.subplots(2, 2, figsize=(8, 4.6), sharey="row")
    coins = np.where(published_twins(key, release.ids.tolist()) == 0, 1.0, -1.0)
    for column, (name, title) in enumerate(AUDITS.items()):
        evidence = Evidence.read(folder / name)
        asked = evidence.suspect
        suspect = RecordedAnswers(folder / name / "queries.jsonl", asked.name, asked.identity)
        blind = release.planted.arrays["reference"][:, None]
        directed = coins * beyond(preferences(suspect, release, "scores"), blind)
        pairs(axes[0, column], directed)
        axes[0, column].set_title(f"{title}: log10 p = {evidence.log10_p_value:.1f}")
        by_coins(axes[1, column], directed, evidence.log10_p_value)
    axes[0, 0].set_ylabel("how much more likely\nthe published twin's\nlabel is (log odds)")
    axes[1, 0].set_ylabel("how often, by\ncoins alone")
    figure.tight_layout()
    save(figure, "gallery-whose.png")


def pairs(panel: Axes, directed: NDArray[np.float64]) -> None:
    """One bar for each pair, the strongest preference first."""
    values = directed[np.argsort(-np.abs(directed))]
    panel.bar(np.arange(len(values)), values, width=1, color=np.where(values > 0, RED, BLUE))
    panel.axhline(0, color="#444444", linewidth=0.8)
    panel.set_xlabel(
        f"pairs; in {(values > 0).sum()} of {len(values)} the published twin is preferred"
    )
    panel.spines[["top", "right"]].set_visible(False)


def by_coins(panel: Axes, directed: NDArray[np.float64], log10_p: float) -> None:
    """The test's statistic, and the same under fair coins drawn anew."""
    found = signflip(directed, weighting=WEIGHTING)
    if abs(found.log10_p - log10_p) > 1e-6 * max(1.0, abs(log10_p)):
        raise SystemExit(f"the evidence says log10 p = {log10_p}, its answers {found.log10_p}")
    weights = np.minimum(np.abs(directed), np.quantile(np.abs(directed), 0.95))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (DRAWS, len(weights)))
    panel.hist(signs @ weights / weights.sum(), bins=60, color=GREY, density=True)
    effect = found.statistic / found.largest
    panel.axvline(effect, color=RED, linewidth=2)
    panel.text(effect + 0.02, panel.get_ylim()[1] * 0.9, "this model", color=RED)
    panel.set(xlim=(-0.5, 1), yticks=[], xlabel="preference for published twins, of 1")
    panel.spines[["top", "right", "left"]].set_visible(False)


if __name__ == "__main__":
    main()
