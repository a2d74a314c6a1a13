"""The detection benchmark on ninety-six tiny images: cells, going on, tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from bench.__main__ import run
from bench.detect import DEVELOPMENT, HELD_OUT, DetectConfig, bench, run_detect
from bench.detect.cell import recall_at_precision
from bench.detect.figure import figure
from bench.detect.ground import ground_of, parts_of, validation
from bench.detect.markdown import markdown
from bench.detect.result import Cell, DetectorQuality
from bench.detect.summary import groups
from radiotracer.errors import DataError, InputError
from radiotracer.recipes import RECIPES

SIZES: dict[str, Any] = {
    "seeds": (0,),
    "model": "small-cnn",
    "width": 4,
    "examples": 48,
    "extractor_examples": 48,
    "queries": 30,
    "extractor_epochs": 6,
    "head_epochs": 4,
    "head_checkpoint_every": 2,
    "scratch_epochs": 2,
    "batch_size": 8,
    "flips": 0.2,
    "poisons": 3,
    "patched": 0.2,
    "steps": 2,
    "detectors": ("self-influence-last-layer",),
}


def config(archive: Path, **changes: Any) -> DetectConfig:
    return DetectConfig(**{"data": (str(archive),), **SIZES, **changes})


def test_every_recipe_is_on_one_side() -> None:
    images = {n for n, each in RECIPES.items() if "images" in (each.modalities or {"images"})}
    assert sorted((*DEVELOPMENT, *HELD_OUT)) == sorted(images)


def test_the_parts_are_disjoint(archive: Path) -> None:
    parts = parts_of(str(archive), config(archive), 1)
    assert len(parts.victim) == len(parts.extractor) == 48
    assert not set(parts.victim.ids) & set(parts.extractor.ids)
    target = str(parts.test.ids[4])
    queries = validation(parts.test, len(parts.test), 0, without=target)
    assert set(parts.test.ids) - set(queries.ids) == {target}


def test_from_end_to_end_and_on_again(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    recipes = ("random-flip", "feature-collision", "patch-backdoor", "confusion-flip")
    told: list[str] = []
    cells = run_detect(config(archive, recipes=recipes), out, report=told.append)
    assert [(c.protocol, c.recipe) for c in cells] == [
        (protocol, recipe) for protocol in ("head-only", "from-scratch") for recipe in recipes
    ]
    assert len(told) == 8 and told[0].endswith("head-only, random-flip, seed 0: no target")
    by_place = {(c.protocol, c.recipe): c for c in cells}
    flip = by_place["from-scratch", "random-flip"]
    assert (flip.examples, flip.tampered, flip.attack, flip.outcome) == (48, 10, None, "no target")
    names = {"self-influence-last-layer", "label-posterior", "loss", "margin", "norm", "random"}
    assert names <= set(flip.detectors)
    collision = by_place["head-only", "feature-collision"]
    assert collision.failure is None or collision.failure.startswith("expected a")
    backdoor = by_place["head-only", "patch-backdoor"]
    assert backdoor.attack == "trigger" and backdoor.outcome in ("successful", "unsuccessful")
    assert flip.repair is not None and flip.accuracy_train is not None
    assert (flip.repair.perfect.tampered, flip.repair.perfect.clean) == (10, 0)
    assert flip.repair.flagged.tampered + flip.repair.flagged.clean == (
        flip.repair.random.tampered + flip.repair.random.clean
    )
    for quality in flip.detectors.values():
        assert 0 <= quality.tpr_at_fpr_001 <= quality.tpr_at_fpr_01 <= 1
        assert quality.clean_removed == pytest.approx(quality.false_positive_rate * 38)
    page = (out / "table.md").read_text()
    assert "confusion-flip (held out), no target" in page
    assert "random-flip (development), no target" in page
    ElementTree.fromstring((out / "figure.svg").read_text())  # noqa: S314
    files = sorted((out / "cells").iterdir())
    assert len(files) == 8
    assert json.loads(files[0].read_text())["settings"]["poisons"] == 3
    # What is finished stays; what is missing comes back as it was.
    kept = {path: path.stat().st_mtime_ns for path in files}
    lost = next(path for path in files if path.name.endswith("head-only--random-flip--0.json"))
    lost.unlink()
    again = run_detect(config(archive, recipes=recipes), out)
    changed = {path for path in files if path.stat().st_mtime_ns != kept[path]}
    assert changed == {lost}
    assert [_timeless(cell) for cell in again] == [_timeless(cell) for cell in cells]
    with pytest.raises(InputError) as caught:
        run_detect(config(archive, recipes=recipes, poisons=4), out)
    assert str(caught.value).startswith(
        f"expected cells with poisons = 4 in {out / 'cells'}; got 3"
    )
    lost.write_text("{}")
    with pytest.raises(InputError, match="expected a finished cell in"):
        run_detect(config(archive, recipes=recipes), out)


def _timeless(cell: Cell) -> dict[str, Any]:
    found = cell.model_dump()
    for quality in found["detectors"].values():
        del quality["seconds"]
    return found


def test_a_class_that_was_cut(archive: Path, tmp_path: Path) -> None:
    small = config(
        archive,
        recipes=("feature-collision",),
        protocols=("head-only",),
        class_size=3,
        seeds=(0, 1),
    )
    run_detect(small, tmp_path / "out")
    for seed in (0, 1):
        ground = ground_of(
            parts_of(str(archive), small, seed),
            small,
            "head-only",
            seed=seed,
            folder=tmp_path / "n",
        )
        counts = np.bincount(ground.victim.labels)
        assert ground.attacked is not None and counts[ground.attacked] == 3
        assert (np.delete(counts, ground.attacked) > 3).all()


def test_without_repair(archive: Path, tmp_path: Path) -> None:
    plain = config(archive, recipes=("random-flip",), protocols=("from-scratch",), repair=False)
    (cell,) = run_detect(plain, tmp_path / "out")
    assert cell.repair is None and cell.repair_failure is None and cell.detectors


def test_the_last_checkpoint_alone(archive: Path) -> None:
    alone = config(archive, last_only=True)
    assert alone.victim("head-only", 0).checkpoint_every == 4
    assert alone.victim("from-scratch", 0).checkpoint_every == 2
    assert config(archive).victim("from-scratch", 0).checkpoint_every == 1


def test_a_finished_benchmark_trains_nothing(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = config(archive, recipes=("random-flip",), protocols=("from-scratch",))
    cells = run_detect(small, tmp_path / "out")
    monkeypatch.setattr(bench, "run_cell", None)
    monkeypatch.setattr(bench, "ground_of", None)
    assert run_detect(small, tmp_path / "out") == cells


def test_recall_at_precision_by_hand() -> None:
    scores = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    tampered = np.array([True, False, True, True, False])
    assert recall_at_precision(scores, tampered, 1.0) == pytest.approx(1 / 3)
    assert recall_at_precision(scores, tampered, 0.75) == 1.0
    assert recall_at_precision(-scores, tampered, 0.9) == 0.0


def cell(seed: int, success: float | None, auprc: float) -> Cell:
    quality = DetectorQuality(
        auroc=0.9,
        auprc=auprc,
        tpr_at_fpr_01=auprc,
        tpr_at_fpr_001=0.1,
        recall_at_tenth=0.5,
        recall_at_fifth=0.6,
        recall_at_precision=0.3,
        precision=None,
        recall=0.0,
        false_positive_rate=0.0,
        clean_removed=0,
        seconds=1.0,
    )
    return Cell(
        data="mnist",
        protocol="head-only",
        recipe="bullseye-polytope",
        seed=seed,
        examples=100,
        tampered=5,
        attack="target",
        attack_success=success,
        attack_success_clean=0.0,
        accuracy=0.9,
        accuracy_clean=0.9,
        detectors={"loss": quality},
    )


def test_successful_attacks_are_reported_apart() -> None:
    failed = cell(3, None, 0.0).model_copy(update={"failure": "too far away", "detectors": {}})
    cells = [cell(0, 1.0, 0.5), cell(1, 0.0, 0.1), cell(2, 1.0, 0.7), failed]
    won, lost, never = groups(cells)
    assert [c.seed for c in won.cells] == [0, 2] and [c.seed for c in lost.cells] == [1]
    assert (won.outcome, lost.outcome, never.outcome) == (
        "successful",
        "unsuccessful",
        "not crafted",
    )
    spread = won.spread("loss", "auprc")
    assert spread is not None
    assert (round(spread.mean, 6), spread.low, spread.high) == (0.6, 0.5, 0.7)
    assert won.spread("loss", "precision") is None
    page = markdown(cells, DetectConfig())
    assert "| loss | 0.900 | 0.600 (0.500-0.700) |" in page
    assert "- seed 3: too far away" in page
    texts = [each.text for each in ElementTree.fromstring(figure(cells)).iter()]  # noqa: S314
    assert "0.60" in texts and "0.10" in texts


def test_data_that_cannot_serve(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"at least 1,048 examples, .*; got 96 in"):
        run_detect(config(archive, examples=1000), tmp_path / "out")
    with pytest.raises(DataError, match="training data with a test split"):
        run_detect(config(archive, data=(f"{archive}:test",)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "line"),
    [
        (["--recipes", "nothing"], "expected a recipe (random-flip, "),
        (["--detectors", "nothing"], "expected a detector (label-posterior, "),
        (["--seeds", "-1"], "expected seed= of at least 0; got -1; "),
        (["--data", "nowhere"], "expected a path with data, or a built-in name such as mnist"),
    ],
)
def test_bad_options_are_one_line(
    option: list[str], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["detect", "--quick", "--out", str(out), *option]) == 2
    told = capsys.readouterr()
    assert told.out == "" and len(told.err.splitlines()) == 1
    assert told.err.startswith("bench: expected ")
    assert line.split("(", maxsplit=1)[0] in told.err
    assert not out.exists()


def test_the_command(
    archive: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sizes = {name: value for name, value in SIZES.items() if name != "detectors"}
    monkeypatch.setattr("bench.detect.command.QUICK", sizes)
    options = ["--quick", "--data", str(archive), "--recipes", "random-flip"]
    options += ["--protocols", "from-scratch", "--detectors", "tracin-last-layer"]
    command = ["detect", *options, "--out", str(tmp_path / "out")]
    assert run([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["settings"]["detectors"] == ["tracin-last-layer"]
    assert found["cells"][0]["tampered"] == 10
    assert run(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("tracin-last-layer ") for line in lines)
    assert max(map(len, lines[:-2])) <= max(80, len(str(archive)) + 80)
