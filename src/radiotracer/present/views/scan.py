"""A scan as people see it: the report, a notebook's display, a table."""

from __future__ import annotations

import functools
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from radiotracer import present as report
from radiotracer.data import identify
from radiotracer.gradients import count
from radiotracer.present import notebook as shown
from radiotracer.present.previews import ROOMY, Room, nouns_of, seen
from radiotracer.present.read_data import read_of
from radiotracer.present.scan_frame import frame_of
from radiotracer.present.standing_out import health_page
from radiotracer.runs.random_state import random_state_kept
from radiotracer.scanning.provenance import name_of, source_of
from radiotracer.scanning.result import Scan
from radiotracer.views import VIEWS, View

SHOWN = 60
"""Flagged examples in the report's gallery."""

SHOWN_FALSE_POSITIVES = 24
"""Examples in the gallery of what was flagged but not tampered with."""

LEADING = 24
"""Examples of the ranking that are shown where none is flagged, but the evidence is measured."""

GLANCED = 12
"""Flagged examples in a notebook."""

GLANCED_ROOM = Room(side=128, characters=240, lines=6)
"""Of each: a notebook keeps what it showed."""

OPPONENTS = 4
"""Opponents shown beside each flagged example."""

OPPONENTS_ROOM = Room(characters=120, lines=3)
"""Of each."""


def describe(scan: Scan, *, command: str = "") -> report.Findings:
    """Everything that the report says about a scan."""
    order = np.argsort(scan.decision.ranks)
    flagged = order[: int(scan.decision.is_flagged.sum())]
    shown = flagged[:SHOWN]
    truth = None if scan.manifest is None else scan.manifest.is_tampered
    wrongly = flagged[~truth[flagged]][:SHOWN_FALSE_POSITIVES] if truth is not None else shown[:0]
    grounds = () if scan.grounds is None else tuple(scan.grounds.lines(scan.class_names))
    alone = grounds or not scan.class_names
    leading = order[:LEADING] if alone and not len(flagged) else shown[:0]
    opponents = _opponents(scan, np.union1d(shown, wrongly))
    inconclusive = scan.decision.inconclusive
    pairs = zip(scan.labels_of(flagged), scan.suggested_of(flagged), strict=True)
    return report.Findings(
        title=f"{_name(scan)}: labels to check"
        if grounds
        else f"{_name(scan)}: which training examples are flagged",
        dataset=_dataset(scan),
        validation=_validation(scan),
        tampered=None if truth is None else int(truth.sum()),
        decision=report.Decision(
            detector=scan.detector,
            rule=scan.decision.words,
            flagged=len(flagged),
            threshold=scan.decision.threshold,
            inconclusive=_sentence(inconclusive),
        ),
        detectors=tuple(_row(scan, name) for name in scan.rankings),
        flagged=tuple(_example(scan, row, opponents) for row in shown),
        false_positives=tuple(_example(scan, row, opponents) for row in wrongly),
        label_flow=report.label_flow(pairs),
        distribution=report.score_distribution(
            scan.scores,
            axis_title=scan.detectors[scan.detector].summary,
            threshold=scan.decision.threshold,
            is_flagged=scan.decision.is_flagged,
            is_tampered=truth,
        ),
        curves=_curves(scan),
        provenance=_provenance(scan, command),
        notes=_notes(scan),
        judge=scan.source.judge,
        opposes=scan.source.opposes,
        read=None if scan.account is None else read_of(scan.account),
        grounds=grounds,
        expected_wrong=scan.expected_wrong(len(flagged)) if grounds else None,
        leading=tuple(_example(scan, row, {}) for row in leading),
        health=None
        if scan.health is None
        else health_page(scan.health, scan.train, scan.validation),
    )


def notebook(scan: Scan) -> report.Glance:
    """What a notebook shows of a scan; the network is asked nothing, and little is computed."""
    flags = int(scan.decision.is_flagged.sum())
    order = np.argsort(scan.decision.ranks)[: min(GLANCED, flags)]
    grounds = () if scan.grounds is None else tuple(scan.grounds.lines(scan.class_names))
    truth = None if scan.manifest is None else scan.manifest.is_tampered
    inconclusive = scan.decision.inconclusive
    # A data set in the caller's memory may draw its augmentations when it is looked at.
    with random_state_kept():
        flagged = tuple(_example(scan, row, {}, GLANCED_ROOM) for row in order)
    return shown.of_findings(
        report.Findings(
            title=_name(scan),
            dataset=_dataset(scan),
            validation=_validation(scan),
            tampered=None if truth is None else int(truth.sum()),
            decision=report.Decision(
                detector=scan.detector,
                rule=scan.decision.words,
                flagged=flags,
                inconclusive=_sentence(inconclusive),
            ),
            detectors=tuple(_row(scan, name) for name in scan.rankings),
            flagged=flagged,
            provenance=tuple(scan.source.rows()),
            notes=_notes(scan),
            judge=scan.source.judge,
            grounds=grounds,
            expected_wrong=scan.expected_wrong(flags) if grounds else None,
        )
    )


