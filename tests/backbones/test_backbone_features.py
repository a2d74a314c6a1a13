"""Features are computed once, go on after a stop, and are refused where they are of no use."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backbone_worlds import Counted, data_of, dataset, twice

from radiotracer.backbones import BACKBONES, features, features_of, shelf
from radiotracer.backbones.backbone import Backbone
from radiotracer.data import Dataset
from radiotracer.errors import InputError, NotFiniteError
from radiotracer.scale import Processes


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "STRETCH", 4)


def test_a_second_call_opens_nothing(tmp_path: Path) -> None:
    data, counted, told = data_of("vectors"), Counted(), []
    found = features_of(
        data, counted.backbone(), cache=tmp_path, progress=lambda *each: told.append(each)
    )
    assert found.dtype == np.float32 and np.array_equal(found, data.content * 2)
    assert not found.flags.writeable
    assert told == [("features", done, 9) for done in (0, 4, 8, 9)]
    assert counted.looked == [0, 4, 8]
    again = features_of(data, counted.backbone(), cache=tmp_path)
    assert np.array_equal(found, again) and counted.opened == 1
    (key,) = tmp_path.iterdir()
    assert [each.name for each in key.iterdir()] == ["features.npy"], "the units are gone"


def test_the_default_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADIOTRACER_CACHE", str(tmp_path))
    features_of(data_of("vectors"), Counted().backbone())
    assert len(list((tmp_path / "features").iterdir())) == 1


def test_labels_and_ids_are_no_part_of_the_key(tmp_path: Path) -> None:
    data, counted = data_of("vectors"), Counted()
    backbone = counted.backbone()
    features_of(data, backbone, cache=tmp_path)
    others = Dataset(
        data.modality, data.content, 1 - data.labels, np.char.add("x", data.ids), ("a", "b"), "s"
    )
    features_of(others, backbone, cache=tmp_path)
    assert counted.opened == 1
    features_of(data.take(np.arange(9)[::-1].copy()), backbone, cache=tmp_path)
    features_of(data_of("vectors", seed=1), backbone, cache=tmp_path)
    assert counted.opened == 3
    counted.words = "doubled, with other weights"
    features_of(data, backbone, cache=tmp_path)
    assert counted.opened == 4 and len(list(tmp_path.iterdir())) == 4


def test_columns_of_another_scale_are_other_examples() -> None:
    table = data_of("tables")
    backbone = BACKBONES["columns"]
    rows = table.take(np.arange(4))
    assert shelf.key_of(table, backbone) != shelf.key_of(rows, backbone)
    assert shelf.key_of(rows, backbone) == shelf.key_of(table.take(np.arange(4)), backbone)


def test_a_computation_that_was_stopped_goes_on(tmp_path: Path) -> None:
    data, counted = data_of("vectors"), Counted()

    def stop(given: Any, rows: slice) -> Any:
        if rows.start == 8:
            raise KeyboardInterrupt
        return given * 2

    counted.change = stop
    with pytest.raises(KeyboardInterrupt):
        features_of(data, counted.backbone(), cache=tmp_path)
    told: list[tuple[str, int, int]] = []
    after = Counted()
    found = features_of(
        data, after.backbone(), cache=tmp_path, progress=lambda *each: told.append(each)
    )
    assert counted.looked == [0, 4, 8] and after.looked == [8]
    assert told == [("features", 8, 9), ("features", 9, 9)]
    assert np.array_equal(found, data.content * 2)


def test_workers_find_the_same(tmp_path: Path) -> None:
    data = data_of("vectors")
    backbone = Backbone("twice", "", frozenset(("vectors",)), twice, lambda: "twice")
    found = features_of(data, backbone, cache=tmp_path, runner=Processes(1))
    assert np.array_equal(found, data.content * 2)


@pytest.mark.parametrize("damage", [b"", b"x", None])
def test_a_damaged_file_is_computed_again(tmp_path: Path, damage: bytes | None) -> None:
    data, counted = data_of("vectors"), Counted()
    features_of(data, counted.backbone(), cache=tmp_path)
    (path,) = tmp_path.glob("*/features.npy")
    if damage is None:
        np.save(path, np.zeros((3, 5), np.float32))
    else:
        path.write_bytes(damage)
    found = features_of(data, counted.backbone(), cache=tmp_path)
    assert counted.opened == 2 and np.array_equal(found, data.content * 2)


def test_what_is_fitted_is_not_kept(tmp_path: Path) -> None:
    train, validation = data_of("texts", 40), data_of("texts", 5, seed=3)
    found = features_of(validation, BACKBONES["tf-idf"], train=train, cache=tmp_path)
    whole = features_of(train, BACKBONES["tf-idf"], cache=tmp_path)
    assert found.shape == (5, whole.shape[1]) and not list(tmp_path.iterdir())
    alone = features_of(validation, BACKBONES["tf-idf"], cache=tmp_path)
    assert alone.shape != found.shape, "fitted to what it was asked about"


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x, _: np.ones_like(x), "one vector for all 9 vectors from doubled"),
        (
            lambda x, _: 1e4 + np.linspace(0, 1e-3, x.size).reshape(x.shape),
            "expected a backbone that tells examples apart",
        ),
        (
            lambda x, _: x[:1],
            "expected 4 vectors from the backbone doubled, one per example; got 1",
        ),
        (lambda x, _: x[:, 0], r"numbers of shape \(4, d\) .*; got float32 of shape \(4,\)"),
        (lambda x, _: x[:, :0], r"got float32 of shape \(4, 0\)"),
        (lambda x, _: x.tolist(), "got list"),
        (lambda x, _: x.astype(str), r"got <U\d+ of shape"),
        (lambda x, rows: x if rows.start else x[:, :3], "one length .*; got 3 and 5 numbers"),
    ],
)
def test_features_that_are_of_no_use(tmp_path: Path, change: Any, says: str, keep: bool) -> None:
    with pytest.raises(InputError, match=says) as caught:
        features_of(data_of("vectors"), Counted(change=change).backbone(kept=keep), cache=tmp_path)
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_features_that_are_not_finite(tmp_path: Path) -> None:
    def change(given: Any, rows: slice) -> Any:
        found = given.astype(np.float64)
        found[0, 1] = 1e300 if rows.start else np.nan
        return found

    with pytest.raises(NotFiniteError, match="NaN or infinity for 3 of 9 vectors; repair"):
        features_of(data_of("vectors"), Counted(change=change).backbone(), cache=tmp_path)
    assert not list(tmp_path.iterdir())


def test_one_example_is_never_the_same_as_all(tmp_path: Path) -> None:
    one = data_of("vectors", 1)
    assert features_of(one, Counted().backbone(), cache=tmp_path).shape == (1, 5)


def test_other_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a backbone for texts"):
        features_of(data_of("texts"), Counted().backbone(), cache=tmp_path)


def test_the_oldest_are_removed(tmp_path: Path) -> None:
    backbone = Counted().backbone()
    pair = np.array([[1], [2]], np.float32).repeat(256, axis=1)
    many = [dataset("vectors", pair * np.float32(scale)) for scale in range(1, 5)]
    (tmp_path / "mine").mkdir()
    keys = [shelf.key_of(each, backbone) for each in many]
    for age, (data, key) in enumerate(zip(many[:3], keys, strict=False)):
        features_of(data, backbone, cache=tmp_path)
        os.utime(tmp_path / key / shelf.FILE, (age, age))
        os.utime(tmp_path / key, (age, age))
    features_of(many[0], backbone, cache=tmp_path)  # used again: no longer the oldest
    features_of(many[3], backbone, cache=tmp_path, limit=7000)
    left = {each.name for each in tmp_path.iterdir()}
    assert left == {"mine", keys[0], keys[2], keys[3]}
    assert shelf.prune(tmp_path, keys[3], 0) == [keys[2], keys[0]]
    assert {each.name for each in tmp_path.iterdir()} == {"mine", keys[3]}


def test_what_somebody_works_on_is_not_removed(tmp_path: Path) -> None:
    backbone, data = Counted().backbone(), data_of("vectors")
    key = shelf.key_of(data, backbone)
    features_of(data, backbone, cache=tmp_path)
    with shelf.only_one(
        tmp_path / key / shelf.LOCK, "me", lambda held: InputError(expected="", came=held, do="")
    ):
        assert shelf.prune(tmp_path, "", 0) == [] and (tmp_path / key / shelf.FILE).is_file()
    assert shelf.prune(tmp_path, "", 0) == [key]


def test_two_at_once_compute_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "WAIT_S", 0.01)
    data, said = data_of("vectors"), []
    begun, go = threading.Event(), threading.Event()

    def slowly(given: Any, _: slice) -> Any:
        begun.set()
        assert go.wait(20)
        return given * 2

    counted, other = Counted(change=slowly), Counted()
    first = threading.Thread(
        target=features_of, args=(data, counted.backbone()), kwargs={"cache": tmp_path}
    )
    first.start()
    assert begun.wait(20)
    found: list[Any] = []
    second = threading.Thread(
        target=lambda: found.append(
            features_of(data, other.backbone(), cache=tmp_path, note=said.append)
        )
    )
    second.start()
    until = time.monotonic() + 20
    while not said and time.monotonic() < until:
        time.sleep(0.01)
    go.set()
    first.join()
    second.join()
    assert set(said) == {"another process computes these features: waiting for it"}
    assert np.array_equal(found[0], data.content * 2)
    assert (counted.opened, other.opened) == (1, 0)
