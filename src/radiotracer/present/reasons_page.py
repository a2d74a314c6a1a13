"""Reasons become one HTML file, safe and offline as the scan's report is, and without scripts."""

from __future__ import annotations

from dataclasses import dataclass

from radiotracer import legible
from radiotracer.present import assets
from radiotracer.present.reasons import Push, Reason, Reasons
from radiotracer.present.render import environment

MOST_CLASSES = 12
"""Classes in the table of who pushed; the others are summed up in one row."""

HALF = 100
"""Units from the zero line of a bar to its end."""


@dataclass(frozen=True)
class Bar:
    """A group's push, drawn from the zero line at `HALF` to the right (towards) or left (away)."""

    push: Push
    start: float
    width: float
    is_rest: bool


@dataclass(frozen=True)
class Bars:
    """All bars of one query, on one scale."""

    classes: tuple[Bar, ...]
    tampered: Bar | None


def render_reasons(reasons: Reasons) -> str:
    """The whole explanation as one HTML page; equal reasons give equal bytes."""
    styles = (assets.text("report.css"), assets.text("reasons.css"))
    return (
        environment()
        .get_template("reasons.html.j2")
        .render(
            f=reasons,
            bars=[bars(reason) for reason in reasons.queries],
            unit=unit(reasons.method),
            explained=explained(reasons.label),
            headline=headline(reasons),
            figures=key_figures(reasons),
            half=HALF,
            policy=assets.policy(styles, ()),
            styles=styles,
        )
    )


def headline(reasons: Reasons) -> str:
    """The question, as a sentence."""
    if len(reasons.queries) > 1:
        return f"{len(reasons.queries)} queries, and the training examples behind each"
    (only,) = reasons.queries
    if only.explained_label == only.predicted_label:
        return f"Why does the model predict {only.predicted_label}?"
    return f"What pushed the model towards {only.explained_label}?"


def key_figures(reasons: Reasons) -> list[tuple[str, str, str]]:
    """The strip under the headline: (name, value, context)."""
    wrong = sum(reason.is_wrong for reason in reasons.queries)
    figures = [
        (
            "Queries",
            legible.count(len(reasons.queries)),
            f"{legible.count(wrong)} predicted wrongly; from {reasons.query_data}",
        ),
        ("Training examples", legible.count(reasons.examples), reasons.data),
        (
            "Method",
            reasons.method,
            f"{reasons.checkpoints} checkpoints, {len(reasons.traced)} parameter tensors",
        ),
    ]
    if reasons.tampered is not None:
        tampered, listed = reasons.tampered_proponents
        base = legible.percent(reasons.tampered / reasons.examples if reasons.examples else None)
        figures.append(
            (
                "Tampered proponents",
                f"{legible.count(tampered)} of {legible.count(listed)}",
                f"among those listed; {base} of all training examples are",
            )
        )
    return figures


def unit(method: str) -> str:
    """What influence is measured in."""
    if method == "gas":
        return (
            "It is the sum over the checkpoints of learning rate times the cosine between the "
            "gradients of example and query: lengths of gradients do not count."
        )
    return (
        "It is the sum over the checkpoints of learning rate times the inner product of the "
        "gradients of example and query: nats of loss, per step on the example."
    )


def explained(label: str) -> str:
    """How the label of the question was chosen."""
    if label == "predicted":
        return "The label that the model predicts for the query, right or wrong."
    if label == "given":
        return "The label given with the query, whether the model predicts it or not."
    return f"{label}, for every query, whatever the model predicts."


def bars(reason: Reason) -> Bars:
    """Who pushed: classes by their summed influence, and what is tampered where that is known."""
    strongest = sorted(reason.classes, key=lambda push: -abs(push.influence))[:MOST_CLASSES]
    kept = [push for push in reason.classes if push in strongest]
    rest = [push for push in reason.classes if push not in strongest]
    others = [summed(rest)] if rest else []
    shown = [*kept, *others, *([reason.tampered] if reason.tampered else [])]
    largest = max((abs(push.share) for push in shown), default=0.0) or 1.0
    return Bars(
        tuple(_bar(push, largest, push in others) for push in (*kept, *others)),
        _bar(reason.tampered, largest, False) if reason.tampered else None,
    )


def summed(pushes: list[Push]) -> Push:
    """Several groups as one."""
    return Push(
        label=f"{legible.count(len(pushes))} other labels",
        examples=sum(push.examples for push in pushes),
        influence=sum(push.influence for push in pushes),
        share=max(-1.0, min(1.0, sum(push.share for push in pushes))),
    )


def _bar(push: Push, largest: float, is_rest: bool) -> Bar:
    width = round(HALF * min(1.0, abs(push.share) / largest), 2)
    return Bar(push, HALF if push.share >= 0 else HALF - width, width, is_rest)
