"""What a suspect said of a few public examples: it tells networks apart, and nothing of coins.

The numbers are rounded, and compared with a tolerance: another machine, another library or another
format computes the last digits of the same network otherwise. A network that is trained anew, or
asked in another form, differs by far more in most of them.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

NEAR = 0.02
"""Numbers that differ by no more are the same, of those beyond 1 by this share of them."""

ENOUGH = 8
"""So many answers or more tell two networks apart."""


def near(one: float, other: float) -> bool:
    """Whether two answers are the same up to another machine's arithmetic."""
    return abs(one - other) <= NEAR * max(1.0, abs(one), abs(other))


class Probed(BaseModel):
    """What came.

    Args:
        of: What the numbers are: log odds of the label that was released, losses, or the number of
            the class that was named.
        answers: One for each probe; to 4 decimals.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    of: Literal["log odds", "losses", "labels"]
    answers: tuple[float, ...]

    def differing(self, other: Probed) -> list[int]:
        """The numbers of the probes, from 0, that were answered otherwise."""
        if self.of != other.of or len(self.answers) != len(other.answers):
            return list(range(max(len(self.answers), len(other.answers))))
        pairs = enumerate(zip(self.answers, other.answers, strict=True))
        if self.of == "labels":
            return [row for row, (one, another) in pairs if one != another]
        return [row for row, (one, another) in pairs if not near(one, another)]

    def is_of_one_network_with(self, other: Probed) -> bool:
        """Whether both are of one network, as far as they tell; labels alone do not tell."""
        enough = len(self.answers) >= ENOUGH and self.of != "labels"
        return enough and not self.differing(other)
