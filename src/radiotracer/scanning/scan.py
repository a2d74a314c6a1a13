"""From a recorded run to a ranking of its examples, and to those that are flagged."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from torch import nn

from radiotracer.data.examples import seen_by
from radiotracer.detectors import (
    DEFAULT_DETECTOR,
    KNOWN_OUTPUT,
    KNOWN_TARGET,
    Detector,
    Reference,
    Rule,
)
from radiotracer.gradients import (
    WHOLE,
    Data,
    LossFunction,
    Precision,
    Task,
    count,
    cross_entropy,
    task_of,
)
from radiotracer.recipes import Manifest
from radiotracer.runs import Run
from radiotracer.scale import MemoryLedger
from radiotracer.scanning.concluding import Undecided, concluded, deciding
from radiotracer.scanning.dividing import divided_units
from radiotracer.scanning.execution import HERE, Execution, begin
from radiotracer.scanning.inputs import ScanInputs, has_classes
from radiotracer.scanning.needs import lacking, runnable
from radiotracer.scanning.ranked import Progress
from radiotracer.scanning.recorded import RecordedRun
from radiotracer.scanning.result import Scan
from radiotracer.scanning.rounding import notes_of, rounding_of
from radiotracer.scanning.validate import (
    checked,
    chosen,
    require_kind,
    require_reference,
    require_scale,
    require_sendable,
    require_settings,
)
from radiotracer.scanning.walk import rank_by_all


def scan(
    model: nn.Module,
    run: Run,
    train: Data,
    validation: Data | None = None,
    *,
    incident: Data | None = None,
    manifest: Manifest | None = None,
    detectors: Sequence[str | Detector] = (),
    rule: Rule | None = None,
    clean_reference: Reference | None = None,
    layers: Sequence[str] = (),
    loss: LossFunction = cross_entropy,
    task: Task | None = None,
    batch_size: int = 512,
    precision: Precision = WHOLE,
    seed: int = 0,
    execution: Execution = HERE,
    progress: Progress = lambda *_: None,
) -> Scan:
    """Rank the training examples of a run by suspicion and decide which are flagged.

    Args:
        model: The network that was trained; copied, never touched. The work is done on its device.
        run: Its recording.
        train: What it was trained on: the same examples in the same order.
        validation: Clean examples of the same kind, not trained on (a test split); without
            them the detectors that ask about influence on others are left out.
        incident: Examples of the same kind, with their true labels, that the last checkpoint is
            known to predict wrongly: the question is then who taught it that. Those of them that
            it predicts as labelled are left out. Where there are no classes: with the *wrong*
            output as the target, such as a prompt and the completion that a language model gave.
        manifest: The ground truth, to judge detectors by; never read by a detector.
        detectors: Names, and objects of your own (`radiotracer.detectors.Detector`); the first one
            decides. Without any, `contrast` decides, or `label-posterior` where `contrast` cannot
            run; with an `incident`, `known-target`. `label-posterior` and the baselines always run.
            Where targets are no class numbers (documents of a language model), those that need
            classes are left out: `loss-drop` ranks, and decides nothing by itself; with an
            `incident`, `known-output` does, and decides where there are `validation` examples.
        rule: How to decide; None is calibrated (see `radiotracer.detectors.calibrated`).
        clean_reference: Training examples that are known to be clean, for a false discovery rate
            that is guaranteed; they are never flagged.
        layers: Patterns of parameter names to trace; empty means all that were trained.
        loss: One loss per example: `radiotracer.gradients.causal_lm_loss` of a language model.
        task: In place of a loss: what training minimised, and what validation examples and an
            incident are asked (`radiotracer.gradients.Task`).
        batch_size: Examples per pass; scores do not depend on it but for rounding. Where memory
            runs out a pass takes fewer, and the result says so.
        precision: ``"bfloat16"`` makes forward passes in mixed precision, and measures on a sample
            what that does to each detector.
        seed: For what is random.
        execution: Who does it, and where finished units are kept; by default this process does,
            in memory.
        progress: Told how far it is.

    Raises:
        DataError: `train` is not what the run was trained on, a label is outside the classes, or
            `validation` have other classes or shapes.
        InputError: An unknown detector, two of one name, one that cannot be sent to the workers or
            does not give what it promises, the deciding one cannot run, a setting out of range, a
            reference that is too small or beside another rule, classes and a network that is no
            classifier, a rate that nothing could be held against, a folder with the units of
            another scan, a precision that the network or the device cannot have, or memory that a
            single example does not fit into.
        RunError: The network and the checkpoints do not fit each other.
        NotFiniteError: NaN or infinity in weights, inputs, losses or scores.
    """
    train = seen_by(model, train)
    validation, incident = (
        None if data is None else seen_by(model, data) for data in (validation, incident)
    )
    classes = has_classes(run)
    asked = chosen(detectors, has_incident=incident is not None, classes=classes)
    require_settings(batch_size, seed)
    require_kind("rule", rule, Rule)
    require_kind("clean_reference", clean_reference, Reference)
    require_kind("manifest", manifest, Manifest)
    require_reference(rule, clean_reference, count(train))
    asking = task_of(loss, task)
    inputs = ScanInputs(
        model, run, train, validation, incident, asking, tuple(layers), batch_size, precision
    )
    identity, class_names = checked(inputs)
    require_sendable(execution.runner, asked, asking)
    begin(execution, inputs, asked)
    # Kept here, to read what the units say of themselves.
    ledger = execution.ledger or MemoryLedger()
    able, left_out = runnable(asked, lacking(inputs, asked, classes=classes))
    # What was asked for by name, or by an incident, must run; without either there is a fallback.
    must = [*asked[:1]] if detectors else []
    told = KNOWN_TARGET if classes else KNOWN_OUTPUT
    must += [each for each in asked if incident is not None and each.name == told]
    detector = deciding(
        must, able, left_out, default=DEFAULT_DETECTOR, has_validation=validation is not None
    )
    if not classes:
        require_scale(rule, detector, clean_reference, has_validation=validation is not None)
    rounding = rounding_of(inputs, able, seed=seed)
    ranked = rank_by_all(
        inputs,
        able,
        classes=len(class_names),
        seed=seed,
        execution=dataclasses.replace(execution, ledger=ledger),
        progress=progress,
    )
    return concluded(
        Undecided(
            source=RecordedRun(inputs.tracing),
            train=train,
            identity=identity,
            validation=validation,
            class_names=class_names,
            manifest=manifest,
            detectors=able,
            ranked=ranked,
            left_out=left_out,
            seed=seed,
            notes=(
                *notes_of(rounding, precision),
                *divided_units(ranked.units, ledger, batch_size),
            ),
            rounding=rounding,
        ),
        detector,
        rule,
        clean_reference,
    )
