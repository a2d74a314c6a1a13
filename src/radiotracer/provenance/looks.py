"""The log of a release's audits: a file that others hold, named in the commitment.

Each audit leaves a line in it, before anything of its result is shown: how many audits of the
release there are by now, and the head of their ledger, which tells nothing of who was asked. Lines
are a hash chain over all releases that use the log. Whoever holds it hands a copy to those who
check: a second ledger, or one that was made anew, is another chain, and audits that came after the
evidence are counted, too. What was asked without telling anybody is in no log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from radiotracer.errors import DataError, InputError
from radiotracer.files import storage_errors
from radiotracer.provenance.appended import appending
from radiotracer.provenance.checked import Told
from radiotracer.provenance.commitment import Digest
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.ledger import NOTHING, PastAudit, adjusted
from radiotracer.provenance.wording import ten_to
from radiotracer.runs.texts import first_problem, parsed


class Look(BaseModel):
    """One line: an audit of a release.

    Args:
        commitment: Of the release.
        number: Which of its audits, from 1.
        head: The digest of the last line of its ledger then; see `ledger`.
        time: When the line was written, UTC, ISO 8601.
        before: The digest of the line before, of whatever release.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["radiotracer look"] = "radiotracer look"
    schema_version: Literal[1] = 1
    commitment: Digest
    number: Annotated[int, Field(ge=1)]
    head: Digest
    time: str
    before: Digest

    @property
    def digest(self) -> str:
        """SHA-256 of its line, without the line feed."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def log_named(named: str | None, given: Path | None) -> Path | None:
    """Where the log of a release lies.

    Args:
        named: What the commitment says.
        given: Where it lies, where that is not what it says.

    Returns:
        None: the release names none.

    Raises:
        InputError: There is no such file, or a log of a release that names none.
    """
    if named is None:
        if given is not None:
            raise InputError(
                expected="no log=: the commitment of this release names none",
                came=str(given),
                do="leave it out, or name one when you mark",
            )
        return None
    path = Path(named) if given is None else given
    if not path.is_file():
        raise InputError(
            expected=f"the log that the commitment names, {named}",
            came=f"no file {path}",
            do="pass where it lies (log=); whoever holds it begins with an empty file",
        )
    return path


def require_same_ledger(log: Path, commitment: str, audits: Sequence[PastAudit]) -> None:
    """Raise `DataError` unless a log knows no other audits of a release than its ledger.

    Args:
        log: The file.
        commitment: The digest of the release's commitment.
        audits: All lines of its ledger.
    """
    with storage_errors(log):
        content = log.read_bytes()
    _require_beginning(_of(_parsed(content, log), commitment), audits, log)


def write_looks(log: Path, commitment: str, audits: Sequence[PastAudit]) -> None:
    """Write down all audits of a release that are not yet in the log.

    Args:
        log: The file.
        commitment: The digest of the release's commitment.
        audits: All lines of its ledger.

    Raises:
        DataError: The log is damaged, or knows other audits than the ledger.
        StorageError: The disk refused.
    """
    with appending(log) as held:
        looks = _parsed(held.content, log)
        known = _of(looks, commitment)
        _require_beginning(known, audits, log)
        before = looks[-1].digest if looks else NOTHING
        for number, audit in enumerate(audits[len(known) :], start=len(known) + 1):
            look = Look(
                commitment=commitment,
                number=number,
                head=audit.digest,
                time=datetime.now(UTC).isoformat(timespec="seconds"),
                before=before,
            )
            with storage_errors(log):
                held.add(look.model_dump_json().encode())
            before = look.digest


def looks_line(evidence: Evidence, log: Path | None) -> Told:
    """What is to be said of how many audits of the release there were.

    Args:
        evidence: What was said.
        log: A copy of the log, from whoever holds it; None: there is none.

    Raises:
        InputError: The release names no log.
        DataError: The file is none, cut short, or changed.
    """
    name = evidence.log
    if name is None:
        log_named(name, log)
        return Told(None, "no log was named: how many there were is the owner's word")
    if log is None:
        return Told(
            None,
            f"the log {name} was not shown: without it how many there were is the owner's word",
        )
    path = log_named(name, log) or log
    with storage_errors(path):
        looks = _of(_parsed(path.read_bytes(), path), evidence.commitment)
    then, by_now = len(evidence.audits), len(looks)
    parted = _parted(looks, evidence.audits)
    if parted is not None:
        return Told(False, f"{path} has another audit as number {parted:,}: two ledgers were kept")
    if by_now < then:
        return Told(False, f"{by_now:,} of {then:,} are in {path}: it is older, or was not told")
    if by_now == then:
        return Told(True, f"all {then:,} are in {path}, and no others")
    over_all = adjusted(evidence.audits, evidence.present, in_all=by_now)
    deciding = min(0.0, (over_all or 0.0) + evidence.drawing.log10_allowance)
    found = evidence.verdict == "trained-on-marked-data"
    stands = not found or 10**deciding <= evidence.alpha
    return Told(
        stands,
        f"{by_now:,} by now in {path}, {then:,} then: over all of them {ten_to(deciding)} decides, "
        f"and the level is {evidence.alpha:g}",
    )


def _require_beginning(looks: Sequence[Look], audits: Sequence[PastAudit], log: Path) -> None:
    if len(looks) > len(audits) or _parted(looks, audits) is not None:
        raise DataError(
            expected=f"the ledger that {log} knows, {len(looks):,} so far of this release's audits",
            came=f"another, with {len(audits):,}",
            do="audit in the marked folder that has them all: each of them counts",
        )


def _parted(looks: Sequence[Look], audits: Sequence[PastAudit]) -> int | None:
    """The number of the first audit that is not the same in both; None: they agree."""
    both = enumerate(zip(looks, audits, strict=False), start=1)
    return next((number for number, (look, audit) in both if look.head != audit.digest), None)


def _of(looks: Sequence[Look], commitment: str) -> tuple[Look, ...]:
    """Those of one release."""
    return tuple(each for each in looks if each.commitment == commitment)


def _parsed(content: bytes, log: Path) -> tuple[Look, ...]:
    *lines, last = content.split(b"\n")
    try:
        looks = tuple(parsed(Look, line) for line in lines)
        if last:
            raise ValueError("a last line that broke off")
        before, numbers = NOTHING, dict[str, int]()
        for look in looks:
            numbers[look.commitment] = numbers.get(look.commitment, 0) + 1
            if look.before != before or look.number != numbers[look.commitment]:
                raise ValueError("a line that does not follow the one before it")
            before = look.digest
    except ValueError as error:
        raise DataError(
            expected=f"a log of audits in {log}, every line in its place",
            came=first_problem(error),
            do="have it again from whoever holds it, as it is there",
        ) from error
    return looks
