"""`train`, `scan` and `mark`, killed at any moments: the same command ends with the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from bench.killing import OUT, Command, Start, Tally, kill_again_and_again
from radiotracer.cli import run
from radiotracer.provenance import Key
from radiotracer.provenance.designs.twins import TwinConfig, Twins
from tiny_world import World

SMALL = ("--architecture", "small-cnn", "--width", "2", "--batch-size", "16", "--epochs", "6")
KILLS = 4
MANY = 12


class Few(TwinConfig):
    """Batches of a few images, so that there are some to be killed between."""

    batch_size: int = 4
    steps: int = 5


class Forked:
    """The command in a child of this process, which has imported torch already."""

    def __init__(self, arguments: list[str], home: Path) -> None:
        self.status: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.chdir(home)
                sys.argv = ["radiotracer", *arguments]
                sys.stdout = sys.stderr = Path("said.txt").open("a")  # noqa: SIM115
                status = run(arguments)
            except BaseException:
                traceback.print_exc()
                os._exit(99)
            os._exit(status)

    def poll(self) -> int | None:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None
        return self.status

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status


def real(arguments: list[str], home: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "radiotracer", *arguments],
        cwd=home,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def command(tiny: World, name: str, folder: Path) -> Command:
    if name == "train":
        arguments = ("train", str(tiny.data), *SMALL, "--augment", "crops")
        return Command(name, arguments, "training", "run.json")
    if name == "scan":
        arguments = ("scan", str(tiny.folder), "--batch-size", "8", "--detector", "loss")
        return Command(name, arguments, "units", "summary.json")
    key = folder / "my.key"
    Key(bytes(range(32))).write(key)
    arguments = ("mark", str(tiny.data), "--key", str(key), "--extractor", str(tiny.folder))
    return Command(name, (*arguments, "--share", "0.5"), "marking", "commitment.json")


@pytest.mark.parametrize(
    ("name", "start", "kills"),
    [
        ("train", Forked, KILLS),
        ("scan", Forked, KILLS),
        ("mark", Forked, KILLS),
        *(
            pytest.param(*given, marks=pytest.mark.nightly)
            for given in (
                ("train", real, 2),
                ("train", Forked, MANY),
                ("scan", Forked, MANY),
                ("mark", Forked, MANY),
            )
        ),
    ],
)
def test_killed_at_any_moments(
    tiny: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    start: Start,
    kills: int,
) -> None:
    monkeypatch.setattr(Twins, "settings", Few)
    asked = command(tiny, name, tmp_path)
    tally = kill_again_and_again(asked, start, tmp_path, kills=kills, seed=kills)
    assert tally == Tally(name, tally.kills, tally.rounds, corrupt=0, lost=0, different=0)
    assert tally.kills >= kills
    # What is left at the end is OUT, and what the command said.
    for home in tmp_path.glob("round-*"):
        assert {path.name for path in home.iterdir()} <= {OUT, "said.txt", f".{OUT}.{asked.kept}"}
