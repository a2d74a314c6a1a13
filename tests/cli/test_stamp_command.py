"""``radiotracer stamp`` against authorities and calendars on this machine, and what follows."""

from __future__ import annotations

import hashlib
import http.server
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpPrepend, OpSHA256
from opentimestamps.core.serialize import BytesSerializationContext
from opentimestamps.core.timestamp import Timestamp

from authorities import Authority
from radiotracer.provenance import ots
from radiotracer.provenance.commitment import commit
from radiotracer.provenance.drawn import Drawn
from radiotracer.provenance.key import Key
from radiotracer.provenance.rfc3161 import request
from radiotracer.provenance.stamps import time_line
from stamping_world import Stamper, serving, time_stamp_authority

HEIGHT, EASY = 800_000, bytes.fromhex("ffff001f")
"""A block's height, and a target that some tens of thousands of hashes meet."""


COMMITMENT = commit(Key(bytes(32)), {"design": "twins"}, "0" * 64, {})
DIGEST = COMMITMENT.digest


@pytest.fixture
def marked(cli: Any) -> Path:
    """What of a release is stamped, here."""
    for folder in (Path("marked"), Path("marked/release")):
        folder.mkdir()
        (folder / "commitment.json").write_text(COMMITMENT.model_dump_json())
    return Path("marked")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Stamper]]:
    stamper = Stamper(tmp_path_factory.mktemp("authority") / "tsa", Authority("A root"))
    with time_stamp_authority(stamper) as address:
        yield address, stamper


class Calendar:
    """A calendar whose block is made when it is asked: a tree of one digest, mined here."""

    def __init__(self) -> None:
        self.address, self.mined, self.header = "", False, b""

    def answer(self, message: bytes, *, submitted: bool) -> bytes:
        timestamp = Timestamp(message)
        if submitted:
            timestamp.attestations.add(PendingAttestation(self.address.rstrip("/")))
        elif self.mined:
            root = timestamp.ops.add(OpPrepend(b"tree")).ops.add(OpSHA256())
            root.attestations.add(BitcoinBlockHeaderAttestation(HEIGHT))
            self.header = header_of(root.msg)
        context = BytesSerializationContext()
        timestamp.serialize(context)
        return bytes(context.getbytes())


def header_of(root: bytes) -> bytes:
    """A header with this Merkle root that meets the easy target."""
    time = int(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp())
    start = bytes(36) + root + time.to_bytes(4, "little") + EASY
    for nonce in range(2**32):
        header = start + nonce.to_bytes(4, "little")
        if hashlib.sha256(hashlib.sha256(header).digest()).digest().endswith(bytes(2)):
            return header
    raise AssertionError


@pytest.fixture
def calendar() -> Iterator[Calendar]:
    held = Calendar()

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.tell(self.rfile.read(int(self.headers["Content-Length"])), submitted=True)

        def do_GET(self) -> None:
            self.tell(bytes.fromhex(self.path.rpartition("/")[2]), submitted=False)

        def tell(self, message: bytes, *, submitted: bool) -> None:
            if not submitted and not held.mined:
                self.send_error(404)
                return
            content = held.answer(message, submitted=submitted)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving(Answer) as address:
        held.address = address
        yield held


def test_a_stamp_by_an_authority(cli: Any, marked: Path, authority: tuple[str, Stamper]) -> None:
    address, stamper = authority
    root = stamper.folder / "root.pem"
    refused = cli("stamp", "marked", "--rfc3161", address)
    assert refused.status == 2 and "--tsa-certificate FILE" in refused.err
    assert not list(marked.glob("*.tsr"))
    done = cli("stamp", "marked", "--rfc3161", address, "--tsa-certificate", root)
    assert (done.status, done.err) == (0, "")
    (token,) = marked.glob("commitment.127.0.0.1_*.tsr")
    assert done.out.splitlines()[1].startswith("time: committed by 20")
    line = time_line(marked, DIGEST, roots=[stamper.authority.root])
    assert line.holds and line.came.startswith(f"committed by {datetime.now(UTC):%Y-%m-%d}")
    assert time_line(marked, DIGEST).holds is False  # nobody here believes that root
    again = cli("stamp", "marked", "--rfc3161", address, "--tsa-certificate", root)
    assert again.status == 2 and "an older stamp says more" in again.err
    token.write_bytes(token.read_bytes()[:-50])
    line = time_line(marked, DIGEST, roots=[stamper.authority.root])
    assert line.holds is False and line.came.startswith("RFC 3161 by 127.0.0.1_")


