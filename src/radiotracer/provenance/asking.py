"""Suspects as an audit asks them: through a log, within a budget, while people watch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from radiotracer.data.modality import each_hash, nouns
from radiotracer.errors import InputError
from radiotracer.provenance.models import Logged, Suspect
from radiotracer.provenance.models.protocol import Labels, Scores
from radiotracer.provenance.models.wrapped import Wrapped

Progress = Callable[[str, int, int], None]

Wanted = Any
"""The examples that an audit will ask about, in the form of their modality or, where they are not
made yet, how many (an int)."""


def asked_through(
    suspect: Suspect,
    path: Path,
    *,
    max_queries: int | None,
    wanted: Sequence[Wanted],
    stage: str,
    progress: Progress,
    note: Callable[[str], None],
) -> Logged:
    """The suspect with a log at `path`; a log that is there goes on.

    Args:
        suspect: Who is asked.
        path: The log.
        max_queries: About how many examples the suspect may be asked; None: any number.
        wanted: What the audit will ask about, in parts.
        stage: What `progress` calls it.
        progress: Told what is answered, of how many examples.
        note: Told of answers that were damaged and are asked for again.

    Raises:
        InputError: The file is no log of this suspect, or `max_queries` is too small for what is
            not answered yet; then nothing was asked.
    """
    count = sum(x if isinstance(x, int) else suspect.modality.length(x) for x in wanted)
    watched = _Watched(suspect, progress, stage, count)
    batch = 32 if getattr(suspect, "costly", False) else 256
    try:
        log = Logged(watched, path, max_queries=max_queries, batch=batch, mended=note)
    except InputError as error:
        if not path.exists():
            raise
        raise InputError(
            expected=error.expected,
            came=error.came,
            do=f"choose another folder (out=), or remove {path}, what a stopped audit left",
        ) from error
    watched.done = count - _unanswered(log, wanted)
    _require_budget(log, wanted)
    return log


def _unanswered(log: Logged, wanted: Sequence[Wanted]) -> int:
    """About how many examples the suspect still has to be asked.

    Of those that are not made yet, what was answered counts as answers to some: whether it is the
    log finds out later, before it asks about any.
    """
    made = [each_hash(log.modality.hashes(each)) for each in wanted if not isinstance(each, int)]
    later = sum(each for each in wanted if isinstance(each, int))
    digests = {digest for each in made for digest in each}
    return len(digests - log.known) + max(0, later - len(log.known - digests))


def _require_budget(log: Logged, wanted: Sequence[Wanted]) -> None:
    new = _unanswered(log, wanted)
    if log.max_queries is not None and log.asked + new > log.max_queries:
        what = nouns(log.modality, new)
        raise InputError(
            expected=f"a budget for the {what} that this audit still asks about",
            came=f"max_queries={log.max_queries}, of which {log.asked} are used",
            do=f"pass max_queries={log.asked + new}; nothing more was asked",
        )


class _Watched(Wrapped):
    """A suspect whose answers are counted for people who wait."""

    def __init__(self, suspect: Suspect, progress: Progress, stage: str, of: int) -> None:
        super().__init__(suspect)
        self.done = 0
        """How many examples are answered."""
        self._tell = progress
        self._stage = stage
        self._of = of

    def scores(self, content: Any) -> Scores:
        answers = self.suspect.scores(content)
        self._count(len(answers))
        return answers

    def labels(self, content: Any) -> Labels:
        answers = self.suspect.labels(content)
        self._count(len(answers))
        return answers

    def _count(self, answers: int) -> None:
        self.done += answers
        self._tell(self._stage, min(self.done, self._of), self._of)
