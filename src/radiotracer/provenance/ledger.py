"""The ledger of audits: each audit of a release counts, whatever came of it (multiple testing).

Who audits often enough rejects a true null. So every audit leaves a line in
``sealed/audits.jsonl`` of the marked folder before anything of its result is shown, and what
decides is the p-value after Holm's procedure over all lines. The same audit again is no second one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from radiotracer.errors import DataError
from radiotracer.files import storage_errors
from radiotracer.provenance.models import Access
from radiotracer.provenance.models.identities import Identity
from radiotracer.provenance.models.query_log import same_wherever
from radiotracer.stats import holm

AUDITS = "sealed/audits.jsonl"

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
        DataError: A line is damaged. Without it nobody knows how many audits there were.
        StorageError: It may not be read.
    """
    path = marked / AUDITS
    with storage_errors(path):
        content = path.read_bytes() if path.exists() else b""
    return _parsed(content, path)


def add_audit(marked: Path, audit: PastAudit) -> Ledger:
    """Write down an audit, unless it is one that was written down before; give back all.

    The line is on the disk, whole, when this returns.

    Raises:
        DataError: As for `read_ledger`.
        StorageError: The disk refused; the ledger is as it was.
    """
    path = marked / AUDITS
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as stream, _alone(stream):
            stream.seek(0)
            content = stream.read()
            found = _parsed(content, path)
            if any(audit.is_again(each) for each in found.audits):
                return found
            whole = content.rfind(b"\n") + 1
            try:
                stream.truncate(whole)
                stream.write(audit.model_dump_json().encode() + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
            except OSError:
                os.truncate(path, whole)
                raise
    return Ledger((*found.audits, audit), found.note)


def adjusted(audits: Sequence[PastAudit], present: PastAudit) -> float | None:
    """Log10 p of the present audit after Holm over all; None if it is not among them."""
    at = next((row for row, each in enumerate(audits) if each.is_again(present)), None)
    if at is None:
        return None
    return float(holm(np.array([each.log10_p for each in audits]))[at])


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


def _parsed(content: bytes, path: Path) -> Ledger:
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
    # Results are shown after their line is on the disk: nobody saw the one that broke off.
    note = f"the last line of {path} broke off and does not count" if last else None
    return Ledger(tuple(audits), note)


@contextlib.contextmanager
def _alone(stream: BinaryIO) -> Iterator[None]:
    """One writer at a time, where the system has locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    # File systems without locks exist; two audits in the same instant there are unlikely.
    with contextlib.suppress(OSError):
        fcntl.flock(stream, fcntl.LOCK_EX)
    yield
