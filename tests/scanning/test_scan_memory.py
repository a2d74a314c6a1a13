"""A scan for which memory runs out: smaller passes, and a result that says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from radiotracer.detectors import DETECTORS, KNOWN_TARGET
from radiotracer.errors import InputError
from radiotracer.scale import FolderLedger
from radiotracer.scanning import Scan, scan
from radiotracer.scanning.execution import Execution
from radiotracer.scanning.outputs import summarise
from radiotracer.scanning.passes import DIVIDED
from tiny_world import World

BATCH = 16
EVERY = tuple(name for name in DETECTORS if name != KNOWN_TARGET)


def narrow(model: nn.Module, most: int) -> nn.Module:
    """The same network, for which memory runs out above so many examples."""

    def weigh(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        if len(given[0]) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    model.register_forward_pre_hook(weigh)
    return model


def scanned(tiny: World, most: int, **settings: Any) -> Scan:
    model = narrow(type(tiny.model)(1, 3, width=2), most)
    settings = {"detectors": EVERY, "batch_size": BATCH, **settings}
    return scan(model, tiny.run, tiny.tampered, tiny.queries, **settings)


def test_every_detector_has_its_scores_and_the_result_says_how(tiny: World, tmp_path: Path) -> None:
    whole = scanned(tiny, BATCH)
    assert whole.warnings == ()
    ledger = FolderLedger(tmp_path / "units")
    found = scanned(tiny, 5, execution=Execution(ledger=ledger))
    for name, ranking in whole.rankings.items():
        expected = ranking.scores
        # The same float32 passes in other batches; contrast and its like fit heads to them.
        np.testing.assert_allclose(
            found.rankings[name].scores, expected, rtol=0, atol=1e-3 * np.abs(expected).max()
        )
    assert np.array_equal(found.rankings["random"].scores, whole.rankings["random"].scores)
    # 96 and 36 examples in units of 64 and 256, at two checkpoints, and layers at one.
    units = ledger.units()
    (said,) = found.warnings
    assert said.startswith(
        f"Memory ran out: {len(units)} of {len(units)} units were done in passes of fewer than 16 "
        "examples (4), so their last bits may differ"
    )
    assert said in summarise(found)["notes"]
    for unit in units:
        result = ledger.read(unit)
        assert result is not None and result.facts[DIVIDED] == [4]


def test_a_scan_that_fits_says_nothing_in_its_units(tiny: World, tmp_path: Path) -> None:
    ledger = FolderLedger(tmp_path / "units")
    assert scanned(tiny, BATCH, execution=Execution(ledger=ledger)).warnings == ()
    for unit in ledger.units():
        result = ledger.read(unit)
        assert result is not None and DIVIDED not in result.facts


def test_divided_batches_are_summed_once(tiny: World) -> None:
    """Queries' sums of gradients, too, must not hold a part of a pass that failed."""
    wanted = ("tracin-cp", "gas", "tracin-last-layer")
    whole, found = scanned(tiny, BATCH, detectors=wanted), scanned(tiny, 3, detectors=wanted)
    for name in wanted:
        expected = whole.rankings[name].scores
        np.testing.assert_allclose(
            found.rankings[name].scores, expected, rtol=0, atol=1e-5 * np.abs(expected).max()
        )


def test_an_example_that_does_not_fit_ends_the_scan_in_words(tiny: World) -> None:
    model = narrow(type(tiny.model)(1, 3, width=2), BATCH)
    calls: list[int] = []

    def count(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        # Opening asks about one example; then memory runs out for good.
        calls.append(len(given[0]))
        if len(calls) > 20:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    model.register_forward_pre_hook(count)
    with pytest.raises(InputError, match="memory for a pass over one example on cpu"):
        scan(model, tiny.run, tiny.tampered, tiny.queries, detectors=EVERY, batch_size=BATCH)
