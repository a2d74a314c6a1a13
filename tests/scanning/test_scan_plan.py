"""What `--plan` counts is what a scan then does; times are measured, and not tested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from radiotracer.detectors import DETECTORS
from radiotracer.errors import DataError, InputError
from radiotracer.scale import FolderLedger
from radiotracer.scanning import Plan, plan_scan, scan
from radiotracer.scanning.execution import Execution
from radiotracer.scanning.inputs import ScanInputs
from radiotracer.scanning.plan import Stage
from radiotracer.scanning.ranking_cost import _extrapolated
from tiny_world import World


def given(tiny: World, **differs: Any) -> ScanInputs:
    return ScanInputs(
        tiny.model, tiny.run, tiny.tampered, **{"validation": tiny.queries, **differs}
    )


def counted(plan: Plan) -> dict[str, tuple[int, int]]:
    return {stage.kind: (stage.units, stage.examples) for stage in plan.stages}


def test_units_and_bytes_are_those_of_the_scan(tiny: World, tmp_path: Path) -> None:
    plan = plan_scan(given(tiny, batch_size=8), detectors=tuple(DETECTORS)[:5])
    ledger = FolderLedger(tmp_path / "units")
    scan(
        tiny.model,
        tiny.run,
        tiny.tampered,
        tiny.queries,
        detectors=tuple(DETECTORS)[:5],
        batch_size=8,
        execution=Execution(ledger=ledger),
    )
    names = ledger.place.names()
    for kind, (units, _) in counted(plan).items():
        assert sum(n.startswith(kind) and n.endswith(".safetensors") for n in names) == units
    assert counted(plan) == {"validation": (2, 72), "examples": (6, 192), "layers": (5, 132)}
    numbers = sum(
        array.nbytes
        for name in names
        if name.endswith(".safetensors")
        for array in ledger.read(name.removesuffix(".safetensors")).arrays.values()  # type: ignore[union-attr]
    )
    assert plan.disk == pytest.approx(numbers, rel=0.01)


def test_times_add_up(tiny: World) -> None:
    alone = plan_scan(given(tiny, batch_size=8), opening=5.0)
    stages = sum(stage.seconds for stage in alone.stages)
    assert alone.seconds == alone.opening + stages + alone.ranking > 5
    assert alone.memory > 50e6
    stages = (Stage("validation", 3, 30, 6.0, 0), Stage("examples", 8, 80, 16.0, 0))
    # Three units of two seconds keep two workers busy for four; the layers are not looked at.
    shared = Plan((*stages, Stage("layers", 0, 0, 0.0, 0)), 5.0, 1.0, 0, workers=2)
    assert shared.seconds == 2 * 5.0 + 4.0 + 8.0 + 1.0


def test_without_queries_and_with_an_incident(tiny: World) -> None:
    alone = plan_scan(given(tiny, validation=None, batch_size=8))
    assert counted(alone)["validation"] == (0, 0)
    told = plan_scan(given(tiny, incident=tiny.queries, batch_size=8))
    assert counted(told)["layers"][1] == 96 + 36 + 36


def test_what_a_scan_refuses_is_refused(tiny: World) -> None:
    with pytest.raises(InputError, match="expected a detector"):
        plan_scan(given(tiny), detectors=("nobody",))
    with pytest.raises(DataError, match="was trained on"):
        plan_scan(ScanInputs(tiny.model, tiny.run, tiny.clean, tiny.queries))


@pytest.mark.parametrize("terms", [(1.0, 0.0, 0.0), (0.2, 0.001, 0.0), (0.1, 0.002, 3e-5)])
def test_the_growth_of_ranking_is_found(terms: tuple[float, float, float]) -> None:
    def law(n: float) -> float:
        return sum(term * n**power for term, power in zip(terms, (0, 1, 1.5), strict=True))

    found = _extrapolated([(n, law(n)) for n in (512, 1024, 2048)], 60_000)
    assert found == pytest.approx(law(60_000), rel=1e-6)
