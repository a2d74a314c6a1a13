"""A scan as the table of issues that users of cleanlab know: one row per training example."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from radiotracer.review.scanned import SCORES, read_scan, rows_of

if TYPE_CHECKING:
    from radiotracer.scanning import Scan

ISSUE = "tampered"
"""What cleanlab calls the kind of issue: columns are ``is_tampered_issue``, ``tampered_score``."""

LABEL = "label"
"""The kind of issue of a check, which looks for wrong labels: ``is_label_issue``, ``label_score``.
"""

ABOUT = b"radiotracer"
"""Key of the schema's metadata: JSON with what decided, and what the score is."""


def issue_table(scan: Scan | str | os.PathLike[str]) -> pa.Table:
    """The issues that a scan found, one row per training example in the order of the data.

    ``tampered_score`` follows cleanlab's convention: in (0, 1], the *lower* the more suspicious. It
    is one of two things for the whole table, and the schema's metadata says which (JSON under
    `ABOUT`, key ``"tampered_score"``):

    - ``"p-value"``, where the scan has p-values and they order the examples as its ranks do: how
      often an example that nobody tampered with would look as suspicious. An example that was not
      asked about, as no reference example is, has 1.
    - ``"rank / examples"`` otherwise: the share of the examples that are at least as suspicious.

    Neither is the probability that a label is right, and scores of two scans compare only where
    both are p-values. Read upwards they never contradict the ranks of the scan.

    Of a check, whose evidence is models that never saw the example, the two columns are called
    ``is_label_issue`` and ``label_score``; what they hold is the same. `Scan.issues` has the
    probability of the given label instead.

    Args:
        scan: A scan, or the folder that one was written to.

    Returns:
        ``id`` (text), ``is_tampered_issue`` (bool: what the scan flagged), ``tampered_score``
        (float64), ``given_label`` and ``predicted_label`` (names of classes). The predicted label
        is the scan's suggestion: the class that fits best *if* the given one is wrong. Some
        detectors suggest another class for every example, so that a difference alone is no issue.

    Raises:
        InputError: The folder holds no scan, or a damaged one.
    """
    return _of_folder(Path(scan)) if isinstance(scan, str | os.PathLike) else _of_memory(scan)


def about(table: pa.Table) -> dict[str, Any]:
    """What the metadata of an issue table say: ``detector``, ``rule`` and ``tampered_score``."""
    found: dict[str, Any] = json.loads(table.schema.metadata[ABOUT])
    return found


def issue_of(table: pa.Table) -> str:
    """The kind of issue that a table is of: `ISSUE` or `LABEL`."""
    return next(each for each in (ISSUE, LABEL) if f"is_{each}_issue" in table.column_names)


def _of_memory(scan: Scan) -> pa.Table:
    every = slice(None)
    return _table(
        issue=_kind(scan.source.kind),
        ids=scan.identity.ids,
        given=scan.labels_of(every),
        predicted=scan.suggested_of(every),
        flagged=scan.decision.is_flagged,
        ranks=scan.decision.ranks,
        p_values=scan.decision.p_values,
        detector=scan.detector,
        rule=scan.decision.words,
    )


def _of_folder(folder: Path) -> pa.Table:
    scanned = read_scan(folder)
    # Suspects are written by rank; the scores are in the order of the data.
    ids = pq.read_table(folder / SCORES, columns=["id"])["id"].to_pylist()
    order = rows_of(scanned.ids, np.array(ids, dtype=np.str_))
    source, nobody = scanned.summary.get("source") or {}, [None] * len(scanned)
    return _table(
        issue=_kind(source.get("kind") if isinstance(source, dict) else None),
        ids=scanned.ids[order],
        given=scanned.labels[order].tolist() if scanned.has_classes else nobody,
        predicted=scanned.suggested[order].tolist() if scanned.has_classes else nobody,
        flagged=scanned.is_flagged[order],
        ranks=scanned.rank[order],
        p_values=scanned.p_value[order],
        detector=scanned.recorded("detector"),
        rule=scanned.recorded("rule"),
    )


def _kind(source: str | None) -> str:
    return LABEL if source == "out-of-fold" else ISSUE


def _table(
    *,
    issue: str,
    ids: NDArray[np.str_],
    given: Sequence[str | None],
    predicted: Sequence[str | None],
    flagged: NDArray[np.bool_],
    ranks: NDArray[np.int64],
    p_values: NDArray[np.float64] | None,
    detector: str | None,
    rule: str | None,
) -> pa.Table:
    score, what = _score(ranks, p_values)
    table = pa.table(
        {
            "id": pa.array(ids.tolist(), pa.string()),
            f"is_{issue}_issue": flagged,
            f"{issue}_score": score,
            "given_label": pa.array(given, pa.string()),
            "predicted_label": pa.array(predicted, pa.string()),
        }
    )
    words = {"detector": detector, "rule": rule, f"{issue}_score": what}
    return table.replace_schema_metadata({ABOUT: json.dumps(words).encode()})


def _score(
    ranks: NDArray[np.int64], p_values: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], str]:
    """Scores in (0, 1], lower = more suspicious, shape (n,), and what they are."""
    if p_values is not None and not np.isnan(p_values).all():
        score = np.where(np.isnan(p_values), 1.0, p_values)
        # Not so where low scores count as suspicious (--tail): then the ranks are what decided.
        if (np.diff(score[np.argsort(ranks)]) >= 0).all():
            return score, "p-value"
    return ranks / len(ranks), "rank / examples"
