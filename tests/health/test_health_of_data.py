"""The whole check of data: in JSON, CSV, lines and on the page, and nothing told twice."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from radiotracer.data import Dataset, open_data
from radiotracer.health import (
    NEAR_DUPLICATES_FILE,
    OUTLIERS_FILE,
    Health,
    health_of,
    write_health,
)
from radiotracer.health import health as module
from radiotracer.opinions import Opinions
from radiotracer.opinions.noise import Noise
from radiotracer.scanning import scan_opinions, write_scan

NAMES = ("cat", "dog", "=hare")


def data(vectors: NDArray[np.float32], labels: NDArray[np.int64], part: str) -> Dataset:
    ids = [f"{part}/{row:03d}" for row in range(len(labels))]
    named = [NAMES[label] for label in labels]
    return open_data({"vectors": vectors, "labels": named, "ids": ids})


@pytest.fixture(scope="module")
def world() -> tuple[Opinions, Dataset, Dataset]:
    """Row 10 is nearly 20, whose label differs; 30 is in the validation part, too; 40 is far; 50
    and 60 are the same byte for byte, as are 70 and validation row 5."""
    some = np.random.default_rng(5)
    labels = np.arange(300) % 3
    train = some.normal(size=(300, 8)).astype(np.float32)
    shown = some.normal(size=(60, 8)).astype(np.float32)
    train[10] = train[20] + np.float32(0.01)
    shown[3] = train[30] - np.float32(0.01)
    train[40] = 12
    train[50] = train[60]
    shown[5] = train[70]
    first, second = data(train, labels, "a"), data(shown, np.arange(60) % 3, "b")
    near = np.eye(3)[first.labels] * 2.0 + some.normal(size=(300, 3))
    outputs = near - np.log(np.exp(near).sum(axis=1, keepdims=True))
    opinions = Opinions(
        labels=first.labels,
        outputs=outputs,
        folds=np.arange(300) % 2,
        words="drawn",
        noise=Noise(0.05, 0.01, 0.1, 1.0, 1.0),
        validation_labels=second.labels,
        validation=np.log(np.full((2, 60, 3), 1 / 3, np.float32)),
        features=train,
        validation_features=shown,
    )
    return opinions, first, second


@pytest.fixture(scope="module")
def health(world: tuple[Opinions, Dataset, Dataset]) -> Health:
    return health_of(*world)


def test_what_stands_out_is_named_and_exact_copies_are_not(health: Health) -> None:
    groups = {tuple(sorted(each.id for each in group)) for group in health.near_duplicates}
    assert groups == {("a/010", "a/020"), ("a/030", "b/003")}
    assert [{each.id for each in group} for group in health.leaks] == [{"a/030", "b/003"}]
    assert [each.part for each in health.leaks[0]] == ["train", "validation"]
    assert [{each.id for each in group} for group in health.labels_differ] == [{"a/010", "a/020"}]
    assert health.outliers[0].id == "a/040"
    assert health.overlaps
    assert health.wrong > 0


def test_it_says_so_in_three_lines_at_most(health: Health) -> None:
    lines = health.lines()
    assert len(lines) == 3
    assert lines[0].startswith("2 groups of near copies (4 examples), 1 under different labels")
    assert "a/040" in lines[1]
    assert Health(NAMES).lines() == []


def test_json_and_csv_hold_all_of_it(health: Health, tmp_path: Path) -> None:
    said = json.loads(json.dumps(health.as_json(), allow_nan=False))
    assert said["near_duplicates"]["groups"] == 2
    assert said["near_duplicates"]["in_both_parts"] == 1
    assert said["outliers"]["first"][0]["id"] == "a/040"
    assert {each["given"] for each in said["wrong_labels"]["pairs"]} <= set(NAMES)
    write_health(health, tmp_path)
    with (tmp_path / NEAR_DUPLICATES_FILE).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    members = [
        (number, each) for number, group in enumerate(health.near_duplicates) for each in group
    ]
    assert [row["id"] for row in rows] == [each.id for _, each in members]
    assert [int(row["group"]) for row in rows] == [number for number, _ in members]
    assert [float(row["similarity"]) for row in rows] == [each.similarity for _, each in members]
    assert [row["part"] for row in rows] == [each.part for _, each in members]
    with (tmp_path / OUTLIERS_FILE).open(newline="") as stream:
        far = list(csv.DictReader(stream))
    assert [float(row["score"]) for row in far] == [each.score for each in health.outliers]
    write_health(None, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_features_and_beyond_many_examples_classes_remain(
    world: tuple[Opinions, Dataset, Dataset], health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    opinions, train, validation = world
    bare = dataclasses.replace(opinions, features=None, validation_features=None)
    found = health_of(bare, train, validation)
    assert found.overlaps == health.overlaps
    assert found.near_duplicates == found.outliers == ()
    monkeypatch.setattr(module, "MOST", 359)
    many = health_of(opinions, train, validation)
    assert many.near_duplicates == ()
    assert "360" in many.notes[0]
    assert len(health_of(opinions, train).near_duplicates) == 1


def test_a_scan_writes_and_shows_it(
    world: tuple[Opinions, Dataset, Dataset], tmp_path: Path
) -> None:
    opinions, train, validation = world
    found = scan_opinions(opinions, train, validation)
    summary = write_scan(found, tmp_path / "scan")
    assert summary["health"] == found.source.health.as_json()  # type: ignore[union-attr]
    assert (tmp_path / "scan" / NEAR_DUPLICATES_FILE).exists()
    page = (tmp_path / "scan" / "report.html").read_text(encoding="utf-8")
    assert "What else stands out" in page
    assert "b/003" in page
    assert page.index('id="health"') < page.index('id="data"')
