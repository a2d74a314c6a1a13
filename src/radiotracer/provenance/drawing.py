"""What the coins of a release were drawn by, as far as it can be shown, and what that costs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from radiotracer.provenance.commitment import Digest
from radiotracer.provenance.randomness import STRENGTHS, Randomness, StrengthName

NO_STAMP = (
    "no time stamp shows that the commitment was made before the {0}, so that it may have been "
    "chosen after it"
)


class Drawing(BaseModel):
    """What stands in evidence of the coins.

    Args:
        strength: Who can have chosen them; as far as it can be shown.
        meant: What was committed to.
        because: Why the first is less than the second; None: it is not.
        sentence: What it is worth, for the claim.
        log10_allowance: What p is multiplied by before it decides.
        allowed_for: What that counts, in words.
        value: R.
        drawn_at: When it came into being, UTC, ISO 8601; None: nobody can say.
        stamped_at: When the commitment is shown to have existed; None: not shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    strength: StrengthName
    meant: StrengthName
    because: str | None
    sentence: str
    log10_allowance: Annotated[float, Field(ge=0.0)]
    allowed_for: str
    value: Digest
    drawn_at: str | None
    stamped_at: str | None


def drawing_of(randomness: Randomness, commitment: str, stamped_at: datetime | None) -> Drawing:
    """Check R, and say what it is worth.

    Args:
        randomness: Of the record.
        commitment: The digest of the commitment.
        stamped_at: When it is shown to have existed, UTC; None: not shown.

    Raises:
        DataError: R is not what it is said to be, or is older than the commitment.
    """
    drawn_at = randomness.require_holds(commitment, stamped_at)
    meant = STRENGTHS[randomness.strength]
    shown, because = meant, None
    if meant.needs_stamp and stamped_at is None:
        shown, because = STRENGTHS["owner"], NO_STAMP.format(meant.name)
    return Drawing(
        strength=shown.name,
        meant=meant.name,
        because=because,
        sentence=shown.sentence if because is None else f"{shown.sentence} For {because}.",
        log10_allowance=shown.log10_allowance(randomness),
        allowed_for=shown.allowed_for(randomness),
        value=randomness.value,
        drawn_at=None if drawn_at is None else drawn_at.isoformat(timespec="seconds"),
        stamped_at=None if stamped_at is None else stamped_at.isoformat(timespec="seconds"),
    )
