"""Audit a suspect and keep what came: evidence, page and answers, and the look in the ledger.

    OUT/evidence.json       what was found and what it supports
    OUT/report.html         the same for people
    OUT/queries.jsonl       every answer of the suspect; it gives coins away: it stays sealed
    OUT/reference-1.jsonl   the answers of references, if there are any

While an audit runs its answers lie in a hidden folder beside OUT: an audit that was stopped goes on
from there and asks nothing twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from radiotracer.data import Dataset, Images, require_images
from radiotracer.files import atomic_folder, require_new_folder, sha256_file, write_text
from radiotracer.present import render_audit
from radiotracer.provenance import Key
from radiotracer.provenance.asking import Progress, Wanted, asked_through
from radiotracer.provenance.audit import audit, best_access, require_control_keys_fit
from radiotracer.provenance.carrier_test import Build
from radiotracer.provenance.evidence import EVIDENCE_FILE, Asked, Evidence, HeldOut, conclude
from radiotracer.provenance.held_out_marks import how_many, labels_of
from radiotracer.provenance.kept import Kept
from radiotracer.provenance.known_positive import known_positive
from radiotracer.provenance.ledger import Look, add_look, adjusted, settings_of
from radiotracer.provenance.models import Access, Suspect
from radiotracer.provenance.page import describe
from radiotracer.provenance.release import Release
from radiotracer.provenance.resume import answers_kept, what_is_asked
from radiotracer.provenance.tag_test import tags_asked
from radiotracer.provenance.twin_test import images_asked

REPORT_FILE = "report.html"
QUERIES_FILE = "queries.jsonl"


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
    held_out: Dataset | None = None,
    build: Build | None = None,
    control_keys: int | None = None,
    budget: int | None = None,
    overwrite: bool = False,
    command: str = "",
    progress: Progress = lambda *_: None,
    note: Callable[[str], None] = lambda _: None,
) -> Done:
    """Audit, write the look into the ledger, then the folder; each whole or not at all.

    Answers are kept as they come, in a hidden folder beside `out`: a call with the same arguments
    goes on where one was stopped, asks for no answer twice, and ends with the same evidence but for
    times. A batch that was sent and not answered is sent again, and counts twice.

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
        budget: About how many images the suspect may be asked, by stopped calls, too; None: any
            number.
        overwrite: Replace an earlier audit in `out`, and another one that was stopped.
        command: What the user typed, for the page.
        progress: Told what is done, how much of it, and of how many.
        note: Told, in words, that the audit goes on or can, and of damaged answers.

    Raises:
        InputError: The commitment does not open, the suspect cannot be audited so, its answers
            cannot be used, or another audit for `out` was stopped or is running. Then there is no
            folder and no line in the ledger.
        StorageError: The disk refused.
    """
    require_new_folder(out, marker=EVIDENCE_FILE, overwrite=overwrite)
    release.require_committed(key)
    access = access or best_access(release, suspect, control_keys=control_keys)
    require_control_keys_fit(release, access, control_keys)
    # What the owner found by another test of the same access says nothing of this one.
    positive = known_positive(marked, access) if control_keys is None else None
    labels = None if control_keys is None else labels_of(held_out, release)
    wanted: Wanted = _wanted(release, key, held_out, access)
    if control_keys is not None and labels is not None:
        wanted = how_many(release, labels, control_keys)  # they are not marked yet
    suspects = {
        QUERIES_FILE: suspect,
        **{reference_file(row): each for row, each in enumerate(references, start=1)},
    }
    about = what_is_asked(
        release,
        suspect,
        references,
        access=access,
        held_out=held_out,
        control_keys=control_keys,
    )
    keeping = answers_kept(out, about, overwrite=overwrite, budgeted=budget is not None, note=note)
    with keeping as (units, hidden):
        asked = [
            asked_through(
                each,
                hidden / name,
                max_queries=None if row else budget,
                wanted=wanted,
                stage="asking references" if row else "asking",
                progress=progress,
                note=note,
            )
            for row, (name, each) in enumerate(suspects.items())
        ]
        if before := sum(each.asked for each in asked):
            note(f"the audit goes on: {before:,} images were asked about before")
        finding = audit(
            release,
            key,
            asked[0],
            access,
            references=asked[1:],
            held_out=None if held_out is None else held_out.content,
            held_out_labels=labels,
            build=build,
            control_keys=control_keys,
            kept=Kept(units, note),
            progress=progress,
        )
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
            for log in asked:
                sealed = folder / log.path.name
                sealed.touch(mode=0o600)
                shutil.copyfile(log.path, sealed)
            page = render_audit(describe(evidence, command=command))
            write_text(folder / REPORT_FILE, page)
            evidence.write(folder)
    return Done(evidence, ledger.note)


def _described(held_out: Dataset | None) -> HeldOut | None:
    if held_out is None:
        return None
    return HeldOut(source=held_out.source, digest=held_out.digest)


def _wanted(release: Release, key: Key, held_out: Dataset | None, access: Access) -> Images:
    """The images that the suspect will be asked about."""
    if release.protocol.design == "twins":
        return images_asked(release, access)
    if release.protocol.design == "tags":
        return tags_asked(release, key)
    if held_out is not None and access == "scores":
        return require_images(held_out, "this audit")
    return np.empty((0, 1, 1, 1), dtype=np.uint8)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
