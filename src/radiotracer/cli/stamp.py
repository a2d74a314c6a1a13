"""``radiotracer stamp``: have others say that a commitment is there by now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, out
from radiotracer.cli.options import Json, Marked
from radiotracer.errors import InputError

if TYPE_CHECKING:
    from cryptography import x509

TsaCertificate = Annotated[
    Path | None,
    Parameter(
        name="--tsa-certificate",
        help="Whose RFC 3161 time stamps to believe: a file with root certificates, PEM or DER; "
        "default: the roots of this system.",
    ),
]


def believed_roots(path: Path | None) -> list[x509.Certificate] | None:
    """The certificates of ``--tsa-certificate``; None: those of this system."""
    from radiotracer.provenance.roots import read_certificates

    return None if path is None else read_certificates(path)


@command("stamp")
def stamp(
    marked: Marked,
    /,
    *,
    rfc3161: Annotated[
        tuple[str, ...],
        Parameter(
            name="--rfc3161",
            negative="",
            show_default=False,
            help="The address of a time-stamp authority; repeatable.",
        ),
    ] = (),
    ots: Annotated[
        tuple[str, ...],
        Parameter(
            name="--ots",
            negative="",
            show_default=False,
            help="The address of a calendar of OpenTimestamps; repeatable.",
        ),
    ] = (),
    upgrade: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Ask the calendars of the proofs that are there whether a block holds them now.",
        ),
    ] = False,
    bitcoin_header: Annotated[
        str | None,
        Parameter(
            help="With --upgrade: the header of the block, 160 hexadecimal digits, from a node of "
            "Bitcoin (bitcoin-cli getblockheader HASH false) or from anywhere."
        ),
    ] = None,
    tsa_certificate: TsaCertificate = None,
    json: Json = False,
) -> int:
    """Have the commitment of marked data time-stamped, before you publish them.

    Sends the commitment's digest, and nothing else, to the authorities (RFC 3161) and calendars
    (OpenTimestamps) that you name; what comes back is checked and kept beside commitment.json. Two
    that do not depend on each other are better than one. A proof of OpenTimestamps waits some hours
    for a block of Bitcoin: run --upgrade then. Prints what `radiotracer verify` will say of the
    time, which needs no network.

    Example: radiotracer stamp marked --rfc3161 https://freetsa.org/tsr --tsa-certificate cacert.pem
    """
    from radiotracer.provenance import stamps
    from radiotracer.provenance.bound import read_commitment

    if not (rfc3161 or ots or upgrade) or (bitcoin_header is not None and not upgrade):
        raise InputError(
            expected="rfc3161=, ots= or upgrade=, and bitcoin_header= with upgrade= alone",
            came="something else",
            do="pass the address of an authority or a calendar",
        )
    digest = read_commitment(marked, "`radiotracer mark`").digest
    roots = believed_roots(tsa_certificate)
    made = [
        *(stamps.add_authority_stamp(marked, digest, each, roots) for each in rfc3161),
        *(stamps.add_calendar_stamp(marked, digest, each) for each in ots),
        *(stamps.upgrade(marked, digest, _header(bitcoin_header)) if upgrade else ()),
    ]
    line = stamps.time_line(marked, digest, roots=roots)
    if json:
        earliest = None if line.earliest is None else line.earliest.isoformat()
        kept = [str(each.path) for each in made]
        emit({"digest": digest, "stamps": kept, "earliest": earliest, "time": line.came})
        return 0
    for each in made:
        out.print(f"{each.called}, in {each.path}")
    out.print(f"time: {line.came}")
    return 0


def _header(text: str | None) -> bytes | None:
    try:
        return None if text is None else bytes.fromhex(text)
    except ValueError:
        raise InputError(
            expected="bitcoin_header= of 160 hexadecimal digits",
            came=f"{len(text or ''):,} characters that are none",
            do="pass the header as a node of Bitcoin gives it",
        ) from None
