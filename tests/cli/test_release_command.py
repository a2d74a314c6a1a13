"""Two steps from the command line: prepared, witnessed, released, audited, verified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audit_world import KEY
from authorities import Authority
from radiotracer.provenance.prepared import Prepared
from radiotracer.provenance.release import Release
from radiotracer.signing import SigningKey
from stamping_world import Stamper, time_stamp_authority
from text_world import letters

MARK = ("mark", "mails.csv", "--key", "my.key", "--share", "0.6")


@pytest.fixture(autouse=True)
def here(cli: Any) -> None:
    """In the folder that `cli` works in."""
    data = letters(120)
    rows = zip(data.content, data.labels.tolist(), strict=True)
    Path("mails.csv").write_text("text,label\n" + "".join(f'"{t}",{n}\n' for t, n in rows))
    KEY.write("my.key")
    SigningKey(bytes(range(32))).write(Path("sign.key"))


def same(texts: list[str]) -> list[list[float]]:
    """An innocent suspect."""
    drawn = [sum(map(ord, each)) for each in texts]
    return [[float(each % 7), float(each % 5)] for each in drawn]


def test_by_a_witness(cli: Any) -> None:
    done = cli(*MARK, "--coins", "witness", "--out", "prepared")
    assert done.status == 0, done.err
    held = Prepared.read("prepared")
    assert done.out.splitlines() == [
        "72 of 120 texts prepared (60.00%); no coin is drawn",
        "written to prepared: publish nothing of it yet",
        f"commitment {held.commitment.digest}: have it time-stamped now",
        "then: radiotracer release prepared --key my.key --coins-from FILE --out marked, with the "
        "statement of the witness in FILE",
    ]
    # The witness sees the commitment alone, in a folder of its own.
    Path("sent").mkdir()
    Path("sent/commitment.json").write_bytes(Path("prepared/commitment.json").read_bytes())
    said = "sent/witness.json"
    witness = cli("witness", "sent", "--key", "sign.key", "--out", said)
    assert witness.status == 0, witness.err
    release = ("release", "prepared", "--key", "my.key", "--coins-from", said)
    done = cli(*release, "--out", "marked", "--json")
    assert done.status == 0, done.err
    told = json.loads(done.out)
    made = Release.read("marked")
    assert told["coins"] == "witness" and told["record"] == made.record.digest
    made.opened(KEY)
    again = cli(*release, "--out", "again")
    assert again.status == 0 and Release.read("again").record == made.record
    audit = ("audit", "python:test_release_command:same", "--key", "my.key", "--marked", "marked")
    done = cli(*audit, "--out", "audit", "--first-seen", "2020-01-01")
    assert done.status == 0, done.err
    assert "coins by witness, allowance for the commitments that the witness had seen" in done.out
    done = cli("verify", "audit", "--key", "my.key", "--marked", "marked")
    assert done.status == 0, done.err
    assert "drawn by witness at 20" in done.out and "trusts this witness" in done.out


def test_a_stamp_goes_along_to_whoever_checks(cli: Any, tmp_path: Path) -> None:
    """Prepared, stamped, witnessed, released, audited, opened: a stranger sees the time, too."""
    stamper = Stamper(tmp_path / "tsa", Authority("A root"))
    root = ("--tsa-certificate", tmp_path / "tsa/root.pem")
    assert cli(*MARK, "--coins", "witness", "--out", "prepared").status == 0
    with time_stamp_authority(stamper) as address:
        done = cli("stamp", "prepared", "--rfc3161", address, *root)
    assert done.status == 0, done.err
    Path("sent").mkdir()
    Path("sent/commitment.json").write_bytes(Path("prepared/commitment.json").read_bytes())
    assert cli("witness", "sent", "--key", "sign.key", "--out", "said.json").status == 0
    release = ("release", "prepared", "--key", "my.key", "--coins-from", "said.json")
    done = cli(*release, *root, "--out", "marked")
    assert done.status == 0, done.err
    audit = ("audit", "python:test_release_command:same", "--key", "my.key", "--marked", "marked")
    done = cli(*audit, *root, "--out", "audit", "--json")
    drawing = json.loads(done.out)["drawing"]
    assert drawing["stamped_at"] is not None and drawing["strength"] == "witness"
    assert cli("disclose", "marked", "audit", "--key", "my.key", "--out", "bundle").status == 0
    done = cli("verify", "bundle", *root)
    assert done.status == 0, done.err
    assert "committed by 20" in done.out and "opens" in done.out and "asked again" in done.out
    # Whoever does not believe the authority is told that its time is not shown.
    done = cli("verify", "bundle")
    assert done.status == 2 and "coins" in done.err


def test_what_cannot_be_released(cli: Any) -> None:
    assert cli(*MARK, "--coins", "witness", "--out", "prepared").status == 0
    release = ("release", "prepared", "--key", "my.key")
    for more, text in (
        (("--out", "marked"), "coins_from= for coins by witness"),
        (("--out", "prepared/marked"), "apart from the prepared folder"),
        (("--out", "marked", "--coins-from", "mails.csv"), "a witness's statement"),
        (("--out", "marked", "--coins-from", "none"), "a witness's statement"),
    ):
        done = cli(*release, *more)
        assert done.status == 2 and text.replace("coins_from=", "--coins-from") in done.err
        assert len(done.err.splitlines()) == 1 and not Path("marked").exists()
    done = cli("audit", "python:x:y", "--key", "my.key", "--marked", "prepared", "--out", "audit")
    assert done.status == 2 and "not released yet" in done.err


def test_too_few_coins_for_a_beacon(cli: Any) -> None:
    done = cli(*MARK[:-1], "0.3", "--coins", "beacon", "--out", "prepared")
    assert done.status == 2 and "at least 47 texts to mark" in done.err


def test_a_relay_is_asked_after_a_stamp_alone(cli: Any) -> None:
    """Without one no pulse is the first after it: refused before anything is asked."""
    mark = (*MARK[:-1], "0.9", "--coins", "beacon", "--out", "prepared")
    assert cli(*mark).status == 0
    release = ("release", "prepared", "--key", "my.key", "--out", "marked")
    done = cli(*release, "--coins-from", "http://127.0.0.1:9")
    assert done.status == 2 and "a time stamp of the commitment in prepared" in done.err
    assert not Path("prepared/pulse.json").exists() and not Path("marked").exists()
