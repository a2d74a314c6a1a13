"""The speed comparison without the peers: our side, the plain loop, growth, the command."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from speed_helpers import of_formula, tiny_case

from bench.__main__ import run
from bench.speed import SpeedConfig, bench, peers, run_speed
from bench.speed.case import CaseSpec, open_case
from bench.speed.growth import fit_exponent
from bench.speed.loop import loop_method
from bench.speed.measure import compare, difference
from bench.speed.method import Budget
from bench.speed.own import own_method
from bench.speed.peak import peak_memory
from bench.speed.peers import methods_of
from bench.speed.result import Quartiles
from radiotracer.errors import InputError
from tiny_world import World

TINY: dict[str, Any] = {
    "train": 12,
    "queries": 6,
    "pair_queries": 4,
    "width": 2,
    "tokens_width": 8,
    "checkpoints": 2,
    "trained": 128,
    "rounds": 2,
    "part": 4,
    "part_queries": 2,
    "growth_width": 2,
    "growth_train": (8, 16),
    "growth_queries": (4, 8),
    "growth_widths": (1, 2),
    "growth_checkpoints": 1,
    "peers": (),
}


@pytest.mark.parametrize("formula", ["sum", "self-influence", "pairs"])
def test_both_our_sides_agree_with_brute_force(tiny: World, formula: Any) -> None:
    case = tiny_case(tiny)
    expected = of_formula(formula, case)
    for method in (own_method(formula), loop_method(formula)):
        assert difference(method.scores(case, Budget(1e-5)), expected) < 1e-4, method.name


def test_a_part_is_scaled_by_its_gradients_and_compared_with_the_same_part(tiny: World) -> None:
    case = tiny_case(tiny, train=8, queries=4)
    rows = compare(
        methods_of("sum", peers=()),
        case,
        Budget(1.0),
        part=(4, 2),
        rounds=1,
        peak=lambda *_: 7,
    )
    ours, unit, loop = rows
    assert (ours.scale, ours.measured, ours.times_ours.median) == (1.0, (8, 4), 1.0)
    assert (unit.units, unit.difference) == (1.0, None)
    assert (loop.scale, loop.measured, loop.memory) == (2.0, (4, 2), 7)
    assert loop.difference is not None and loop.difference < 1e-4


def test_memory_that_holds_few_queries_costs_the_training_examples_again(tiny: World) -> None:
    case = tiny_case(tiny, train=10, queries=6)
    count = loop_method("pairs").gradients
    assert count is not None
    assert count(case, Budget(1.0)) == 6 + 10
    assert Budget(1e-9).fits(case.parameters) == 2
    assert count(case, Budget(1e-9)) == 6 + 3 * 10


def test_the_exponent_and_its_interval() -> None:
    sizes = (10, 20, 40, 80)
    exponent, (low, high) = fit_exponent(sizes, [[size**1.5] * 2 for size in sizes])
    assert math.isclose(exponent, 1.5) and math.isclose(low, 1.5) and math.isclose(high, 1.5)
    noisy = [[size * 1.1, size / 1.1] for size in sizes]
    exponent, (low, high) = fit_exponent(sizes, noisy)
    # The standard error by hand, and Student's t at 6 degrees of freedom.
    spread = 2 * sum((math.log(s) - math.log(math.prod(sizes)) / 4) ** 2 for s in sizes)
    error = math.sqrt(8 * math.log(1.1) ** 2 / 6 / spread)
    assert math.isclose(exponent, 1.0)
    assert math.isclose((high - low) / 2, 2.4469 * error, rel_tol=2e-3)


def test_quartiles_of_few_runs() -> None:
    assert Quartiles.of([2.0]) == Quartiles(2.0, 2.0, 2.0)
    assert Quartiles.of([1.0, 3.0]) == Quartiles(1.0, 2.0, 3.0)


def test_a_missing_peer_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    assert run(["speed", "--jobs", "sum"]) == 2
    assert capsys.readouterr().err == (
        "bench: expected the libraries to compare with; got no captum and no dattri; "
        "run `make dev`, or pass --without NAME\n"
    )


def test_an_unknown_job_is_one_line() -> None:
    with pytest.raises(InputError, match=r"expected jobs among sum, .*got everything"):
        run_speed(SpeedConfig(peers=()), ["everything"])


def test_end_to_end_without_peers(
    mnist: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "peak_memory", lambda *_: None)
    kept: list[Any] = []
    names = ["sum", "transformer-self-influence", "growth-queries"]
    result = run_speed(SpeedConfig(**TINY), names, folder=tmp_path, keep=kept.append)
    assert [job.name for job in result.jobs] == names[:2]
    for job in result.jobs:
        (loop,) = [row for row in job.rows if row.method == "loop of backward passes"]
        assert loop.difference is not None and loop.difference < 1e-4
    (growth,) = result.growth
    assert [point.size for point in growth.points] == [4, 8]
    assert kept[-1] == result and len(kept) == 3
    # The second opening of a case trains nothing.
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    run_speed(SpeedConfig(**TINY), names[:1], folder=tmp_path)
    assert made == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}


def test_peak_memory_grows_with_the_batch(mnist: Any, tmp_path: Path) -> None:
    def peak(examples: int) -> int:
        spec = CaseSpec("resnet18", 8, 1, 128, examples, 2)
        open_case(spec, tmp_path)
        found = peak_memory("sum", own_method("sum"), spec, Budget(1.0), tmp_path)
        assert found is not None
        return found

    assert peak(512) > 2 * peak(32) > 0


def test_the_command_prints_json(
    mnist: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(bench, "peak_memory", lambda *_: None)
    monkeypatch.setattr(bench, "cache_folder", lambda: tmp_path)
    sizes = "--train 8 --queries 4 --part 4 --part-queries 2 --width 2 --rounds 1 --checkpoints 1"
    out = tmp_path / "out"
    options = ["--quick", "--without", "captum", "dattri", "--out", str(out), "--json"]
    assert run(["speed", "--jobs", "sum", *sizes.split(), *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["jobs"][0]["train"] == 8
    assert json.loads((out / "speed.json").read_text()) == found
