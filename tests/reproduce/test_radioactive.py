"""The audit benchmark on a thousand tiny images: cells, going on, refusals, tables."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from radiotracer.errors import DataError, InputError
from radiotracer.reproduce.radioactive import AuditCell, AuditConfig, bench, markdown, run_audits
from radiotracer.reproduce.radioactive.cell import key_of
from radiotracer.reproduce.radioactive.config import QUICK
from radiotracer.reproduce.radioactive.result import AuditOf, Place
from tiny_world import tiny_archive

SIZES: dict[str, Any] = {
    "designs": ("twins", "carriers", "tags"),
    "shares": (0.05,),
    "radii": (5,),
    "augment": ("none",),
    "choose": "random",
    "seeds": (0,),
    "examples": 1000,
    "model": "small-cnn",
    "width": 4,
    "epochs": 1,
    "marking_networks": 1,
    "marking_epochs": 1,
    "references": 1,
    "control_keys": 19,
}
Benched = tuple[AuditConfig, Path, tuple[AuditCell, ...], list[str]]


@pytest.fixture(scope="module")
def benched(tmp_path_factory: pytest.TempPathFactory) -> Benched:
    """Three cells: five trainings of seven steps, and their audits."""
    root = tmp_path_factory.mktemp("audits")
    config = AuditConfig(data=(str(tiny_archive(root / "tiny.npz", n=1100, m=60)),), **SIZES)
    lines: list[str] = []
    cells = run_audits(config, root / "out", report=lines.append)
    return config, root / "out", cells, lines


@pytest.fixture
def copied(benched: Benched, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(benched[1], tmp_path / "out"))


def never(*_: object, **__: object) -> Any:
    raise AssertionError("this was done before")


def test_every_cell_is_there(benched: Benched) -> None:
    config, out, cells, lines = benched
    assert [cell.design for cell in cells] == ["twins", "carriers", "tags"]
    for cell in cells:
        assert (cell.data, cell.share, cell.radius, cell.seed) == (config.data[0], 0.05, 5, 0)
        assert cell.marked == 50 or (cell.design != "twins" and 49 <= cell.marked <= 51)
        assert cell.psnr >= cell.psnr_lowest >= 20 * np.log10(255 / 5) - 1e-9
        assert 0 <= cell.learned <= 1 and 0 <= cell.accuracy <= 1
        assert cell.accuracy_clean is not None and 0 <= cell.accuracy_clean <= 1
        for each in (*cell.audits.values(), *cell.innocent.values()):
            assert each.log10_p <= 0 and -1 <= each.effect <= 1
        assert all(each.log10_p > -4 for each in cell.innocent.values())
    twins, carriers, tags = cells
    assert set(twins.audits) == {"scores", "labels", "scores, references", "labels, references"}
    assert set(twins.innocent) == {"scores", "labels"}  # the one reference is the innocent
    carried = {"weights", "scores", "scores, control keys"}
    assert set(carriers.audits) == set(carriers.innocent) == carried
    assert set(tags.audits) == set(tags.innocent) == {"labels"}
    assert tags.audits["labels"].coins == 10
    assert carriers.audits["weights"].coins == 3 and twins.audits["scores"].coins == 50
    assert (out / bench.TABLE_FILE).read_text() == markdown(cells, config)
    assert json.loads((out / bench.MARKER).read_text())["examples"] == 1000
    assert len([line for line in lines if " log10 p -" in line]) == 3
    assert len(list((out / bench.CELLS).iterdir())) == 3


def test_finished_cells_are_read_and_nothing_else_is_done(
    benched: Benched, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, _, cells, _ = benched
    monkeypatch.setattr(bench, "run_cell", never)
    monkeypatch.setattr(bench, "open_data", never)
    (copied / bench.TABLE_FILE).unlink()
    lines: list[str] = []
    assert run_audits(config, copied, report=lines.append) == cells
    assert not lines and (copied / bench.TABLE_FILE).read_text() == markdown(cells, config)


def test_a_lost_cell_is_made_again_from_the_networks_kept(
    benched: Benched, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, _, cells, _ = benched
    monkeypatch.setattr("radiotracer.training.kept.train", never)
    lost = next(each for each in (copied / bench.CELLS).iterdir() if "twins" in each.name)
    before = lost.read_bytes()
    lost.unlink()
    assert run_audits(config, copied) == cells
    assert lost.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"epochs": 2}, "cells with epochs = 2 in .*; got 1 in"),
        ({"references": 0}, "cells with references = 0"),
        ({"control_keys": None}, "cells with control_keys = None"),
        ({"examples": None}, "cells with examples = None"),
        ({"choose": "hardest"}, "cells with choose = hardest"),
    ],
)
def test_cells_of_other_settings_are_refused(
    benched: Benched, copied: Path, change: dict[str, Any], text: str
) -> None:
    with pytest.raises(InputError, match=text) as caught:
        run_audits(benched[0].model_copy(update=change), copied)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "[]", '{"settings": {}}', '{"settings": {}, "cell": {}}'])
def test_a_file_that_is_no_cell(benched: Benched, copied: Path, content: str) -> None:
    next((copied / bench.CELLS).iterdir()).write_text(content)
    with pytest.raises(InputError, match=r"a finished cell in .*; got something else; remove"):
        run_audits(benched[0], copied)


def test_folders_and_data_that_will_not_do(benched: Benched, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine").write_text("mine")
    with pytest.raises(InputError, match="which holds other things"):
        run_audits(benched[0], other)
    images, labels = np.zeros((4, 8, 8), np.uint8), np.arange(4)
    np.savez(tmp_path / "alone.npz", images=images, labels=labels)
    config = benched[0].model_copy(update={"data": (str(tmp_path / "alone.npz"),)})
    with pytest.raises(DataError, match="data with a test split"):
        run_audits(config, tmp_path / "new")
    with pytest.raises(ValidationError):
        AuditConfig(examples=999)


def test_places_and_settings_together_are_everything() -> None:
    config = AuditConfig(**QUICK)
    assert config.settings().keys() | set(Place._fields) >= {
        "examples", "model", "width", "epochs", "learning_rate", "choose",
        "marking_networks", "marking_epochs", "references",
    }  # fmt: skip
    assert not {"data", "designs", "shares", "radii", "augment", "suspects", "seeds"} & set(
        config.settings()
    )
    place = Place("a/b:c", "twins", 0.01, 6, "none", "scratch", 0)
    others = [
        place._replace(**change)
        for change in (
            {"data": "a-b:c"}, {"design": "carriers"}, {"share": 0.02}, {"radius": 7},
            {"augment": "crops"}, {"suspect": "other"}, {"seed": 1},
        )
    ]  # fmt: skip
    assert len({each.file_name for each in (place, *others)}) == 8
    assert "/" not in place.file_name and ":" not in place.file_name
    # One key for all that is compared, another for every repetition.
    same = [key_of(each).secret == key_of(place).secret for each in others]
    assert same == [False, True, True, True, True, True, False]


def test_suspects_references_and_marking_networks_differ() -> None:
    config = AuditConfig()
    trainings = [config.training("scratch", "none", seed) for seed in (0, 1, 3000)]
    trainings += [config.marking_training(i) for i in (0, 1)]
    assert len({each.seed for each in trainings}) == 5
    assert {each.augment for each in trainings[3:]} == {"crops"}
    frozen = config.training("frozen", "crops", 0)
    assert frozen.head_only and frozen.augment == "none"
    other = config.training("other", "crops", 0)
    assert (other.architecture, other.width, other.augment) == ("small-cnn", None, "crops")


Made = Callable[..., AuditCell]


@pytest.fixture
def cell(benched: Benched) -> Made:
    def changed(**fields: Any) -> AuditCell:
        return benched[2][0].model_copy(update={"data": "fashion-mnist", **fields})

    return changed


def said(log10_p: float) -> AuditOf:
    return AuditOf(log10_p=log10_p, effect=0.1, coins=9, controls_passed=True)


def test_the_table(cell: Made) -> None:
    shared: dict[str, Any] = {"psnr": 40.0, "learned": 0.5, "accuracy_clean": 0.9}
    cells = [
        cell(seed=s, accuracy=0.9 - s / 100, audits={"scores": said(p)}, innocent={"a": said(q)},
             **shared)
        for s, (p, q) in enumerate([(-10.0, -0.5), (-20.0, -1.25)])
    ]  # fmt: skip
    cells.append(
        cell(design="carriers", accuracy=0.8, audits={"weights": said(-3.0)}, innocent={},
             **{**shared, "accuracy_clean": None})
    )  # fmt: skip
    text = markdown(cells, AuditConfig(examples=2000))
    about, _, head, _, one, two, _, last = text.rstrip("\n").split("\n")
    columns = [each.strip() for each in head.strip("|").split("|")]
    rows = [
        dict(zip(columns, (c.strip() for c in row.strip("|").split("|")), strict=True))
        for row in (one, two)
    ]
    assert rows[0]["log10 p: scores"] == "-15.0 (-20.0 to -10.0)" and rows[0]["seeds"] == "2"
    assert rows[0]["accuracy drop"] == "0.50 (0.00 to 1.00)" and rows[0]["accuracy"] == "89.50%"
    assert rows[0]["log10 p: weights"] == "-" and rows[0]["share"] == "5.00%"
    assert rows[1]["log10 p: weights"] == "-3.0" and rows[1]["log10 p: scores"] == "-"
    assert rows[1]["accuracy drop"] == "-" and rows[1]["design"] == "carriers"
    assert last == "Innocent networks, log10 p: lowest -1.25 of 2."
    assert "2000 examples" in about
    assert "none asked" in markdown(cells[2:], AuditConfig())
    assert "all examples" in markdown([], AuditConfig())
