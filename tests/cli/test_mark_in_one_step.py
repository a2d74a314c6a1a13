"""Prepared, stamped, drawn by the next pulse and released by one command, and gone on with."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit_world import KEY
from authorities import Authority
from beacon_world import CHAIN, beacon
from radiotracer.cli import run
from radiotracer.provenance import drand, relay
from radiotracer.provenance.drawing import drawing_of
from radiotracer.provenance.prepared import Prepared
from radiotracer.provenance.release import Release
from radiotracer.provenance.times import stamped_at
from stamping_world import Stamper, time_stamp_authority
from text_world import letters

MARK = ["mark", "mails.csv", "--key", "my.key", "--share", "0.9", "--out", "marked"]
NOWHERE = "http://127.0.0.1:9"


class Counted(Stamper):
    """A time-stamp authority that says how often it was asked."""

    asked = 0

    def answer(self, request: bytes) -> bytes:
        self.asked += 1
        return super().answer(request)


@pytest.fixture(scope="module")
def stamper(tmp_path_factory: pytest.TempPathFactory) -> Counted:
    return Counted(tmp_path_factory.mktemp("tsa") / "tsa", Authority("A root"))


@pytest.fixture
def tsa(stamper: Counted) -> Iterator[str]:
    stamper.asked = 0
    with time_stamp_authority(stamper) as address:
        yield address


@pytest.fixture(autouse=True)
def here(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder that `cli` works in, where the chain of tests is the known one."""
    data = letters(120)
    rows = zip(data.content, data.labels.tolist(), strict=True)
    Path("mails.csv").write_text("text,label\n" + "".join(f'"{t}",{n}\n' for t, n in rows))
    KEY.write("my.key")
    monkeypatch.setattr(relay, "QUICKNET", CHAIN)
    monkeypatch.setattr(drand, "CHAINS", (CHAIN,))


def with_root(stamper: Counted) -> list[str]:
    return ["--tsa-certificate", str(stamper.folder / "root.pem")]


def test_one_command(cli: Any, stamper: Counted, tsa: str) -> None:
    asked = list[int]()
    with beacon(asked) as address:
        done = cli(*MARK, "--stamp", tsa, "--coins-from", address, *with_root(stamper))
    assert done.status == 0, done.err
    assert "stamped: RFC 3161 by 127.0.0.1" in done.err and "drawn by beacon" in done.out
    assert not Path("marked.prepared").exists() and stamper.asked == 1 and len(asked) == 1
    made = Release.read("marked")
    made.opened(KEY)
    digest = made.commitment.digest
    stamped = stamped_at(Path("marked"), digest, [stamper.authority.root])
    drawing = drawing_of(made.record.randomness, digest, stamped)
    assert drawing.strength == "beacon" and stamped is not None
    # The first round after the stamp, and no other.
    assert asked == [CHAIN.first_after(stamped)]
    again = cli(*MARK, "--stamp", tsa, "--coins-from", address, *with_root(stamper))
    assert again.status == 2 and "already holds commitment.json" in again.err


def test_what_is_done_is_not_done_again(cli: Any, stamper: Counted, tsa: str) -> None:
    """A relay that is away, then other options, then the same command, then the second step."""
    root = with_root(stamper)
    done = cli(*MARK, "--stamp", tsa, "--coins-from", NOWHERE, *root)
    assert done.status == 2 and not Path("marked").exists()
    assert "the same command goes on there, and so does `radiotracer release" in done.err
    held = Prepared.read("marked.prepared")
    files = {path: path.stat().st_mtime_ns for path in Path("marked.prepared").rglob("*")}
    with beacon([]) as address:
        for other, name in ((("--alpha", "0.05"), "alpha"), (("--words", "9"), "settings")):
            done = cli(*MARK, *other, "--stamp", tsa, "--coins-from", address, *root)
            assert done.status == 2 and f"some of other {name}" in done.err
            assert "--overwrite" in done.err
        assert {path: path.stat().st_mtime_ns for path in files} == files
        done = cli(*MARK, "--stamp", tsa, "--coins-from", address, *root)
    assert done.status == 0, done.err
    assert "it is prepared in marked.prepared, and goes on there" in done.err
    assert Release.read("marked").commitment == held.commitment and stamper.asked == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_interrupted_while_it_waits(cli: Any, stamper: Counted, tsa: str, tmp_path: Path) -> None:
    """Ctrl-C before the pulse: `release` draws by what comes later."""
    root = with_root(stamper)
    late = relay.LONGEST / 2
    pid = os.fork()
    if pid == 0:
        relay._SPREAD = late
        sys.stdout = sys.stderr = Path("said.txt").open("w")  # noqa: SIM115
        status = run([*MARK, "--stamp", tsa, "--coins-from", NOWHERE, *root])
        sys.stderr.flush()
        os._exit(status)
    stamp = Path("marked.prepared")
    until = time.monotonic() + 60
    while not list(stamp.glob("commitment.*.tsr")) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.5)
    os.kill(pid, signal.SIGINT)
    begun = time.monotonic()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    assert time.monotonic() - begun < late / 2
    said = Path("said.txt").read_text()
    assert "so does `radiotracer release marked.prepared`" in said and not Path("marked").exists()
    release = ("release", "marked.prepared", "--key", "my.key", "--out", "marked")
    with beacon([]) as address:
        done = cli(*release, "--coins-from", address, *root)
    assert done.status == 0, done.err
    Release.read("marked").opened(KEY)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--coins-from", NOWHERE], "--stamp beside --coins-from"),
        (["--stamp", NOWHERE], "--stamp with --coins-from alone"),
        (["--stamp", NOWHERE, "--coins-from", "pulse.json"], "the address of a relay"),
        (["--stamp", "x", "--coins-from", NOWHERE], "an address such as"),
        (["--coins", "witness", "--stamp", NOWHERE, "--coins-from", NOWHERE], "by the beacon"),
    ],
)
def test_what_is_missing_is_said_before_any_work(cli: Any, more: list[str], text: str) -> None:
    before = set(Path().iterdir())
    done = cli(*MARK, *more)
    assert done.status == 2 and text in done.err and len(done.err.splitlines()) == 1
    assert set(Path().iterdir()) == before
