"""``radiotracer scan``: rank a run's training examples by suspicion and report those flagged."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import detector_table, emit, err, out, progress, tell_data
from radiotracer.cli.deciding import require_gate, rule_of
from radiotracer.cli.executing import Ray, Units, Workers, kept_units, runner_of
from radiotracer.cli.journal import LogJson, both, journal
from radiotracer.cli.options import (
    AllowInterrupted,
    BatchSize,
    Device,
    Factory,
    Json,
    Out,
    Overwrite,
    Precise,
    Seed,
    TrainingData,
)
from radiotracer.cli.planning import PlanOnly, as_json, tell_plan
from radiotracer.cli.recorded import manifest_of, network_of, open_like, rows_of, training_data
from radiotracer.errors import InputError

if TYPE_CHECKING:
    from radiotracer.data import Dataset
    from radiotracer.gradients import Precision
    from radiotracer.scanning.inputs import ScanInputs


@command("scan")
def scan(
    run: Annotated[Path, Parameter(help="A folder that `train` or radiotracer.record wrote.")],
    /,
    *,
    folder: Annotated[Out, Parameter(name="--out")],
    data: TrainingData = None,
    validation: Annotated[
        str | None,
        Parameter(
            help="Clean data that were not trained on; by default the test split that belongs "
            "to the training data, if there is one. 'none' for none. A folder of images is "
            "resized to the size of the training images."
        ),
    ] = None,
    detector: Annotated[
        list[str] | None,
        Parameter(
            negative="",
            help="Detector to run, once for each; the first one decides. By default contrast "
            "decides where there are validation examples of every class, else label-posterior, and "
            "those run that share their passes; the baselines always run.",
        ),
    ] = None,
    incident: Annotated[
        str | None,
        Parameter(
            help="Dataset, DATA#ROW or DATA#ROW,ROW, with their true labels, that the network is "
            "known to predict wrongly: asks who taught it that (known-target decides)."
        ),
    ] = None,
    threshold: Annotated[
        float | None, Parameter(help="Flag scores of at least this (gamma); see --tail.")
    ] = None,
    top_k: Annotated[
        int | None, Parameter(help="Flag this many, the most suspicious first.")
    ] = None,
    fdr: Annotated[
        float | None,
        Parameter(
            help="Flag at this false discovery rate, the expected share of clean examples among "
            "those flagged: guaranteed with --clean-reference, estimated without."
        ),
    ] = None,
    clean_reference: Annotated[
        Path | None,
        Parameter(
            help="Training examples that are known to be clean, such as a random sample that a "
            "person reviewed: a .txt with one id per line, or a .csv or .parquet with a column id; "
            "where it has the columns decision and sampled, those that are 'keep' and true."
        ),
    ] = None,
    storey: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Estimate the share of clean examples, which finds more where many are tampered "
            "with; needs --clean-reference.",
        ),
    ] = False,
    tail: Annotated[
        Literal["upper", "lower", "both"],
        Parameter(
            help="upper: score >= G (high scores are suspicious); lower: score <= -G; both. For "
            "tracin-cp the score is minus the influence on validation data: upper means opponents."
        ),
    ] = "upper",
    layers: Annotated[
        list[str] | None,
        Parameter(
            negative="",
            help="Trace only parameters whose name matches, e.g. 'stage4.*'; repeatable.",
        ),
    ] = None,
    max_flagged: Annotated[
        int, Parameter(help="Exit with status 1 only when more than this many are flagged.")
    ] = 0,
    junit: Annotated[
        Path | None,
        Parameter(help="Write a JUnit XML file, too: one test case per class, for build servers."),
    ] = None,
    factory: Factory = None,
    batch_size: BatchSize = 512,
    device: Device = "auto",
    precision: Precise = "float32",
    allow_interrupted: AllowInterrupted = False,
    seed: Seed = 0,
    workers: Workers = None,
    ray: Ray = None,
    units: Units = None,
    log_json: LogJson = None,
    plan: PlanOnly = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Rank a recorded run's training examples by suspicion, and report those that are flagged.

    Writes ranking.parquet, scores.parquet, summary.json and report.html. Without --threshold,
    --top-k or --fdr, contrast flags at an estimated false discovery rate of 5 %, and
    label-posterior, where it decides, what is more likely changed than not. A higher score is
    always more suspicious. No validation examples, or too few in --clean-reference, make a scan
    inconclusive, which is neither found nor clean, and ends with status 4. Where the data have a
    manifest, every detector is judged by it. A scan that was stopped goes on where it was when the
    same command is run again.

    Example: radiotracer scan run --out scan
    """
    from radiotracer.cli.junit import write_junit
    from radiotracer.data import Dataset
    from radiotracer.files import require_new_folder
    from radiotracer.scanning import SUMMARY_FILE, plan_scan, read_reference, write_scan
    from radiotracer.scanning import scan as scan_run
    from radiotracer.scanning.execution import Execution

    require_new_folder(folder, marker=SUMMARY_FILE, overwrite=overwrite)
    runner = runner_of(workers, ray)
    if plan and ray is not None and workers is None:
        raise InputError(
            expected="--workers beside --plan and --ray", came="none", do="pass, say, --workers 8"
        )
    rule = rule_of(threshold, top_k, fdr, tail, storey=storey, clean_reference=clean_reference)
    require_gate(max_flagged, junit)
    open_inputs = partial(
        inputs_of,
        run,
        data,
        validation,
        incident,
        factory=factory,
        allow_interrupted=allow_interrupted,
        device=_place(device, ray),
        layers=tuple(layers or ()),
        batch_size=batch_size,
        precision=precision,
    )
    # What this process has done until now is what every worker does first: mostly imports.
    started = time.perf_counter() - time.process_time()
    asked = open_inputs()
    if plan:
        cost = plan_scan(
            asked,
            detectors=detector or (),
            workers=workers,
            opening=time.perf_counter() - started,
            seed=seed,
        )
        emit(as_json(cost)) if json else tell_plan(cost)
        return 0
    examples = asked.train
    assert isinstance(examples, Dataset)  # noqa: S101
    shown = asked.validation
    tell_data(examples, shown if isinstance(shown, Dataset) else None, listed=True)
    known = None if clean_reference is None else read_reference(clean_reference, examples.ids)
    with (
        journal(log_json) as log,
        kept_units(folder, units, overwrite=overwrite) as ledger,
        progress() as reporter,
    ):

        def note(text: str) -> None:
            err.print(text)
            log.note(text)

        found = scan_run(
            asked.model,
            asked.run,
            examples,
            asked.validation,
            incident=asked.incident,
            manifest=manifest_of(examples),
            detectors=detector or (),
            rule=rule,
            clean_reference=known,
            layers=asked.layers,
            batch_size=batch_size,
            precision=precision,
            seed=seed,
            execution=Execution(runner, ledger, open_inputs, note),
            progress=both(reporter, log.progress),
        )
        typed = " ".join(["radiotracer", *sys.argv[1:]])
        # Before the units are removed: a disk that is full here loses nothing.
        summary = write_scan(found, folder, command=typed, overwrite=overwrite)
    passed = summary["flagged"] <= max_flagged
    if junit is not None:
        write_junit(found, junit, passed=passed)
    if json:
        emit(summary)
    else:
        tell(summary, folder, found.certain_lines)
        if junit is not None:
            out.print(f"junit     {junit}")
    if summary["inconclusive"] is not None:
        return 4
    return 0 if passed else 1


