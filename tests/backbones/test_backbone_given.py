"""Features and probabilities that somebody has already: in any file and order, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backbone_worlds import data_of

from radiotracer.backbones import read_features, read_probabilities
from radiotracer.errors import InputError

DATA = data_of("texts", 4)
FEATURES = np.arange(12.0).reshape(4, 3)
CHANCES = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5], [0.125, 0.875]])
TURNED = [2, 0, 3, 1]


def test_arrays_in_memory_and_in_files(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", FEATURES)
    np.savez(tmp_path / "f.npz", anything=FEATURES, digest=np.array(DATA.digest))
    for given in (FEATURES, tmp_path / "f.npy", str(tmp_path / "f.npz")):
        found = read_features(given, DATA)
        assert found.dtype == np.float32 and np.array_equal(found, FEATURES)
    np.savez(tmp_path / "p.npz", p=CHANCES[TURNED], ids=DATA.ids[TURNED])
    for given in (CHANCES, tmp_path / "p.npz", CHANCES.astype(np.float16)):
        chances = read_probabilities(given, DATA)
        assert chances.dtype == np.float64 and np.array_equal(chances, CHANCES)


def table(path: Path, columns: dict[str, Any]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
    else:
        rows = zip(*columns.values(), strict=True)
        lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_tables_in_any_order(tmp_path: Path, suffix: str) -> None:
    order = [*TURNED, 0]
    ids = [*DATA.ids[TURNED].tolist(), "of/another"]
    columns = {"id": ids, **{f"f{at}": FEATURES[order, at].tolist() for at in range(3)}}
    assert np.array_equal(read_features(table(tmp_path / f"f{suffix}", columns), DATA), FEATURES)
    columns = {"yes": CHANCES[order, 1].tolist(), "id": ids, "no": CHANCES[order, 0].tolist()}
    found = read_probabilities(table(tmp_path / f"p{suffix}", columns), DATA)
    assert np.array_equal(found, CHANCES)
    plain = {"yes": CHANCES[:, 1].tolist(), "no": CHANCES[:, 0].tolist()}
    found = read_probabilities(table(tmp_path / f"q{suffix}", plain), DATA)
    assert np.array_equal(found, CHANCES)


def test_rows_sum_to_one_in_the_end() -> None:
    found = read_probabilities(CHANCES * (1 + 9e-4), DATA)
    assert np.abs(found.sum(axis=1) - 1).max() < 1e-12


def changed(array: np.ndarray[Any, Any], row: int, value: float) -> np.ndarray[Any, Any]:
    array = array.copy()
    array[row, 0] = value
    return array


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (FEATURES[:3], "features of 4 texts in the array; got 3 rows; give a row for each"),
        (changed(FEATURES, 1, np.nan), "finite features from the array; got NaN .* 1 of 4 texts"),
        (changed(FEATURES, 1, 1e300), "NaN or infinity for 1 of 4"),
        (np.ones((4, 3)), "tells examples apart; got one vector for all 4 texts"),
        (FEATURES[0], r"numbers of shape \(n, d\) .*; got float64 of shape \(3,\)"),
        (FEATURES.astype(str), "got <U"),
        (np.ones((4, 0)), r"shape \(4, 0\)"),
    ],
)
def test_features_that_are_none(given: Any, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read_features(given, DATA)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (CHANCES[:2], "probabilities of 4 texts in the array; got 2 rows"),
        (np.ones((4, 3)) / 3, "2 probabilities per text, one for each class, in the array; got 3"),
        (changed(CHANCES, 2, -0.1), "between 0 and 1 in the array; got -0.1 in row 2; .*softmax"),
        (changed(CHANCES, 2, 3.5), "got 3.5 in row 2"),
        (changed(CHANCES, 3, 0.25), "sum to 1 in the array; got 1.125 in row 3, the first of 1"),
        (CHANCES * 0.5, "got 0.5 in row 0, the first of 4"),
        (changed(CHANCES, 0, np.inf), "finite probabilities .*; got NaN or infinity for 1 of 4"),
    ],
)
def test_probabilities_that_are_none(given: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_probabilities(given, DATA)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (
            {"no": [1.0] * 4, "maybe": [0.0] * 4},
            "as the classes .no, yes.*; got no column for 'yes'",
        ),
        ({"no": [1.0] * 4, "yes": [0.0] * 4, "x": [0.0] * 4}, "got the column 'x'"),
        ({"id": ["row/0"] * 4, "no": [1] * 4, "yes": [0] * 4}, "a row for each id.*several for"),
        (
            {"id": list("abcd"), "no": [1] * 4, "yes": [0] * 4},
            "got none for 4 of 4, such as 'row/0'",
        ),
        ({"no": ["high"] * 4, "yes": [0] * 4}, "numbers in the column no of"),
        ({"no": [None, 1, 1, 1], "yes": [0] * 4}, "NaN or infinity for 1 of 4"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, columns: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_probabilities(table(tmp_path / "p.parquet", columns), DATA)


def test_files_that_are_none(tmp_path: Path) -> None:
    def refused(name: str, says: str) -> None:
        with pytest.raises(InputError, match=says) as caught:
            read_features(tmp_path / name, DATA)
        assert "\n" not in str(caught.value)

    refused("none.npy", "a file of features; got no file")
    (tmp_path / "x.txt").write_text("1")
    refused("x.txt", "features in a file .*.npz.*; got x.txt; save an array")
    (tmp_path / "x.npy").write_text("1")
    refused("x.npy", "a file that cannot be read")
    np.savez(tmp_path / "two.npz", a=FEATURES, b=FEATURES)
    refused("two.npz", "one array of features .*; got 2: a, b")
    np.savez(tmp_path / "other.npz", a=FEATURES, digest=data_of("texts", 4, seed=1).digest)
    refused("other.npz", "of these data .*; got features of another data set")
    np.savez(tmp_path / "ids.npz", a=FEATURES, ids=DATA.ids[:3])
    refused("ids.npz", "an id for each of 4 rows in .*; got 3")
    (tmp_path / "x.csv").write_text("a,b\n1,2\n3\n4,5\n6,7\n")
    refused("x.csv", "whole rows in .*row 3: 1 columns instead of 2")
    (tmp_path / "gap.csv").write_text("a,b\n1,2\n3,\n4,5\n6,7\n")
    refused("gap.csv", "NaN or infinity for 1 of 4 texts")
