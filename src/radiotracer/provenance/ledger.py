"""The ledger of audits: each audit of a release counts, whatever came of it (multiple testing).

Who audits often enough rejects a true null. So every audit leaves a line in
``sealed/audits.jsonl`` of the marked folder before anything of its result is shown, and what
decides is the p-value after Holm's procedure over all lines. The same audit again is no second one.

Lines are a hash chain: each holds the SHA-256 of the one before, the first the commitment of its
release, and every evidence holds the last one's. So no line can be taken out, put in, changed or
moved without changing all that come after it, and two pieces of evidence of one release whose
chains part contradict each other. That a whole chain was thrown away nobody can see who has seen
none of it: how many audits there were is the owner's word, unless a log that others hold has the
digest of every line; see `looks`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from radiotracer.errors import DataError
from radiotracer.files import storage_errors
from radiotracer.provenance.appended import appending
from radiotracer.provenance.bound import COMMITMENT_FILE, read_part
from radiotracer.provenance.commitment import Commitment, Digest
from radiotracer.provenance.models import Access
from radiotracer.provenance.models.identities import Identity
from radiotracer.provenance.models.query_log import same_wherever
from radiotracer.stats import holm

MADE_BY = "`radiotracer mark`"
AUDITS = "sealed/audits.jsonl"

NOTHING = "0" * 64
"""What stands before the first line where there is no commitment."""

SAME = 1e-9
"""Log10 p-values that differ by no more are the same."""


class PastAudit(BaseModel):
    """One audit of a release.

    Args:
        time: When, UTC, ISO 8601.
        version: Of radiotracer.
        name: The suspect's, for people.
        suspect: Its identity.
        access: What was used of it.
        log10_p: What came.
        before: The digest of the line before; of the first, the commitment's.
        settings: What else the test was made with, where its p-values have so few values that two
            audits can have the same; empty elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: Literal[1] = 1
    time: str
    version: str
    name: str
    suspect: Identity
    access: Access
    log10_p: Annotated[float, Field(le=0.0)]
    settings: str = ""
    before: Digest = NOTHING

    @property
    def digest(self) -> str:
        """SHA-256 of its line, without the line feed."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def is_again(self, other: PastAudit) -> bool:
        """Whether both are one audit: the same suspect, used in the same way, the same result."""
        return (
            same_suspect(self.suspect, other.suspect)
            and self.access == other.access
            and self.settings == other.settings
            and abs(self.log10_p - other.log10_p) <= SAME
        )


@dataclass(frozen=True)
class Ledger:
    """All audits of a release, the oldest first.

    Args:
        audits: All of them.
        note: What people should know about the file; None: nothing.
    """

    audits: tuple[PastAudit, ...]
    note: str | None = None


def read_ledger(marked: Path) -> Ledger:
    """The audits of the release in the folder `marked`; none where there is no ledger yet.

    Raises:
        DataError: A line is damaged, or lines are missing, changed, or those of another release.
        StorageError: It may not be read.
    """
    path = marked / AUDITS
    with storage_errors(path):
        content = path.read_bytes() if path.exists() else b""
    return _parsed(content, path, _start(marked))


def add_audit(marked: Path, audit: PastAudit) -> Ledger:
    """Write down an audit, unless it is one that was written down before; give back all.

    The line is on the disk, whole, when this returns.

    Raises:
        DataError: As for `read_ledger`.
        StorageError: The disk refused; the ledger is as it was.
    """
    path, start = marked / AUDITS, _start(marked)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with appending(path) as held:
        found = _parsed(held.content, path, start)
        if any(audit.is_again(each) for each in found.audits):
            return found
        audit = audit.model_copy(update={"before": head(found.audits, start)})
        held.add(audit.model_dump_json().encode())
    return Ledger((*found.audits, audit), found.note)


def head(audits: Sequence[PastAudit], start: str = NOTHING) -> str:
    """The digest of the last line; of none, what stands before the first."""
    return audits[-1].digest if audits else start


def is_chained(audits: Sequence[PastAudit], start: str = NOTHING) -> bool:
    """Whether each line holds the digest of the one before it."""
    before = [start, *(each.digest for each in audits)]
    return all(each.before == digest for each, digest in zip(audits, before, strict=False))


def adjusted(audits: Sequence[PastAudit], present: PastAudit, *, in_all: int = 0) -> float | None:
    """Log10 p of the present audit after Holm over all; None if it is not among them.

    Args:
        audits: Those that are known.
        present: One of them.
        in_all: How many there were, where that is more: others count with p = 1, which makes the
            present one's as large as they can.
    """
    at = next((row for row, each in enumerate(audits) if each.is_again(present)), None)
    if at is None:
        return None
    others = [0.0] * (in_all - len(audits))
    return float(holm(np.array([*(each.log10_p for each in audits), *others]))[at])


def settings_of(control_keys: int | None, held_out: str | None) -> str:
    """`PastAudit.settings` of an audit.

    Args:
        control_keys: How many held-out images were marked with; None: another test.
        held_out: Digest of the held-out data.
    """
    if control_keys is None:
        return ""
    return f"{control_keys} control keys, held-out {'' if held_out is None else held_out}".rstrip()


def same_suspect(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two identities are of one suspect: files that were moved are if their digests are."""
    return same_wherever(one) == same_wherever(other)


def _start(marked: Path) -> str:
    """What stands before the first line: the digest of the release's commitment."""
    path = marked / COMMITMENT_FILE
    return read_part(Commitment, path, MADE_BY).digest if path.is_file() else NOTHING


def _parsed(content: bytes, path: Path, start: str) -> Ledger:
    *lines, last = content.split(b"\n")
    audits = []
    for number, line in enumerate(lines, start=1):
        try:
            audits.append(PastAudit.model_validate_json(line))
        except ValidationError as error:
            raise DataError(
                expected=f"one audit in each line of {path}",
                came=f"another text in line {number}",
                do="restore the file: without it nobody knows how many audits there were",
            ) from error
    if not is_chained(audits, start):
        raise DataError(
            expected=f"an unbroken chain of audits in {path}",
            came="a line that does not follow the one before it",
            do="restore the file: lines were taken out, put in, changed, or are another release's",
        )
    # Results are shown after their line is on the disk: nobody saw the one that broke off.
    note = f"the last line of {path} broke off and does not count" if last else None
    return Ledger(tuple(audits), note)
