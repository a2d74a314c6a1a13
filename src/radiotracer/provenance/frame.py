"""What an audit found as an Arrow table of one row, to be put below those of other audits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

if TYPE_CHECKING:
    from radiotracer.provenance.evidence import Evidence
    from radiotracer.provenance.finding import Finding

CONTROLS = pa.list_(
    pa.struct(
        {"name": pa.string(), "expected": pa.string(), "came": pa.string(), "passed": pa.bool_()}
    )
)


class _Control(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def expected(self) -> str: ...
    @property
    def came(self) -> str: ...
    @property
    def passed(self) -> bool: ...


def frame_of_finding(finding: Finding) -> pa.Table:
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
            "controls": _controls(finding.controls),
            "control_log10_p": pa.array([list(finding.control_log10_p)], pa.list_(pa.float64())),
        }
    )


def frame_of_evidence(evidence: Evidence) -> pa.Table:
    """One row: ``verdict, claim, suspect, access, log10_p_value, adjusted_log10_p_value, alpha,
    effect, effect_means, coins, looks, controls, control_log10_p, commitment, key, created,
    version``; `looks` is how many. All of it is copied: it is small.
    """
    names = ("log10_p_value", "adjusted_log10_p_value", "alpha", "effect", "effect_means", "coins")
    return pa.table(
        {
            "verdict": [evidence.verdict],
            "claim": [evidence.claim],
            "suspect": [evidence.suspect.name],
            "access": [evidence.access],
            **{name: [getattr(evidence, name)] for name in names},
            "looks": [len(evidence.looks)],
            "controls": _controls(evidence.controls),
            "control_log10_p": pa.array([list(evidence.control_log10_p)], pa.list_(pa.float64())),
            **{name: [getattr(evidence, name)] for name in ("commitment", "key", "created")},
            "version": [evidence.version],
        }
    )


def _controls(controls: Iterable[_Control]) -> pa.Array:
    rows: list[dict[str, Any]] = [
        {"name": c.name, "expected": c.expected, "came": c.came, "passed": c.passed}
        for c in controls
    ]
    return pa.array([rows], CONTROLS)
