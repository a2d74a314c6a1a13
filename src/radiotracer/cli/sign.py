"""``radiotracer sign``: vouch for a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, out
from radiotracer.cli.options import Json
from radiotracer.errors import InputError


@command("sign")
def sign(
    folder: Annotated[Path, Parameter(help="The --out of a scan, an audit, or the like.")],
    /,
    *,
    key: Annotated[
        Path, Parameter(help="The signing key's file; see `radiotracer key new-signing`.")
    ],
    overwrite: Annotated[
        bool,
        Parameter(
            negative="", show_default=False, help="Replace the signature that is there, anybody's."
        ),
    ] = False,
    json: Json = False,
) -> int:
    """Sign a scan, an audit, or another folder that radiotracer wrote.

    Writes signature.json into it: the SHA-256 of every file there, your public key, and the
    signature of both. From then on nothing in the folder can be changed, added or removed
    unnoticed, times and versions included. Only the decisions of a review are left out: a signed
    scan can be reviewed, and the cleaned data, which hold the decisions, signed in their turn. Of
    marked data the folder release can be signed. A signature says who vouches for the folder, not
    when.

    Example: radiotracer sign audit --key sign.key
    """
    from radiotracer.cli.key import read_signing_key
    from radiotracer.signing import SIGNATURE_FILE
    from radiotracer.signing import sign as signed

    if key.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            expected="the signing key outside of what is signed",
            came=f"{key} in {folder}",
            do="move the key elsewhere: the folder is passed on",
        )
    signature = signed(folder, read_signing_key(key), overwrite=overwrite)
    path = folder / SIGNATURE_FILE
    if json:
        emit(
            {
                "folder": str(folder),
                "signature": str(path),
                "public_key": signature.public_key,
                "files": len(signature.files),
            }
        )
        return 0
    out.print(f"{len(signature.files):,} files signed in {path}")
    out.print(f"public key {signature.public_key}")
    out.print(
        f"check with: radiotracer verify-signature {folder} --signed-by {signature.public_key}"
    )
    return 0
