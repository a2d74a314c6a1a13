"""A suspect with a budget and a memory: each example is asked about once, and never too many."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.modality import each_hash, nouns
from radiotracer.errors import InputError
from radiotracer.provenance.models.protocol import Labels, Scores, Suspect, scores_of_none
from radiotracer.provenance.models.query_lines import Answer
from radiotracer.provenance.models.query_log import QueryLog
from radiotracer.provenance.models.wrapped import Wrapped


class Logged(Wrapped):
    """Any suspect, asked through a log.

    Examples whose answers are in the log are answered from it and cost nothing, in this audit or in
    one that was interrupted. What was sent counts, answered or not: whoever is asked counts so too.
    A network that is looked at (`network`) is not asked and not counted.

    Args:
        suspect: The model.
        path: The log, JSON lines: a new file, or a log of the same suspect.
        max_queries: How many examples may be asked about over the life of the log; None: any
            number.
        batch: How many examples are asked about, and their answers written, at a time.
        mended: As for `QueryLog`: told of damaged answers, which are then asked for again.

    Raises:
        InputError: `path` is another file or another suspect's log or, without `mended`, damaged,
            or a number is out of range.
        StorageError: The disk refused.
    """

    def __init__(
        self,
        suspect: Suspect,
        path: str | os.PathLike[str],
        *,
        max_queries: int | None = None,
        batch: int = 32,
        mended: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(suspect)
        if (max_queries is not None and max_queries < 0) or batch < 1:
            raise InputError(
                expected="max_queries of 0 or more and a batch of 1 or more",
                came=f"{max_queries} and {batch}",
                do="pass others",
            )
        self._log = QueryLog(Path(path), suspect.name, suspect.identity, mended=mended)
        self._batch = batch
        self.max_queries = max_queries

    @property
    def path(self) -> Path:
        """The log's."""
        return self._log.path

    @property
    def asked(self) -> int:
        """How many examples were asked about over the life of the log."""
        return self._log.asked

    @property
    def known(self) -> frozenset[str]:
        """The digests of the examples whose answers are in the log."""
        return frozenset(self._log.answers)

    def scores(self, content: Any) -> Scores:
        """As `Suspect.scores`.

        Raises:
            InputError: `max_queries` does not suffice; then nothing was asked. Or the suspect's
                own.
        """
        if "scores" not in self.access:
            return self.suspect.scores(content)  # which says why not
        if not self.modality.length(content):
            return scores_of_none(self)
        return self._answered(content).astype(np.float64)

    def labels(self, content: Any) -> Labels:
        """As `Suspect.labels`; what is logged are scores, where there are scores.

        Raises:
            InputError: As for `scores`.
        """
        if "labels" not in self.access:
            return self.suspect.labels(content)  # which says why not
        if not self.modality.length(content):
            return np.empty(0, dtype=np.int64)
        if "scores" in self.access:
            return np.asarray(self.scores(content).argmax(axis=1), dtype=np.int64)
        return self._answered(content).astype(np.int64)

    def _answered(self, content: Any) -> NDArray[Any]:
        self.modality.require(content, "what is asked")
        digests = list(each_hash(self.modality.hashes(content)))
        first = {digest: row for row, digest in reversed(list(enumerate(digests)))}
        new = sorted(row for digest, row in first.items() if digest not in self._log.answers)
        if self.max_queries is not None and self._log.asked + len(new) > self.max_queries:
            raise InputError(
                expected=f"at most {nouns(self.modality, self.max_queries)} asked of {self.name}",
                came=f"{len(new)} new ones after {self._log.asked}",
                do="raise max_queries or ask about fewer; none of these was asked",
            )
        for start in range(0, len(new), self._batch):
            rows = np.array(new[start : start + self._batch], dtype=np.int64)
            self._log.ask(len(rows))
            answers = self._ask(self.modality.take(content, rows))
            self._log.answer([digests[row] for row in rows], answers)
        answers = [self._log.answers[digest] for digest in digests]
        widths = {len(answer) if isinstance(answer, tuple) else 0 for answer in answers}
        if len(widths) > 1:
            noun = self.modality.noun
            raise InputError(
                expected=f"as many scores for one {noun} as for another from {self.name}",
                came=" and ".join(str(width) for width in sorted(widths)[:2]),
                do="repair the suspect model's answers, and begin another log",
            )
        return np.array(answers)

    def _ask(self, content: Any) -> list[Answer]:
        if "scores" in self.access:
            return [tuple(row) for row in self.suspect.scores(content).tolist()]
        return list(self.suspect.labels(content).tolist())
