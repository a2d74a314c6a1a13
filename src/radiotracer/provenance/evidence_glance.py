"""What a notebook shows of an audit."""

from __future__ import annotations

from radiotracer import present as report
from radiotracer.present import notebook, wording
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.page import describe


def of_evidence(evidence: Evidence) -> report.Glance:
    """Verdict, claim and controls."""
    return notebook.of_audited(describe(evidence))


def of_finding(finding: Finding) -> report.Glance:
    """The facts of one test. The verdict needs the level and all looks, which it does not know."""
    controls = tuple(
        report.AuditControl(
            name=each.name, expected=each.expected, came=each.came, passed=each.passed
        )
        for each in finding.controls
    )
    failed = [each.name for each in controls if not each.passed]
    chance = wording.chance(finding.log10_p)
    return report.Glance(
        kind="finding",
        title=f"audit by {finding.access}",
        headline=f"Inconclusive: {len(failed)} of {len(controls)} controls failed"
        if failed
        else f"p at most {chance}",
        tone="inconclusive" if failed else "ordinary",
        text=f"{', '.join(failed)}: the test cannot be relied on here. Nothing follows."
        if failed
        else "Were the model independent of the key, evidence this strong would come up with "
        f"probability at most {chance}. Whether that is enough depends on the level that was "
        "committed to and on all looks at the release: `radiotracer audit` keeps count of them.",
        figures=(
            report.Figure(name="p-value", value=chance, context="at most; of this test alone"),
            report.Figure(
                name="Effect", value=wording.effect(finding.effect), context=finding.effect_means
            ),
            report.Figure(
                name="Random choices", value=f"{finding.coins:,}", context="of the key, independent"
            ),
            notebook.passed(controls),
        ),
        tables=(notebook.controls(controls),) if controls else (),
        facts=(("Statistic", finding.statistic), ("Law without training", finding.null)),
    )
