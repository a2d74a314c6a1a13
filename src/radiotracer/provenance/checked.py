"""One thing that was checked, and whether it is so."""

from __future__ import annotations

from dataclasses import dataclass

from radiotracer.provenance.ledger import SAME


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


@dataclass(frozen=True)
class Told:
    """What is to be said of one thing, also where it was not checked.

    Args:
        holds: Whether it is so; None: it was not checked, or there is nothing to check.
        came: In words.
    """

    holds: bool | None
    came: str


def same(what: str, then: str, now: str) -> Checked:
    """Whether two digests are one."""
    holds = then == now
    return Checked(what, holds, now[:12] if holds else f"{now[:12]}, not {then[:12]}")


def close(what: str, then: float, now: float | None) -> Checked:
    """Whether two p-values are the same; None: there is none now."""
    if now is None:
        return Checked(what, False, "this audit is not in the ledger")
    holds = abs(then - now) <= SAME
    return Checked(what, holds, f"{now:.9g}" if holds else f"{now:.9g}, not {then:.9g}")
