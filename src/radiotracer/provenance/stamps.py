"""Time stamps of a commitment: what others say of when it was there, kept beside it.

    commitment.json
    commitment.HOST.tsr           a token of an authority (RFC 3161)
    commitment.HOST.ots           a proof of OpenTimestamps, and
    commitment.HOST.ots.header    the header of its block, 160 hexadecimal digits

A stamp says that the commitment is not younger. It says nothing about other commitments that were
stamped, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from radiotracer.errors import DataError, InputError
from radiotracer.files import atomic_file
from radiotracer.provenance import ots, rfc3161
from radiotracer.provenance.checked import Told
from radiotracer.provenance.drawn import Drawn
from radiotracer.provenance.stamping import ask

_MOST_BYTES = 1 << 17
"""Of a token; they are far smaller."""


@dataclass(frozen=True)
class Stamp:
    """A stamp that lies beside a commitment, not yet checked.

    Args:
        path: Of its file.
        content: What is in it.
        header: Of a proof of OpenTimestamps: its block's, where that is there.
    """

    path: Path
    content: bytes
    header: bytes | None = None

    @property
    def called(self) -> str:
        """The way and whose it is, as its file's name says: ``RFC 3161 by freetsa.org``."""
        way = rfc3161 if self.path.suffix == rfc3161.SUFFIX else ots
        return f"{way.CALLED} by {self.path.stem.removeprefix('commitment.')}"

    def verified(self, digest: str, *, roots: Sequence[x509.Certificate] | None = None) -> datetime:
        """When the commitment with this digest was there, UTC. No network.

        Args:
            digest: Of the commitment.
            roots: Whose authorities to believe (RFC 3161); None: the roots of this system.

        Raises:
            DataError: It is of another digest, cut short, or signed by nobody believed.
            WaitingError: A proof that no block holds yet, or whose block's header is not there.
            InputError: What checks it is not installed.
        """
        if self.path.suffix == rfc3161.SUFFIX:
            return rfc3161.stamped(self.content, digest, roots)
        return ots.stamped(self.content, digest, self.header)


@dataclass(frozen=True)
class TimeLine(Told):
    """What is to be said about when a release was committed.

    Args:
        holds: Whether what was shown holds; None: nothing was.
        came: In words.
        earliest: The earliest time by which it was there; None: nobody says.
    """

    earliest: datetime | None = None


def time_line(
    folder: Path,
    digest: str,
    *,
    roots: Sequence[x509.Certificate] | None = None,
    drawn: Drawn | None = None,
) -> TimeLine:
    """Hold the stamps beside a commitment against it, and its coins' randomness against them.

    Args:
        folder: With ``commitment.json``.
        digest: Of the commitment that counts.
        roots: Whose authorities to believe; None: the roots of this system.
        drawn: What the coins hang on: nobody may have known it when the commitment was stamped.

    Raises:
        InputError: What checks a stamp that is there is not installed.
    """
    times: list[tuple[datetime, str]] = []
    broken, waits = [], []
    for stamp in stamps_beside(folder):
        try:
            times.append((stamp.verified(digest, roots=roots), stamp.called))
        except ots.WaitingError as error:
            waits.append(f"{stamp.called}: {error.came}; {error.do}")
        except DataError as error:
            broken.append(f"{stamp.called}: {error}")
    earliest, by = min(times) if times else (None, "")
    if earliest is not None and drawn is not None and drawn.time < earliest:
        broken.append(
            f"{drawn.chain} of {_shown(drawn.time)} is older than the stamp of "
            f"{_shown(earliest)}: the coins could be known before the commitment"
        )
    if broken:
        return TimeLine(False, "; ".join(broken), earliest)
    if earliest is not None:
        return TimeLine(True, f"committed by {_shown(earliest)}: {by}", earliest)
    nothing = "nothing says when the commitment was made"
    return TimeLine(None, f"none {'yet' if waits else 'shown'}: {'; '.join(waits) or nothing}")


def stamps_beside(folder: Path) -> tuple[Stamp, ...]:
    """The stamps in a folder, by name.

    Raises:
        DataError: One cannot be read.
    """
    found = (
        path
        for path in sorted(folder.glob("commitment.*"))
        if path.suffix in (rfc3161.SUFFIX, ots.SUFFIX)
    )
    return tuple(Stamp(path, _content(path), _header(path)) for path in found)


