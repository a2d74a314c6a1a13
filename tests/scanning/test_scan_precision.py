"""Mixed precision in a scan: off by default, measured where it is on, refused where it fails."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from radiotracer.errors import InputError
from radiotracer.scale import FolderLedger, Processes
from radiotracer.scanning import Scan, scan
from radiotracer.scanning.execution import Execution, opener
from radiotracer.scanning.inputs import ScanInputs
from radiotracer.scanning.outputs import summarise
from radiotracer.scanning.rounding import Rounding, _compared
from tiny_world import World

DETECTORS = ("tracin-cp", "gas", "self-influence", "contrast", "tracin-last-layer")


def scanned(tiny: World, model: nn.Module | None = None, **settings: Any) -> Scan:
    settings = {"detectors": DETECTORS, "batch_size": 32, **settings}
    return scan(model or tiny.model, tiny.run, tiny.tampered, tiny.queries, **settings)


def test_scores_are_close_and_the_error_is_measured(tiny: World) -> None:
    exact, mixed = scanned(tiny), scanned(tiny, precision="bfloat16")
    assert exact.rounding == {} and exact.warnings == ()
    assert mixed.rounding.keys() == mixed.rankings.keys() - {"random"}
    for name, found in mixed.rounding.items():
        assert found.examples == 96
        assert 0 < found.median < found.largest < 0.3, name
        assert found.spearman is not None and 0.95 < found.spearman <= 1
        ours, theirs = (each.rankings[name].scores for each in (mixed, exact))
        assert not np.array_equal(ours, theirs)
        assert spearmanr(ours, theirs).statistic > 0.95
    assert len(mixed.warnings) == len(mixed.rounding)
    assert "tracin-cp in bfloat16: relative errors of at most 0." in mixed.warnings[0]
    notes = summarise(mixed)["notes"]
    assert "Forward passes in bfloat16, all else as the weights are." in notes
    assert set(mixed.warnings) <= set(notes)
    assert not torch.is_autocast_enabled("cpu")


def test_the_measure_is_that_of_its_definition() -> None:
    exact = {"a": np.array([[3.0], [-4.0], [0.0], [5.0]])}
    found = {"a": exact["a"] + np.array([[0.5], [0.0], [4.0], [0.0]])}
    size = np.sqrt(50 / 4)
    # The third overtakes the first: ranks 2, 1, 3, 4 against 3, 1, 2, 4.
    assert _compared(found, exact, ["a"]) == Rounding(4, 4 / size, 0.25 / size, pytest.approx(0.8))
    same = {"a": np.ones((3, 1))}
    assert _compared(same, same, ["a"]) == Rounding(3, 0.0, 0.0, None)


def test_the_sample_is_drawn_by_the_seed_and_costs_no_bits(tiny: World) -> None:
    first, again = (scanned(tiny, precision="bfloat16", detectors=["loss"]) for _ in range(2))
    assert first.rounding == again.rounding
    np.testing.assert_array_equal(first.scores, again.scores)


def test_workers_work_in_it_too(tiny: World) -> None:
    inputs = ScanInputs(tiny.model, tiny.run, tiny.tampered, precision="bfloat16")
    assert inputs.tracing is inputs.tracing
    opens = pickle.loads(pickle.dumps(opener(Execution(Processes(1)), inputs)))  # noqa: S301
    assert opens().tracing.objective.precision == "bfloat16"


def test_units_of_another_precision_are_refused(tiny: World, tmp_path: Path) -> None:
    execution = Execution(ledger=FolderLedger(tmp_path / "units"))
    scanned(tiny, execution=execution, detectors=["loss"])
    with pytest.raises(InputError, match="precision: bfloat16, begun with float32"):
        scanned(tiny, execution=execution, detectors=["loss"], precision="bfloat16")


class _Whole(torch.autograd.Function):
    """The identity, whose backward pass does not know bfloat16; nor has it forward mode."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return values.clone()

    @staticmethod
    def backward(ctx: Any, errors: Tensor) -> Tensor:
        if errors.dtype == torch.bfloat16:
            raise RuntimeError("no bfloat16 here")
        return errors


def test_detectors_that_cannot_do_with_it_are_named_in_one_line(tiny: World) -> None:
    model = type(tiny.model)(1, 3, width=2)
    model.register_forward_hook(lambda *given: _Whole.apply(given[2]))
    detectors = ["tracin-cp", "loss"]
    assert np.isfinite(scanned(tiny, model, detectors=detectors).scores).all()
    with pytest.raises(InputError) as caught:
        scanned(tiny, model, detectors=detectors, precision="bfloat16")
    assert caught.value.expected == "detectors that can do with bfloat16"
    assert caught.value.came == "tracin-cp, which fail: no bfloat16 here"
    found = scanned(tiny, model, detectors=["loss"], precision="bfloat16")
    assert "loss" in found.rounding
