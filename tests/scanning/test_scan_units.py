"""The same bits however a scan is split, stopped and resumed."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiotracer.data import open_data
from radiotracer.detectors import DETECTORS
from radiotracer.errors import DataError, InputError
from radiotracer.runs import Run
from radiotracer.scale import (
    FolderLedger,
    InProcess,
    Ledger,
    Note,
    Processes,
    Result,
    Runner,
    Stages,
    Tell,
    Work,
)
from radiotracer.scanning import Scan, scan
from radiotracer.scanning.execution import HERE, Execution
from radiotracer.scanning.inputs import ScanInputs
from radiotracer.training.networks import build_model
from tiny_world import World

BATCH = 8
"""Three units of 32 examples at each of two checkpoints."""


def opened(folder: Path, data: Path, queries: str) -> ScanInputs:
    run = Run.open(folder)
    return ScanInputs(build_model(run.info.model), run, open_data(str(data)), open_data(queries))


def scanned(tiny: World, execution: Execution = HERE, **settings: Any) -> Scan:
    settings = {"detectors": tuple(DETECTORS), "batch_size": BATCH, **settings}
    return scan(tiny.model, tiny.run, tiny.tampered, tiny.queries, execution=execution, **settings)


@pytest.fixture(scope="module")
def whole(tiny: World) -> Scan:
    """What every other way to the same scan has to find."""
    return scanned(tiny)


def same(one: Scan, other: Scan) -> None:
    assert one.rankings.keys() == other.rankings.keys() and len(one.rankings) > 10
    for name, ranking in one.rankings.items():
        for field in ("scores", "p_values", "posteriors", "suggested"):
            expected, came = getattr(ranking, field), getattr(other.rankings[name], field)
            np.testing.assert_array_equal(came, expected, err_msg=f"{name} {field}")
    np.testing.assert_array_equal(one.decision.is_flagged, other.decision.is_flagged)


class Backwards:
    """The units in another order."""

    def run(self, work: Work, stages: Stages, ledger: Ledger, tell: Tell, note: Note) -> None:
        InProcess(threads=1).run(work, [stage[::-1] for stage in stages], ledger, tell, note)


class Stopped(Exception):
    pass


class StopsAfter:
    """Stopped in the middle of every kind of unit, again and again."""

    def __init__(self, units: int) -> None:
        self.units = units

    def run(self, work: Work, stages: Stages, ledger: Ledger, tell: Tell, note: Note) -> None:
        for stage in stages:
            InProcess(threads=1).run(work, [stage[: self.units]], ledger, tell, note)
            if stage[self.units :]:
                raise Stopped


@pytest.mark.parametrize("runner", [Processes(2), Backwards()], ids=["two", "backwards"])
def test_any_runner(whole: Scan, tiny: World, runner: Runner, tmp_path: Path) -> None:
    same(whole, scanned(tiny, Execution(runner, FolderLedger(tmp_path / "units"))))


def test_a_worker_opens_what_it_needs(whole: Scan, tiny: World, tmp_path: Path) -> None:
    find = functools.partial(opened, tiny.folder, tiny.data, str(tiny.clean.validation))
    execution = Execution(Processes(2), FolderLedger(tmp_path / "units"), find)
    same(whole, scanned(tiny, execution))


def test_a_worker_with_other_data(tiny: World, tmp_path: Path) -> None:
    find = functools.partial(opened, tiny.folder, tiny.archive, str(tiny.clean.validation))
    execution = Execution(Processes(1), FolderLedger(tmp_path / "units"), find)
    with pytest.raises(DataError, match="expected the training data of the scan in every worker"):
        scanned(tiny, execution)


def test_resumed_again_and_again(whole: Scan, tiny: World, tmp_path: Path) -> None:
    ledger, stops = FolderLedger(tmp_path / "units"), 0
    while True:
        try:
            found = scanned(tiny, Execution(StopsAfter(2), ledger))
            break
        except Stopped:
            stops += 1
    assert stops == 0 + 2 + 2  # of 2, 6 and 5 units, two at a time; the last ones end a kind
    same(whole, found)


def test_a_damaged_unit_is_done_again_and_told(whole: Scan, tiny: World, tmp_path: Path) -> None:
    noted: list[str] = []
    ledger = FolderLedger(tmp_path / "units")
    scanned(tiny, Execution(InProcess(threads=1), ledger))
    damaged = "examples-train-c0001-r000000032"
    (tmp_path / "units" / f"{damaged}.safetensors").write_bytes(b"")
    same(whole, scanned(tiny, Execution(InProcess(threads=1), ledger, note=noted.append)))
    assert noted == [f"{damaged} was damaged since it was written: it is done again"]


def test_units_of_another_scan(tiny: World, tmp_path: Path) -> None:
    ledger = FolderLedger(tmp_path / "units")
    scanned(tiny, Execution(ledger=ledger))
    for differs, settings in (
        ("batch size: 16, begun with 8", {"batch_size": 16}),
        ("detectors: loss", {"detectors": ("loss",)}),
        ("layers: head", {"layers": ("head*",)}),
    ):
        with pytest.raises(InputError, match=differs):
            scanned(tiny, Execution(ledger=ledger), **settings)
    replaced = FolderLedger(tmp_path / "units", replace=True)
    same(scanned(tiny, batch_size=16), scanned(tiny, Execution(ledger=replaced), batch_size=16))


def test_units_do_not_depend_on_each_other(tiny: World, tmp_path: Path) -> None:
    """A unit alone in a new ledger, after the queries, finds what it found among the others."""
    ledger = FolderLedger(tmp_path / "units")
    scanned(tiny, Execution(InProcess(threads=1), ledger))
    files = sorted((tmp_path / "units").glob("examples-*.safetensors"))
    assert len(files) == 6
    before = {file.name: file.read_bytes() for file in files}
    for file in files[::2]:
        file.unlink()
    scanned(tiny, Execution(Backwards(), ledger))
    assert {file.name: file.read_bytes() for file in files} == before
    assert isinstance(ledger.read(files[0].stem), Result)
