"""``radiotracer sign`` and ``verify-signature``: scans and audits that somebody vouches for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from audit_world import AuditWorld, make_world
from radiotracer.cli import run
from radiotracer.data import open_data
from radiotracer.provenance.release import Release
from radiotracer.runs import Run
from radiotracer.signing import SIGNATURE_FILE, SigningKey
from tiny_world import World

KEY, OTHER = SigningKey(bytes(range(32))), SigningKey(bytes(range(32, 64)))
NEW_TIMES = [
    {"created": "1970-01-01T00:00:00+00:00"},
    {"version": "9"},
    {"held_out": {"source": "x", "digest": "00" * 32}},
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> AuditWorld:
    """A world with one audit in ``audit`` beside the key."""
    made = make_world(tmp_path_factory.mktemp("signed"))
    files = ["--key", str(made.key), "--marked", str(made.marked)]
    suspect = [str(made.trained), "--factory", "audit_world:mlp"]
    assert run(["audit", *suspect, *files, "--out", str(made.key.parent / "audit")]) == 1
    return made


@pytest.fixture
def keys(cli: Any) -> None:
    """Both keys, here."""
    KEY.write(Path("sign.key"))
    OTHER.write(Path("other.key"))


@pytest.fixture
def folder(keys: None) -> Path:
    """Something like a scan, here."""
    Path("scan").mkdir()
    Path("scan/summary.json").write_text("{}")
    Path("scan/report.html").write_text("<p>")
    return Path("scan")


@pytest.fixture
def audit(keys: None, made: AuditWorld) -> Path:
    return Path(shutil.copytree(made.key.parent / "audit", "audit"))


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes, indent=2))


def test_a_new_signing_key_and_what_is_shown_of_it(cli: Any) -> None:
    done = cli("key", "new-signing", "my.key")
    key = SigningKey.read(Path("my.key"))
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == [
        "signing key written to my.key",
        f"public key {key.public}",
        "hand the public key to those who will check, by another way than what you sign",
        "next: radiotracer sign audit --key my.key",
    ]
    shown = cli("key", "show", "my.key")
    assert (shown.status, shown.err) == (0, "")
    assert shown.out == f"signing key in my.key, public key {key.public}\n"
    facts = {"public_key": key.public, "file": "my.key", "readable_by_others": False}
    assert json.loads(cli("key", "show", "my.key", "--json").out) == facts
    made = json.loads(cli("key", "new-signing", "two.key", "--json").out)
    assert made["public_key"] == SigningKey.read(Path("two.key")).public != key.public
    Path("my.key").chmod(0o644)
    done = cli("key", "show", "my.key")
    assert done.status == 0 and "run chmod 600 on it" in done.err


def test_signed_and_verified(cli: Any, folder: Path) -> None:
    done = cli("sign", folder, "--key", "sign.key")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"2 files signed in {folder / SIGNATURE_FILE}",
        f"public key {KEY.public}",
        f"check with: radiotracer verify-signature scan --signed-by {KEY.public}",
    ]
    done = cli(*done.out.splitlines()[2].split()[3:])
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == [
        "The signature holds: 2 files as they were signed.",
        f"signed by {KEY.public}",
    ]
    (folder / "decisions.sqlite").touch()
    done = cli("verify-signature", folder, "--signed-by", KEY.public)
    assert done.out.splitlines()[2] == "not signed: decisions.sqlite, which a review wrote"
    (folder / "decisions.sqlite").unlink()
    done = cli("verify-signature", folder)
    assert done.status == 0 and done.out.splitlines()[2].startswith("Anybody can sign: ")
    told = json.loads(cli("verify-signature", folder, "--json").out)
    assert told == {
        "folder": "scan",
        "holds": True,
        "broken": [],
        "not_signed": [],
        "public_key": KEY.public,
        "signer_was_given": False,
        "files": 2,
    }
    told = json.loads(cli("sign", folder, "--key", "other.key", "--overwrite", "--json").out)
    assert told["public_key"] == OTHER.public and told["files"] == 2


def test_what_cannot_be_signed(fail: Any, folder: Path) -> None:
    Path("other").mkdir()
    Path("my.key").write_text('{"kind": "radiotracer key", "secret": "1"}')
    sign = ("sign", folder, "--key")
    fail("sign another folder", "sign", "other", "--key", "sign.key")
    fail("sign nothing", "sign", "nowhere", "--key", "sign.key")
    fail("sign without a key", *sign, "no.key")
    fail("sign with a key of marks", *sign, "my.key")
    fail("mark with a signing key", "key", "check", "scan", "--key", "sign.key")
    (folder / "link").symlink_to("/etc/passwd")
    fail("sign a link", *sign, "sign.key")
    (folder / "link").unlink()
    shutil.copyfile("sign.key", folder / "sign.key")
    fail("sign around the key", "sign", "scan", "--key", "scan/sign.key")
    (folder / "sign.key").unlink()
    fail("signing key that exists", "key", "new-signing", "sign.key")
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "summary.json"]


def test_signing_twice(cli: Any, fail: Any, folder: Path) -> None:
    assert cli("sign", folder, "--key", "sign.key").status == 0
    before = (folder / SIGNATURE_FILE).read_bytes()
    fail("sign twice", "sign", folder, "--key", "other.key")
    assert (folder / SIGNATURE_FILE).read_bytes() == before
    assert cli("sign", folder, "--key", "other.key", "--overwrite").status == 0
    assert cli("verify-signature", folder, "--signed-by", OTHER.public).status == 0


def test_signatures_that_do_not_hold(cli: Any, fail: Any, folder: Path) -> None:
    fail("verify the signature of an unsigned folder", "verify-signature", folder)
    cli("sign", folder, "--key", "sign.key")
    verify = ("verify-signature", folder)
    fail("verify a signature by another key", *verify, "--signed-by", OTHER.public)
    fail("verify a signature by a fingerprint", *verify, "--signed-by", "1b8c9116")
    (folder / "report.html").write_text("<p>!")
    (folder / "summary.json").rename(folder / "\x1b[31mred")
    fail("verify the signature of a changed folder", *verify)
    done = cli(*verify, "--json")
    told = json.loads(done.out)
    assert done.status == 2 and len(done.err.splitlines()) == 1
    assert told["holds"] is False and told["broken"][0] == "report.html was changed"
    (folder / SIGNATURE_FILE).write_bytes((folder / SIGNATURE_FILE).read_bytes()[:-9])
    fail("verify half a signature", *verify)


def test_a_signed_audit_is_still_evidence(cli: Any, made: AuditWorld, audit: Path) -> None:
    verify = ["verify", audit, "--key", made.key, "--marked", made.marked]
    done = cli(*verify)
    assert done.status == 0 and "none: nobody vouches for times and versions" in done.out
    assert json.loads(cli(*verify, "--json").out)["signed_by"] is None
    assert cli("sign", audit, "--key", "sign.key").status == 0
    for more in ([], ["--signed-by", KEY.public]):
        done = cli(*verify, *more)
        assert done.status == 0 and done.out.splitlines()[0].split() == [
            *("signature", "yes", "by", KEY.public)
        ]
        assert "Everything holds: trained-on-marked-data" in done.out
    told = json.loads(cli(*verify, "--json").out)
    assert told["holds"] and told["signed_by"] == KEY.public
    done = cli("verify", audit / "evidence.json", *verify[2:], "--signed-by", OTHER.public)
    assert done.status == 2 and "got signature that does not; do not rely" in done.err
    (audit / SIGNATURE_FILE).unlink()
    done = cli(*verify, "--signed-by", KEY.public)
    assert (done.status, done.out) == (2, "") and "no signature.json there" in done.err


@pytest.mark.parametrize("changes", NEW_TIMES, ids=lambda each: next(iter(each)))
def test_times_and_versions_are_bound_by_a_signature(
    cli: Any, made: AuditWorld, audit: Path, changes: dict[str, object]
) -> None:
    """And the held-out data of a test that used none: nothing that is computed again would tell."""
    verify = ["verify", audit, "--key", made.key, "--marked", made.marked]
    assert cli("sign", audit, "--key", "sign.key").status == 0
    edit(audit / "evidence.json", **changes)
    done = cli(*verify, "--signed-by", KEY.public)
    assert done.status == 2 and "got signature that does not; do not rely" in done.err
    assert done.out == "signature  NO   evidence.json was changed\n"
    assert cli("verify-signature", audit).status == 2


def test_what_else_is_read_is_read_signed(
    cli: Any, keys: None, made: AuditWorld, tiny: World
) -> None:
    """A scan that the command made, a run, and the published half of marked data."""
    folder = tiny.copy(Path("run"))
    marked = Path(shutil.copytree(made.marked, "marked"))
    assert cli("scan", folder, "--out", "scan").status in (0, 1)
    for each in ("scan", "run", "marked/release"):
        assert cli("sign", each, "--key", "sign.key").status == 0
        assert cli("verify-signature", each, "--signed-by", KEY.public).status == 0
    assert Run.open(folder).info == tiny.run.info
    assert len(open_data("marked/release")) == len(Release.read(marked).published)
    assert cli("key", "check", "marked", "--key", made.key).status == 0
    assert cli("verify-signature", "marked/release").status == 0
    assert (
        "into whose ledger every audit is written" in cli("sign", "marked", "--key", "sign.key").err
    )
