"""Numbers as a reader wants them, and the sentences that open the report."""

from __future__ import annotations

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


def count(number: int) -> str:
    """``60000`` as ``60,000``."""
    return f"{number:,}"


def share(value: float | None) -> str:
    """A share as a decimal with three places, more where they are all nines."""
    if value is None:
        return "–"
    return f"{value:.4f}" if 0.999 <= value < 1.0 else f"{value:.3f}"


def percent(value: float | None) -> str:
    """A share as a percentage with about three significant digits; never rounded to 0 or 100 %."""
    if value is None:
        return "–"
    points = 100.0 * value
    if points in {0.0, 100.0}:
        return f"{points:.0f} %"
    if points < 0.01:
        return "< 0.01 %"
    if points > 99.99:
        return "> 99.99 %"
    digits = 2 if points < 1.0 or points >= 99.0 else 1
    return f"{points:.{digits}f} %"


def score(value: float) -> str:
    """A score with four significant digits and a true minus sign."""
    return f"{value:#.4g}".rstrip(".").replace("-", "−")


def signed(value: float) -> str:
    """A score that always shows its sign."""
    return f"+{score(value)}" if value > 0 else score(value)


def signed_percent(value: float) -> str:
    """A share between -1 and 1 that shows its sign, unless it is all but 0."""
    text = percent(abs(value))
    return text if abs(value) < 1e-4 else f"{'+' if value > 0 else '−'}{text}"


def exponent(log10_p: float) -> str:
    """The exponent of a p-value as a power of ten; of large ones a digit more: levels are there."""
    digits = 2 if log10_p > -4.0 else 1
    rounded = round(log10_p, digits)
    return f"{rounded:.{digits}f}" if rounded else "0"


def chance(log10_p: float) -> str:
    """A p-value as a decimal above 0.001, as a power of ten below; a digit more near levels."""
    power = exponent(log10_p)
    if power == "0":
        return "1"
    if log10_p <= -3.0:
        return f"10^{power}"
    value = 10.0**log10_p
    return f"{value:.2g}" if value > 0.2 else f"{value:.3g}"


def effect(value: float) -> str:
    """The effect of an audit with two significant digits and a true minus sign."""
    return f"{float(f'{value:.2g}'):g}".replace("-", "−")


def seconds(value: float) -> str:
    """A duration: seconds below two minutes, then minutes, then hours."""
    if value < 120.0:
        return f"{value:.1f} s"
    return f"{value / 60.0:.1f} min" if value < 7200.0 else f"{value / 3600.0:.1f} h"


def headline(findings: Findings) -> str:
    """The report in one sentence."""
    decision, total = findings.decision, findings.dataset.examples
    if decision.inconclusive is not None:
        return "Inconclusive: no answer can be given"
    if decision.flagged == 0:
        return f"None of {count(total)} training examples is flagged"
    verb = "looks" if decision.flagged == 1 else "look"
    return f"{count(decision.flagged)} of {count(total)} training examples {verb} tampered with"


def key_figures(findings: Findings) -> list[tuple[str, str, str]]:
    """The strip under the headline: (name, value, what it is out of)."""
    decision, total, row = findings.decision, findings.dataset.examples, findings.default
    if decision.inconclusive is not None:
        figures = [("Flagged", "–", "no decision could be made")]
    else:
        of_all = percent(decision.flagged / total if total else None)
        figures = [("Flagged", count(decision.flagged), f"{of_all} of the training set")]
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
    if findings.queries is not None:
        source = findings.queries.source.rstrip("/").rpartition("/")[2]
        figures.append(("Queries", count(findings.queries.count), source))
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
