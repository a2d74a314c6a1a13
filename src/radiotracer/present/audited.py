"""What the page of an audit says, as one frozen model: it is drawn from this and nothing else.

Texts are shown and not obeyed, as in `radiotracer.present.findings`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from radiotracer.present.fields import Count, Frozen, Text

LogP = Annotated[float, Field(le=0.0)]
Rows = tuple[tuple[Text, Text], ...]


class AuditControl(Frozen):
    """A question whose answer was known before."""

    name: Text
    expected: Text
    came: Text
    passed: bool


class PastAudit(Frozen):
    """One audit of the release; `adjusted` is its p-value after Holm over all."""

    time: Text
    suspect: Text
    identity: Text
    access: Text
    log10_p: LogP
    adjusted: LogP
    is_present: bool


class Audited(Frozen):
    """Everything that the page says.

    Args:
        title: Of the page.
        verdict: How the banner looks.
        headline: The verdict in a few words.
        claim: And in one sentence.
        access: What was used of the suspect.
        log10_p: Of this audit alone.
        adjusted_log10_p: After Holm over all audits.
        deciding_log10_p: After the allowance for the coins, too: held against the level.
        coins: Who drew them, and what the allowance is for, in a few words.
        alpha: The level.
        effect: Its size.
        effect_means: What it counts.
        queries: About how many examples the suspect was asked.
        examples: What they are, in the plural.
        control_log10_p: The same test under keys that marked nothing.
        controls: All that was checked.
        audits: All audits of the release, the oldest first.
        facts: How it was tested, row by row.
        numbers: What else was counted, row by row.
        alternatives: What else should be considered.
        verify: The command that repeats it.
    """

    title: Text
    verdict: Literal["trained-on-marked-data", "no-evidence", "inconclusive"]
    headline: Text
    claim: Text
    access: Text
    log10_p: LogP
    adjusted_log10_p: LogP
    deciding_log10_p: LogP
    coins: Text
    alpha: Annotated[float, Field(gt=0.0, lt=1.0)]
    effect: float
    effect_means: Text
    queries: Count
    examples: Text
    control_log10_p: tuple[LogP, ...]
    controls: tuple[AuditControl, ...]
    audits: tuple[PastAudit, ...]
    facts: Rows
    numbers: Rows
    alternatives: tuple[Text, ...]
    verify: Text

    def __repr__(self) -> str:
        """What it is about, in one short line."""
        return f"Audited({self.title[:100]!r}, {self.verdict})"

    __str__ = __repr__
