"""A suspect that is gone: what it said, out of the log of an audit, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import InputError
from radiotracer.provenance.models.protocol import Access, Images, Labels, Scores
from radiotracer.provenance.models.query_log import QueryLog, image_digests


class RecordedAnswers:
    """A suspect that answers from a query log; the log stays as it is.

    Args:
        path: The log.
        name: The suspect's.
        identity: The suspect's.

    Raises:
        InputError: There is no log, it is damaged, or it is about another suspect.
    """

    def __init__(self, path: Path, name: str, identity: Mapping[str, str]) -> None:
        content = path.read_bytes() if path.is_file() else b""
        if not content.endswith(b"\n"):  # a log that goes on would be made, or cut to whole lines
            raise InputError(
                expected=f"the answers of {name} in {path}",
                came="a log that broke off" if content else "no such log",
                do="restore the audit's folder, or ask the suspect again with --suspect",
            )
        log = QueryLog(path, name, identity)
        self.name = name
        self.identity = identity
        self.classes: int | None = None
        self.asked = log.asked
        self._path = path
        self._answers = log.answers

    @property
    def access(self) -> frozenset[Access]:
        """What the answers are."""
        only_labels = any(isinstance(each, int) for each in self._answers.values())
        return frozenset(("labels",) if only_labels else ("scores", "labels"))

    def scores(self, images: Images) -> Scores:
        """As `Suspect.scores`.

        Raises:
            InputError: There are no answers to some of the images, or labels only.
        """
        found = self._found(images)
        if found.ndim != 2 and len(found):
            raise InputError(
                expected=f"scores in {self._path}", came="labels", do="audit by labels"
            )
        return found.astype(np.float64)

    def labels(self, images: Images) -> Labels:
        """As `Suspect.labels`.

        Raises:
            InputError: There are no answers to some of the images.
        """
        found = self._found(images)
        return np.asarray(found.argmax(axis=1) if found.ndim == 2 else found, dtype=np.int64)

    def _found(self, images: Images) -> NDArray[Any]:
        digests = image_digests(images)
        missing = sum(digest not in self._answers for digest in digests)
        answers = [self._answers[digest] for digest in digests if digest in self._answers]
        widths = {len(each) if isinstance(each, tuple) else 0 for each in answers}
        if missing or len(widths) > 1:
            raise InputError(
                expected=f"one answer of {self.name} to each of {len(images)} images in "
                f"{self._path}",
                came=f"none to {missing} of them" if missing else "answers of several widths",
                do="restore the audit's folder, or ask the suspect again with --suspect",
            )
        return np.array(answers)
