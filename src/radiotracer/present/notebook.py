"""A glance at a result becomes a piece of HTML for the output of a notebook's cell.

It carries its style, holds no script, asks for nothing from the network, and reads well where a
notebook takes the style away, as untrusted ones do.
"""

from __future__ import annotations

from radiotracer import legible
from radiotracer.present import assets, wording
from radiotracer.present.audit_page import powers
from radiotracer.present.audited import AuditControl, Audited
from radiotracer.present.findings import DetectorRow, Findings
from radiotracer.present.glance import Figure, Glance, GlanceTable, Tone
from radiotracer.present.reasons import Reasons
from radiotracer.present.render import environment

_METRICS = {
    "recall": "Recall",
    "false_positive_rate": "False-positive rate",
    "precision": "Precision",
    "auprc": "AUPRC",
}


def render(glance: Glance) -> str:
    """The piece of HTML; equal glances give equal bytes."""
    return (
        environment()
        .get_template("notebook.html.j2")
        .render(g=glance, powers=powers, style=assets.text("notebook.css"))
    )


def of_findings(findings: Findings) -> Glance:
    """A scan: what was decided, the first flagged examples, and detectors' metrics if known."""
    decision = findings.decision
    tone: Tone = "found" if decision.flagged else "ordinary"
    if decision.inconclusive is not None:
        tone = "inconclusive"
    text = f"Detector {decision.detector}, rule {decision.rule}."
    if decision.inconclusive is not None:
        text = f"{decision.inconclusive} That is not the same as finding nothing. {text}"
    elif not decision.flagged:
        text = f"This does not prove that the data are clean. {text}"
    if findings.grounds:
        text = " ".join([*findings.grounds, text])
    elif findings.tampered is None and decision.flagged:
        text += " There is no manifest: nobody knows which of them really are tampered."
    known = findings.tampered is not None
    return Glance(
        kind="scan",
        title=findings.dataset.name,
        headline=wording.headline(findings),
        tone=tone,
        text=text,
        figures=tuple(
            Figure(name=name, value=value, context=context)
            for name, value, context in wording.key_figures(findings)
        ),
        flagged=findings.flagged,
        judge=findings.judge,
        tables=(_detectors(findings.detectors),) if known and findings.detectors else (),
        facts=findings.provenance,
        notes=findings.notes,
    )


def of_reasons(reasons: Reasons, *, queries: int) -> Glance:
    """An explanation: its first queries.

    Args:
        reasons: With those queries that are to be shown.
        queries: How many there are in all.
    """
    shown = len(reasons.queries)
    wrong = sum(each.is_wrong for each in reasons.queries)
    more = "" if shown == queries else f", of which the first {shown} are shown"
    return Glance(
        kind="explanation",
        title=reasons.title,
        headline=f"{legible.count(queries)} prediction{'s' * (queries != 1)} explained{more}",
        tone="found" if wrong else "ordinary",
        text="Proponents pushed the model towards the label explained, opponents away from it. A "
        "share is an example's influence over the absolute influence of all training examples.",
        reasons=reasons.queries,
        facts=reasons.provenance,
        notes=reasons.notes,
    )


def of_audited(audited: Audited) -> Glance:
    """An audit: the verdict, what it supports, and the controls."""
    tones: dict[str, Tone] = {"trained-on-marked-data": "found", "inconclusive": "inconclusive"}
    audits = len(audited.audits)
    claim = audited.claim
    for log10_p in (audited.log10_p, audited.adjusted_log10_p, audited.deciding_log10_p):
        claim = claim.replace(f"10^{legible.exponent(log10_p)} ", f"{legible.chance(log10_p)} ")
    return Glance(
        kind="audit",
        title=audited.title.removeprefix("Audit of "),
        headline=audited.headline,
        tone=tones.get(audited.verdict, "ordinary"),
        text=claim,
        figures=(
            Figure(
                name="p-value",
                value=legible.chance(audited.log10_p),
                context="at most; of this audit alone",
            ),
            Figure(
                name="After Holm",
                value=legible.chance(audited.adjusted_log10_p),
                context=f"over {audits} audit{'s' * (audits != 1)}",
            ),
            Figure(
                name="What decides",
                value=legible.chance(audited.deciding_log10_p),
                context=f"{audited.coins}; the level is {audited.alpha:g}",
            ),
            Figure(
                name="Effect", value=legible.effect(audited.effect), context=audited.effect_means
            ),
            passed(audited.controls),
        ),
        tables=(controls(audited.controls),),
        facts=audited.facts,
        notes=audited.alternatives,
    )


def passed(checked: tuple[AuditControl, ...]) -> Figure:
    """How many controls passed."""
    good = sum(each.passed for each in checked)
    failed = "; one that fails makes an audit inconclusive" * (good < len(checked))
    return Figure(name="Controls", value=f"{good} of {len(checked)}", context=f"passed{failed}")


def controls(checked: tuple[AuditControl, ...]) -> GlanceTable:
    """Every control with its answer."""
    return GlanceTable(
        caption="Controls: questions whose answers were known before",
        columns=("Control", "Expected", "Came", "Result"),
        rows=tuple(
            (each.name, each.expected, each.came, "passed" if each.passed else "FAILED")
            for each in checked
        ),
    )


def _detectors(rows: tuple[DetectorRow, ...]) -> GlanceTable:
    default = [number for number, row in enumerate(rows) if row.is_default]
    return GlanceTable(
        caption="Every detector against the manifest; the one that decides is marked",
        columns=("Detector", *_METRICS.values()),
        rows=tuple(
            (
                row.name + " (baseline)" * row.is_baseline,
                *(
                    (legible.share if name == "auprc" else legible.percent)(getattr(row, name))
                    for name in _METRICS
                ),
            )
            for row in rows
        ),
        best=default[0] if default else None,
        numeric=True,
    )
