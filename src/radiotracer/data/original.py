"""An example as its owner keeps it: a picture of the file itself, turned, its shape kept."""

from __future__ import annotations

from radiotracer.data.encoded import Encoded, place_of
from radiotracer.data.modality import Preview
from radiotracer.data.opening import only_alarms
from radiotracer.data.pixels import Look, decode

LARGEST = 640
"""Pixels of a picture's longer side, at most."""


def original(encoded: Encoded, side: int = LARGEST) -> Preview | None:
    """A picture whose longer side has at most `side` pixels; never enlarged.

    None where it cannot be read any more.
    """

    def within(width: int, height: int) -> tuple[int, int]:
        shrink = min(1.0, side / max(width, height))
        return max(1, round(width * shrink)), max(1, round(height * shrink))

    with only_alarms():
        found = decode(encoded, Look(None, within))
    return None if isinstance(found, str) else Preview(picture=found, path=place_of(encoded))
