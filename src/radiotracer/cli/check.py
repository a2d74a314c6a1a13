"""``radiotracer check``: wrong labels in data of your own, in one command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import detector_table, emit, err, out, progress
from radiotracer.cli.options import (
    DEFAULT_READING,
    Data,
    Json,
    ReadingOptions,
    Seed,
)

if TYPE_CHECKING:
    from radiotracer.scanning import Scan

FIRST = 5
"""Examples of the ranking that are named."""


@command("check")
def check(
    data: Data,
    /,
    *,
    folder: Annotated[
        Path, Parameter(name="--out", help="Folder to write; an earlier check there is replaced.")
    ] = Path("checked"),
    validation: Annotated[
        str | None,
        Parameter(
            help="Clean data of the same kind that are not among the checked ones; by default the "
            "test split that belongs to them, if there is one."
        ),
    ] = None,
    reading: ReadingOptions = DEFAULT_READING,
    backbone: Annotated[
        str | None,
        Parameter(
            help="What sees the examples: a built-in name (efficientnet-lite0, minilm, tf-idf), "
            "timm:NAME, hf:NAME or hf:FOLDER, or module:function, which is run. By default the "
            "best one that is installed."
        ),
    ] = None,
    features: Annotated[
        Path | None, Parameter(help="Features that you have, instead: .npy, .npz, Parquet or CSV.")
    ] = None,
    validation_features: Annotated[
        Path | None, Parameter(help="The same for the validation examples.")
    ] = None,
    probabilities: Annotated[
        Path | None,
        Parameter(
            help="Out-of-sample probabilities of the classes that you have, instead of both: .npy "
            "or .npz in the order of the classes, or a table with a column for each."
        ),
    ] = None,
    fdr: Annotated[
        float | None,
        Parameter(help="Share of right labels among those listed that is tolerated; 0.05."),
    ] = None,
    workers: Annotated[int | None, Parameter(help="Processes that see the examples.")] = None,
    verbose: Annotated[bool, Parameter(negative="", help="Tell of every detector, too.")] = False,
    seed: Seed = 0,
    json: Json = False,
) -> int:
    """Look for wrong labels in data of your own: images, texts, rows of a table, vectors.

    A frozen backbone sees every example once. Models are fitted to what it sees of nine tenths of
    the examples and asked about the other tenth, so that no example speaks for its own label. What
    they know is measured first: where that is too little, the outcome is inconclusive (exit status
    4), and the ranking is all there is. OUT/scan gets ranking.parquet, scores.parquet, summary.json
    and report.html. Examples that are the same byte for byte but lie under different labels are
    certain errors, which need no model: OUT/scan/duplicates.csv has them, and what could not be
    read is in OUT/scan/left-out.csv. What the backbone saw is kept for the next check.

    Example: radiotracer check photos --out checked

    Example: radiotracer check messages.csv --text-column message --label-column kind

    Example: radiotracer check photos --probabilities out-of-sample.npy
    """
    from radiotracer.checking import check as check_data
    from radiotracer.cli.executing import runner_of
    from radiotracer.detectors import Rule
    from radiotracer.scanning.outputs import summarise

    with progress() as reporter:
        found = check_data(
            data,
            out=folder,
            validation=validation,
            **reading.given(),
            backbone=backbone,
            features=features,
            validation_features=validation_features,
            probabilities=probabilities,
            rule=None if fdr is None else Rule(fdr=fdr),
            runner=runner_of(workers, None),
            seed=seed,
            command=" ".join(["radiotracer", *sys.argv[1:]]),
            progress=reporter,
            note=err.print,
        )
    summary = summarise(found)
    if json:
        emit(summary)
    else:
        tell_check(found, summary, folder / "scan", verbose=verbose)
    if summary["inconclusive"] is not None:
        return 4
    certain = summary["read"]["certain"]["under_different_labels"]
    return 1 if summary["flagged"] or certain else 0


def tell_check(found: Scan, summary: dict[str, Any], folder: Path, *, verbose: bool) -> None:
    """Print what the models know, how long the list is, its first examples, and the files."""
    import numpy as np

    from radiotracer.scanning import RANKING_FILE, REPORT_FILE

    if verbose:
        out.print(detector_table(summary))
        out.print(f"* decides: {summary['rule']}")
        for name, why in summary["left_out"].items():
            out.print(f"{name} was left out: it needs {why}")
    for note in summary["notes"]:
        out.print(note)
    if found.grounds is not None:
        for line in found.grounds.lines(found.class_names):
            out.print(line)
    for line in found.certain_lines:
        out.print(line)
    for line in () if found.health is None else found.health.lines():
        out.print(line)
    out.print()
    flagged, wrong = summary["flagged"], summary["expected_wrong"]
    if summary["inconclusive"] is not None:
        out.print(f"inconclusive: {summary['inconclusive']}.")
        out.print(
            "What would help: more examples of each class, a backbone that knows such examples "
            "(--backbone), or your own model's --probabilities."
        )
    elif flagged:
        plural = "label" if flagged == 1 else "labels"
        likely = "" if wrong["list"] is None else f", {wrong['list']:.0%} of them likely wrong"
        out.print(f"{flagged:,} of {summary['examples']:,} {plural} to check{likely}.")
    else:
        out.print(f"No label of {summary['examples']:,} to check.")
    sure = summary["inconclusive"] is None and wrong["first_100"] is not None
    if sure and summary["examples"] > 100:
        out.print(
            f"Expected to be wrong: {wrong['first_20']:.0%} of the first 20, "
            f"{wrong['first_100']:.0%} of the first 100."
        )
    first = np.argsort(found.decision.ranks)[:FIRST]
    out.print("first in the ranking:")
    shown = (found.identity.ids[first], found.labels_of(first), found.suggested_of(first))
    for name, given, other in zip(*shown, strict=True):
        out.print(f"  {name}  {given} -> {other}")
    out.print(f"report    {folder / REPORT_FILE}")
    out.print(f"ranking   {folder / RANKING_FILE}")
    out.print(f"next      radiotracer review {folder}")
