"""What may be said of an audit: verdicts, claims, and what else should be considered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from radiotracer.legible import exponent as exponent_of
from radiotracer.provenance.finding import Finding

Verdict = Literal["trained-on-marked-data", "no-evidence", "inconclusive"]

ALTERNATIVES: dict[Verdict, tuple[str, ...]] = {
    "trained-on-marked-data": (
        "It may have been trained on a part of the release, or on data derived from it: resized, "
        "compressed again, relabelled, or mixed with others.",
        "It may have learned from another model that was trained on the release: by distillation, "
        "by fine-tuning, or because weights were merged.",
        "The marked data may have come by way of another collection that holds copies of them; the "
        "test says nothing about how they came, or who knew of it.",
        "If the key or the sealed half leaked, a model can be made that fails this test without "
        "the release.",
        "If the model was chosen or changed because of its answers under this key, the p-value "
        "does not hold: it supposes a model that is independent of the key.",
        "A model that existed before the release cannot have been trained on it: ask when it was "
        "first seen.",
        "Chance remains; the p-value says how rarely it does this. It is not the probability that "
        "the model was not trained on the release.",
        "A p-value is evidence about a model. It is no proof in law.",
    ),
    "no-evidence": (
        "It may have been trained on the release without learning it by heart: few passes, few "
        "marked examples, strong augmentation or regularisation.",
        "It may have been trained on a part of the release that holds few marked examples.",
        "Its answers may have been rounded, cut or changed on the way; an audit with more access, "
        "such as scores in place of labels, sees more.",
        "It may never have seen the release. The test cannot show that.",
    ),
    "inconclusive": (
        "The model may have been trained on the release, or not: the test says neither.",
        "An audit with another access, such as scores in place of labels, may answer.",
    ),
}
"""By verdict: what else should be considered."""

HEADLINES: dict[Verdict, str] = {
    "trained-on-marked-data": "Consistent with training on the marked data",
    "no-evidence": "No evidence of training on the marked data",
    "inconclusive": "Inconclusive: nothing follows from this audit",
}
"""By verdict: the shortest words for it."""


BLIND = (
    "the known positive, a network that the owner trained on the release, was not found either, so "
    "that finding nothing says nothing"
)
"""Why it is inconclusive where the test cannot see what it is to find."""


@dataclass(frozen=True)
class Chance:
    """How probable evidence is for a model that does not depend on the coins, and who says so.

    Args:
        log10_p: Of this audit.
        adjusted: The same after Holm.
        audits: Over how many.
        deciding: The same after the allowance; it is held against the level.
        allowed_for: What that counts, in words; empty where nothing is charged.
        coins: What the coins are worth, a sentence.
        log: The log that counted the audits; None: the owner did.
    """

    log10_p: float
    adjusted: float
    audits: int
    deciding: float
    allowed_for: str
    coins: str
    log: str | None = None

    @property
    def counted_by(self) -> str:
        """Whose count of the audits it is."""
        return "the owner's count" if self.log is None else f"the count of the log {self.log}"


def why_inconclusive(finding: Finding, alpha: float, log10_allowance: float = 0.0) -> str | None:
    """Why nothing follows from a finding, in words; None where something does.

    Args:
        finding: The facts.
        alpha: The level.
        log10_allowance: What p is multiplied by before it decides.
    """
    failed = [each.name for each in finding.controls if not each.passed]
    if failed:
        return (
            f"{'these controls' if len(failed) > 1 else 'this control'} failed: "
            f"{', '.join(failed)}, so that the test cannot be relied on here"
        )
    floor = finding.least_log10_p
    if floor is not None and floor + log10_allowance > math.log10(alpha) + 1e-12:
        charged = f", and {ten_to(min(0.0, floor + log10_allowance))} after the allowance"
        return (
            f"the test stands on {finding.stands_on}, which cannot show less than "
            f"{ten_to(floor)}{charged * (log10_allowance > 0)}, and the level is {alpha:g}"
        )
    return None


def why_too_early(first_seen: str | None, drawn_at: str | None) -> str | None:
    """Why a suspect cannot have been trained on the release; None where it may have been.

    Args:
        first_seen: When it was first seen, ISO 8601; None: not said.
        drawn_at: When the coins were drawn, UTC, ISO 8601; None: nobody can say.
    """
    if first_seen is None or drawn_at is None or first_seen[:10] >= drawn_at[:10]:
        return None
    return (
        f"the suspect was first seen on {first_seen[:10]}, before the coins were drawn on "
        f"{drawn_at[:10]}, so that it cannot have been trained on the release, and a small "
        "p-value speaks against the evidence"
    )


def claim(verdict: Verdict, because: str | None, chance: Chance) -> str:
    """The verdict in one sentence that says no more than the p-value supports.

    Args:
        verdict: As decided.
        because: Why it is inconclusive, if it is.
        chance: What it stands on.
    """
    if verdict == "inconclusive":
        return f"Inconclusive: {because}. Nothing follows, neither that it was trained on the " + (
            "marked release nor that it was not."
        )
    charged = ""
    if chance.allowed_for:
        charged = f", and {ten_to(chance.deciding)} with an allowance for {chance.allowed_for}"
    told = (
        "were the model independent of the coins, evidence this strong would come up with "
        f"probability at most {ten_to(chance.log10_p)} ({ten_to(chance.adjusted)} after Holm over "
        f"{chance.audits} audit{'s' * (chance.audits != 1)}, which is {chance.counted_by}"
        f"{charged})."
    )
    if verdict == "no-evidence":
        return (
            "No evidence of training on the marked release; that does not show that it was not: "
            + told
        )
    return (
        f"Consistent with training on data derived from the marked release: {told} {chance.coins}"
    )


def ten_to(log10_p: float) -> str:
    """A p-value as a power of ten."""
    exponent = exponent_of(log10_p)
    return "1" if exponent == "0" else f"10^{exponent}"
