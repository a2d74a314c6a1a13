"""From a recorded run to a ranking of its examples, and to those that are flagged."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import nn

from radiotracer.data import Dataset, Identity
from radiotracer.data.account import Account
from radiotracer.detectors import (
    DEFAULT_DETECTOR,
    FALLBACK,
    KNOWN_TARGET,
    Decided,
    Decision,
    Detection,
    Detector,
    Ranking,
    Reference,
    Rule,
    against,
    calibrated,
    decide,
    decided,
    detection,
    reference_warnings,
)
from radiotracer.errors import InputError
from radiotracer.gradients import (
    WHOLE,
    Data,
    LossFunction,
    Precision,
    count,
    cross_entropy,
)
from radiotracer.influence import Tracing
from radiotracer.recipes import Manifest
from radiotracer.runs import Run
from radiotracer.scale import MemoryLedger
from radiotracer.scanning.dividing import divided_units
from radiotracer.scanning.execution import HERE, Execution, begin
from radiotracer.scanning.inputs import ScanInputs
from radiotracer.scanning.rounding import Rounding, notes_of, rounding_of
from radiotracer.scanning.validate import (
    checked,
    chosen,
    require_reference,
    require_sendable,
    require_settings,
)
from radiotracer.scanning.walk import Progress, rank_by_all, runnable
from radiotracer.views import Shown


@dataclass(frozen=True, eq=False)
class Scan(Shown):
    """A finished scan; every array has one row per training example, in the run's order.

    Args:
        run: The recorded training.
        tracing: The private copy of its network, for further questions.
        train: The training examples.
        identity: Their ids, digests and labels.
        validation: The validation examples, or None.
        class_names: One per class.
        manifest: The ground truth, where there is one.
        detectors: Those that ran, by name.
        rankings: By detector name.
        seconds: By detector name.
        left_out: Detectors that could not run, with what they lack.
        detector: The one that decides.
        decision: What it flags.
        suggested: The class that each example more likely belongs to, shape (n,).
        seed: The scan's seed.
        clean_reference: The examples that were known to be clean, or None.
        warnings: What speaks against the reference, what was divided for lack of memory, what
            mixed precision did, and what a higher rate would flag where nothing is, for people.
        rounding: By detector: how far mixed precision is from the precision of the weights; empty
            where there is none.
    """

    run: Run
    tracing: Tracing
    train: Data
    identity: Identity
    validation: Data | None
    class_names: tuple[str, ...]
    manifest: Manifest | None
    detectors: Mapping[str, Detector]
    rankings: Mapping[str, Ranking]
    seconds: Mapping[str, float]
    left_out: Mapping[str, str]
    detector: str
    decision: Decision
    suggested: NDArray[np.int64]
    seed: int
    clean_reference: Reference | None = None
    warnings: tuple[str, ...] = ()
    rounding: Mapping[str, Rounding] = field(default_factory=dict)

    def __repr__(self) -> str:
        """What was decided, in one short line."""
        flagged = int(self.decision.is_flagged.sum())
        said = f"{flagged:,} of {len(self.scores):,} examples flagged by {self.detector}"
        return f"Scan({said}: {self.decision.words[:150]})"

    @functools.cached_property
    def account(self) -> Account | None:
        """What was read; None of data in memory that are no `Dataset`."""
        if not isinstance(self.train, Dataset):
            return None
        held = self.validation
        return Account(self.train, held if isinstance(held, Dataset) else None)

    @property
    def certain_lines(self) -> list[str]:
        """Errors that need no network, in words: copies under different labels."""
        return [] if self.account is None else self.account.certain_lines()

    @property
    def scores(self) -> NDArray[np.float64]:
        """The deciding detector's scores, shape (n,)."""
        return self.rankings[self.detector].scores

    def quality(self, name: str) -> tuple[Detection, Decided] | None:
        """How well a detector's ranking and its decision do, where a manifest says what is true.

        A detector with p-values is judged by its own calibrated rule, every other one at as many
        examples as the deciding one flagged.
        """
        if self.manifest is None or not 0 < self.manifest.is_tampered.sum() < len(self.scores):
            return None
        truth = self.manifest.is_tampered
        ranking = self.rankings[name]
        if name == self.detector:
            flagged = self.decision.is_flagged
        elif ranking.p_values is not None:
            flagged = decide(ranking, calibrated(name, self.rankings)).is_flagged
        else:
            flagged = decide(ranking, Rule(top_k=int(self.decision.is_flagged.sum()))).is_flagged
        return detection(ranking.scores, truth), decided(flagged, truth)


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
            it predicts as labelled are left out.
        manifest: The ground truth, to judge detectors by; never read by a detector.
        detectors: Names, and objects of your own (`radiotracer.detectors.Detector`); the first one
            decides. Without any, `contrast` decides, or `label-posterior` where `contrast` cannot
            run; with an `incident`, `known-target`. `label-posterior` and the baselines always run.
        rule: How to decide; None is calibrated (see `radiotracer.detectors.calibrated`).
        clean_reference: Training examples that are known to be clean, for a false discovery rate
            that is guaranteed; they are never flagged.
        layers: Patterns of parameter names to trace; empty means all that were trained.
        loss: One loss per example.
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
            reference that is too small or beside another rule, a network that is no classifier, a
            folder with the units of another scan, a precision that the network or the device
            cannot have, or memory that a single example does not fit into.
        RunError: The network and the checkpoints do not fit each other.
        NotFiniteError: NaN or infinity in weights, inputs, losses or scores.
    """
    asked = chosen(detectors, has_incident=incident is not None)
    require_settings(batch_size, seed)
    require_reference(rule, clean_reference, count(train))
    inputs = ScanInputs(
        model, run, train, validation, incident, loss, tuple(layers), batch_size, precision
    )
    identity, class_names = checked(inputs)
    require_sendable(execution.runner, asked, loss)
    begin(execution, inputs, asked)
    # Kept here, to read what the units say of themselves.
    ledger = execution.ledger or MemoryLedger()
    able, left_out = runnable(asked, inputs)
    rounding = rounding_of(inputs, able, seed=seed)
    ranked = rank_by_all(
        inputs,
        able,
        classes=len(class_names),
        seed=seed,
        execution=dataclasses.replace(execution, ledger=ledger),
        progress=progress,
    )
    # What was asked for by name, or by an incident, must run; without either there is a fallback.
    must = [asked[0].name] if detectors else []
    must += [] if incident is None else [KNOWN_TARGET]
    for name in must:
        if name in left_out:
            raise InputError(
                expected=f"what {name} needs: {left_out[name]}",
                came="none",
                do="pass validation=, or let another detector decide"
                if validation is None
                else "let another detector decide",
            )
    detector = asked[0].name if must or DEFAULT_DETECTOR in ranked.by_name else FALLBACK
    suggested = ranked.by_name[detector].suggested
    if suggested is None:
        suggested = ranked.by_name[FALLBACK].suggested
    assert suggested is not None  # noqa: S101
    ranking, tested = ranked.by_name[detector], None
    posteriors = ranked.by_name[FALLBACK].posteriors
    found = [*notes_of(rounding, precision), *divided_units(ranked.units, ledger, batch_size)]
    if clean_reference is not None and rule is not None and rule.fdr is not None:
        tested = against(ranking.scores, identity.labels, clean_reference, rule.fdr)
        assert posteriors is not None  # noqa: S101
        found += reference_warnings(
            clean_reference, posteriors, identity.labels, identity.ids, by_class=tested.by_class
        )
    decision = decide(ranking, rule or calibrated(detector, ranked.by_name), tested, posteriors)
    if decision.nearly is not None:
        found.append(decision.nearly)
    return Scan(
        run=run,
        tracing=inputs.tracing,
        train=train,
        identity=identity,
        validation=validation,
        class_names=class_names,
        manifest=manifest,
        detectors={each.name: each for each in able},
        rankings=ranked.by_name,
        seconds=ranked.seconds,
        left_out=left_out,
        detector=detector,
        decision=decision,
        suggested=suggested,
        seed=seed,
        clean_reference=clean_reference,
        warnings=tuple(found),
        rounding=rounding,
    )
