"""Detectors of the caller's own, beside built-in ones: in a scan, its files, units and workers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor

from radiotracer.detectors import DETECTORS, Need, Observation, Ranking, Summed, Trace
from radiotracer.errors import InputError
from radiotracer.scale import FolderLedger, InProcess, Processes
from radiotracer.scanning import Scan, scan, write_scan
from radiotracer.scanning.execution import HERE, Execution
from tiny_world import World


@dataclasses.dataclass(frozen=True)
class Entropy:
    """The entropy of the prediction, with a scale of its own."""

    name: str = "entropy"
    summary: str = "entropy of the prediction, in nats"
    needs: frozenset[Need] = frozenset()
    baseline: bool = False
    limit: float = 0.5

    def observe(self, seen: Observation) -> Tensor:
        prediction = seen.outputs.double().softmax(dim=1)
        return -(prediction * prediction.log()).sum(dim=1, keepdim=True)

    def rank(self, trace: Trace) -> Ranking:
        scores = trace.train[:, 0] / trace.checkpoints
        return Ranking(scores, threshold=self.limit, because="entropy is high")


def loss_again(seen: Observation) -> Tensor:
    return seen.losses


MINE = Summed(name="my-loss", summary="the loss, once more", suspicion=loss_again, average=True)


def scanned(tiny: World, *detectors: Any, execution: Execution = HERE, **settings: Any) -> Scan:
    settings = {"batch_size": 8, **settings}
    return scan(
        tiny.model,
        tiny.run,
        tiny.tampered,
        tiny.queries,
        detectors=detectors,
        execution=execution,
        **settings,
    )


def test_an_own_detector_beside_a_built_in_one(tiny: World, tmp_path: Path) -> None:
    found = scanned(tiny, "loss", MINE)
    assert found.detector == "loss" and found.detectors["my-loss"] is MINE
    np.testing.assert_array_equal(found.rankings["my-loss"].scores, found.scores)
    summary = write_scan(found, tmp_path / "scan", command="test")
    assert "my-loss" in summary["detectors"]
    assert "my-loss" in pq.read_table(tmp_path / "scan" / "scores.parquet").column_names
    assert "the loss, once more" in (tmp_path / "scan" / "report.html").read_text()


def test_an_own_detector_decides_by_its_own_scale(tiny: World, tmp_path: Path) -> None:
    found = scanned(tiny, Entropy(limit=0.96))
    assert found.detector == "entropy"
    np.testing.assert_array_equal(found.decision.is_flagged, found.scores >= 0.96)
    assert 0 < found.decision.is_flagged.sum() < len(found.scores)
    assert found.decision.words == "score >= 0.96 (entropy is high)"
    write_scan(found, tmp_path / "scan", command="test")
    assert json.loads((tmp_path / "scan" / "summary.json").read_text())["detector"] == "entropy"


def test_workers_are_given_it(tiny: World, tmp_path: Path) -> None:
    here = scanned(tiny, Entropy(), MINE)
    there = scanned(
        tiny,
        Entropy(),
        MINE,
        execution=Execution(Processes(1), FolderLedger(tmp_path / "units")),
    )
    for name in ("entropy", "my-loss"):
        np.testing.assert_array_equal(there.rankings[name].scores, here.rankings[name].scores)


def test_what_cannot_be_sent_to_workers_is_refused_in_one_line(tiny: World, tmp_path: Path) -> None:
    ledger = FolderLedger(tmp_path / "units")
    own = dataclasses.replace(MINE, suspicion=lambda seen: seen.losses)
    with pytest.raises(InputError, match=r"my-loss as something that can be sent to worker"):
        scanned(tiny, own, execution=Execution(Processes(1), ledger))
    assert not ledger.has_work()
    scanned(tiny, own, execution=Execution(InProcess(), ledger))


def test_units_belong_to_what_a_detector_computes(tiny: World, tmp_path: Path) -> None:
    execution = Execution(ledger=FolderLedger(tmp_path / "units"))
    scanned(tiny, Entropy(), execution=execution)
    scanned(tiny, Entropy(), execution=execution)
    with pytest.raises(InputError, match=r"detectors: entropy [0-9a-f]{16}.*begun with entropy"):
        scanned(tiny, Entropy(limit=0.1), execution=execution)


def test_two_of_one_name(tiny: World) -> None:
    for detectors in (
        [MINE, dataclasses.replace(MINE, average=False)],
        [dataclasses.replace(MINE, name="loss")],
        [dataclasses.replace(MINE, name="contrast"), "loss"],
    ):
        with pytest.raises(InputError, match="expected one detector called"):
            scanned(tiny, *detectors)
    assert scanned(tiny, MINE, MINE, DETECTORS["loss"]).detector == "my-loss"


def flat(seen: Observation) -> Tensor:
    return torch.zeros(3)


@dataclasses.dataclass(frozen=True)
class Short(Entropy):
    def rank(self, trace: Trace) -> Ranking:
        return Ranking(trace.train[:-1, 0])


def test_one_that_does_not_give_what_it_promises(tiny: World) -> None:
    with pytest.raises(InputError, match=r"tensor of shape \(8, k\) from observe of my-loss"):
        scanned(tiny, dataclasses.replace(MINE, suspicion=flat))
    with pytest.raises(InputError, match=r"96 scores from rank of entropy; got shape \(95,\)"):
        scanned(tiny, Short())
