"""Evidence held against what is computed again."""

from __future__ import annotations

from collections.abc import Sequence

from radiotracer.provenance.checked import Checked, close
from radiotracer.provenance.concluding import conclude
from radiotracer.provenance.drawing import Drawing
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.finding import Control, Finding
from radiotracer.provenance.known_positive import KNOWN_POSITIVE
from radiotracer.provenance.ledger import SAME, Ledger, adjusted, head, is_chained
from radiotracer.provenance.release import Release


def against(
    evidence: Evidence,
    finding: Finding,
    release: Release,
    ledger: Ledger,
    drawing: Drawing,
) -> list[Checked]:
    """Each thing that evidence says, and whether it comes out again.

    Args:
        evidence: What was said.
        finding: What the test gives now.
        release: What was audited.
        ledger: Its audits, as far as they are known.
        drawing: What its coins were drawn by.
    """
    now = {"access": finding.access, "log10_p": finding.log10_p}
    present = evidence.present.model_copy(update=now)
    holm = adjusted(evidence.audits, present)
    again = conclude(
        finding,
        release,
        evidence.key,
        adjusted=0.0 if holm is None else holm,
        audits=evidence.audits,
        drawing=drawing,
        first_seen=evidence.first_seen,
        suspect=evidence.suspect,
        references=evidence.references,
        beside=evidence.beside,
        held_out=evidence.held_out,
        control_keys=evidence.control_keys,
        created=evidence.created,
        version=evidence.version,
        positive=_positive(evidence),
    )
    parts = {
        "test and effect": ("statistic", "null", "effect", "effect_means", "coins", "details"),
        "controls": ("controls", "control_summary", "control_log10_p"),
        "verdict": ("verdict", "inconclusive_because"),
        "claim": ("claim", "alternatives"),
    }
    told = {
        "test and effect": f"effect {again.effect:.6g}, {again.coins:,} coins",
        "controls": f"{sum(each.passed for each in again.controls)} of {len(again.controls)} "
        f"passed, {again.control_summary.count:,} fresh keys",
        "verdict": again.verdict,
        "claim": "as the verdict and the p-values support",
    }
    return [
        close("log10 p", evidence.log10_p_value, finding.log10_p),
        close("log10 p after Holm", evidence.adjusted_log10_p_value, holm),
        close(
            "log10 p that decides", evidence.deciding_log10_p_value, again.deciding_log10_p_value
        ),
        Checked(
            "audits",
            evidence.audits == ledger.audits[: len(evidence.audits)],
            f"{len(evidence.audits):,} then, {len(ledger.audits):,} in the ledger now",
        ),
        Checked(
            "chain of audits",
            is_chained(evidence.audits, evidence.commitment)
            and evidence.ledger_head == head(evidence.audits, evidence.commitment),
            f"head {evidence.ledger_head[:12]}",
        ),
        *(
            Checked(what, _alike(evidence, again, fields), told[what])
            for what, fields in parts.items()
        ),
    ]


def _positive(evidence: Evidence) -> Control | None:
    """The known positive of then: what the owner found in their own network is not tried again."""
    for each in evidence.controls:
        if each.name == KNOWN_POSITIVE:
            return Control(each.name, each.expected, each.came, each.passed)
    return None


def _alike(one: Evidence, other: Evidence, fields: Sequence[str]) -> bool:
    """Whether these parts are the same, numbers up to their last digits."""
    return all(_near(getattr(one, name), getattr(other, name)) for name in fields)


def _near(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= SAME * max(1.0, abs(one), abs(other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_near(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_near, one, other))
    return one == other
