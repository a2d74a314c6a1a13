"""Scans, formulas and explanations where the network is; what comes of them is on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from elsewhere import THERE, Elsewhere, moved
from radiotracer import Tracer
from radiotracer.detectors import DETECTORS, KNOWN_TARGET
from radiotracer.errors import InputError
from radiotracer.explaining import explain
from radiotracer.influence import Tracing, representer_values
from radiotracer.runs import Run
from radiotracer.scale import FolderLedger
from radiotracer.scanning import scan
from radiotracer.scanning.execution import Execution, begin
from radiotracer.scanning.inputs import ScanInputs
from tiny_world import World

# torch takes THERE for a device without data, into which nothing can be copied; it can.
pytestmark = pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter:UserWarning")

BATCH = 16


def formulas(model: nn.Module, tiny: World, folder: Path) -> dict[str, Tensor]:
    train, queries = tiny.tampered.take(range(24)), tiny.queries.take(range(2))
    tracer = Tracer(model, tiny.run, batch_size=BATCH)
    last = Tracer(model, tiny.run, last_layer_only=True, batch_size=BATCH)
    return {
        "tracin-cp": tracer.influence(train, queries),
        "tracin-cp sum": tracer.influence(train, queries, "sum"),
        "gas": tracer.influence(train, queries, method="gas"),
        "gas sum": tracer.influence(train, queries, "sum", method="gas"),
        "top": tracer.top(train, queries, 3).proponents_scores,
        "self": tracer.self_influence(train),
        "last": last.influence(train, queries),
        "last sum": last.influence(train, queries, "sum"),
        "last self": last.self_influence(train),
        "replay sum": tracer.replay(tiny.tampered, queries, "sum").scores,
        "store": tracer.write_store(train, folder).scores(queries),
        "representer": representer_values(
            Tracing.of(model, tiny.run, train, batch_size=BATCH), train, queries
        ),
    }


def test_every_formula_works_where_the_network_is(tiny: World, tmp_path: Path) -> None:
    expected = formulas(tiny.model, tiny, tmp_path / "here")
    with Elsewhere():
        model = moved(tiny.model)
        found = formulas(model, tiny, tmp_path / "there")
    assert {each.device for each in model.parameters()} == {THERE}
    for name, scores in expected.items():
        assert found[name].device.type == "cpu" and found[name].dtype == torch.float64
        assert torch.equal(found[name], scores), name


def test_every_detector_works_where_the_network_is(tiny: World) -> None:
    def scanned(model: nn.Module) -> dict[str, np.ndarray]:
        names = tuple(name for name in DETECTORS if name != KNOWN_TARGET)
        found = scan(
            model, tiny.run, tiny.tampered, tiny.queries, detectors=names, batch_size=BATCH
        )
        return {name: ranking.scores for name, ranking in found.rankings.items()}

    expected = scanned(tiny.model)
    assert {"tracin-cp", "gas", "self-influence", "contrast"} <= expected.keys()
    with Elsewhere():
        found = scanned(moved(tiny.model))
    assert found.keys() == expected.keys()
    for name, scores in expected.items():
        np.testing.assert_array_equal(found[name], scores, err_msg=name)


@pytest.mark.parametrize("layers", [None, ["*"]])
def test_an_explanation_works_where_the_network_is(tiny: World, layers: list[str] | None) -> None:
    def explained(model: nn.Module) -> np.ndarray:
        rows = [1, 4]
        found = explain(model, tiny.run, tiny.tampered, tiny.queries, rows=rows, layers=layers)
        return found.influence

    expected = explained(tiny.model)
    with Elsewhere():
        found = explained(moved(tiny.model))
    np.testing.assert_array_equal(found, expected)


def test_units_of_another_device_are_refused(tiny: World, tmp_path: Path) -> None:
    ledger = FolderLedger(tmp_path / "units")

    def begun(model: nn.Module) -> None:
        inputs = ScanInputs(model, Run.open(tiny.folder), tiny.tampered, batch_size=BATCH)
        begin(Execution(ledger=ledger), inputs, [DETECTORS["loss"]])

    begun(tiny.model)
    with Elsewhere(), pytest.raises(InputError, match="device: meta, begun with cpu"):
        begun(moved(tiny.model))
