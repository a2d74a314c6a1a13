"""Audit a suspect and keep what came: evidence, page and answers, and the look in the ledger.

    OUT/evidence.json       what was found and what it supports
    OUT/report.html         the same for people
    OUT/queries.jsonl       every answer of the suspect; it gives coins away: it stays sealed
    OUT/reference-1.jsonl   the answers of references, if there are any

While an audit runs its answers lie beside OUT, as ``.OUT.queries.jsonl``: an audit that was
interrupted goes on from there and asks nothing twice.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from torch import nn

from radiotracer.auditing.audit import audit, best_access, require_control_keys_fit
from radiotracer.auditing.carrier_test import Build
from radiotracer.auditing.evidence import EVIDENCE_FILE, Asked, Evidence, HeldOut, conclude
from radiotracer.auditing.held_out_marks import how_many, labels_of
from radiotracer.auditing.looks import Look, add_look, adjusted, settings_of
from radiotracer.auditing.page import describe
from radiotracer.auditing.power import known_positive
from radiotracer.auditing.suspects import Access, Logged, Suspect, network_of
from radiotracer.auditing.suspects.protocol import Images, Labels, Scores
from radiotracer.auditing.suspects.query_log import image_digests
from radiotracer.auditing.tag_test import tags_asked
from radiotracer.auditing.twin_test import images_asked
from radiotracer.data import Examples
from radiotracer.errors import InputError
from radiotracer.files import atomic_folder, require_new_folder, sha256_file, write_text
from radiotracer.marking import Key
from radiotracer.marking.release import Release
from radiotracer.report import render_audit

REPORT_FILE = "report.html"
QUERIES_FILE = "queries.jsonl"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Done:
    """An audit that was carried out.

    Args:
        evidence: What its folder says.
        note: What people should know about the ledger; None: nothing.
    """

    evidence: Evidence
    note: str | None


def reference_file(number: int) -> str:
    """The log of the reference with this number, from 1."""
    return f"reference-{number}.jsonl"


def conduct(
    marked: Path,
    release: Release,
    key: Key,
    suspect: Suspect,
    out: Path,
    *,
    access: Access | None = None,
    references: Sequence[Suspect] = (),
    held_out: Examples | None = None,
    build: Build | None = None,
    control_keys: int | None = None,
    budget: int | None = None,
    overwrite: bool = False,
    command: str = "",
    progress: Progress = lambda *_: None,
) -> Done:
    """Audit, write the look into the ledger, then the folder; each whole or not at all.

    Args:
        marked: The folder of the release.
        release: What was read from it.
        key: Its key.
        suspect: Who is asked.
        out: The folder to write.
        access: What to use of the suspect; None is the most telling there is.
        references: See `auditing.audit`.
        held_out: See `auditing.audit`.
        build: See `auditing.audit`.
        control_keys: See `auditing.audit`.
        budget: About how many images the suspect may be asked; None: any number.
        overwrite: Replace an earlier audit in `out`.
        command: What the user typed, for the page.
        progress: Told what is done, how much of it, and of how many.

    Raises:
        InputError: The commitment does not open, the suspect cannot be audited so, or its answers
            cannot be used. Then there is no folder and no line in the ledger.
    """
    require_new_folder(out, marker=EVIDENCE_FILE, overwrite=overwrite)
    release.require_committed(key)
    access = access or best_access(release, suspect, control_keys=control_keys)
    require_control_keys_fit(release, access, control_keys)
    # What the owner found by another test of the same access says nothing of this one.
    positive = known_positive(marked, access) if control_keys is None else None
    labels = None if control_keys is None else labels_of(held_out, release)
    wanted: Images | int = _wanted(release, key, held_out, access)
    if control_keys is not None and labels is not None:
        wanted = how_many(release, labels, control_keys)  # they are not marked yet
    count = wanted if isinstance(wanted, int) else len(wanted)
    with contextlib.ExitStack() as stack:
        place = out.resolve()
        logs = {
            QUERIES_FILE: suspect,
            **{reference_file(row): each for row, each in enumerate(references, start=1)},
        }
        asked = [
            stack.enter_context(
                _logged(
                    _Watched(each, progress, "asking" if not row else "asking references", count),
                    place.with_name(f".{place.name}.{name}"),
                    budget=None if row else budget,
                )
            )
            for row, (name, each) in enumerate(logs.items())
        ]
        asked[0].require_budget(wanted)
        finding = audit(
            release,
            key,
            asked[0],
            access,
            references=asked[1:],
            held_out=None if held_out is None else held_out.images,
            held_out_labels=labels,
            build=build,
            control_keys=control_keys,
            progress=progress,
        )
        files = [log.path for log in asked]
        present = Look(
            time=_now(),
            version=version("radiotracer"),
            name=suspect.name,
            suspect=dict(suspect.identity),
            access=finding.access,
            log10_p=finding.log10_p,
            settings=settings_of(control_keys, None if held_out is None else held_out.digest),
        )
        # Before anything of the result is shown: a look that is not in the ledger never was.
        ledger = add_look(marked, present)
        after_holm = adjusted(ledger.looks, present)
        if after_holm is None:
            raise AssertionError(present)
        entries = [
            Asked(
                name=each.name,
                identity=dict(each.identity),
                queries=each.asked,
                log_sha256=sha256_file(each.path),
            )
            for each in asked
        ]
        evidence = conclude(
            finding,
            release,
            key,
            adjusted=after_holm,
            looks=ledger.looks,
            suspect=entries[0],
            references=entries[1:],
            held_out=_described(held_out),
            control_keys=control_keys,
            created=present.time,
            version=present.version,
            positive=positive,
        )
        with atomic_folder(out, marker=EVIDENCE_FILE, overwrite=overwrite) as folder:
            for name, file in zip(logs, files, strict=True):
                shutil.copyfile(file, folder / name)
                (folder / name).chmod(0o600)
            page = render_audit(describe(evidence, command=command))
            write_text(folder / REPORT_FILE, page)
            evidence.write(folder)
        for file in files:
            file.unlink(missing_ok=True)
    return Done(evidence, ledger.note)


def _described(held_out: Examples | None) -> HeldOut | None:
    if held_out is None:
        return None
    return HeldOut(source=held_out.source, digest=held_out.digest)


class _Log(Logged):
    """A log that knows its file."""

    def __init__(self, suspect: Suspect, path: Path, *, budget: int | None, batch: int) -> None:
        super().__init__(suspect, path, budget=budget, batch=batch)
        self.path = path

    def require_budget(self, images: Images | int) -> None:
        """Raise before anything is asked if the budget is too small for these images, or so many.

        Of images that are not made yet, what was answered counts as answers to some: whether it is
        the log finds out later, before it asks about any.
        """
        if isinstance(images, int):
            new = max(0, images - len(self._log.answers))
        else:
            new = len(set(image_digests(images)) - self._log.answers.keys())
        if self.budget is not None and self.asked + new > self.budget:
            raise InputError(
                expected=f"a budget for the {new} images that this audit still asks about",
                came=f"--budget {self.budget}, of which {self.asked} are used",
                do=f"pass --budget {self.asked + new}; nothing more was asked",
            )


def _wanted(release: Release, key: Key, held_out: Examples | None, access: Access) -> Images:
    """The images that the suspect will be asked about."""
    if release.protocol.design == "twins":
        return images_asked(release, access)
    if release.protocol.design == "tags":
        return tags_asked(release, key)
    if held_out is not None and access == "scores":
        return held_out.images
    return np.empty((0, 1, 1, 1), dtype=np.uint8)


@contextlib.contextmanager
def _logged(suspect: Suspect, path: Path, *, budget: int | None) -> Iterator[_Log]:
    """The suspect with its log; a log that was begun here and holds nothing goes again."""
    begun = not path.exists()
    remote = suspect.identity.get("kind") in ("http", "python")
    try:
        log = _Log(suspect, path, budget=budget, batch=32 if remote else 256)
    except InputError as error:
        if begun:
            raise
        raise InputError(
            expected=error.expected,
            came=error.came,
            do=f"choose another --out, or remove {path}, what an interrupted audit left",
        ) from error
    try:
        yield log
    except BaseException:
        # What was sent counts against a budget, answered or not: then the count is kept.
        if begun and path.exists() and not _worth_keeping(path, budget):
            path.unlink()
        raise


def _worth_keeping(path: Path, budget: int | None) -> bool:
    lines = path.read_bytes().splitlines()[1:]
    return any(b'"image"' in line for line in lines) or (budget is not None and bool(lines))


@dataclass(frozen=True)
class _Watched:
    """A suspect whose answers are counted for people who wait."""

    suspect: Suspect
    progress: Progress
    what: str
    of: int
    done: list[int] = field(default_factory=lambda: [0])

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
        self.done[0] += images
        self.progress(self.what, min(self.done[0], self.of), self.of)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
