"""Every runner does every unit, survives its workers, and says what went wrong."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import psutil
import pytest
import torch
from works import Adds, Squares

from radiotracer.errors import DataError, WorkerError
from radiotracer.scale import (
    FolderLedger,
    InProcess,
    Processes,
    Runner,
    finish,
    processes,
    result_of,
)

UNITS = [f"u{number}" for number in range(6)]
RUNNERS: dict[str, Runner] = {
    "here": InProcess(),
    "one thread": InProcess(threads=1),
    "two": Processes(2),
}
"""A new process takes seconds to import torch: "one" is asked what only it can get wrong."""
WITH_ONE: dict[str, Runner] = {**RUNNERS, "one": Processes(1)}


@pytest.mark.parametrize("kind", WITH_ONE)
def test_every_unit_is_done_once(kind: str, tmp_path: Path) -> None:
    ledger, told = FolderLedger(tmp_path / "units"), []
    threads = torch.get_num_threads()
    finish(Squares(tmp_path), [UNITS], ledger, WITH_ONE[kind], tell=told.append)
    assert sorted(told) == UNITS and torch.get_num_threads() == threads
    for number, unit in enumerate(UNITS):
        result = result_of(ledger, unit)
        assert result.arrays["square"].tolist() == [number**2]
        assert (result.facts["process"] == os.getpid()) == kind.startswith(("here", "one thread"))
        assert kind == "here" or result.facts["threads"] == 1
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("kind", RUNNERS)
def test_what_is_finished_is_not_done_again(kind: str, tmp_path: Path) -> None:
    ledger, noted, told, begun = FolderLedger(tmp_path / "units"), [], [], []
    finish(Squares(tmp_path), [UNITS[:4]], ledger, InProcess())
    (tmp_path / "units" / "u2.safetensors").write_bytes(b"damaged")
    before = {unit: ledger.read(unit) for unit in ("u0", "u1", "u3")}
    work = Squares(tmp_path, fails_at="u1")
    runner = RUNNERS[kind]
    finish(work, [UNITS], ledger, runner, begun=begun.extend, tell=told.append, note=noted.append)
    assert sorted(told) == begun[0] == ["u2", "u4", "u5"]
    assert noted == ["u2 was damaged since it was written: it is done again"]
    for unit, result in before.items():
        assert result is not None and result_of(ledger, unit).facts == result.facts
    assert result_of(ledger, "u2").arrays["square"].tolist() == [4]


@pytest.mark.parametrize("kind", RUNNERS)
def test_an_error_comes_back_as_it_was(kind: str, tmp_path: Path) -> None:
    ledger = FolderLedger(tmp_path / "units")
    with pytest.raises(DataError) as caught:
        finish(Squares(tmp_path, fails_at="u3"), [UNITS], ledger, RUNNERS[kind])
    assert str(caught.value) == r"expected a unit that\ncan be done; got u3; nothing"
    assert not multiprocessing.active_children()
    finish(Squares(tmp_path), [UNITS], ledger, InProcess())


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    ledger, noted = FolderLedger(tmp_path / "units"), []
    work = Squares(tmp_path, dies_at="u2")
    finish(work, [UNITS], ledger, Processes(2), note=noted.append)
    assert [result_of(ledger, unit).arrays["square"][0] for unit in UNITS] == [0, 1, 4, 9, 16, 25]
    assert (tmp_path / "death-0").exists() and len(noted) == 1
    assert noted[0].startswith("a worker died: others go on with the ")


@pytest.mark.parametrize("kind", RUNNERS)
def test_a_stage_waits_for_the_one_before_it(kind: str, tmp_path: Path) -> None:
    """And the workers last: each opens what it needs once."""
    ledger, told = FolderLedger(tmp_path / "units"), []
    stages = [UNITS[4:], [], UNITS[1:4], UNITS[:1]]
    finish(Adds(stages), stages, ledger, RUNNERS[kind], tell=told.append)
    assert [sorted(told[a:b]) for a, b in ((0, 2), (2, 5), (5, 6))] == [*filter(None, stages)]
    assert result_of(ledger, "u0").arrays["sum"][0] == 3 * 2
    begun = {unit: result_of(ledger, unit).facts["begun"] for unit in UNITS}
    assert len(set(begun.values())) <= 2 and begun["u0"] in begun.values()


def test_workers_that_always_die_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "DEATHS", 2)
    ledger = FolderLedger(tmp_path / "units")
    work = Squares(tmp_path, dies_at="u0", deaths=100)
    with pytest.raises(WorkerError, match=r"expected a worker that finishes u0.*; got 2 times"):
        finish(work, [UNITS[:1]], ledger, Processes(1))


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    """Killed without a chance to say so, the parent leaves nobody behind."""
    parent = multiprocessing.get_context("spawn").Process(target=_waits_forever, args=(tmp_path,))
    parent.start()
    while (
        not (children := psutil.Process(parent.pid).children(recursive=True))
        or not (tmp_path / "begun").exists()
    ):
        time.sleep(0.05)
    parent.kill()
    parent.join()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive


class _Sleeps:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, ledger: object) -> object:
        def do(unit: str) -> None:
            (self.folder / "begun").touch()
            time.sleep(600)

        return do


def _waits_forever(folder: Path) -> None:
    Processes(1).run(_Sleeps(folder), [["u"]], FolderLedger(folder / "units"), print, print)  # type: ignore[arg-type]
