"""The pulse that counts, fetched: the first round of drand after a commitment's time stamp.

Which round that is follows from the stamp, so that nobody chooses among pulses. What comes is a
file like any other: whoever sent it, its signature is checked when it is used.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime

from radiotracer.errors import InputError
from radiotracer.provenance.drand import QUICKNET, DrandRound
from radiotracer.provenance.pulses import read_pulse
from radiotracer.provenance.stamping import ask

Progress = Callable[[str, int, int], None]

LONGEST = 120.0
"""Seconds that a round which is not due yet is waited for; a stamp of tomorrow is a mistake."""

_SPREAD = 1.0
"""Seconds after a round is due until relays have it."""


def is_relay(given: str) -> bool:
    """Whether this is an address, and no file."""
    return given.startswith(("http://", "https://"))


def first_pulse_after(
    relay: str, stamped_at: datetime, *, progress: Progress = lambda *_: None
) -> bytes:
    """The first round of quicknet that is due after a time, as a relay serves it.

    Args:
        relay: Its address, such as ``https://api.drand.sh``.
        stamped_at: When the commitment is shown to have existed, UTC.
        progress: Told that the pulse is waited for, for how many seconds, and of how many.

    Raises:
        InputError: The round is not due for long, httpx is missing, or the relay does not give it.
        DataError: What it gives is no pulse.
    """
    number = QUICKNET.first_after(stamped_at)
    wait = (QUICKNET.time_of(number) - datetime.now(UTC)).total_seconds() + _SPREAD
    if wait > LONGEST:
        raise InputError(
            expected="a time stamp that is not in the future",
            came=f"one of {stamped_at:%F %T} UTC",
            do="set this machine's clock, or have the commitment stamped by another authority",
        )
    _wait(wait, progress)
    address = f"{relay.rstrip('/')}/{QUICKNET.hash}/public/{number}"
    content = ask(address, None, "application/json")
    came = read_pulse(content).said
    if not isinstance(came, DrandRound) or came.number != number:
        raise InputError(
            expected=f"round {number:,} of drand from {relay}",
            came=f"round {came.number:,}" if isinstance(came, DrandRound) else "another pulse",
            do="ask another relay",
        )
    return content


def _wait(seconds: float, progress: Progress) -> None:
    """Until so many seconds are over, whatever the clock does meanwhile."""
    begun, whole = time.monotonic(), math.ceil(seconds)
    while (left := seconds - (time.monotonic() - begun)) > 0:
        progress("waiting for the pulse", whole - math.ceil(left), whole)
        time.sleep(min(left, 1.0))
