"""What could not be used of a data set, in words."""

from __future__ import annotations

from radiotracer.data.dataset import Dataset

NAMED = 5
"""How many files are named; the others are only counted."""


def left_out_in_words(data: Dataset) -> list[str]:
    """A line for each of the first files that were left out, and one that counts them; or none."""
    if not data.left_out:
        return []
    lines = [f"left out {file.path}: {file.reason}" for file in data.left_out[:NAMED]]
    return [*lines, f"{len(data.left_out)} files left out, {len(data):,} examples go on"]