def is_stamped_by(folder: Path, address: str) -> bool:
    """Whether there is a stamp of the time-stamp authority at this address.

    Raises:
        InputError: This is no address.
    """
    return _place(folder, address, rfc3161.SUFFIX).is_file()


def add_authority_stamp(
    folder: Path, digest: str, address: str, roots: Sequence[x509.Certificate] | None
) -> Stamp:
    """Have a time-stamp authority stamp a digest, and keep its token once it has been checked.

    Raises:
        InputError: There is a stamp of theirs already, or they do not answer.
        DataError: What they answer is no stamp of this digest, or nobody believed signed it.
        StorageError: The disk refused.
    """
    path = _new(folder, address, rfc3161.SUFFIX)
    token = ask(address, rfc3161.request(digest), rfc3161.QUERY)
    stamp = Stamp(path, token)
    stamp.verified(digest, roots=roots)
    _write(path, token)
    return stamp


def add_calendar_stamp(folder: Path, digest: str, address: str) -> Stamp:
    """Have a calendar of OpenTimestamps take a digest; the proof waits for a block.

    Raises:
        InputError: There is a proof of theirs already, or they do not answer.
        DataError: What they answer is no time stamp.
        StorageError: The disk refused.
    """
    path = _new(folder, address, ots.SUFFIX)
    proof = ots.submitted(digest, address, ask)
    _write(path, proof)
    return Stamp(path, proof)


def upgrade(folder: Path, digest: str, header: bytes | None) -> tuple[Stamp, ...]:
    """Ask the calendars of the proofs beside a commitment what they know by now.

    Args:
        folder: With ``commitment.json``.
        digest: Of the commitment.
        header: Of a block: kept beside the proofs that lead to it; None: none is.

    Raises:
        InputError: There is no proof, or a calendar does not answer.
        DataError: A proof is none or of another digest, or none leads to the header.
        StorageError: The disk refused.
    """
    proofs = [each for each in stamps_beside(folder) if each.path.suffix == ots.SUFFIX]
    if not proofs:
        raise InputError(
            expected=f"a proof of OpenTimestamps in {folder}",
            came="none",
            do="begin with `radiotracer stamp` and --ots",
        )
    made, refused = [], None
    for each in proofs:
        proof = each.content
        if each.header is None and not ots.heights(proof, digest):
            proof = ots.upgraded(proof, digest, ask)
            _write(each.path, proof)
        made.append(Stamp(each.path, proof, each.header))
        if header is not None and each.header is None:
            try:
                ots.stamped(proof, digest, header)
            except DataError as error:
                refused = error
                continue
            _write(each.path.with_suffix(ots.HEADER_SUFFIX), header.hex().encode() + b"\n")
            made[-1] = Stamp(each.path, proof, header)
    if header is not None and refused is not None and all(each.header is None for each in made):
        raise refused
    return tuple(made)


def _shown(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _place(folder: Path, address: str, suffix: str) -> Path:
    """Where a stamp of whoever is at this address lies, or would."""
    host = urlsplit(address).netloc.rpartition("@")[2].replace(":", "_")
    if not host:
        raise InputError(
            expected="an address such as https://freetsa.org/tsr", came=address, do="pass it whole"
        )
    return folder / f"commitment.{host}{suffix}"


def _new(folder: Path, address: str, suffix: str) -> Path:
    """The same, where there is none yet."""
    path = _place(folder, address, suffix)
    if path.exists():
        raise InputError(
            expected=f"no stamp of {address} yet",
            came=f"{path}",
            do="keep it: an older stamp says more than a newer one",
        )
    return path


def _write(path: Path, content: bytes) -> None:
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def _header(path: Path) -> bytes | None:
    beside = path.with_suffix(ots.HEADER_SUFFIX)
    if path.suffix != ots.SUFFIX or not beside.exists():
        return None
    try:
        return bytes.fromhex(_content(beside).decode("ascii"))
    except ValueError:
        return b""  # no header: the stamp does not hold


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_MOST_BYTES)
    except OSError as error:
        raise DataError(
            expected=f"to read {path}", came=str(error.strerror), do="restore it, or take it away"
        ) from error