def inputs_of(
    run: Path,
    data: str | None,
    validation: str | None,
    incident: str | None,
    *,
    factory: str | None,
    allow_interrupted: bool,
    device: str,
    layers: tuple[str, ...],
    batch_size: int,
    precision: Precision,
) -> ScanInputs:
    """Open what a scan is asked about; workers in other processes do the same."""
    from radiotracer.data.quality import held_out
    from radiotracer.runs import Run
    from radiotracer.scanning.inputs import ScanInputs

    recorded = Run.open(run, allow_interrupted=allow_interrupted)
    examples = training_data(recorded, data)
    clean = validation or recorded.info.data.validation
    return ScanInputs(
        network_of(recorded, factory).to(device),
        recorded,
        examples,
        None if clean in (None, "none") else held_out(examples, open_like(str(clean), examples)),
        None if incident is None else _incident(incident, examples),
        layers=layers,
        batch_size=batch_size,
        precision=precision,
    )


def _place(device: str, ray: str | None) -> str:
    """The device by name; workers by Ray are given no GPUs."""
    from radiotracer.gradients import AUTO, device_named

    if ray is None:
        return str(device_named(device))
    if device not in (AUTO, "cpu"):
        raise InputError(
            expected="--device cpu with --ray, whose workers are given CPUs alone",
            came=device,
            do="leave --device out, or scan without --ray",
        )
    return "cpu"


def _incident(named: str, examples: Dataset) -> Dataset:
    """The rows that were named, or all; the scan keeps those that are predicted wrongly."""
    source, rows = rows_of("--incident", named)
    shown = open_like(source, examples)
    if rows and max(rows) >= len(shown):
        raise InputError(
            expected=f"rows from 0 to {len(shown) - 1} of {source}",
            came=str(max(rows)),
            do="pass --incident DATA#ROW with a row that exists",
        )
    return shown.take(rows) if rows else shown


def tell(summary: dict[str, Any], folder: Path, certain: Sequence[str] = ()) -> None:
    """Print a scan's table, certain errors, and where its files are."""
    from radiotracer.scanning import RANKING_FILE, REPORT_FILE, SUMMARY_FILE

    out.print(detector_table(summary))
    out.print(f"* decides: {summary['rule']}")
    for name, why in summary["left_out"].items():
        out.print(f"{name} was left out: it needs {why}")
    for note in summary["notes"]:
        out.print(note)
    for line in certain:
        out.print(line)
    out.print()
    flagged, examples = summary["flagged"], summary["examples"]
    if summary["inconclusive"] is None:
        out.print(f"{flagged:,} of {examples:,} training examples are flagged.")
    else:
        out.print(f"inconclusive: {summary['inconclusive']}.")
    out.print(f"report    {folder / REPORT_FILE}")
    out.print(f"ranking   {folder / RANKING_FILE}")
    out.print(f"summary   {folder / SUMMARY_FILE}")
