"""What a release is not drawn by, from the command line: each in one line, and nothing is made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from test_mark_in_one_step import MARK, letters_here

from authorities import Authority
from beacon_world import CHAIN, signed
from radiotracer.provenance import drand
from stamping_world import Stamper, time_stamp_authority

NOW = CHAIN.first_after(datetime.now(UTC) - timedelta(seconds=5))
LATER = NOW + 3600


def changed(number: int) -> bytes:
    """The round before's signature: good, and of another message."""
    return json.dumps({**json.loads(signed(number - 1)), "round": number}).encode()


FILES: dict[str, tuple[bytes, str]] = {
    "older than the stamp": (signed(NOW - 3600), "a pulse after the time stamp"),
    "of another chain": (
        b'{"round": 657413, "signature": "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4'
        b'050e7be41076862b98fad56e91a6b85b89cd97b"}',
        "holds under none of their keys",
    ),
    "with another's signature": (changed(LATER), "holds under none of their keys"),
    "with another's randomness": (
        json.dumps({**json.loads(signed(LATER)), "randomness": "00" * 32}).encode(),
        "the SHA-256 of its signature as its randomness",
    ),
    "cut short": (signed(LATER)[:-20], "a pulse of drand or of the NIST beacon"),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what was prepared and stamped, the key, and the root of the authority."""
    import os

    from radiotracer.cli import run

    root, before = tmp_path_factory.mktemp("refused"), Path.cwd()
    os.chdir(root)
    try:
        letters_here()
        assert run([*MARK[:-1], "prepared", "--coins", "beacon"]) == 0
        stamper = Stamper(root / "tsa", Authority("A root"))
        with time_stamp_authority(stamper) as address:
            more = ["--rfc3161", address, "--tsa-certificate", "tsa/root.pem"]
            assert run(["stamp", "prepared", *more]) == 0
    finally:
        os.chdir(before)
    return root


@pytest.fixture
def release(cli: Any, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(drand, "CHAINS", (CHAIN,))
    shutil.copytree(prepared, ".", dirs_exist_ok=True)

    def call(content: bytes) -> Any:
        Path("pulse.json").write_bytes(content)
        files = ("--key", "my.key", "--coins-from", "pulse.json", "--out", "marked")
        return cli("release", "prepared", *files, "--tsa-certificate", "tsa/root.pem")

    return call


@pytest.mark.parametrize("name", FILES)
def test_a_pulse_that_cannot_draw(release: Callable[..., Any], name: str) -> None:
    content, text = FILES[name]
    done = release(content)
    assert done.status == 2 and text in done.err and len(done.err.splitlines()) == 1, done.err
    assert not Path("marked").exists()


def test_a_later_pulse_draws(release: Callable[..., Any]) -> None:
    done = release(signed(LATER))
    assert done.status == 0 and "time:" not in done.err, done.err


def test_a_stamp_of_another_digest_is_told(release: Callable[..., Any], cli: Any) -> None:
    """It shows no time: who draws by a pulse all the same is told what that is worth."""
    (stamp,) = Path("prepared").glob("commitment.*.tsr")
    assert cli(*MARK[:-1], "other", "--coins", "beacon", "--alpha", "0.02").status == 0
    shutil.copy(stamp, Path("other") / stamp.name)
    shutil.rmtree("prepared")
    Path("other").rename("prepared")
    done = release(signed(LATER))
    assert done.status == 0 and "time: RFC 3161 by 127.0.0.1" in done.err
    assert "expected a time stamp of" in done.err and len(done.err.splitlines()) == 1
