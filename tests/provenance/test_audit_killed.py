"""`audit` of a real service, killed: the same command asks nothing twice and ends the same."""

from __future__ import annotations

import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stopped_audits import release_of, without_times
from suspect_service import Service, serving

from audit_world import KEY
from in_a_child import Ended, in_a_child, kill_me
from radiotracer.cli import run
from radiotracer.provenance.models.query_log import QueryLog

HIDDEN = Path(".out.auditing")


def killed_at_the_second(moment: str, arguments: list[str]) -> Ended:
    """A command that dies when it has called this method of its log of queries twice."""
    inside, done = getattr(QueryLog, moment), list[None]()

    def counted(*given: Any) -> None:
        inside(*given)
        done.append(None)
        if len(done) == 2:
            kill_me()

    def do() -> int:
        setattr(QueryLog, moment, counted)
        return run(arguments)

    return in_a_child(do)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving() as found:
        yield found


@pytest.mark.parametrize(
    ("moment", "came", "counted"),
    [("answer", 64, 160), ("ask", 32, 192)],
    ids=["between two requests", "before a request that counts as sent"],
)
def test_a_killed_audit_of_a_service(
    service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    came: int,
    counted: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    release_of(tmp_path / "marked")
    KEY.write(Path("my.key"))
    files = ["--key", "my.key", "--marked", "marked", "--max-queries", "192"]
    asked = ["audit", f"{service.url}/probabilities", *files]
    service.images.clear()
    assert run([*asked, "--out", "whole"]) in (0, 1)
    assert len(service.images) == 160
    service.images.clear()
    killed = killed_at_the_second(moment, [*asked, "--out", "out"])
    assert killed.status == -signal.SIGKILL, killed.err
    assert len(service.images) == came and not Path("out").exists()
    assert stat.S_IMODE(HIDDEN.stat().st_mode) == 0o700
    assert run([*asked, "--out", "out"]) in (0, 1)
    assert len(service.images) == 160, "as many as without the kill"
    told, expected = without_times("out"), without_times("whole")
    assert told[0]["suspect"].pop("queries") == counted
    assert expected[0]["suspect"].pop("queries") == 160
    assert told[0] == expected[0]
    assert (told == expected) == (moment == "answer")
    assert not HIDDEN.exists()
    assert run(["verify", "out", *files[:4]]) == 0
