"""``radiotracer witness``, as somebody runs it who was sent a commitment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from radiotracer.provenance.commitment import Commitment, commit
from radiotracer.provenance.key import Key
from radiotracer.provenance.witness import WitnessStatement
from radiotracer.signing import SigningKey

COMMITMENT: Commitment = commit(Key(bytes(32)), {"design": "twins"}, "0" * 64, {})


@pytest.fixture
def sent(cli: Any) -> Path:
    """A commitment in a folder of its own, and keys here."""
    SigningKey(bytes(range(32))).write(Path("sign.key"))
    Path("sent").mkdir()
    file = Path("sent/commitment.json")
    file.write_text(COMMITMENT.model_dump_json())
    return file


def test_a_statement_is_made_once(cli: Any, sent: Path) -> None:
    done = cli("witness", sent, "--key", "sign.key")
    assert (done.status, done.err) == (0, "")
    made = WitnessStatement.read("sent/witness.json")
    assert made.verified(COMMITMENT.digest).value.hex() == made.value
    assert done.out.splitlines() == [
        f"statement 1 of this key, of commitment {COMMITMENT.digest[:12]}, in sent/witness.json",
        f"public key {made.public_key}",
        "send the statement back; hand the public key to those who will check",
    ]
    again = cli("witness", "sent", "--key", "sign.key", "--out", "again.json", "--json")
    assert json.loads(again.out)["value"] == made.value
    assert WitnessStatement.read("again.json") == made


def test_an_owner_is_no_witness(cli: Any, sent: Path) -> None:
    (sent.parent / "sealed").mkdir()
    done = cli("witness", sent, "--key", "sign.key")
    assert done.status == 2 and "the owner's own" in done.err
    (sent.parent / "sealed").rmdir()
    assert cli("sign", "sent", "--key", "sign.key").status == 0
    done = cli("witness", sent, "--key", "sign.key")
    assert done.status == 2 and "the owner's own" in done.err
    assert not Path("sent/witness.json").exists()
    SigningKey(bytes(range(32, 64))).write(Path("other.key"))
    assert cli("witness", sent, "--key", "other.key").status == 0


def test_what_is_no_commitment(cli: Any, sent: Path) -> None:
    held = json.loads(sent.read_text())
    sent.write_text(json.dumps(held | {"digest": "0" * 64}))
    done = cli("witness", sent, "--key", "sign.key")
    assert done.status == 2 and done.err.count("\n") == 1
    assert not Path("sent/witness.json").exists()
    assert cli("witness", "nowhere.json", "--key", "sign.key").status == 2
