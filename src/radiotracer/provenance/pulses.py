"""Pulses of public beacons: randomness that nobody could have chosen, checked offline.

    drand             what ``https://api.drand.sh/HASH/public/ROUND`` serves, kept in a file
    NIST beacon 2.0   what ``https://beacon.nist.gov/beacon/2.0/pulse/...`` serves, with the
                      certificates beside it; see `nist`

That a pulse is genuine says when it came into being. Which one counts has to be fixed before: who
may choose among a thousand pulses chooses the luckiest.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from radiotracer.errors import DataError
from radiotracer.provenance.drand import DrandRound
from radiotracer.provenance.drawn import Drawn
from radiotracer.provenance.nist import KeptPulse
from radiotracer.runs.texts import first_problem, parsed

__all__ = ["Drawn", "Pulse", "read_pulse"]

_MOST_BYTES = 1 << 17
"""A pulse with its certificates is far smaller."""


@dataclass(frozen=True)
class Pulse:
    """A pulse, not yet checked.

    Args:
        content: The file, byte for byte: what to keep.
        said: What it says.
    """

    content: bytes
    said: DrandRound | KeptPulse

    def verified(self) -> Drawn:
        """What it drew, once its signature has been checked. No network.

        Raises:
            DataError: It is of another chain, its signature is bad, or its randomness is not that
                of its signature.
            InputError: What checks it is not installed, or this system knows no roots.
        """
        return self.said.verified()


def read_pulse(source: str | os.PathLike[str] | bytes) -> Pulse:
    """Read a pulse; whether it is genuine is for `Pulse.verified` to say.

    Args:
        source: A file, or what is in one.

    Raises:
        DataError: There is none, or it is cut short or something else.
    """
    where = "in what was passed" if isinstance(source, bytes) else f"in {os.fspath(source)}"
    try:
        if isinstance(source, bytes):
            content = source
        else:
            with Path(source).open("rb") as stream:
                content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES:,} bytes")
        if b'"pulse"' in content:
            return Pulse(content, parsed(KeptPulse, content))
        return Pulse(content, parsed(DrandRound, content))
    except (OSError, ValueError) as error:
        raise DataError(
            expected=f"a pulse of drand or of the NIST beacon 2.0, JSON, {where}",
            came=first_problem(error) if isinstance(error, ValueError) else str(error.strerror),
            do="fetch it again, and keep the file as it is served",
        ) from error
