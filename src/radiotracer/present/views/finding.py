"""What a test found, as people see it; the verdict is the evidence's to give."""

from __future__ import annotations

import pyarrow as pa

from radiotracer.legible import chance, effect
from radiotracer.present import AuditControl, Figure, Glance
from radiotracer.present import notebook as shown
from radiotracer.present.controls import controls_column
from radiotracer.provenance.finding import Finding
from radiotracer.views import VIEWS, View


def notebook(finding: Finding) -> Glance:
    """The facts of one test. It does not know the level, nor all audits of the release."""
    controls = tuple(
        AuditControl(name=each.name, expected=each.expected, came=each.came, passed=each.passed)
        for each in finding.controls
    )
    failed = [each.name for each in controls if not each.passed]
    p = chance(finding.log10_p)
    return Glance(
        kind="finding",
        title=f"audit by {finding.access}",
        headline=f"Inconclusive: {len(failed)} of {len(controls)} controls failed"
        if failed
        else f"p at most {p}",
        tone="inconclusive" if failed else "ordinary",
        text=f"{', '.join(failed)}: the test cannot be relied on here. Nothing follows."
        if failed
        else "Were the model independent of the key, evidence this strong would come up with "
        f"probability at most {p}. Whether that is enough depends on the level that was "
        "committed to and on all audits of the release: `radiotracer audit` keeps count of them.",
        figures=(
            Figure(name="p-value", value=p, context="at most; of this test alone"),
            Figure(name="Effect", value=effect(finding.effect), context=finding.effect_means),
            Figure(
                name="Random choices", value=f"{finding.coins:,}", context="of the key, independent"
            ),
            shown.passed(controls),
        ),
        tables=(shown.controls(controls),) if controls else (),
        facts=(("Statistic", finding.statistic), ("Null distribution", finding.null)),
    )


def frame_of(finding: Finding) -> pa.Table:
    """One row: ``access, statistic, null, log10_p, effect, effect_means, coins, controls,
    control_log10_p``; the last two are lists. All of it is copied: it is small.
    """
    return pa.table(
        {
            "access": [finding.access],
            "statistic": [finding.statistic],
            "null": [finding.null],
            "log10_p": [finding.log10_p],
            "effect": [finding.effect],
            "effect_means": [finding.effect_means],
            "coins": [finding.coins],
            "controls": controls_column(finding.controls),
            "control_log10_p": pa.array([list(finding.control_log10_p)], pa.list_(pa.float64())),
        }
    )


VIEWS.register(
    View(of=Finding, html=lambda finding: shown.render(notebook(finding)), frame=frame_of)
)
