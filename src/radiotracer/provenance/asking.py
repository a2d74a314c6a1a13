"""Suspects as an audit asks them: through a log, within a budget, while people watch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from torch import nn

from radiotracer.errors import InputError
from radiotracer.provenance.models import Access, Logged, Suspect, network_of
from radiotracer.provenance.models.protocol import Images, Labels, Scores
from radiotracer.provenance.models.query_log import image_digests

Progress = Callable[[str, int, int], None]

Wanted = Images | int
"""The images that an audit will ask about or, where they are not made yet, how many."""


def asked_through(
    suspect: Suspect,
    path: Path,
    *,
    budget: int | None,
    wanted: Wanted,
    stage: str,
    progress: Progress,
    note: Callable[[str], None],
) -> Logged:
    """The suspect with a log at `path`; a log that is there goes on.

    Args:
        suspect: Who is asked.
        path: The log.
        budget: About how many images the suspect may be asked; None: any number.
        wanted: What the audit will ask about.
        stage: What `progress` calls it.
        progress: Told what is answered, of how many images.
        note: Told of answers that were damaged and are asked for again.

    Raises:
        InputError: The file is no log of this suspect, or the budget is too small for what is not
            answered yet; then nothing was asked.
    """
    remote = suspect.identity.get("kind") in ("http", "python")
    count = wanted if isinstance(wanted, int) else len(wanted)
    watched = _Watched(suspect, progress, stage, count)
    try:
        log = Logged(watched, path, budget=budget, batch=32 if remote else 256, mended=note)
    except InputError as error:
        if not path.exists():
            raise
        raise InputError(
            expected=error.expected,
            came=error.came,
            do=f"choose another --out, or remove {path}, what a stopped audit left",
        ) from error
    watched.done = count - _unanswered(log, wanted)
    _require_budget(log, wanted)
    return log


def _unanswered(log: Logged, wanted: Wanted) -> int:
    """About how many images the suspect still has to be asked.

    Of images that are not made yet, what was answered counts as answers to some: whether it is the
    log finds out later, before it asks about any.
    """
    if isinstance(wanted, int):
        return max(0, wanted - len(log.known))
    return len(set(image_digests(wanted)) - log.known)


def _require_budget(log: Logged, wanted: Wanted) -> None:
    new = _unanswered(log, wanted)
    if log.budget is not None and log.asked + new > log.budget:
        raise InputError(
            expected=f"a budget for the {new} images that this audit still asks about",
            came=f"--budget {log.budget}, of which {log.asked} are used",
            do=f"pass --budget {log.asked + new}; nothing more was asked",
        )


class _Watched:
    """A suspect whose answers are counted for people who wait."""

    def __init__(self, suspect: Suspect, progress: Progress, stage: str, of: int) -> None:
        self.suspect = suspect
        self.done = 0
        """How many images are answered."""
        self._tell = progress
        self._stage = stage
        self._of = of

    @property
    def name(self) -> str:
        return self.suspect.name

    @property
    def identity(self) -> Mapping[str, str]:
        return self.suspect.identity

    @property
    def classes(self) -> int | None:
        return self.suspect.classes

    @property
    def access(self) -> frozenset[Access]:
        return self.suspect.access

    def network(self) -> nn.Module:
        return network_of(self.suspect)

    def scores(self, images: Images) -> Scores:
        answers = self.suspect.scores(images)
        self._count(len(images))
        return answers

    def labels(self, images: Images) -> Labels:
        answers = self.suspect.labels(images)
        self._count(len(images))
        return answers

    def _count(self, images: int) -> None:
        self.done += images
        self._tell(self._stage, min(self.done, self._of), self._of)
