"""``radiotracer release``: draw the coins of what was prepared, and write what to publish."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.key import read_key
from radiotracer.cli.options import Factory, Json, KeyFile, Out, Overwrite
from radiotracer.cli.released import tell
from radiotracer.cli.stamp import TsaCertificate, believed_roots
from radiotracer.files import require_new_folder


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
    from radiotracer.cli.releasing import require_apart, write_release
    from radiotracer.provenance.bound import COMMITMENT_FILE

    require_apart(folder, prepared)
    require_new_folder(folder, marker=COMMITMENT_FILE, overwrite=overwrite)
    secret = read_key(key)
    made = write_release(
        prepared,
        folder,
        secret,
        coins_from=coins_from,
        extractor=extractor or (),
        factory=factory,
        roots=believed_roots(tsa_certificate),
        overwrite=overwrite,
    )
    told = {"key": secret.fingerprint, "out": str(folder)}
    tell(made, folder, key, told if json else None)
    return 0
