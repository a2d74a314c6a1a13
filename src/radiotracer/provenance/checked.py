"""One thing that was checked, and whether it is so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Checked:
    """One thing that was checked.

    Args:
        what: In words.
        holds: Whether it is so.
        came: What was found, in words.
    """

    what: str
    holds: bool
    came: str
