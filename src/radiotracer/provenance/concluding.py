"""From a finding to evidence: the verdict, and what it says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiotracer.provenance import wording
from radiotracer.provenance.drawing import Drawing
from radiotracer.provenance.evidence import (
    Asked,
    CheckedControl,
    ControlSummary,
    Evidence,
    HeldOut,
)
from radiotracer.provenance.finding import Control, Finding
from radiotracer.provenance.ledger import PastAudit, head
from radiotracer.provenance.release import Release
from radiotracer.provenance.wording import Verdict
from radiotracer.stats import uniformity

DECIMALS = 4
"""Of the control p-values that are kept for the chart."""


def conclude(
    finding: Finding,
    release: Release,
    fingerprint: str,
    *,
    adjusted: float,
    audits: Sequence[PastAudit],
    drawing: Drawing,
    first_seen: str | None = None,
    suspect: Asked,
    references: Sequence[Asked],
    beside: float | None = None,
    held_out: HeldOut | None,
    control_keys: int | None = None,
    created: str,
    version: str,
    positive: Control | None = None,
) -> Evidence:
    """The evidence of a finding; the commitment was opened before.

    Args:
        finding: The facts.
        release: What was audited.
        fingerprint: Of its key.
        adjusted: The finding's log10 p after Holm over `audits`.
        audits: All audits of the release, this one among them.
        drawing: What the coins were drawn by.
        first_seen: When the suspect was first seen, ISO 8601; None: not said.
        suspect: Who was asked.
        references: Who else was.
        beside: log10 p with references that do not count, too; None: all count.
        held_out: Unmarked examples that were used.
        control_keys: How many the held-out examples were marked with, too; None: none.
        created: UTC, ISO 8601.
        version: Of radiotracer.
        positive: The known positive. Where even that was not found, finding nothing means nothing;
            what is found all the same stands.
    """
    protocol = release.protocol
    deciding = min(0.0, adjusted + drawing.log10_allowance)
    small = deciding <= np.log10(protocol.alpha)
    because = wording.why_inconclusive(finding, protocol.alpha, drawing.log10_allowance)
    if because is None and not small and positive and not positive.passed:
        because = wording.BLIND
    if because is None and small:
        because = wording.why_too_early(first_seen, drawing.drawn_at)
    verdict: Verdict = "no-evidence"
    if because is not None:
        verdict = "inconclusive"
    elif small:
        verdict = "trained-on-marked-data"
    chance = wording.Chance(
        finding.log10_p,
        adjusted,
        len(audits),
        deciding,
        drawing.allowed_for,
        drawing.sentence,
        protocol.log,
    )
    return Evidence(
        verdict=verdict,
        claim=wording.claim(verdict, because, chance),
        inconclusive_because=because,
        log10_p_value=finding.log10_p,
        adjusted_log10_p_value=adjusted,
        deciding_log10_p_value=deciding,
        alpha=protocol.alpha,
        access=finding.access,
        statistic=finding.statistic,
        null=finding.null,
        effect=finding.effect,
        effect_means=finding.effect_means,
        coins=finding.coins,
        details=dict(finding.details),
        controls=tuple(
            CheckedControl(
                name=each.name, expected=each.expected, came=each.came, passed=each.passed
            )
            for each in (*finding.controls, *([positive] if positive else ()))
        ),
        control_summary=_summary(finding.control_log10_p),
        control_log10_p=tuple(round(each, DECIMALS) + 0.0 for each in finding.control_log10_p),
        commitment_verified=True,
        commitment=release.commitment.digest,
        record=release.record.digest,
        drawing=drawing,
        first_seen=first_seen,
        key=fingerprint,
        protocol=protocol.model_dump(mode="json"),
        suspect=suspect,
        references=tuple(references),
        beside=beside,
        held_out=held_out,
        control_keys=control_keys,
        audits=tuple(audits),
        ledger_head=head(audits, release.commitment.digest),
        alternatives=wording.ALTERNATIVES[verdict],
        created=created,
        version=version,
    )


def _summary(control_log10_p: Sequence[float]) -> ControlSummary:
    given = np.array(control_log10_p)

    def share(level: float) -> float:
        return float(np.mean(given <= np.log10(level))) if len(given) else 0.0

    return ControlSummary(
        count=len(given),
        at_0_05=share(0.05),
        at_0_01=share(0.01),
        at_0_001=share(0.001),
        uniform_log10_p=uniformity(given).excess_log10_p if len(given) else None,
    )
