"""``radiotracer witness``: see somebody's commitment, and draw random bytes after that."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, out
from radiotracer.cli.options import Json
from radiotracer.errors import InputError


@command("witness")
def witness(
    commitment: Annotated[Path, Parameter(help="The commitment.json that an owner sent you.")],
    /,
    *,
    key: Annotated[
        Path, Parameter(help="Your signing key's file; see `radiotracer key new-signing`.")
    ],
    out_file: Annotated[
        Path | None,
        Parameter(name="--out", help="Where the statement goes; default: witness.json beside it."),
    ] = None,
    json: Json = False,
) -> int:
    """Witness somebody else's commitment: sign its digest, and draw 32 random bytes after that.

    The coins of a release can hang on bytes that its owner could not choose. You are believed in
    drawing them at random, and once: a commitment that you have seen before gets the same statement
    again, out of the book beside your key (KEY.witnessed.jsonl, which you keep). Give your public
    key to those who will check, by another way. Whoever owns the release cannot be its witness.

    Example: radiotracer witness commitment.json --key sign.key
    """
    from radiotracer.cli.key import read_signing_key
    from radiotracer.files import write_text
    from radiotracer.provenance.bound import COMMITMENT_FILE, read_part
    from radiotracer.provenance.commitment import Commitment
    from radiotracer.provenance.witness import WITNESS_FILE, witnessed

    file = commitment / COMMITMENT_FILE if commitment.is_dir() else commitment
    signer = read_signing_key(key)
    _require_stranger(file.parent, signer.public)
    digest = read_part(Commitment, file, "`radiotracer mark`").digest
    target = file.parent / WITNESS_FILE if out_file is None else out_file
    made = witnessed(digest, signer, key.with_name(key.name + ".witnessed.jsonl"))
    write_text(target, made.text())
    if json:
        emit({"statement": str(target), **made.model_dump(mode="json")})
        return 0
    out.print(f"statement {made.number:,} of this key, of commitment {digest[:12]}, in {target}")
    out.print(f"public key {made.public_key}")
    out.print("send the statement back; hand the public key to those who will check")
    return 0


def _require_stranger(folder: Path, public_key: str) -> None:
    """Raise `InputError` where it can be seen that the witness is the owner."""
    from radiotracer.signing.signature import Signature

    signed = (Signature.read(each) for each in (folder, folder / "release") if each.is_dir())
    owns = (folder / "sealed").is_dir() or any(
        each is not None and each.public_key == public_key for each in signed
    )
    if owns:
        raise InputError(
            expected="a commitment of somebody else",
            came=f"{folder}, with the sealed half in it, or signed by this key: the owner's own",
            do="send commitment.json, alone, to somebody whom those who will check believe",
        )
