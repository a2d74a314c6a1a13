"""A suspect whose classes have other numbers than the audit's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from radiotracer.errors import InputError
from radiotracer.provenance.models.protocol import Access, Labels, Scores, Suspect
from radiotracer.provenance.models.wrapped import Wrapped

_NAME = "classes_map"


class Mapped(Wrapped):
    """A suspect, its classes in the order of the audit's; those that the audit lacks come last.

    Its weights are not to be had: they are in the order that the suspect has.

    Args:
        suspect: Gives scores of classes, or labels.
        columns: The suspect's number of each class of the audit's, each once.
        classes: How many classes the audit's data have; None: as many as there are numbers.

    Raises:
        InputError: They are other numbers, or the suspect gives losses.
    """

    def __init__(
        self, suspect: Suspect, columns: Sequence[int], classes: int | None = None
    ) -> None:
        super().__init__(suspect)
        classes = len(columns) if classes is None else classes
        right = len(set(columns)) == len(columns) == classes and min(columns, default=-1) >= 0
        if not right or suspect.answers == "losses":
            raise InputError(
                expected=f"classes_map= with another number of 0 or more for each of {classes} "
                "classes",
                came=",".join(map(str, columns)) or "none",
                do="give the model's own number of each class, in the order of the data",
            )
        self._columns = np.array(columns, dtype=np.int64)

    @property
    def identity(self) -> Mapping[str, str]:
        """The suspect's, and which class is which."""
        return {**self.suspect.identity, _NAME: ",".join(map(str, self._columns.tolist()))}

    @property
    def classes(self) -> int | None:
        """As many as the audit's."""
        return len(self._columns)

    @property
    def access(self) -> frozenset[Access]:
        """Without the weights."""
        return self.suspect.access - {"weights"}

    def scores(self, content: Any) -> Scores:
        """As `Suspect.scores`.

        Raises:
            InputError: There are fewer columns than the numbers say; or the suspect's own.
        """
        found = self.suspect.scores(content)
        return found[:, self._order(found.shape[1])]

    def labels(self, content: Any) -> Labels:
        """As `Suspect.labels`; a class that the audit lacks has a number after all of its own."""
        found = self.suspect.labels(content)
        most = max(int(found.max(initial=0)), int(self._columns.max())) + 1
        return np.argsort(self._order(most))[found]

    def _order(self, columns: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        if self._columns.max() >= columns:
            raise InputError(
                expected=f"classes_map= of classes that {self.name} has, 0 to {columns - 1}",
                came=str(self._columns.max()),
                do="give the model's own number of each class, in the order of the data",
            )
        others = np.setdiff1d(np.arange(columns), self._columns)
        return np.concatenate([self._columns, others])


def said_map(identity: Mapping[str, str]) -> list[int] | None:
    """The numbers that an identity names; None: none.

    Raises:
        InputError: They are no numbers.
    """
    if _NAME not in identity:
        return None
    try:
        return [int(each) for each in identity[_NAME].split(",")]
    except ValueError as error:
        raise InputError(
            expected="evidence that says which class is which",
            came=identity[_NAME][:100],
            do="pass the suspect (suspect=)",
        ) from error
