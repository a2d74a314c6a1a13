"""The second step of marking: the coins of prepared data are drawn, and the release is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from radiotracer.cli.console import err, progress
from radiotracer.errors import InputError

if TYPE_CHECKING:
    from cryptography import x509

    from radiotracer.provenance.key import Key
    from radiotracer.provenance.release import Release

PULSE = "pulse.json"


def require_apart(folder: Path, prepared: Path) -> None:
    """Raise `InputError` where one of the two folders lies in the other."""
    place = folder.resolve()
    if place.is_relative_to(prepared.resolve()) or prepared.resolve().is_relative_to(place):
        raise InputError(
            expected="--out apart from the prepared folder",
            came=f"{folder} and {prepared}",
            do="choose another --out",
        )


def write_release(
    prepared: Path,
    folder: Path,
    key: Key,
    *,
    coins_from: str | None,
    extractor: Sequence[Path] = (),
    factory: str | None = None,
    roots: Sequence[x509.Certificate] | None = None,
    overwrite: bool = False,
) -> Release:
    """Draw the coins of prepared data, and write what to publish.

    Args:
        prepared: The folder that was prepared.
        folder: The folder to make.
        key: The secret of both.
        coins_from: The file with a pulse or a statement, or the address of a relay.
        extractor: The runs that the data were prepared with, where the design marks after the
            coins.
        factory: ``module:function`` that makes their networks.
        roots: Whose time-stamp authorities to believe; None: the roots of this system.
        overwrite: Replace an earlier release.

    Raises:
        InputError: What the coins are to be drawn by is missing, or not of what was prepared.
        DataError: It is not genuine, or older than the commitment.
        StorageError: The disk refused.
    """
    from radiotracer.cli.executing import kept_units
    from radiotracer.cli.extractors import network_for
    from radiotracer.provenance.designs import DESIGNS
    from radiotracer.provenance.kept import Kept
    from radiotracer.provenance.marking import publish
    from radiotracer.provenance.prepared import Prepared
    from radiotracer.provenance.randomness import STRENGTHS
    from radiotracer.provenance.relay import is_relay
    from radiotracer.provenance.strengths.owner import owners
    from radiotracer.provenance.times import copy_stamps, stamped_at
    from radiotracer.runs import Run

    held = Prepared.read(prepared)
    protocol = held.protocol
    if protocol.coins != "owner" and coins_from is None:
        raise InputError(
            expected=f"coins_from= for coins by {protocol.coins}, as was committed to",
            came="none",
            do="pass the file with the pulse or the statement",
        )
    digest = held.commitment.digest
    stamped = stamped_at(prepared, digest, roots)
    drawn = owners(key)
    if coins_from is not None:
        source = _fetched(coins_from, prepared, stamped) if is_relay(coins_from) else coins_from
        drawn = STRENGTHS[protocol.coins].read(Path(source))
    drawn.require_holds(digest, stamped)
    kind = DESIGNS[protocol.design]
    if not kind.marks_after_coins and extractor:
        raise InputError(
            expected=f"no extractor=: {kind.name} were made before the coins",
            came=str(extractor[0]),
            do="leave it out",
        )
    models = [network_for(Run.open(each), factory, held.data) for each in extractor]
    with kept_units(folder, overwrite=overwrite, name="releasing") as ledger:
        kept = Kept(ledger, err.print)
        kept.begin({"commitment": held.commitment.digest, "coins": drawn.value})
        with progress() as reporter:
            made = publish(held, key, drawn, models, kept=kept, progress=reporter)
        made.write(folder, overwrite=overwrite)
        copy_stamps(prepared, folder)
    return made


def _fetched(relay: str, prepared: Path, stamped: datetime | None) -> Path:
    """The pulse that counts, in the prepared folder; once it is there it is not asked for again."""
    from radiotracer.files import write_text
    from radiotracer.provenance.relay import first_pulse_after

    if stamped is None:
        raise InputError(
            expected=f"a time stamp of the commitment in {prepared}, after which the pulse came",
            came="none that this system believes",
            do="run `radiotracer stamp` first, or pass --tsa-certificate",
        )
    place = prepared / PULSE
    if not place.is_file():
        with progress() as reporter:
            pulse = first_pulse_after(relay, stamped, progress=reporter)
        write_text(place, pulse.decode(errors="replace"))
    return place
