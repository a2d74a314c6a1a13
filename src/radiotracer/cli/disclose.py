"""``radiotracer disclose``: open what an audit stood on, for those who have no key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, out
from radiotracer.cli.key import read_key
from radiotracer.cli.options import Json, KeyFile, Out, Overwrite, UsedHeldOut
from radiotracer.errors import InputError


@command("disclose")
def disclose(
    marked: Annotated[Path, Parameter(help="The folder that `radiotracer mark` wrote.")],
    audit: Annotated[Path, Parameter(help="The folder that `radiotracer audit` wrote.")],
    /,
    *,
    key: KeyFile,
    folder: Annotated[Out, Parameter(name="--out")],
    held_out: UsedHeldOut = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Open what an audit stood on, so that others can check it without the key.

    Writes a bundle: the coins of the release, both versions of each marked example, their place
    among what was published, and the suspect's answers; of carriers, the marking network and the
    held-out examples; of the key and of what the test did not use, nothing. `radiotracer verify
    BUNDLE` needs nothing else, and no network; of an audit by weights, it needs the suspect's file.
    Whoever has the bundle knows which version was published and which was not: the release
    can prove nothing about models that are made after the bundle was published.

    Example: radiotracer disclose marked audit --key my.key --out bundle
    """
    from radiotracer.provenance.bundle import disclose as write
    from radiotracer.provenance.release import open_marked

    place = folder.resolve()
    for path in (marked, audit, key):
        inside = path.resolve().is_relative_to(place) or place.is_relative_to(path.resolve())
        if inside:
            raise InputError(
                expected="--out apart from the marked folder, the audit and the key",
                came=f"{folder} and {path}",
                do="choose another --out: it is handed out",
            )
    opened = open_marked(marked, read_key(key))
    made = write(opened, audit, folder, held_out=held_out, overwrite=overwrite)
    if json:
        emit(
            {
                "out": str(folder),
                "commitment": made.commitment.digest,
                "record": made.record.digest,
                "coins": len(made.coins),
                "marked": len(made.rows),
            }
        )
        return 0
    out.print(f"{len(made.coins):,} coins of {len(made.rows):,} marked examples opened")
    out.print(f"written to {folder}: hand out all of it")
    out.print("whoever has it knows the coins: models that are made from now on can unlearn them")
    out.print(f"check it: radiotracer verify {folder}")
    return 0
