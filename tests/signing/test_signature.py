"""Signatures of folders: what they bind, what does not hold, and files that are none."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from radiotracer.errors import InputError, StorageError
from radiotracer.signing import SIGNATURE_FILE, Signature, SigningKey, check, sign, signature
from radiotracer.signing.signature import MARKS

KEY, OTHER = SigningKey(bytes(range(32))), SigningKey(bytes(range(32, 64)))


def make(folder: Path, text: str = "{}") -> Path:
    (folder / "more").mkdir(parents=True)
    (folder / "evidence.json").write_text(text)
    (folder / "report.html").write_text("<p>")
    (folder / "more/answers.jsonl").write_text("1\n2\n")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "audit")


def broken(folder: Path, signed_by: str | None = None) -> tuple[str, ...]:
    standing = check(folder, signed_by=signed_by)
    assert standing is not None and standing.holds == (standing.broken == ())
    return standing.broken


def edit(folder: Path, **changes: object) -> None:
    """Change the signature file, in the form that it must have."""
    path = folder / SIGNATURE_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes, indent=2) + "\n")


def test_what_is_signed_is_what_is_written_here(folder: Path) -> None:
    """By the format's description alone, and for ever: old signatures must stay readable."""
    sign(folder, KEY)
    told = json.loads((folder / SIGNATURE_FILE).read_text())
    files = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("evidence.json", "more/answers.jsonl", "report.html")
    }
    assert told["files"] == files and told["algorithm"] == "Ed25519"
    listed = ",".join(f'"{name}":"{digest}"' for name, digest in files.items())
    message = (
        "radiotracer/folder signature/v1\0"
        f'{{"files":{{{listed}}},"format":"1","public_key":"{KEY.public}"}}'
    )
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(told["public_key"])).verify(
        bytes.fromhex(told["signature"]), message.encode()
    )
    assert hashlib.sha256(bytes.fromhex(told["signature"])).hexdigest() == (
        "809b87c1b8f418212469a3f335fab9a03d2bb25c825427b3103deb2cf9d836a4"
    )


def test_a_good_signature(folder: Path) -> None:
    made = sign(folder, KEY)
    standing = check(folder)
    assert standing is not None and standing.holds
    assert (standing.signer, standing.files) == (KEY.public, 3) == (made.public_key, 3)
    assert broken(folder, KEY.public) == broken(folder, f" {KEY.public.upper()}\n") == ()
    assert Signature.read(folder) == made
    assert sorted(path.name for path in folder.iterdir()) == [
        "evidence.json",
        "more",
        "report.html",
        SIGNATURE_FILE,
    ]


def test_a_folder_that_moved_is_the_same(folder: Path, tmp_path: Path) -> None:
    sign(folder, KEY)
    shutil.move(folder, tmp_path / "elsewhere")
    assert broken(tmp_path / "elsewhere", KEY.public) == ()
    assert check(folder) is None


def append(path: Path) -> None:
    path.write_text(path.read_text() + " ")


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


