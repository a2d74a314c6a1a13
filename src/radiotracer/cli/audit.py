"""``radiotracer audit``: was this model trained on marked data?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, err, out, progress
from radiotracer.cli.key import read_key
from radiotracer.cli.options import HeldOut, Json, KeyFile, Marked, Out, Overwrite
from radiotracer.cli.stamp import TsaCertificate, believed_roots
from radiotracer.cli.suspects import (
    AccessName,
    Architecture,
    ClassesMap,
    GivenOutputs,
    HeadersFrom,
    Layout,
    Mean,
    Scale,
    Size,
    Std,
    Step,
    SuspectFactory,
    SuspectModel,
    open_for,
)
from radiotracer.cli.text import visible
from radiotracer.errors import InputError
from radiotracer.files import require_new_folder

if TYPE_CHECKING:
    from radiotracer.provenance.evidence import Evidence

STATUS = {"trained-on-marked-data": 1, "no-evidence": 0, "inconclusive": 4}
"""The exit status of each verdict."""


@command("audit")
def audit(
    suspect: SuspectModel,
    /,
    *,
    key: KeyFile,
    marked: Marked,
    folder: Annotated[Out, Parameter(name="--out")],
    access: Annotated[
        AccessName | None,
        Parameter(help="What to use of the model; by default the most telling that it gives."),
    ] = None,
    architecture: Architecture = None,
    factory: SuspectFactory = None,
    step: Step = None,
    outputs: GivenOutputs = None,
    headers_from: HeadersFrom = None,
    layout: Layout = None,
    scale: Scale = None,
    mean: Mean = None,
    std: Std = None,
    size: Size = None,
    classes_map: ClassesMap = None,
    references: Annotated[
        list[str] | None,
        Parameter(
            name="--reference-model",
            negative="",
            help="A run, .onnx file or python:module:function of your own, trained as the suspect "
            "may have been but never on published data, for more statistical power; repeatable.",
        ),
    ] = None,
    held_out: HeldOut = None,
    control_keys: Annotated[
        int | None,
        Parameter(
            show_default=False,
            help="Of carriers by scores: compare what the key's marks do to held-out images with "
            "what so many other keys' do (99, say), in place of fitting a classifier to the "
            "scores. Asks about more images.",
        ),
    ] = None,
    first_seen: Annotated[
        str | None,
        Parameter(
            help="When the model was first seen, a date such as 2026-01-31: one that existed "
            "before the release cannot have been trained on it."
        ),
    ] = None,
    log: Annotated[
        Path | None,
        Parameter(
            help="Where the log lies that the commitment names, if not at what it says: a copy, "
            "say, to be sent back to whoever holds it."
        ),
    ] = None,
    tsa_certificate: TsaCertificate = None,
    max_queries: Annotated[
        int | None, Parameter(help="Ask about this many examples at most; by default no limit.")
    ] = None,
    as_asked: Annotated[
        bool,
        Parameter(
            negative="",
            help="Audit the model as it is asked, even where it knows no more than chance of "
            "unmarked examples of the release, or clearly more when it is asked in another way.",
        ),
    ] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Ask whether a model was trained on marked data, by an exact test.

    Opens the commitment, asks the model about both twins of every marked image, or about what else
    was planted, and says how probable its answers are for a model that does not depend on the key.
    Every audit of a release counts (sealed/audits.jsonl, Holm), and stands in the log that was
    named when the data were marked. Writes evidence.json, report.html
    and the model's answers; an audit that was stopped goes on where it was when the same command is
    run again. Exit status: 1 consistent with training on the marked data, 0 no evidence, 4
    inconclusive: nothing follows.

    Example: radiotracer audit run --key my.key --marked marked --out audit

    Example: radiotracer audit https://example.org/predict --headers-from HEADERS --max-queries 2000
    --key my.key --marked marked --out audit
    """
    from radiotracer.provenance.evidence import EVIDENCE_FILE
    from radiotracer.provenance.release import open_marked
    from radiotracer.provenance.run_audit import run_audit

    if max_queries is not None and max_queries < 1:
        raise InputError(
            expected="max_queries= of at least 1",
            came=str(max_queries),
            do="leave it out for no limit",
        )
    _require_date(first_seen)
    _require_apart(folder, marked, key, suspect)
    require_new_folder(folder, marker=EVIDENCE_FILE, overwrite=overwrite)
    secret = read_key(key)
    opened = open_marked(marked, secret)  # before any code or file of the suspect's is opened
    asked = open_for(
        opened.release,
        suspect,
        architecture=architecture,
        factory=factory,
        step=step,
        outputs=outputs,
        headers_from=headers_from,
        layout=layout,
        scale=scale,
        mean=mean,
        std=std,
        size=size,
        classes_map=classes_map,
    )
    with progress() as reporter:
        evidence = run_audit(
            opened,
            secret,
            asked,
            folder,
            access=access,
            references=[open_for(opened.release, each) for each in references or ()],
            held_out=held_out,
            control_keys=control_keys,
            max_queries=max_queries,
            first_seen=first_seen,
            log=log,
            roots=believed_roots(tsa_certificate),
            as_asked=as_asked,
            overwrite=overwrite,
            progress=reporter,
            note=err.print,
        )
    if json:
        emit(evidence.model_dump(mode="json"))
    else:
        tell(evidence, folder, key, marked)
    return STATUS[evidence.verdict]


