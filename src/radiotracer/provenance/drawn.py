"""Randomness that its user could not choose, once its origin has been checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Drawn:
    """What came out, when, and where from; `read_pulse` and `WitnessStatement` lead to it.

    Args:
        value: 32 bytes.
        time: When it came into being, UTC, as its source says.
        chain: Whose it is: the name of a beacon's chain, or ``witness`` and a public key.
    """

    value: bytes
    time: datetime
    chain: str
