"""`audit` of a real service, killed: the same command asks nothing twice and ends the same."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from stopped_audits import release_of, without_times
from suspect_service import Service, serving

from audit_world import KEY
from radiotracer.cli import run

HIDDEN = Path(".out.auditing")

KILLED = """
    import os, signal, sys
    from radiotracer.provenance.models.query_log import QueryLog
    from radiotracer.cli import run

    moment, left, *arguments = sys.argv[1:]
    inside, done = getattr(QueryLog, moment), []

    def counted(*given):
        inside(*given)
        done.append(None)
        if len(done) == int(left):
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(QueryLog, moment, counted)
    sys.exit(run(arguments))
"""


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
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), moment, "2", *asked, "--out", "out"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]
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
