"""`radiotracer.check` of what lies in memory: arrays, texts, pictures, frames; and side effects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import radiotracer
from radiotracer.errors import DataError, InputError
from radiotracer.scanning import Scan

N = 400
COLUMNS = [
    "id",
    "is_label_issue",
    "label_score",
    "given_label",
    "predicted_label",
    "probability",
]


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def drawn() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """Vectors, given labels, and which are wrong."""
    random = np.random.default_rng(100)
    true = np.arange(N) % 2
    wrong = np.isin(np.arange(N) % 20, (6, 7))  # of both classes alike
    points = random.normal(size=(N, 4)) + 5.0 * np.eye(2, 4)[true]
    return points.astype(np.float32), np.where(wrong, 1 - true, true), wrong


def require_found(found: Scan, wrong: NDArray[np.bool_], names: tuple[str, str]) -> None:
    table = found.issues
    assert list(table.columns) == COLUMNS and len(table) == len(wrong)
    assert found.class_names == names
    flagged = table["is_label_issue"].to_numpy()
    assert (flagged & wrong).sum() >= 0.8 * wrong.sum()
    assert (flagged & ~wrong).sum() <= 0.15 * flagged.sum()
    assert table["label_score"].between(0, 1).all() and table["probability"].between(0, 1).all()
    assert table["label_score"][wrong].median() < table["label_score"][~wrong].median()
    assert set(table["given_label"]) == set(table["predicted_label"]) == set(names)
    assert (table["given_label"] != table["predicted_label"]).all()
    assert not list(Path().iterdir()), "nothing is written without out="


def test_vectors_with_labels_of_any_kind() -> None:
    points, labels, wrong = drawn()
    require_found(radiotracer.check(points, labels), wrong, ("0", "1"))
    called = [("cat", "dog")[label] for label in labels]
    require_found(radiotracer.check(points, called), wrong, ("cat", "dog"))


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_frames_with_labels_beside_or_within(make: Any) -> None:
    points, labels, wrong = drawn()
    columns = {f"number {at}": points[:, at] for at in range(4)}
    called = np.array(["cat", "dog"])[labels]
    require_found(radiotracer.check(make(columns), called), wrong, ("cat", "dog"))
    named = make({**columns, "kind": called})
    require_found(radiotracer.check(named, "kind"), wrong, ("cat", "dog"))
    # A column that happens to be called so is no label where labels are given.
    odd = make({**columns, "label": np.arange(N) % 3})
    assert radiotracer.check(odd, called).class_names == ("cat", "dog")


def test_texts() -> None:
    random = np.random.default_rng(100)
    _, labels, wrong = drawn()
    true = np.where(wrong, 1 - labels, labels)
    words = (["lunch", "home", "mother", "later"], ["prize", "winner", "cash", "claim"])
    common = ["the", "of", "and", "to", "we", "you"]
    texts = [
        " ".join([*random.choice(words[label], 6), *random.choice(common, 5)]) for label in true
    ]
    found = radiotracer.check(texts, labels, backbone="tf-idf")
    require_found(found, wrong, ("0", "1"))
    assert found.grounds is not None and "tf-idf" in found.grounds.words


def photos(n: int = 120) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_]]:
    """Bright squares at the left or at the right of noise."""
    random = np.random.default_rng(100)
    true = np.arange(n) % 2
    wrong = np.isin(np.arange(n) % 24, (6, 7))
    pixels = random.integers(0, 80, (n, 24, 24, 3))
    for row, label in enumerate(true):
        pixels[row, 4:20, 2 + 12 * label : 10 + 12 * label] += 150
    return pixels.astype(np.uint8), np.where(wrong, 1 - true, true), wrong


def test_pictures_as_an_array_and_one_by_one() -> None:
    pixels, labels, wrong = photos()
    one = radiotracer.check(pixels, labels)
    other = radiotracer.check([Image.fromarray(each) for each in pixels], labels)
    for found in (one, other):
        assert list(found.issues.columns) == COLUMNS
        first = np.argsort(found.decision.ranks)[: wrong.sum()]
        assert wrong[first].mean() >= 0.7
    assert not list(Path().iterdir())


def test_what_the_caller_had_set_is_as_it_was() -> None:
    points, labels, _ = drawn()
    torch.manual_seed(7)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    before = points.copy(), labels.copy()
    first = radiotracer.check(points, labels, seed=3)
    second = radiotracer.check(points, labels, seed=3)
    assert torch.equal(torch.get_rng_state(), state) and torch.get_num_threads() == threads
    np.testing.assert_array_equal(points, before[0])
    np.testing.assert_array_equal(labels, before[1])
    np.testing.assert_array_equal(first.scores, second.scores)
    np.testing.assert_array_equal(first.decision.is_flagged, second.decision.is_flagged)


def test_a_folder_is_written_where_one_is_named() -> None:
    points, labels, _ = drawn()
    found = radiotracer.check(points, labels, out="mine")
    assert sorted(each.name for each in Path("mine").iterdir()) == ["check.json", "scan"]
    assert "checking" not in repr(found) and "flagged by out-of-fold" in repr(found)


def test_validation_and_features_as_arrays() -> None:
    points, labels, wrong = drawn()
    random = np.random.default_rng(101)
    theirs = np.arange(200) % 2
    shown = (random.normal(size=(200, 4)) + 5.0 * np.eye(2, 4)[theirs]).astype(np.float32)
    found = radiotracer.check(points, labels, validation=(shown, theirs))
    require_found(found, wrong, ("0", "1"))
    assert found.decision.p_values is not None
    given = radiotracer.check(
        points,
        labels,
        validation=(shown, theirs),
        features=points * 2.0,
        validation_features=shown * 2.0,
    )
    assert given.decision.p_values is not None
    with pytest.raises(InputError, match="validation_features= beside features="):
        radiotracer.check(points, labels, validation=(shown, theirs), features=points)
    with pytest.raises(DataError, match="validation features of 4 numbers each; got 3"):
        radiotracer.check(
            points,
            labels,
            validation=(shown, theirs),
            features=points,
            validation_features=shown[:, :3],
        )


def test_arguments_that_contradict_each_other() -> None:
    points, labels, _ = drawn()
    with pytest.raises(InputError, match="one of backbone=, features=, probabilities="):
        radiotracer.check(points, labels, features=points, backbone="as-is")
    with pytest.raises(InputError, match="labels= beside examples in memory"):
        radiotracer.check("photos", labels)
    with pytest.raises(TypeError):
        radiotracer.check(points, labels, "out")  # type: ignore[misc]
