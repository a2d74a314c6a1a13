"""Settings of the design ``canaries``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Place = Literal["before", "after"]
"""Where a canary stands: a line of its own before the text, or after it."""


class CanaryConfig(BaseModel):
    """How twins of texts are made.

    Args:
        words: Of a canary. A text that has fewer of its own is too short to be marked.
        syllables: Of a word; three make one of 262,144 words.
        place: Where the canary stands. Classifiers read texts from their beginning and often not to
            their end.
        repeats: How many texts of a class share a canary and its coin; the last ones of a class may
            be fewer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: int = Field(
        default=8,
        ge=2,
        le=64,
        description="Words of a canary; texts that have fewer of their own are not marked.",
    )
    syllables: int = Field(default=3, ge=2, le=8)
    place: Place = Field(
        default="before", description="Where a canary stands, on a line of its own."
    )
    repeats: int = Field(
        default=1,
        ge=1,
        description="How many texts of a class share a canary and its coin: fewer coins, learned "
        "better.",
    )
