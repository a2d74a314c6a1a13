"""``radiotracer release``: draw the coins of what was prepared, and write what to publish."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import err, progress
from radiotracer.cli.key import read_key
from radiotracer.cli.options import Factory, Json, KeyFile, Out, Overwrite
from radiotracer.cli.released import tell
from radiotracer.cli.stamp import TsaCertificate, believed_roots
from radiotracer.errors import InputError
from radiotracer.files import require_new_folder

PULSE = "pulse.json"


@command("release")
def release(
    prepared: Annotated[Path, Parameter(help="The folder that `radiotracer mark` prepared.")],
    /,
    *,
    key: KeyFile,
    folder: Annotated[Out, Parameter(name="--out")],
    coins_from: Annotated[
        str | None,
        Parameter(
            help="The file with what the coins are drawn by: a pulse of the beacon that came after "
            "the time stamp, as it is served, or the statement that the witness made. Or the "
            "address of a relay of drand, such as https://api.drand.sh, which is asked for the "
            "first pulse after the time stamp; it is kept in the prepared folder."
        ),
    ] = None,
    extractor: Annotated[
        list[Path] | None,
        Parameter(
            negative="",
            help="The runs that the data were prepared with, in the same order, for designs that "
            "mark after the coins are drawn: carriers and tags.",
        ),
    ] = None,
    factory: Factory = None,
    tsa_certificate: TsaCertificate = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Draw the coins of prepared data, and write what to publish.

    The second step of `radiotracer mark --coins beacon` and `--coins witness`. Checks offline that
    the pulse or the statement is genuine and came after the commitment, draws every coin by it, and
    writes the marked folder. Nothing can be chosen any more: the same file gives the same release.
    The network is used only where --coins-from is an address.

    Example: radiotracer release prepared --key my.key --coins-from pulse.json --out marked
    """
    from radiotracer.cli.executing import kept_units
    from radiotracer.cli.mark import network_for
    from radiotracer.provenance.bound import COMMITMENT_FILE
    from radiotracer.provenance.designs import DESIGNS
    from radiotracer.provenance.kept import Kept
    from radiotracer.provenance.marking import publish
    from radiotracer.provenance.prepared import Prepared
    from radiotracer.provenance.randomness import STRENGTHS
    from radiotracer.provenance.relay import is_relay
    from radiotracer.provenance.strengths.owner import owners
    from radiotracer.provenance.times import copy_stamps, stamped_at
    from radiotracer.runs import Run

    place = folder.resolve()
    if place.is_relative_to(prepared.resolve()) or prepared.resolve().is_relative_to(place):
        raise InputError(
            expected="--out apart from the prepared folder",
            came=f"{folder} and {prepared}",
            do="choose another --out",
        )
    require_new_folder(folder, marker=COMMITMENT_FILE, overwrite=overwrite)
    secret = read_key(key)
    held = Prepared.read(prepared)
    protocol = held.protocol
    if protocol.coins != "owner" and coins_from is None:
        raise InputError(
            expected=f"coins_from= for coins by {protocol.coins}, as was committed to",
            came="none",
            do="pass the file with the pulse or the statement",
        )
    digest = held.commitment.digest
    stamped = stamped_at(prepared, digest, believed_roots(tsa_certificate))
    drawn = owners(secret)
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
    runs = [Run.open(each) for each in extractor or ()]
    models = [network_for(each, factory, held.data) for each in runs]
    with kept_units(folder, overwrite=overwrite, name="releasing") as ledger:
        kept = Kept(ledger, err.print)
        kept.begin({"commitment": held.commitment.digest, "coins": drawn.value})
        with progress() as reporter:
            made = publish(held, secret, drawn, models, kept=kept, progress=reporter)
        made.write(folder, overwrite=overwrite)
        copy_stamps(prepared, folder)
    told = {"key": secret.fingerprint, "out": str(folder)}
    tell(made, folder, key, told if json else None)
    return 0


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
        write_text(place, first_pulse_after(relay, stamped).decode(errors="replace"))
    return place
