"""The sentences that open the report."""

from __future__ import annotations

from radiotracer.legible import count, percent, score, seconds
from radiotracer.present.findings import DetectorRow, Distribution, Findings

METRICS = (
    "auroc",
    "auprc",
    "tpr_at_fpr_0_01",
    "tpr_at_fpr_0_001",
    "precision",
    "recall",
    "false_positive_rate",
)
"""The columns of the detector table that exist only where a manifest does."""


def headline(findings: Findings) -> str:
    """The report in one sentence."""
    decision, total = findings.decision, findings.dataset.examples
    if decision.inconclusive is not None:
        return "Inconclusive: no answer can be given"
    if findings.grounds and findings.tampered is None:
        labels = "label" if decision.flagged == 1 else "labels"
        return f"{count(decision.flagged) if decision.flagged else 'No'} {labels} to check"
    if decision.flagged == 0:
        return f"None of {count(total)} training examples is flagged"
    verb = "is" if decision.flagged == 1 else "are"
    return f"{count(decision.flagged)} of {count(total)} training examples {verb} flagged"


def key_figures(findings: Findings) -> list[tuple[str, str, str]]:
    """The strip under the headline: (name, value, what it is out of)."""
    decision, total, row = findings.decision, findings.dataset.examples, findings.default
    if decision.inconclusive is not None:
        figures = [("Flagged", "–", "no decision could be made")]
    else:
        of_all = percent(decision.flagged / total if total else None)
        figures = [("Flagged", count(decision.flagged), f"{of_all} of the training set")]
    if findings.expected_wrong is not None:
        share = percent(findings.expected_wrong)
        figures.append(("Likely wrong", share, "of the flagged, expected"))
    if findings.tampered is not None and row is not None:
        figures += [
            ("Recall", percent(row.recall), f"of {count(findings.tampered)} tampered were flagged"),
            (
                "False-positive rate",
                percent(row.false_positive_rate),
                f"of {count(total - findings.tampered)} clean were flagged",
            ),
            ("Precision", percent(row.precision), "of the flagged are tampered"),
        ]
    if findings.validation is not None:
        source = findings.validation.source.rstrip("/").rpartition("/")[2]
        figures.append(("Validation", count(findings.validation.count), source))
    if row is not None:
        figures.append(("Time", seconds(row.seconds), "for the deciding detector"))
    return figures


def best_metrics(rows: tuple[DetectorRow, ...]) -> dict[str, float]:
    """The best value of each metric among the detectors, for emphasis."""
    best: dict[str, float] = {}
    for name in METRICS:
        values = [value for row in rows if (value := getattr(row, name)) is not None]
        if len(values) > 1:
            best[name] = min(values) if name == "false_positive_rate" else max(values)
    return best


def score_summary(distribution: Distribution | None) -> str:
    """What the score chart shows, in words, for those who do not see it."""
    if distribution is None:
        return ""
    parts = [f"{count(sum(group.counts))} {group.name}" for group in distribution.groups]
    where = (
        ""
        if distribution.threshold is None
        else f" The decision flags scores from {score(distribution.threshold)}."
    )
    low, high = score(distribution.edges[0]), score(distribution.edges[-1])
    return f"Histogram of the score from {low} to {high}: {' and '.join(parts)} examples.{where}"