def _sentence(words: str | None) -> str | None:
    return None if words is None else f"{words[:1].upper()}{words[1:]}."


def _name(scan: Scan) -> str:
    return name_of(scan.source.data)


def _dataset(scan: Scan) -> report.Dataset:
    noun, nouns = nouns_of(scan.train)
    return report.Dataset(
        name=_name(scan),
        examples=len(scan.scores),
        class_names=scan.class_names,
        noun=noun,
        nouns=nouns,
    )


def _validation(scan: Scan) -> report.Validation | None:
    if scan.validation is None:
        return None
    source = source_of(scan.validation) or "given in Python"
    return report.Validation(count=count(scan.validation), source=source)


def _row(scan: Scan, name: str) -> report.DetectorRow:
    quality = scan.quality(name)
    row = report.DetectorRow(
        name=name,
        description=scan.detectors[name].summary,
        seconds=scan.seconds[name],
        is_default=name == scan.detector,
        is_baseline=scan.detectors[name].baseline,
    )
    if quality is None:
        return row
    ranked, decided = quality
    return row.model_copy(
        update={
            "auroc": ranked.auroc,
            "auprc": ranked.auprc,
            "tpr_at_fpr_0_01": ranked.tpr_at_fpr_01,
            "tpr_at_fpr_0_001": ranked.tpr_at_fpr_001,
            "precision": decided.precision,
            "recall": decided.recall,
            "false_positive_rate": decided.false_positive_rate,
        }
    )


def _example(
    scan: Scan,
    row: int,
    opponents: dict[int, tuple[report.Opponent, ...]],
    room: Room = ROOMY,
) -> report.Example:
    manifest, one = scan.manifest, np.array([row])
    return report.Example(
        rank=int(scan.decision.ranks[row]),
        id=str(scan.identity.ids[row]),
        **seen(scan.train, row, room),
        label=scan.labels_of(one)[0],
        score=float(scan.scores[row]),
        suggested_label=scan.suggested_of(one)[0],
        is_flagged=bool(scan.decision.is_flagged[row]),
        is_tampered=None if manifest is None else bool(manifest.is_tampered[row]),
        original_label=None
        if manifest is None or not scan.class_names
        else scan.class_names[manifest.original_labels[row]],
        opponents=opponents.get(int(row), ()),
    )


def _opponents(scan: Scan, rows: NDArray[np.int64]) -> dict[int, tuple[report.Opponent, ...]]:
    """The queries that each example hurt most, by the last layer."""
    if scan.validation is None or not len(rows):
        return {}
    influence = scan.source.influence(rows, scan.train, scan.validation)
    if influence is None:
        return {}
    clean = scan.validation
    validation = identify(clean)
    found = {}
    # Most examples hurt the same few: each of these is looked at once.
    look = functools.cache(lambda query: seen(clean, query, OPPONENTS_ROOM))
    for row, scores in zip(rows.tolist(), influence, strict=True):
        worst = np.argsort(scores, kind="stable")[:OPPONENTS]
        found[row] = tuple(
            report.Opponent(
                id=str(validation.ids[query]),
                **look(int(query)),
                label=scan.class_names[validation.labels[query]] if scan.class_names else None,
                influence=float(scores[query]),
            )
            for query in worst
            if scores[query] < 0
        )
    return found


def _curves(scan: Scan) -> tuple[report.Curve, ...]:
    if scan.manifest is None or scan.quality(scan.detector) is None:
        return ()
    from sklearn.metrics import precision_recall_curve

    curves = []
    for name, ranking in scan.rankings.items():
        precision, recall, _ = precision_recall_curve(scan.manifest.is_tampered, ranking.scores)
        curves.append(report.precision_recall_curve(name, recall, precision))
    return tuple(curves)


def _provenance(scan: Scan, command: str) -> tuple[tuple[str, str], ...]:
    rows = [
        *([("Command", command)] if command else []),
        *scan.source.rows(),
        ("Scan seed", str(scan.seed)),
        ("Scanned with", f"radiotracer {version('radiotracer')}, torch {version('torch')}"),
    ]
    if scan.manifest is not None:
        rows.insert(4, ("Tampering", scan.manifest.recipe))
    return tuple(rows)


def _notes(scan: Scan) -> tuple[str, ...]:
    notes = [f"{name} was left out: it needs {why}." for name, why in scan.left_out.items()]
    notes.extend(scan.source.notes)
    if scan.clean_reference is not None:
        source = scan.clean_reference.source
        notes.append(
            f"{len(scan.clean_reference):,} training examples were taken for clean "
            f"({source}) and not tested. The false discovery rate is guaranteed "
            "if they are a random sample of the clean ones."
        )
    notes.extend(scan.warnings)
    if scan.validation is None and scan.grounds is None and scan.class_names:
        notes.append(
            "Without validation examples, ordinary confusion between classes counts as suspicious."
        )
    return (*notes, *scan.source.caveats)


def _page(scan: Scan, *, command: str = "") -> str:
    return report.render(describe(scan, command=command))


VIEWS.register(
    View(of=Scan, html=lambda scan: shown.render(notebook(scan)), frame=frame_of, page=_page)
)
