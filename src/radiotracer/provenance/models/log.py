"""A suspect with a budget and a memory: each image is asked about once, and never too many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import InputError
from radiotracer.provenance.models.protocol import (
    Access,
    Images,
    Labels,
    Scores,
    Suspect,
    network_of,
)
from radiotracer.provenance.models.query_lines import Answer
from radiotracer.provenance.models.query_log import QueryLog, image_digests

if TYPE_CHECKING:
    from torch import nn


class Logged:
    """Any suspect, asked through a log.

    Images whose answers are in the log are answered from it and cost nothing, in this audit or in
    one that was interrupted. What was sent counts, answered or not: whoever is asked counts so too.
    A network that is looked at (`network`) is not asked and not counted.

    Args:
        suspect: The model.
        path: The log, JSON lines: a new file, or a log of the same suspect.
        budget: How many images may be asked about over the life of the log; None: any number.
        batch: How many images are asked about, and their answers written, at a time.
        mended: As for `QueryLog`: told of damaged answers, which are then asked for again.

    Raises:
        InputError: `path` is another file or another suspect's log or, without `mended`, damaged,
            or a number is out of range.
        StorageError: The disk refused.
    """

    def __init__(
        self,
        suspect: Suspect,
        path: Path,
        *,
        budget: int | None = None,
        batch: int = 32,
        mended: Callable[[str], None] | None = None,
    ) -> None:
        if (budget is not None and budget < 0) or batch < 1:
            raise InputError(
                expected="a budget of 0 or more and a batch of 1 or more",
                came=f"{budget} and {batch}",
                do="pass others",
            )
        self._suspect = suspect
        self._log = QueryLog(path, suspect.name, suspect.identity, mended=mended)
        self._batch = batch
        self.budget = budget

    @property
    def name(self) -> str:
        """The suspect's."""
        return self._suspect.name

    @property
    def identity(self) -> Mapping[str, str]:
        """The suspect's."""
        return self._suspect.identity

    @property
    def classes(self) -> int | None:
        """The suspect's."""
        return self._suspect.classes

    @property
    def access(self) -> frozenset[Access]:
        """The suspect's."""
        return self._suspect.access

    @property
    def path(self) -> Path:
        """The log's."""
        return self._log.path

    @property
    def asked(self) -> int:
        """How many images were asked about over the life of the log."""
        return self._log.asked

    @property
    def known(self) -> frozenset[str]:
        """The digests of the images whose answers are in the log."""
        return frozenset(self._log.answers)

    def network(self) -> nn.Module:
        """The suspect's network, if it gives weights; see `network_of`."""
        return network_of(self._suspect)

    def scores(self, images: Images) -> Scores:
        """As `Suspect.scores`.

        Raises:
            InputError: The budget does not suffice; then nothing was asked. Or the suspect's own.
        """
        if "scores" not in self.access:
            return self._suspect.scores(images)  # which says why not
        if not len(images):
            return np.empty((0, self.classes or 0))
        return self._answered(images).astype(np.float64)

    def labels(self, images: Images) -> Labels:
        """As `Suspect.labels`; what is logged are scores, where there are scores.

        Raises:
            InputError: As for `scores`.
        """
        if not len(images):
            return np.empty(0, dtype=np.int64)
        if "scores" in self.access:
            return np.asarray(self.scores(images).argmax(axis=1), dtype=np.int64)
        return self._answered(images).astype(np.int64)

    def _answered(self, images: Images) -> NDArray[Any]:
        digests = image_digests(images)
        first = {digest: row for row, digest in reversed(list(enumerate(digests)))}
        new = sorted(row for digest, row in first.items() if digest not in self._log.answers)
        if self.budget is not None and self._log.asked + len(new) > self.budget:
            raise InputError(
                expected=f"at most {self.budget} images asked of {self.name}",
                came=f"{len(new)} new ones after {self._log.asked}",
                do="raise the budget or ask about fewer; none of these was asked",
            )
        for start in range(0, len(new), self._batch):
            rows = new[start : start + self._batch]
            self._log.ask(len(rows))
            self._log.answer([digests[row] for row in rows], self._ask(images[rows]))
        answers = [self._log.answers[digest] for digest in digests]
        widths = {len(answer) if isinstance(answer, tuple) else 0 for answer in answers}
        if len(widths) > 1:
            raise InputError(
                expected=f"as many scores for one image as for another from {self.name}",
                came=" and ".join(str(width) for width in sorted(widths)[:2]),
                do="repair the suspect model's answers, and begin another log",
            )
        return np.array(answers)

    def _ask(self, images: Images) -> list[Answer]:
        if "scores" in self.access:
            return [tuple(row) for row in self._suspect.scores(images).tolist()]
        return list(self._suspect.labels(images).tolist())
