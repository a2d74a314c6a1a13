"""``radiotracer explain``: the training examples behind a prediction."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, out, progress, tell_data
from radiotracer.cli.options import (
    AllowInterrupted,
    BatchSize,
    Device,
    Factory,
    Json,
    Overwrite,
    TrainingData,
)
from radiotracer.cli.recorded import (
    manifest_of,
    network_of,
    open_like,
    recorded_run,
    rows_of,
    training_data,
)
from radiotracer.cli.text import visible
from radiotracer.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from radiotracer.present import Cause, Reason, Reasons


@command("explain")
def explain(
    run: Annotated[Path, Parameter(help="A folder that `train` or radiotracer.record wrote.")],
    /,
    *,
    query: Annotated[
        list[str],
        Parameter(
            negative="",
            help="DATA#ROW: an example of any DATA by its row, from 0, such as mnist:test#18 or "
            "mnist:test#5,17; repeatable, with the same DATA. DATA alone with --wrong.",
        ),
    ],
    wrong: Annotated[
        int | None,
        Parameter(help="Instead of rows: the first so many that the model predicts wrongly."),
    ] = None,
    top_k: Annotated[int, Parameter(help="Proponents and opponents to show for each query.")] = 10,
    method: Annotated[
        Literal["tracin-cp", "gas"],
        Parameter(
            help="tracin-cp, or gas, which counts the directions of gradients and not their "
            "lengths."
        ),
    ] = "tracin-cp",
    label: Annotated[
        str,
        Parameter(
            help="The label to explain: predicted (by the last checkpoint), given (with the "
            "query), or a class by name or number."
        ),
    ] = "predicted",
    data: TrainingData = None,
    layers: Annotated[
        list[str] | None,
        Parameter(
            negative="",
            help="Trace only parameters whose name matches, e.g. 'stage4.*'; repeatable. By "
            "default the last linear layer; '*' for all.",
        ),
    ] = None,
    factory: Factory = None,
    batch_size: BatchSize = 512,
    device: Device = "auto",
    allow_interrupted: AllowInterrupted = False,
    folder: Annotated[
        Path | None,
        Parameter(
            name="--out",
            help="Also write explanation.html and explanation.json into this folder; it must be "
            "new.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Show which training examples pushed the model to a prediction.

    For each query, ranks the training examples by their influence on the label that the model
    predicts (--label: on another one). Proponents pushed the model towards it, opponents away from
    it; a table sums them up by given label. Where the data have a manifest, it says which were
    tampered with.

    Example: radiotracer explain run --query mnist:test --wrong 5 --out explanation
    """
    from radiotracer.explaining import explain as explain_run
    from radiotracer.files import require_new_folder
    from radiotracer.gradients import device_named
    from radiotracer.present.explanation_files import JSON_FILE, write_explanation
    from radiotracer.present.views.explanation import describe

    if folder is not None:
        require_new_folder(folder, marker=JSON_FILE, overwrite=overwrite)
    source, rows = _queries(query, wrong)
    place = device_named(device)
    recorded = recorded_run(run, allow_interrupted=allow_interrupted)
    examples = training_data(recorded, data)
    tell_data(examples)
    with progress() as reporter:
        found = explain_run(
            network_of(recorded, factory).to(place),
            recorded,
            examples,
            open_like(source, examples),
            rows=rows or None,
            wrong=wrong,
            top_k=top_k,
            method=method,
            label=label,
            layers=layers,
            manifest=manifest_of(examples),
            batch_size=batch_size,
            progress=reporter,
        )
    command = " ".join(["radiotracer", *sys.argv[1:]])
    if folder is None:
        reasons = describe(found, command=command)
    else:
        reasons = write_explanation(found, folder, command=command, overwrite=overwrite)
    if json:
        emit(reasons.model_dump(mode="json"))
    else:
        tell(reasons, folder)
    return 0


def tell(reasons: Reasons, folder: Path | None) -> None:
    """Print each query's proponents, opponents and classes, and where the files are."""
    from radiotracer.present.explanation_files import JSON_FILE, PAGE_FILE

    for reason in reasons.queries:
        wrong = "wrong" if reason.is_wrong else "as given"
        out.print(
            f"{reason.id} of {reasons.query_data}: given {reason.given_label}, "
            f"predicted {reason.predicted_label} ({wrong}, probability {reason.probability:.3f})"
        )
        out.print()
        asked = reason.explained_label
        for causes, words in (
            (reason.proponents, f"proponents: pushed towards {asked}"),
            (reason.opponents, f"opponents: pushed away from {asked}"),
        ):
            out.print(words)
            out.print(_causes(causes, reasons.noun, known=reasons.tampered is not None))
            out.print()
        out.print(f"who pushed: influence towards {asked}, summed by given label")
        out.print(_classes(reason))
        out.print()
    tampered, listed = reasons.tampered_proponents
    if reasons.tampered is not None:
        base = reasons.tampered / reasons.examples
        out.print(
            f"{tampered:,} of {listed:,} proponents listed are tampered with, as are {base:.1%} "
            "of all training examples."
        )
    out.print(f"influence by {reasons.method}: positive = pushed towards the label, a proponent")
    for note in reasons.notes:
        out.print(note)
    if folder is not None:
        out.print(f"page      {folder / PAGE_FILE}")
        out.print(f"values    {folder / JSON_FILE}")


def _causes(causes: Sequence[Cause], noun: str, *, known: bool) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column("id", overflow="fold")
    table.add_column("label", overflow="fold")
    table.add_column("influence", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    if known:
        table.add_column("tampered", overflow="fold")
    for cause in causes:
        cells = [f"{cause.rank}", visible(cause.id), visible(cause.label)]
        cells += [f"{cause.influence:+#.4g}", f"{cause.share:+.2%}"]
        if known:
            cells.append(_tampering(cause, noun))
        table.add_row(*cells)
    return table


def _tampering(cause: Cause, noun: str) -> str:
    """What the manifest says was done, in a word or two."""
    if not cause.is_tampered:
        return ""
    same = cause.original_label == cause.label
    return noun if same else f"was {visible(cause.original_label or '')}"


def _classes(reason: Reason) -> Table:
    from rich.table import Table

    from radiotracer.present import bars

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("label", overflow="fold")
    for title in ("examples", "influence", "share"):
        table.add_column(title, justify="right", no_wrap=True)
    drawn = bars(reason)
    shown = [bar.push for bar in (*drawn.classes, *([drawn.tampered] if drawn.tampered else []))]
    for push in shown:
        numbers = f"{push.examples:,}", f"{push.influence:+#.4g}", f"{push.share:+.2%}"
        table.add_row(visible(push.label), *numbers)
    return table


def _queries(query: Sequence[str], wrong: int | None) -> tuple[str, list[int]]:
    """The one DATA argument of all queries, and the rows that they name, in order."""
    parsed = [rows_of("query=", each) for each in query]
    sources = list(dict.fromkeys(source for source, _ in parsed))
    if len(sources) != 1:
        raise InputError(
            expected="the same DATA in every query=",
            came=", ".join(sources),
            do="explain the examples of each DATA in a command of its own",
        )
    rows = [row for _, some in parsed for row in some]
    if not rows and wrong is None:
        raise InputError(
            expected="query= DATA#ROW, or wrong= beside query= DATA",
            came=f"{query[0]!r} alone",
            do=f"pass, say, query={sources[0]}#0 or wrong=5",
        )
    return sources[0], list(dict.fromkeys(rows))
