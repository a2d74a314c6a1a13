"""Audit a suspect and keep what came: evidence, page and answers, and the audit in the ledger.

    OUT/evidence.json       what was found and what it supports
    OUT/report.html         the same for people
    OUT/queries.jsonl       every answer of the suspect; it gives coins away: it stays sealed
    OUT/reference-1.jsonl   the answers of references, if there are any

While an audit runs its answers lie in a hidden folder beside OUT: an audit that was stopped goes on
from there and asks nothing twice.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from cryptography import x509
from torch import nn

from radiotracer.data import Dataset
from radiotracer.data.modality import nouns
from radiotracer.errors import InputError
from radiotracer.files import atomic_folder, require_new_folder, sha256_file, write_text
from radiotracer.provenance.asking import Progress, asked_through
from radiotracer.provenance.audit import access_of, design_of, with_and_without
from radiotracer.provenance.concluding import conclude
from radiotracer.provenance.design import Inputs
from radiotracer.provenance.drawing import drawing_of
from radiotracer.provenance.evidence import EVIDENCE_FILE, Asked, Evidence, HeldOut
from radiotracer.provenance.held_out import held_out_for
from radiotracer.provenance.kept import Kept
from radiotracer.provenance.key import Key
from radiotracer.provenance.known_positive import known_positive
from radiotracer.provenance.ledger import PastAudit, add_audit, adjusted, read_ledger, settings_of
from radiotracer.provenance.looks import log_named, require_same_ledger, write_looks
from radiotracer.provenance.models import Access, Suspect, open_suspect
from radiotracer.provenance.page import REPORT_FILE
from radiotracer.provenance.references import counts
from radiotracer.provenance.release import Opened, open_marked
from radiotracer.provenance.resume import answers_kept, what_is_asked
from radiotracer.provenance.rightly_asked import asked_first, require_rightly_asked
from radiotracer.provenance.times import stamped_at
from radiotracer.runs import ModelSpec
from radiotracer.views import page_of

QUERIES_FILE = "queries.jsonl"


def reference_file(number: int) -> str:
    """The log of the reference with this number, from 1."""
    return f"reference-{number}.jsonl"


def run_audit(
    marked: str | os.PathLike[str] | Opened,
    key: Key,
    suspect: Suspect | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    access: Access | None = None,
    references: Sequence[Suspect | str | os.PathLike[str]] = (),
    held_out: Dataset | str | os.PathLike[str] | None = None,
    build: Callable[[ModelSpec], nn.Module] | None = None,
    control_keys: int | None = None,
    max_queries: int | None = None,
    first_seen: str | None = None,
    log: str | os.PathLike[str] | None = None,
    roots: Sequence[x509.Certificate] | None = None,
    as_asked: bool = False,
    overwrite: bool = False,
    progress: Progress = lambda *_: None,
    note: Callable[[str], None] = lambda _: None,
) -> Evidence:
    """Audit, write the audit into the ledger, then the folder; each whole or not at all.

    Answers are kept as they come, in a hidden folder beside `out`: a call with the same arguments
    goes on where one was stopped, asks for no answer twice, and ends with the same evidence but for
    times. A batch that was sent and not answered is sent again, and counts twice.

    Args:
        marked: The folder of the release; or what `open_marked` made of it, which is not read
            again.
        key: Its key.
        suspect: Who is asked; a text is opened as `open_suspect` does it.
        out: The folder to write.
        access: What to use of the suspect; None is the most telling there is.
        references: Models of your own that cannot know the key, for more statistical power; see
            `audit`.
        held_out: Unmarked examples or a DATA argument, for designs that need some; None: the split
            that belongs to the marked data.
        build: See `audit`.
        control_keys: See `audit`.
        max_queries: About how many examples the suspect may be asked, by stopped calls, too; None:
            any number.
        first_seen: When the suspect was first seen, a date (ISO 8601): one that existed before
            the coins were drawn cannot have been trained on the release.
        log: Where the log lies that the commitment names, if not at what it says.
        roots: Whose time-stamp authorities to believe; None: the roots of this system.
        as_asked: Audit the suspect as it is asked, even where it knows no more of unmarked examples
            than chance, or more when asked in another way; see `rightly_asked`.
        overwrite: Replace an earlier audit in `out`, and another one that was stopped.
        progress: Told what is done, how much of it, and of how many.
        note: Told, in words, that the audit goes on or can, and of damaged answers or ledgers.

    Returns:
        What ``evidence.json`` says.

    Raises:
        InputError: The commitment does not open, the suspect cannot be audited so, its answers
            cannot be used, or another audit for `out` was stopped or is running. Then there is no
            folder and no line in the ledger.
        StorageError: The disk refused.
    """
    out = Path(out)
    require_new_folder(out, marker=EVIDENCE_FILE, overwrite=overwrite)
    opened, folder = _opened(marked, key)
    release = opened.release
    place = log_named(release.protocol.log, None if log is None else Path(log))
    if place is not None:
        require_same_ledger(place, release.commitment.digest, read_ledger(folder).audits)
    suspect = _suspect(suspect, release.published)
    inputs = Inputs(
        references=tuple(_suspect(each, release.published) for each in references),
        held_out=held_out_for(release, held_out),
        control_keys=control_keys,
        build=build,
        progress=progress,
    )
    access = access_of(release, suspect, access, inputs)
    # What the owner found by another test of the same access says nothing of this one.
    positive = known_positive(folder, access) if control_keys is None else None
    wanted = design_of(release).questions(opened, access, inputs)
    # What is public, unmarked, and not too dear tells whether the suspect is asked as it should be.
    costly = not as_asked and getattr(suspect, "costly", False)
    suspects = {
        QUERIES_FILE: suspect,
        **{reference_file(row): each for row, each in enumerate(inputs.references, start=1)},
    }
    about = what_is_asked(release, suspect, access=access, inputs=inputs)
    keeping = answers_kept(
        out, about, overwrite=overwrite, budgeted=max_queries is not None, note=note
    )
    with keeping as (units, hidden):
        asked = [
            asked_through(
                each,
                hidden / name,
                max_queries=None if row else max_queries,
                wanted=[wanted, *([] if row or not costly else [asked_first(release)])],
                stage="asking references" if row else "asking",
                progress=progress,
                note=note,
            )
            for row, (name, each) in enumerate(suspects.items())
        ]
        if before := sum(each.asked for each in asked):
            what = nouns(release.published.modality, before)
            note(f"the audit goes on: {what} {'was' if before == 1 else 'were'} asked about before")
        if not as_asked:
            require_rightly_asked(release, suspect, asked[0])
        finding, beside = with_and_without(
            opened,
            asked[0],
            access,
            Inputs(
                references=asked[1:],
                held_out=inputs.held_out,
                control_keys=control_keys,
                build=build,
                kept=Kept(units, note),
                progress=progress,
            ),
        )
        used = None if inputs.held_out is None else inputs.held_out.digest
        present = PastAudit(
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            version=version("radiotracer"),
            name=suspect.name,
            suspect=dict(suspect.identity),
            access=finding.access,
            log10_p=finding.log10_p,
            settings=settings_of(control_keys, used),
        )
        # Before anything of the result is shown: an audit that is not in the ledger never was.
        ledger = add_audit(folder, present)
        if place is not None:
            write_looks(place, release.commitment.digest, ledger.audits)
        after_holm = adjusted(ledger.audits, present)
        if after_holm is None:
            raise AssertionError(present)
        entries = [
            Asked(
                name=each.name,
                identity=dict(each.identity),
                queries=each.asked,
                log_sha256=sha256_file(each.path),
                counts=not row or counts(each.identity, release.protocol),
            )
            for row, each in enumerate(asked)
        ]
        evidence = conclude(
            finding,
            release,
            key.fingerprint,
            adjusted=after_holm,
            audits=ledger.audits,
            drawing=drawing_of(
                release.record.randomness,
                release.commitment.digest,
                stamped_at(folder, release.commitment.digest, roots),
            ),
            first_seen=first_seen,
            suspect=entries[0],
            references=entries[1:],
            beside=beside,
            held_out=_described(inputs.held_out),
            control_keys=control_keys,
            created=present.time,
            version=present.version,
            positive=positive,
        )
        with atomic_folder(out, marker=EVIDENCE_FILE, overwrite=overwrite) as made:
            for each in asked:
                sealed = made / each.path.name
                sealed.touch(mode=0o600)
                shutil.copyfile(each.path, sealed)
            write_text(made / REPORT_FILE, page_of(evidence))
            evidence.write(made)
    if ledger.note is not None:
        note(ledger.note)
    return evidence


def _opened(marked: str | os.PathLike[str] | Opened, key: Key) -> tuple[Opened, Path]:
    """The release, opened with this key, and where it lies."""
    if not isinstance(marked, Opened):
        marked = open_marked(marked, key)
    if marked.key != key or marked.folder is None:
        raise InputError(
            expected="the folder of a release, or what open_marked made of it with this key",
            came="a release opened with another key" if marked.folder else "one in memory alone",
            do="pass the folder",
        )
    return marked, marked.folder


def _suspect(given: Suspect | str | os.PathLike[str], like: Dataset) -> Suspect:
    if isinstance(given, str | os.PathLike):
        return open_suspect(given, like=like)
    return given


def _described(held_out: Dataset | None) -> HeldOut | None:
    if held_out is None:
        return None
    return HeldOut(source=held_out.source, digest=held_out.digest)
