"""``radiotracer audit``: was this model trained on marked data?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table

from radiotracer.cli.console import emit, err, out, progress
from radiotracer.cli.key import read_key
from radiotracer.cli.options import HeldOut, Json, KeyFile, Marked, Out, Overwrite
from radiotracer.cli.recorded import held_out_of
from radiotracer.cli.suspects import (
    Architecture,
    GivenOutputs,
    HeadersFrom,
    Step,
    SuspectFactory,
    open_for,
)
from radiotracer.cli.text import visible
from radiotracer.errors import InputError
from radiotracer.files import require_new_folder
from radiotracer.provenance.evidence import EVIDENCE_FILE, Evidence
from radiotracer.provenance.models import Access
from radiotracer.provenance.release import Release
from radiotracer.provenance.run_audit import QUERIES_FILE, REPORT_FILE, conduct
from radiotracer.provenance.wording import HEADLINES, power
from radiotracer.training.networks import build_model


def audit(
    suspect: Annotated[
        str,
        Parameter(
            help="The model: a run folder, a .safetensors, .pt, .pth or .onnx file, "
            "python:module:function, or an http(s) address."
        ),
    ],
    /,
    *,
    key: KeyFile,
    marked: Marked,
    folder: Annotated[Out, Parameter(name="--out")],
    access: Annotated[
        Access | None,
        Parameter(help="What to use of the model; by default the most telling that it gives."),
    ] = None,
    architecture: Architecture = None,
    factory: SuspectFactory = None,
    step: Step = None,
    outputs: GivenOutputs = None,
    headers_from: HeadersFrom = None,
    reference: Annotated[
        list[str] | None,
        Parameter(
            negative="",
            help="A run, .onnx file or python:module:function of your own, trained as the suspect "
            "may have been but never on published data, for more power; repeatable.",
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
    budget: Annotated[
        int | None, Parameter(help="Ask about this many images at most; by default no limit.")
    ] = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Run the command; return its exit status."""
    if budget is not None and budget < 1:
        raise InputError(
            expected="--budget of at least 1", came=str(budget), do="leave it out for no limit"
        )
    _require_apart(folder, marked, key, suspect)
    require_new_folder(folder, marker=EVIDENCE_FILE, overwrite=overwrite)
    secret = read_key(key)
    release = Release.read(marked)
    release.require_committed(secret)  # before any code or file of the suspect's is opened
    if reference and release.protocol.design != "twins":
        raise InputError(
            expected="--reference with data marked by twins: other tests use none",
            came=f"data marked by {release.protocol.design}",
            do="leave it out",
        )
    asked = open_for(
        release,
        suspect,
        architecture=architecture,
        factory=factory,
        step=step,
        outputs=outputs,
        headers_from=headers_from,
    )
    references = [open_for(release, each) for each in reference or ()]
    unmarked = held_out_of(release, held_out)
    with progress() as reporter:
        done = conduct(
            marked,
            release,
            secret,
            asked,
            folder,
            access=access,
            references=references,
            held_out=unmarked,
            build=build_model,
            control_keys=control_keys,
            budget=budget,
            overwrite=overwrite,
            command=" ".join(["radiotracer", *sys.argv[1:]]),
            progress=reporter,
            note=err.print,
        )
    if done.note is not None:
        err.print(done.note)
    if json:
        emit(done.evidence.model_dump(mode="json"))
    else:
        tell(done.evidence, folder, key, marked)
    return 1 if done.evidence.verdict == "trained-on-marked-data" else 0


def tell(evidence: Evidence, folder: Path, key: Path, marked: Path) -> None:
    """Print the verdict, what it stands on, and where the files are."""
    looks = len(evidence.looks)
    out.print(f"{HEADLINES[evidence.verdict]}.")
    out.print(evidence.claim)
    out.print()
    out.print(f"suspect   {evidence.suspect.name}, by {evidence.access}")
    out.print(
        f"p-value   at most {power(evidence.log10_p_value)}, and "
        f"{power(evidence.adjusted_log10_p_value)} after Holm over {looks} "
        f"look{'s' * (looks != 1)}; the level is {evidence.alpha:g}"
    )
    out.print(f"effect    {evidence.effect:.3f}: {evidence.effect_means}")
    out.print(f"asked     {evidence.suspect.queries:,} images, {evidence.coins:,} coins")
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
