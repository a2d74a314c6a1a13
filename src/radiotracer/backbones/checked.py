"""Whether features can be used: one finite vector per example, not the same for all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import InputError, NotFiniteError

SAME = 1e-6
"""What differs by no more, in relation to its size, is the same but for rounding."""


def as_vectors(found: object, count: int, who: str) -> NDArray[np.float32]:
    """What a backbone gave for some examples, as float32.

    Args:
        found: An array, shape (count, d).
        count: How many examples it was asked about.
        who: The backbone, for messages.

    Raises:
        InputError: It is no matrix, or has another number of rows.
    """
    array = found if isinstance(found, np.ndarray) else None
    if array is None or array.ndim != 2 or not array.shape[1] or array.dtype.kind not in "fiu":
        what = type(found).__name__ if array is None else f"{array.dtype} of shape {array.shape}"
        raise InputError(
            expected=f"numbers of shape ({count}, d) from the backbone {who}",
            came=what,
            do="choose another backbone=, or repair it",
        )
    if len(array) != count:
        raise InputError(
            expected=f"{count} vectors from the backbone {who}, one per example",
            came=str(len(array)),
            do="choose another backbone=, or repair it",
        )
    with np.errstate(over="ignore"):  # infinity is told of below
        return np.ascontiguousarray(array, dtype=np.float32)


class Checking:
    """Looks at features stretch by stretch; `require` says whether all of them can be used.

    Args:
        who: The backbone, or the file, for messages.
        noun: What one example is called.
    """

    def __init__(self, who: str, noun: str) -> None:
        self.who = who
        self.noun = noun
        self.rows = 0
        self.unusable = 0
        self.width: int | None = None
        self.first: NDArray[np.float32] | None = None
        self.differ = False

    def see(self, part: NDArray[np.float32]) -> None:
        """The next rows, float32, shape (n, d)."""
        if self.first is None:
            self.width, self.first = part.shape[1], part[0].copy()
        if part.shape[1] != self.width:
            raise InputError(
                expected=f"vectors of one length from the backbone {self.who}",
                came=f"{self.width} and {part.shape[1]} numbers",
                do="choose another backbone=, or repair it",
            )
        finite = np.isfinite(part).all(axis=1)
        self.rows += len(part)
        self.unusable += int((~finite).sum())
        if not self.differ:
            with np.errstate(over="ignore", invalid="ignore"):  # such as what is not finite
                away = np.abs(part[finite] - self.first) > SAME * np.abs(self.first)
            self.differ = bool(away.any())

    def require(self) -> None:
        """Raise `InputError` where a vector is not finite, or all are the same."""
        if self.unusable:
            raise NotFiniteError(
                expected=f"finite features from {self.who}",
                came=f"NaN or infinity for {self.unusable:,} of {self.rows:,} {self.noun}s",
                do="repair them, or choose another backbone=",
            )
        if self.rows > 1 and not self.differ:
            raise InputError(
                expected="a backbone that tells examples apart",
                came=f"one vector for all {self.rows:,} {self.noun}s from {self.who}",
                do="choose another backbone=",
            )
