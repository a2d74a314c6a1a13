"""A suspect that is gone: what it said, out of the log of an audit, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import IMAGES
from radiotracer.data.modality import Modality, each_hash, nouns
from radiotracer.errors import InputError
from radiotracer.provenance.models.protocol import (
    Access,
    Answers,
    Labels,
    Scores,
    require_access,
    scores_of_none,
)
from radiotracer.provenance.models.query_log import QueryLog


class RecordedAnswers:
    """A suspect that answers from a query log; the log stays as it is.

    Args:
        path: The log.
        name: The suspect's.
        identity: The suspect's.
        modality: What it was asked about.

    Raises:
        InputError: There is no log, it is damaged, or it is about another suspect.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        name: str,
        identity: Mapping[str, str],
        modality: Modality = IMAGES,
    ) -> None:
        path = Path(path)
        content = path.read_bytes() if path.is_file() else b""
        if not content.endswith(b"\n"):  # a log that goes on would be made, or cut to whole lines
            raise InputError(
                expected=f"the answers of {name} in {path}",
                came="a log that broke off" if content else "no such log",
                do="restore the audit's folder, or ask the suspect again (suspect=)",
            )
        log = QueryLog(path, name, identity)
        self.name = name
        self.identity = identity
        self.modality = modality
        self.answers: Answers = "losses" if identity.get("outputs") == "losses" else "classes"
        self.classes: int | None = None
        self.asked = log.asked
        self._path = path
        self._answers = log.answers

    @property
    def access(self) -> frozenset[Access]:
        """What the answers are."""
        if self.answers == "losses":
            return frozenset(("scores",))
        only_labels = any(isinstance(each, int) for each in self._answers.values())
        return frozenset(("labels",) if only_labels else ("scores", "labels"))

    def scores(self, content: Any) -> Scores:
        """As `Suspect.scores`.

        Raises:
            InputError: There are no answers to some of the examples, or labels only.
        """
        found = self._found(content)
        if not len(found):
            return scores_of_none(self)
        if found.ndim != 2:
            raise InputError(
                expected=f"scores in {self._path}", came="labels", do="audit by labels"
            )
        return found.astype(np.float64)

    def labels(self, content: Any) -> Labels:
        """As `Suspect.labels`.

        Raises:
            InputError: There are no answers to some of the examples, or losses only.
        """
        require_access(self, "labels")
        found = self._found(content)
        return np.asarray(found.argmax(axis=1) if found.ndim == 2 else found, dtype=np.int64)

    def _found(self, content: Any) -> NDArray[Any]:
        self.modality.require(content, "what is asked")
        digests = list(each_hash(self.modality.hashes(content)))
        missing = sum(digest not in self._answers for digest in digests)
        answers = [self._answers[digest] for digest in digests if digest in self._answers]
        widths = {len(each) if isinstance(each, tuple) else 0 for each in answers}
        if missing or len(widths) > 1:
            raise InputError(
                expected=f"one answer of {self.name} to each of "
                f"{nouns(self.modality, len(digests))} in {self._path}",
                came=f"none to {missing} of them" if missing else "answers of several widths",
                do="restore the audit's folder, or ask the suspect again (suspect=)",
            )
        return np.array(answers)