def test_a_stamp_of_another_commitment(marked: Path, authority: tuple[str, Stamper]) -> None:
    _, stamper = authority
    (marked / "commitment.elsewhere.tsr").write_bytes(stamper.answer(request("00" * 32)))
    line = time_line(marked, DIGEST, roots=[stamper.authority.root])
    assert line.holds is False and "got one of 000000000000" in line.came


def test_randomness_that_is_older_than_the_stamp(
    marked: Path, authority: tuple[str, Stamper]
) -> None:
    _, stamper = authority
    (marked / "commitment.one.tsr").write_bytes(stamper.answer(request(DIGEST)))
    now, roots = datetime.now(UTC), [stamper.authority.root]
    for minutes, holds in ((1, True), (-1, False)):
        drawn = Drawn(bytes(32), now + timedelta(minutes=minutes), "drand quicknet")
        line = time_line(marked, DIGEST, roots=roots, drawn=drawn)
        assert line.holds is holds
        assert ("could be known before the commitment" in line.came) is not holds


def test_a_calendar_and_its_block(
    cli: Any,
    marked: Path,
    calendar: Calendar,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = cli("stamp", "marked", "--ots", calendar.address)
    assert (done.status, done.err) == (0, "")
    line = time_line(marked, DIGEST)
    assert line.holds is None and line.came.startswith("none yet: OpenTimestamps by 127.0.0.1_")
    waits = cli("stamp", "marked", "--upgrade")
    assert waits.status == 2 and "404" in waits.err and waits.err.count("\n") == 1
    calendar.mined = True
    done = cli("stamp", "marked", "--upgrade")
    assert done.status == 0 and f"one of block {HEIGHT:,}, without it" in done.out
    refused = cli("stamp", "marked", "--upgrade", "--bitcoin-header", calendar.header.hex())
    assert refused.status == 2 and "that anybody could have made" in refused.err
    assert not list(marked.glob("*.header"))
    monkeypatch.setattr(ots, "LEAST_DIFFICULTY", 1e-9)
    done = cli("stamp", "marked", "--upgrade", "--bitcoin-header", calendar.header.hex())
    assert (done.status, done.err) == (0, "")
    came = "committed by 2026-01-02 03:04:05 UTC: OpenTimestamps by"
    assert came in done.out
    line = time_line(marked, DIGEST)
    assert line.holds and line.came.startswith(came)
    (header,) = marked.glob("commitment.*.ots.header")
    header.write_text("nonsense")
    line = time_line(marked, DIGEST)
    assert line.holds is False and "0 bytes, not 80" in line.came


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["--bitcoin-header", "00"],
        ["--rfc3161", "nowhere"],
        ["--ots", "http://127.0.0.1:1/"],
        ["--upgrade"],
        ["--upgrade", "--bitcoin-header", "xyz"],
        ["--rfc3161", "http://127.0.0.1:1/", "--tsa-certificate", "none.pem"],
    ],
)
def test_what_cannot_be_stamped(cli: Any, marked: Path, wrong: list[str]) -> None:
    before = sorted(marked.iterdir())
    done = cli("stamp", "marked", *wrong)
    assert done.status == 2 and done.err.count("\n") == 1, done
    assert sorted(marked.iterdir()) == before


def test_the_earliest_stamp_counts_and_json(
    cli: Any, marked: Path, authority: tuple[str, Stamper]
) -> None:
    address, stamper = authority
    root = stamper.folder / "root.pem"
    (marked / "commitment.0-before.tsr").write_bytes(stamper.answer(request(DIGEST)))
    done = cli("stamp", "marked", "--rfc3161", address, "--tsa-certificate", root, "--json")
    said = json.loads(done.out)
    assert said["digest"] == DIGEST and "by 0-before" in said["time"]
    assert abs(datetime.fromisoformat(said["earliest"]) - datetime.now(UTC)) < timedelta(minutes=1)
