"""What was found among several labels per example."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True)
class LabelFinding:
    """What was found about one label.

    Args:
        name: The label.
        yes: Examples that are given it.
        share: Estimated share of wrong entries, in [0, 1).
        low: Lower end of its 95 % interval.
        high: Upper end.
        invented: Estimated share of the true noes that are labelled yes.
        forgotten: Estimated share of the true yeses that are labelled no.
        balanced_accuracy: Of out-of-fold opinions, with the base rate as the threshold; 0.5 is
            chance.
        gain: Nats per entry by which the opinions tell the label better than its base rate.
        flagged: How many entries.
        at_least: Lower bound at 95 % on how many entries are wrong; None without validation
            examples.
        decided_by: ``"validation"`` where the p-values decided, else ``"estimate"``.
        inconclusive: Why nothing can be said; None where something can.
        words: Who has the opinions.
    """

    name: str
    yes: int
    share: float
    low: float
    high: float
    invented: float
    forgotten: float
    balanced_accuracy: float
    gain: float
    flagged: int
    at_least: int | None
    decided_by: Literal["estimate", "validation"]
    inconclusive: str | None
    words: str


@dataclass(frozen=True, eq=False)
class MultilabelCheck:
    """Which entries of a table of labels look wrong.

    Args:
        names: Of the L labels.
        labels: As given, int8, shape (n, L).
        wrong: Estimated probability that the entry is wrong, float64, shape (n, L); NaN for labels
            that were left out.
        is_flagged: bool, shape (n, L).
        p_values: Against the validation examples, shape (n, L), NaN as above; None without them.
        findings: One for each label that was looked at.
        left_out: Names of the others, with the reason.
        rate: Share of right entries among those flagged of a label: at most this, as far as the
            estimate goes; with validation examples a false discovery rate.
        notes: What else a reader should know.
        seed: From which everything random follows.
        seconds: What it took.
    """

    names: tuple[str, ...]
    labels: NDArray[np.int8] = field(repr=False)
    wrong: NDArray[np.float64] = field(repr=False)
    is_flagged: NDArray[np.bool_] = field(repr=False)
    p_values: NDArray[np.float64] | None = field(repr=False)
    findings: tuple[LabelFinding, ...] = field(repr=False)
    left_out: tuple[tuple[str, str], ...]
    rate: float
    notes: tuple[str, ...]
    seed: int
    seconds: float

    @property
    def inconclusive(self) -> str | None:
        """Why no label says anything; None where one does."""
        known = [each.inconclusive for each in self.findings]
        if not known:
            return "no label has enough yeses and noes"
        return known[0] if all(known) else None

    @property
    def scores(self) -> NDArray[np.float64]:
        """In [0, 1], the lower the more suspicious, shape (n, L): the p-value where that decided
        about the label, else P(right).
        """
        found = 1.0 - self.wrong
        if self.p_values is not None:
            for each in self.findings:
                if each.decided_by == "validation":
                    place = self.names.index(each.name)
                    found[:, place] = self.p_values[:, place]
        return found

    @property
    def entries(self) -> pa.Table:
        """The flagged entries, the most suspicious first.

        ``row`` (int64), ``label`` (its name), ``is_label_issue`` (true), ``label_score``,
        ``given_label`` and ``predicted_label`` (0 or 1).
        """
        rows, columns = np.nonzero(self.is_flagged)
        scores = self.scores[rows, columns]
        order = np.lexsort((-self.wrong[rows, columns], scores))
        rows, columns = rows[order], columns[order]
        given = self.labels[rows, columns]
        return pa.table(
            {
                "row": rows.astype(np.int64),
                "label": pa.array([self.names[each] for each in columns.tolist()], pa.string()),
                "is_label_issue": np.ones(len(rows), dtype=np.bool_),
                "label_score": scores[order],
                "given_label": given,
                "predicted_label": (1 - given).astype(np.int8),
            }
        )

    @property
    def issues(self) -> pa.Table:
        """One row per example in their order, in cleanlab's shape.

        ``is_label_issue`` (bool), ``label_score`` (float64: the lowest of the example's entries; 1
        where nothing was looked at), ``given_label`` and ``predicted_label`` (lists of names; the
        latter has flagged entries turned around), ``label_issues`` (list of the names flagged).
        """
        names = np.array(self.names, dtype=object)
        turned = np.where(self.is_flagged, 1 - self.labels, self.labels)
        lowest = np.where(np.isnan(self.scores), 1.0, self.scores).min(axis=1, initial=1.0)

        def listed(chosen: NDArray[np.integer] | NDArray[np.bool_]) -> pa.Array:
            rows = [names[each.astype(np.bool_)].tolist() for each in chosen]
            return pa.array(rows, pa.list_(pa.string()))

        return pa.table(
            {
                "is_label_issue": self.is_flagged.any(axis=1),
                "label_score": lowest,
                "given_label": listed(self.labels),
                "predicted_label": listed(turned),
                "label_issues": listed(self.is_flagged),
            }
        )
