"""Tables of rows: what a cell may be, and what comes back."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from arrow_helpers import write
from format_makers import text_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radiotracer.data import open_data, store_data
from radiotracer.data.table import Table
from radiotracer.errors import DataError

ROWS = """id,age,city,label
p,31,Rom,yes
q,,Bern,no
r,2e1,Rom,no
s, 7 ,,yes
"""


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "arrow"])
def test_rows_of_a_table(ending: str, tmp_path: Path) -> None:
    ages, cities = [31.0, None, 20.0, 7.0], ["Rom", "Bern", "Rom", None]
    path = tmp_path / f"people.{ending}"
    if ending in ("csv", "tsv"):
        path.write_text(ROWS if ending == "csv" else ROWS.replace(",", "\t"))
    elif ending == "jsonl":
        records = zip("pqrs", ages, cities, ("yes", "no", "no", "yes"), strict=True)
        names = ("id", "age", "city", "label")
        path.write_text(
            "\n".join(json.dumps(dict(zip(names, each, strict=True))) for each in records)
        )
    else:
        labels = ["yes", "no", "no", "yes"]
        write(pa.table({"id": list("pqrs"), "age": ages, "city": cities, "label": labels}), path)
    found = open_data(path)
    content: Table = found.content
    assert found.class_names == ("no", "yes") and found.labels.tolist() == [1, 0, 0, 1]
    assert found.ids.tolist() == list("pqrs") and found.left_out == ()
    assert [column.name for column in content.columns] == ["age", "city"]
    assert content.columns[0].missing and content.columns[1].categories == ("Bern", "Rom")
    assert [content.cell(row, 0) for row in range(4)] == ages
    assert [content.cell(row, 1) for row in range(4)] == cities
    assert found.show(1).text == "age: (missing)\ncity: Bern"
    reference = text_file(tmp_path / "same.csv", ROWS)
    assert found.digest == open_data(reference).digest


def test_validation_follows_the_training_columns(tmp_path: Path) -> None:
    train = open_data(text_file(tmp_path / "a.csv", "x,c,label\n1,r,u\n3,s,v\n"))
    lines = "x,c,label\n5,s,v\n,r,u\n7,t,v\nmany,r,v\n"
    path = text_file(tmp_path / "b.csv", lines)
    found = open_data(path, like=train)
    assert found.content.columns == train.content.columns and found.class_names == ("u", "v")
    assert found.ids.tolist() == ["b/00000"] and found.labels.tolist() == [1]
    assert {each.path: each.reason for each in found.left_out} == {
        "b/00001": "nothing in the column x",
        "b/00002": "a category that the training data do not have in the column c",
        "b/00003": "no number in the column x",
    }
    with pytest.raises(
        DataError, match=r"the columns of .*a\.csv in .*; got none called c and oth"
    ):
        open_data(text_file(tmp_path / "c.csv", "x,d,label\n1,r,u\n"), like=train)
    with pytest.raises(DataError, match=r"expected rows, as .* has them; got texts from"):
        open_data(text_file(tmp_path / "d.csv", "text,label\n1,u\n"), like=train)
    with pytest.raises(DataError, match=r"the classes of .* got the class 'w' from"):
        open_data(text_file(tmp_path / "e.csv", "x,c,label\n1,r,w\n"), like=train)
    saved = store_data(path, tmp_path / "stored", like=train)
    assert open_data(saved.source, like=train).digest == found.digest
    store_data(tmp_path / "a.csv", tmp_path / "other")
    alone = store_data(text_file(tmp_path / "f.csv", "x,c,label\n9,r,u\n"), tmp_path / "alone")
    with pytest.raises(DataError, match="expected rows of width 3, columns"):
        open_data(alone.source, like=train)


def test_a_test_split_follows_the_training_split(tmp_path: Path) -> None:
    root = tmp_path / "set"
    text_file(root / "train.csv", "x,c,label\n1,r,u\n3,s,v\n")
    text_file(root / "test.csv", "x,c,label\n5,s,v\n7,t,v\n")
    train, test = open_data(root), open_data(f"{root}:test")
    assert train.validation == f"{root}:test" and test.content.columns == train.content.columns
    assert [each.path for each in test.left_out] == ["test/00001"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("x,w\n1,2\n3,4\n", "one column called label or labels or fine_label in"),
        ("x,label\ninf,0\n", "none that can be read (x/00000: no number in the column x)"),
        ("x,label\n1e999,0\n", "none that can be read"),
        ("label\n1\n", "beside the labels in"),
        ("x,x,label\n1,2,0\n", "the name x twice"),
        ("x,label\n" + "".join(f"w{row},0\n" for row in range(1001)), "got texts alone: x"),
    ],
)
def test_rows_that_are_none(content: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_data(text_file(tmp_path / "x.csv", content))
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_dates_are_neither_numbers_nor_categories(tmp_path: Path) -> None:
    dates = pa.array([0, 1], pa.timestamp("s"))
    path = write(pa.table({"when": dates, "label": [0, 1]}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"timestamp\[.*\] in the column when"):
        open_data(path)


CELLS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(numbers=st.lists(st.tuples(CELLS, st.integers(0, 2)), min_size=1, max_size=20))
def test_any_number_comes_back(
    numbers: list[tuple[float | None, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    with (folder / "x.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["v", "c", "label"], *[(v, "q", y) for v, y in numbers]])
    found = open_data(folder / "x.csv")
    given = [math.nan if value is None else value for value, _ in numbers]
    np.testing.assert_array_equal(found.content.values[:, 0], given)
    names = [found.class_names[label] for label in found.labels.tolist()]
    assert names == [str(label) for _, label in numbers]