SPOILED: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "changed": (lambda f: append(f / "evidence.json"), ("evidence.json was changed",)),
    "emptied": (
        lambda f: (f / "more/answers.jsonl").write_text(""),
        ("more/answers.jsonl was changed",),
    ),
    "added": (lambda f: (f / "more/x").touch(), ("more/x was added",)),
    "added, hidden": (lambda f: (f / ".x").touch(), (".x was added",)),
    "removed": (lambda f: (f / "report.html").unlink(), ("report.html was removed",)),
    "renamed": (
        lambda f: (f / "report.html").rename(f / "more/report.html"),
        ("more/report.html was added", "report.html was removed"),
    ),
    "swapped": (
        lambda f: swap(f / "report.html", f / "evidence.json"),
        ("evidence.json, report.html were changed",),
    ),
    "many": (
        lambda f: [(f / f"{number}").touch() for number in range(2000)],
        ("0, 1, 10 and 1,997 more were added",),
    ),
    "a lock in another place": (
        lambda f: (f / "more/review.lock").touch(),
        ("more/review.lock was added",),
    ),
    "a signature in another place": (
        lambda f: (f / "more/signature.json").touch(),
        ("more/signature.json was added",),
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_folder_that_is_not_as_it_was(folder: Path, name: str) -> None:
    sign(folder, KEY)
    change, reasons = SPOILED[name]
    change(folder)
    assert broken(folder) == broken(folder, KEY.public) == reasons


@pytest.mark.parametrize("name", ["review.lock", "decisions.sqlite", "decisions.sqlite-wal"])
def test_what_a_review_writes_is_not_bound_and_named(folder: Path, name: str) -> None:
    sign(folder, KEY)
    (folder / name).write_text("127.0.0.1")
    standing = check(folder)
    assert standing is not None and standing.holds and standing.beside == (name,)
    assert name not in sign(folder, KEY, overwrite=True).files
    (folder / "more" / name).write_text("127.0.0.1")
    assert broken(folder) == (f"more/{name} was added",)


CHANGED = ("a list of files, or a signature of it, that was changed",)


def test_an_edited_list_does_not_hold(folder: Path) -> None:
    """Not even where it agrees with the files, nor under another's public key."""
    files = sign(folder, KEY).files
    append(folder / "evidence.json")
    now = hashlib.sha256((folder / "evidence.json").read_bytes()).hexdigest()
    edit(folder, files=files | {"evidence.json": now})
    assert broken(folder) == CHANGED
    sign(folder, KEY, overwrite=True)
    edit(folder, public_key=OTHER.public)
    assert broken(folder, OTHER.public) == CHANGED
    sign(folder, KEY, overwrite=True)
    edit(folder, signature="00" * 64)
    assert broken(folder) == CHANGED


def test_a_signature_of_another_folder(folder: Path, tmp_path: Path) -> None:
    other = make(tmp_path / "other", text='{"verdict": "no-evidence"}')
    sign(folder, KEY)
    shutil.copyfile(folder / SIGNATURE_FILE, other / SIGNATURE_FILE)
    assert broken(other, KEY.public) == ("evidence.json was changed",)


def test_a_signature_for_another_purpose(folder: Path) -> None:
    """The same key signed the same list, but not as a folder of ours."""
    files = sign(folder, KEY).files
    message = signature.message_of(files, KEY.public)
    bare = message.removeprefix(signature.CONTEXT)
    assert bare.startswith(b"{") and len(bare) < len(message)
    for other in (bare, b"radiotracer/other/v1\0" + bare, signature.CONTEXT[:-1] + bare):
        edit(folder, signature=KEY.sign(other).hex())
        assert broken(folder) == CHANGED
    edit(folder, signature=KEY.sign(message).hex())
    assert broken(folder) == ()


def test_another_signer(folder: Path) -> None:
    """Whoever changes a folder can sign it anew; only the public key tells."""
    sign(folder, KEY)
    append(folder / "evidence.json")
    sign(folder, OTHER, overwrite=True)
    assert broken(folder) == ()
    assert broken(folder, KEY.public) == (
        f"a signature by {OTHER.public}, another key than was asked for",
    )


@pytest.mark.parametrize("text", ["", "1b8c9116", "00" * 31, "00" * 33, "g" * 64, "０" * 64])
def test_public_keys_that_are_none(folder: Path, text: str) -> None:
    with pytest.raises(InputError, match=f"digits; got {len(text)} characters that are none"):
        check(folder, signed_by=text)


def test_signing_twice(folder: Path) -> None:
    sign(folder, KEY)
    before = (folder / SIGNATURE_FILE).read_bytes()
    with pytest.raises(InputError, match=r"signature.json, which exists; pass overwrite=True"):
        sign(folder, OTHER)
    assert (folder / SIGNATURE_FILE).read_bytes() == before
    sign(folder, KEY, overwrite=True)
    assert (folder / SIGNATURE_FILE).read_bytes() == before  # the same files, the same bytes
    sign(folder, OTHER, overwrite=True)
    assert broken(folder, OTHER.public) == ()


SPOILED_FILES: dict[str, Callable[[str], str]] = {
    "nothing": lambda text: "",
    "truncated": lambda text: text[:-3],
    "without its line break": lambda text: text[:-1],
    "a list": lambda text: f"[{text}]",
    "spaces": lambda text: text.replace('": ', '":  '),
    "a name twice": lambda text: text.replace(
        '"files": {', '"files": {"evidence.json": "' + "00" * 32 + '",'
    ),
    "a file twice": lambda text: text.replace(
        '    "report.html"', '    "evidence.json": "' + "00" * 32 + '",\n    "report.html"'
    ),
    "another algorithm": lambda text: text.replace("Ed25519", "none"),
    "another version": lambda text: text.replace('"schema_version": 1', '"schema_version": 2'),
    "more": lambda text: text.replace('"algorithm"', '"more": 1,\n  "algorithm"'),
    "a short digest": lambda text: text.replace(KEY.public, KEY.public[:-1]),
    "capital digits": lambda text: text.replace(KEY.public, KEY.public.upper()),
    "deep": lambda text: "[" * 100_000,
    "half a letter": lambda text: text.replace("report", "\\ud800"),
    "not UTF-8": lambda text: text.replace("report", "\udcff"),
    "numbers": lambda text: text.replace("report", '": 1, "report'),
}


@pytest.mark.parametrize("name", SPOILED_FILES)
def test_files_that_are_no_signatures(folder: Path, name: str) -> None:
    sign(folder, KEY)
    path = folder / SIGNATURE_FILE
    spoiled = SPOILED_FILES[name](path.read_text())
    assert spoiled != path.read_text()
    path.write_bytes(spoiled.encode(errors="surrogateescape"))
    with pytest.raises(InputError) as caught:
        check(folder)
    assert str(caught.value) == (
        f"expected a signature in {path}, as `radiotracer sign` writes it; got something else, or "
        "only a part of one; do not rely on the folder; get it again from whoever signed it"
    )


def test_every_truncation_is_refused(folder: Path) -> None:
    sign(folder, KEY)
    whole = (folder / SIGNATURE_FILE).read_bytes()
    for length in range(0, len(whole), 7):
        (folder / SIGNATURE_FILE).write_bytes(whole[:length])
        with pytest.raises(InputError, match="or only a part of one"):
            check(folder)


def test_signatures_that_are_links_or_pipes(folder: Path, tmp_path: Path) -> None:
    sign(folder, KEY)
    (folder / SIGNATURE_FILE).rename(tmp_path / "away.json")
    (folder / SIGNATURE_FILE).symlink_to(tmp_path / "away.json")
    with pytest.raises(InputError, match="got a link"):
        check(folder)
    (folder / SIGNATURE_FILE).unlink()
    os.mkfifo(folder / SIGNATURE_FILE)
    with pytest.raises(InputError, match="got something else"):
        check(folder)
    sign(folder, KEY, overwrite=True)
    assert broken(folder) == ()


def test_a_list_that_is_too_long(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign(folder, KEY)
    before = (folder / SIGNATURE_FILE).read_bytes()
    monkeypatch.setattr(signature, "_MOST_BYTES", len(before))
    assert broken(folder) == ()
    monkeypatch.setattr(signature, "_MOST_BYTES", len(before) - 1)
    with pytest.raises(InputError, match="or only a part of one"):
        check(folder)
    with pytest.raises(InputError, match=r"got 3 files in .*; pack them together"):
        sign(folder, OTHER, overwrite=True)
    assert (folder / SIGNATURE_FILE).read_bytes() == before


@pytest.mark.parametrize("mark", MARKS)
def test_folders_of_ours_can_be_signed(tmp_path: Path, mark: str) -> None:
    (tmp_path / mark).touch()
    sign(tmp_path, KEY)
    assert broken(tmp_path) == ()


def test_other_folders_cannot(tmp_path: Path) -> None:
    (tmp_path / "thesis.pdf").touch()
    for folder, came in (
        (tmp_path, "which has none"),
        (tmp_path / "nowhere", "which is no folder"),
        (tmp_path / "thesis.pdf", "which is no folder"),
    ):
        with pytest.raises(InputError, match=f"a folder that radiotracer wrote, .*{came}; pass"):
            sign(folder, KEY)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.pdf"]


def test_marked_data_are_signed_by_their_published_half(tmp_path: Path) -> None:
    for part in ("release", "sealed"):
        (tmp_path / part).mkdir()
    for part in ("commitment.json", "release/commitment.json"):
        (tmp_path / part).write_text("{}")
    with pytest.raises(
        InputError, match=r"into whose ledger every audit is written; sign .*/release, the"
    ):
        sign(tmp_path, KEY)
    sign(tmp_path / "release", KEY)
    assert broken(tmp_path / "release") == ()


@pytest.mark.parametrize("earlier", [False, True])
def test_a_disk_that_refuses(folder: Path, monkeypatch: pytest.MonkeyPatch, earlier: bool) -> None:
    """The folder is as it was: nothing half-written, an earlier signature whole."""
    if earlier:
        sign(folder, OTHER)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "write_text", refuse)  # root may write everywhere
    with pytest.raises(StorageError, match=r"signature.json; got .* file system is read-only"):
        sign(folder, KEY, overwrite=True)
    monkeypatch.undo()
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
