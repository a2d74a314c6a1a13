"""``radiotracer key``: make a secret key, show one, or open a commitment with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, err, out
from radiotracer.cli.options import Json, KeyFile, Marked

if TYPE_CHECKING:
    from radiotracer.provenance.key import Key
    from radiotracer.signing import SigningKey


def read_key(path: Path) -> Key:
    """Read a key file; whoever else may read it is told about on standard error."""
    from radiotracer.provenance.key import Key

    key = Key.read(path)
    _tell_exposure(path)
    return key


def read_signing_key(path: Path) -> SigningKey:
    """The same for a signing key."""
    from radiotracer.signing import SigningKey

    key = SigningKey.read(path)
    _tell_exposure(path)
    return key


NewFile = Annotated[Path, Parameter(help="The file to make; no key is ever replaced.")]


@command("key new")
def new(
    path: NewFile,
    /,
    *,
    json: Json = False,
) -> int:
    """Make a new secret key.

    The file can be read by its owner alone. Everything random in a mark follows from it: who has it
    can show that the marks are theirs, and who does not cannot find them. A lost key cannot be made
    again, and no key is ever replaced.

    Example: radiotracer key new my.key
    """
    from radiotracer.provenance.key import Key

    Key.new().write(path)
    key = read_key(path)
    if json:
        emit(_facts(key, path))
        return 0
    out.print(f"key {key.fingerprint} written to {path}")
    out.print("keep a copy in another place: it cannot be made again, and every audit needs it")
    out.print(
        f"next: radiotracer mark DATA --key {path} --out marked, of images with --extractor RUN"
    )
    return 0


@command("key new-signing")
def new_signing(
    path: NewFile,
    /,
    *,
    json: Json = False,
) -> int:
    """Make a new signing key, and print its public key.

    The file can be read by its owner alone. Who has it signs in your name; who has the public key
    can check what you signed. It is another key than that of your marks, and neither is taken for
    the other.

    Example: radiotracer key new-signing sign.key
    """
    from radiotracer.signing import SigningKey

    SigningKey.new().write(path)
    key = read_signing_key(path)
    if json:
        emit(_signing_facts(key, path))
        return 0
    out.print(f"signing key written to {path}")
    out.print(f"public key {key.public}")
    out.print("hand the public key to those who will check, by another way than what you sign")
    out.print(f"next: radiotracer sign audit --key {path}")
    return 0


@command("key show")
def show(path: Annotated[Path, Parameter(help="The key file.")], /, *, json: Json = False) -> int:
    """Show a key's fingerprint, or a signing key's public key; never the secret.

    The fingerprint tells keys apart; both may be public. Says so where others on the machine may
    read the file.

    Example: radiotracer key show my.key
    """
    from radiotracer.key_files import is_signing_key_file

    if is_signing_key_file(path):
        signing = read_signing_key(path)
        if json:
            emit(_signing_facts(signing, path))
        else:
            out.print(f"signing key in {path}, public key {signing.public}")
        return 0
    key = read_key(path)
    if json:
        emit(_facts(key, path))
    else:
        out.print(f"key {key.fingerprint} in {path}")
    return 0


@command("key check")
def check(
    marked: Marked,
    /,
    *,
    key: KeyFile,
    json: Json = False,
) -> int:
    """Check that marked data are what was committed to, and print the digest to time-stamp.

    Opens the commitment with the key: compares everything that was sealed, and every published
    example, with what was committed to when the data were marked. If anything differs, one line
    says what, and the exit status is 2.

    Example: radiotracer key check marked --key my.key
    """
    from radiotracer.provenance.release import open_marked

    secret = read_key(key)
    release = open_marked(marked, secret).release
    digest, parts = release.commitment.digest, release.commitment.parts
    if json:
        emit({"marked": str(marked), "key": secret.fingerprint, "digest": digest, "parts": parts})
        return 0
    out.print(f"{marked} is what was committed to, and key {secret.fingerprint} opens it")
    out.print(f"digest to have time-stamped before the release: {digest}")
    width = max(map(len, parts))
    out.print(f"{'part':<{width}}  salted SHA-256")
    for name, part in parts.items():
        out.print(f"{name:<{width}}  {part}")
    return 0


def _facts(key: Key, path: Path) -> dict[str, Any]:
    """What may be told of a key: never its secret."""
    from radiotracer.key_files import exposure

    return {
        "fingerprint": key.fingerprint,
        "file": str(path),
        "readable_by_others": exposure(path) is not None,
    }


def _signing_facts(key: SigningKey, path: Path) -> dict[str, Any]:
    from radiotracer.key_files import exposure

    return {
        "public_key": key.public,
        "file": str(path),
        "readable_by_others": exposure(path) is not None,
    }


def _tell_exposure(path: Path) -> None:
    from radiotracer.key_files import exposure

    note = exposure(path)
    if note is not None:
        err.print(note)