def tell(evidence: Evidence, folder: Path, key: Path, marked: Path) -> None:
    """Print the verdict, what it stands on, and where the files are."""
    from rich.table import Table

    from radiotracer.provenance.evidence import EVIDENCE_FILE
    from radiotracer.provenance.page import REPORT_FILE
    from radiotracer.provenance.run_audit import QUERIES_FILE
    from radiotracer.provenance.wording import HEADLINES, ten_to

    audits = len(evidence.audits)
    out.print(f"{HEADLINES[evidence.verdict]}.")
    out.print(evidence.claim)
    out.print()
    out.print(f"suspect   {evidence.suspect.name}, by {evidence.access}")
    out.print(
        f"p-value   at most {ten_to(evidence.log10_p_value)}, and "
        f"{ten_to(evidence.adjusted_log10_p_value)} after Holm over {audits} "
        f"audit{'s' * (audits != 1)}, {evidence.chance.counted_by}"
    )
    drawing = evidence.drawing
    allowed = f", allowance for {drawing.allowed_for}" if drawing.allowed_for else ""
    out.print(
        f"decides   {ten_to(evidence.deciding_log10_p_value)}: coins by {drawing.strength}{allowed}"
        f"; the level is {evidence.alpha:g}"
    )
    if evidence.beside is not None:
        out.print(
            f"beside    {ten_to(evidence.beside)} with references that were not committed to "
            "before the coins: they do not count"
        )
    out.print(f"effect    {evidence.effect:.3f}: {evidence.effect_means}")
    asked = evidence.counted(evidence.suspect.queries)
    out.print(f"asked     {asked}, {evidence.coins:,} coin{'s' * (evidence.coins != 1)}")
    out.print()
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("control", overflow="fold")
    table.add_column("result", no_wrap=True)
    table.add_column("came", overflow="fold")
    for each in evidence.controls:
        table.add_row(visible(each.name), "passed" if each.passed else "FAILED", visible(each.came))
    out.print(table)
    out.print()
    out.print(f"report    {folder / REPORT_FILE}")
    out.print(f"evidence  {folder / EVIDENCE_FILE}")
    out.print(f"answers   {folder / QUERIES_FILE}: keep it sealed, it gives coins of the key away")
    out.print(f"check it  radiotracer verify {folder} --key {key} --marked {marked}")


def _require_date(first_seen: str | None) -> None:
    from datetime import date

    try:
        date.fromisoformat(first_seen or "2026-01-31")
    except ValueError as error:
        raise InputError(
            expected="first_seen= a date such as 2026-01-31", came=str(first_seen), do="pass one"
        ) from error


def _require_apart(folder: Path, marked: Path, key: Path, suspect: str) -> None:
    """The answers give coins away: they may not be published. And OUT may be replaced."""
    place = folder.resolve()
    if place.is_relative_to(marked.resolve()):
        raise InputError(
            expected="--out outside of the marked data",
            came=f"{folder}, which lies in {marked}",
            do="choose another --out: a part of that folder is published",
        )
    for path in (marked, key, Path(suspect)):
        if path.exists() and path.resolve().is_relative_to(place):
            raise InputError(
                expected="--out without anything in it that the audit needs",
                came=f"{path} in {folder}",
                do="choose another --out: it may be replaced",
            )
