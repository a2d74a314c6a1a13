"""Two pieces of evidence of one release: can both be true?"""

from __future__ import annotations

from radiotracer.provenance.checked import Checked
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.ledger import same_suspect


def compared(one: Evidence, other: Evidence) -> tuple[Checked, ...]:
    """What two pieces of evidence of one release say of each other; of two releases, nothing.

    The audits of one have to be the beginning of the other's: an owner who keeps two ledgers, and
    shows each audience the shorter one, is found out by the first two who meet. And a commitment
    has one record: R drawn twice is R chosen.

    Args:
        one: The first.
        other: The second; whichever is older.
    """
    if one.commitment != other.commitment:
        return (
            Checked("one release", False, f"{one.commitment[:12]} and {other.commitment[:12]}"),
        )
    shorter, longer = sorted((one, other), key=lambda each: len(each.audits))
    both = len(shorter.audits)
    parted = next(
        (
            row
            for row, (a, b) in enumerate(zip(shorter.audits, longer.audits, strict=False), start=1)
            if a != b
        ),
        None,
    )
    checks = [
        Checked("one release", True, one.commitment[:12]),
        Checked(
            "one draw of coins",
            one.record == other.record and one.drawing.value == other.drawing.value,
            f"records {one.record[:12]} and {other.record[:12]}",
        ),
        Checked("one protocol", one.protocol == other.protocol, f"level {one.alpha:g}"),
        Checked(
            "one ledger",
            parted is None,
            f"{both:,} and {len(longer.audits):,} audits"
            + (
                ", the shorter the beginning of the longer"
                if parted is None
                else f", which part at number {parted:,}: two ledgers were kept"
            ),
        ),
    ]
    if same_suspect(one.suspect.identity, other.suspect.identity) and one.access == other.access:
        alike = one.suspect.log_sha256 == other.suspect.log_sha256
        checks.append(
            Checked(
                "answers of one suspect",
                not alike or one.log10_p_value == other.log10_p_value,
                "the same answers" if alike else "asked twice",
            )
        )
    return tuple(checks)
