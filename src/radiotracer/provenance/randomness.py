"""R: the 32 bytes that every coin is drawn by, what they came from, and what that is worth.

A strength says who can have chosen R. What it leaves open is charged: of each commitment that an
owner may have made and thrown away, the luckiest could be shown, so that the p-value that decides
is p times their number (Bonferroni).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from radiotracer.registry import Registry

StrengthName = Literal["beacon", "witness", "owner"]


class Randomness(BaseModel):
    """What R was, and what it came from.

    Args:
        strength: The name of a registered `Strength`.
        value: R: 32 bytes, as 64 hexadecimal digits.
        proof: What shows where it came from: the fields of a pulse, a witness's statement;
            nothing of an owner's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strength: StrengthName
    value: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    proof: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def bytes(self) -> bytes:
        """R."""
        return bytes.fromhex(self.value)

    def require_holds(self, commitment: str, stamped_at: datetime | None) -> datetime | None:
        """Check offline that R is what it is said to be, and came after the commitment.

        Args:
            commitment: Its digest.
            stamped_at: When the commitment is shown to have existed, UTC; None: not shown.

        Returns:
            When R came into being, UTC; None where nobody can say.

        Raises:
            DataError: It is not so.
        """
        return STRENGTHS[self.strength].require(self, commitment, stamped_at)


class Strength(ABC):
    """Where R comes from, and who can have chosen it: one file of `strengths`, one registration."""

    name: ClassVar[StrengthName]

    least_log10_allowance: ClassVar[float] = 0.0
    """The smallest `log10_allowance` there is: what a marking has to be able to afford."""

    needs_stamp: ClassVar[bool] = False
    """Whether it is worth no more than `owner` where no stamp shows that the commitment came
    before R."""

    sentence: ClassVar[str]
    """What it is worth, for the claim; a whole sentence."""

    @abstractmethod
    def log10_allowance(self, randomness: Randomness) -> float:
        """log10 of how often an owner may have tried, and shown the luckiest; at least 0."""

    @abstractmethod
    def allowed_for(self, randomness: Randomness) -> str:
        """What the allowance counts, in words, after "an allowance for"; empty where there is
        none."""

    @abstractmethod
    def read(self, path: Path) -> Randomness:
        """R and its proof from a file that somebody handed over.

        Raises:
            DataError: The file is something else.
            InputError: There is no such file for this strength.
        """

    @abstractmethod
    def require(
        self, randomness: Randomness, commitment: str, stamped_at: datetime | None
    ) -> datetime | None:
        """See `Randomness.require_holds`."""


STRENGTHS: Registry[Strength] = Registry("strength", home="radiotracer.provenance.strengths")
"""Every strength, by name."""


def reachable(alpha: float, strength: str) -> float:
    """The p-value that an audit has to be able to show, so that it reaches `alpha` when charged."""
    return float(alpha * 10 ** -STRENGTHS[strength].least_log10_allowance)
