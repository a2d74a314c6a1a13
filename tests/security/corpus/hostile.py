"""What one hostile thing is: a name, who reads it, and how to make it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Reader = Literal["data", "suspect", "run", "truth", "marked", "evidence", "reference"]
"""Which command gets it: see `test_malicious_files.py`."""

CANARY = "canary"
"""A file of this name in the folder means that code of the fixture ran."""


@dataclass(frozen=True)
class Hostile:
    """A file or folder that must be refused, or of which a part must be left out.

    Args:
        name: For people, unique in its family.
        reader: Which command gets it.
        make: Writes it into a folder, and gives back its path. Folders of the readers ``run``,
            ``truth`` and ``marked`` begin as copies of good ones.
        says: A part of the line that it leaves.
        ends: ``refused``: status 2, one line, nothing written. ``left out``: without the bad part,
            and says so. ``kept``: as data, of which nothing is obeyed.
    """

    name: str
    reader: Reader
    make: Callable[[Path], Path]
    says: str = ""
    ends: Literal["refused", "left out", "kept"] = "refused"


def ids(corpus: list[Hostile]) -> list[str]:
    """Names that read well in a list of tests."""
    return [f"{each.reader}: {each.name}" for each in corpus]
