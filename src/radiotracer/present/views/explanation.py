"""An explanation as people see it: the page, a notebook's display, a table."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from torch import Tensor

from radiotracer import present as report
from radiotracer.data import Dataset
from radiotracer.explaining.explanation import Explanation
from radiotracer.present import notebook as drawn
from radiotracer.present.explanation_frame import stream_of
from radiotracer.present.previews import Room, nouns_of, seen
from radiotracer.runs.random_state import random_state_kept
from radiotracer.scanning.provenance import name_of, training_rows
from radiotracer.views import VIEWS, View

CAUSES_ROOM = Room(characters=240, lines=8)
"""Of each proponent and opponent."""

GLANCED = 3
"""Queries in a notebook."""

GLANCED_CAUSES = 5
"""Proponents, and opponents, of each of them."""

GLANCED_ROOM = Room(characters=140, lines=3)
"""Of each of these."""


def describe(
    found: Explanation,
    *,
    command: str = "",
    queries: int | None = None,
    shown: int | None = None,
    room: Room = CAUSES_ROOM,
) -> report.Reasons:
    """Everything that file and page say about an explanation.

    Args:
        found: The explanation.
        command: What the user typed; nothing is said of it where it is empty.
        queries: Only the first so many.
        shown: Only so many proponents and opponents of each.
        room: Of each of these.
    """
    source = found.run.info.data.source
    asked = found.queries.source if isinstance(found.queries, Dataset) else "given in Python"
    manifest = found.manifest
    provenance = [
        *([("Command", command)] if command else []),
        *training_rows(found.tracing),
        ("Explained with", f"radiotracer {version('radiotracer')}, torch {version('torch')}"),
    ]
    if manifest is not None:
        provenance.insert(4, ("Tampering", manifest.recipe))
    return report.Reasons(
        title=f"{name_of(source)}: the training examples behind a prediction",
        run=str(found.run.folder),
        data=source or "given in Python",
        data_digest=found.identity.digest,
        query_data=asked,
        examples=len(found.identity),
        tampered=None if manifest is None else int(manifest.is_tampered.sum()),
        method=found.method,
        traced=found.tracing.objective.traced,
        checkpoints=len(found.run.checkpoints),
        label=found.label,
        top_k=found.top_k,
        noun=nouns_of(found.train)[0],
        queries=tuple(
            _reason(found, column, shown, room) for column in range(len(found.rows))[:queries]
        ),
        provenance=tuple(provenance),
        notes=found.tracing.notes,
    )


def _reason(found: Explanation, column: int, shown: int | None, room: Room) -> report.Reason:
    names, top = found.class_names, found.top
    return report.Reason(
        row=int(found.rows[column]),
        id=str(found.query_ids[column]),
        given_label=names[found.given[column]],
        predicted_label=names[found.predicted[column]],
        probability=float(found.probabilities[column]),
        explained_label=names[found.targets[column]],
        **seen(found.queries, int(found.rows[column])),
        proponents=_causes(found, column, top.proponents_rows[column][:shown], room, sign=1),
        opponents=_causes(found, column, top.opponents_rows[column][:shown], room, sign=-1),
        classes=_classes(found, column),
        tampered=_tampered(found, column),
    )


def _causes(
    found: Explanation, column: int, rows: Tensor, room: Room, *, sign: int
) -> tuple[report.Cause, ...]:
    """The examples at `rows` that have this sign: fewer than asked for may have it."""
    influence, shares = found.influence[:, column], found.shares[:, column]
    names, manifest = found.class_names, found.manifest
    return tuple(
        report.Cause(
            rank=rank,
            row=row,
            id=str(found.identity.ids[row]),
            label=names[found.identity.labels[row]],
            influence=float(influence[row]),
            share=float(shares[row]),
            is_tampered=None if manifest is None else bool(manifest.is_tampered[row]),
            original_label=None if manifest is None else names[manifest.original_labels[row]],
            **seen(found.train, row, room),
        )
        for rank, row in enumerate(rows.tolist(), start=1)
        if sign * influence[row] > 0
    )


def _classes(found: Explanation, column: int) -> tuple[report.Push, ...]:
    labels = found.identity.labels
    pushes = [
        _push(found, column, labels == number, found.class_names[number])
        for number in np.unique(labels).tolist()
    ]
    return tuple(sorted(pushes, key=lambda push: -push.influence))


def _tampered(found: Explanation, column: int) -> report.Push | None:
    if found.manifest is None:
        return None
    return _push(found, column, found.manifest.is_tampered, "tampered")


def _push(found: Explanation, column: int, mask: np.ndarray, label: str) -> report.Push:
    return report.Push(
        label=label,
        examples=int(mask.sum()),
        influence=float(found.influence[mask, column].sum()),
        # Rounding may carry the sum of all shares an ulp beyond 1.
        share=float(np.clip(found.shares[mask, column].sum(), -1.0, 1.0)),
    )


def notebook(found: Explanation) -> report.Glance:
    """What a notebook shows of an explanation."""
    # A data set in the caller's memory may draw its augmentations when it is looked at.
    with random_state_kept():
        reasons = describe(found, queries=GLANCED, shown=GLANCED_CAUSES, room=GLANCED_ROOM)
    return drawn.of_reasons(reasons, queries=len(found.rows))


def _page(found: Explanation, *, command: str = "") -> str:
    return report.render_reasons(describe(found, command=command))


VIEWS.register(
    View(
        of=Explanation,
        html=lambda found: drawn.render(notebook(found)),
        frame=stream_of,
        page=_page,
    )
)
