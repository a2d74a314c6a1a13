"""Texts with labels: from tables, JSON lines and folders."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from arrow_helpers import write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radiotracer.data import TEXTS, Dataset, open_data
from radiotracer.errors import DataError

LINES = ["one, two", 'three\n\n"four"', "", "2020-01-01", "NA", "Käse 🧀 \ufeff\x0b"]
LABELS = [0, 1, 0, 1, 0, 1]


def refused(path: Path | str, **settings: Any) -> str:
    with pytest.raises(DataError) as caught:
        open_data(str(path), **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def table(labels: Any = None, **more: Any) -> pa.Table:
    return pa.table({"text": LINES, "label": LABELS if labels is None else labels, **more})


def write_csv(path: Path, columns: dict[str, list[Any]], separator: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter=separator)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def write_lines(path: Path, columns: dict[str, list[Any]]) -> Path:
    rows = [dict(zip(columns, each, strict=True)) for each in zip(*columns.values(), strict=True)]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    return path


def write_any(path: Path, columns: dict[str, list[Any]]) -> Path:
    if path.suffix in (".csv", ".tsv"):
        return write_csv(path, columns, "," if path.suffix == ".csv" else "\t")
    if path.suffix in (".jsonl", ".ndjson", ".json"):
        return write_lines(path, columns)
    return write(pa.table(columns), path)


ENDINGS = ["parquet", "arrow", "feather", "csv", "tsv", "jsonl", "ndjson", "json"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("ids", [None, ["a", "b", "c", "d", "e", "f"], [5, 4, 3, 2, 1, 0]])
def test_the_same_texts_from_every_format(ending: str, ids: Any, tmp_path: Path) -> None:
    columns = {"other": LABELS, "sentence": LINES, "labels": LABELS} | ({"id": ids} if ids else {})
    found = open_data(str(write_any(tmp_path / f"mine.{ending}", columns)))
    assert found.content == tuple(LINES) and found.labels.tolist() == LABELS
    assert found.class_names == ("0", "1") and found.labels.dtype == np.int64
    expected = [f"mine/{row:05d}" for row in range(6)] if ids is None else list(map(str, ids))
    assert found.ids.tolist() == expected
    assert found.digests.tolist() == [hashlib.sha256(each.encode()).hexdigest() for each in LINES]
    assert open_data(found.source).digest == found.digest


@pytest.mark.parametrize("ending", ENDINGS)
def test_names_of_classes(ending: str, tmp_path: Path) -> None:
    columns = {"text": LINES, "label": ["spam", "ham"] * 3}
    found = open_data(str(write_any(tmp_path / f"x.{ending}", columns)))
    assert found.class_names == ("ham", "spam") and found.labels.tolist() == [1, 0] * 3


def test_columns_that_are_named(tmp_path: Path) -> None:
    for ending in ENDINGS:
        columns = {"text": LINES, "body": LINES[::-1], "label": LABELS, "kind": LABELS[::-1]}
        path = write_any(tmp_path / f"x.{ending}", columns)
        found = open_data(str(path), text_column="body", label_column="kind")
        assert found.content == tuple(LINES[::-1]) and found.labels.tolist() == LABELS[::-1]
        assert "a column called nothing in" in refused(path, text_column="nothing")
        path = write_any(tmp_path / f"y.{ending}", columns | {"content": LINES})
        assert "both text and content" in refused(path)


def test_what_is_no_text_is_left_out(tmp_path: Path) -> None:
    texts = ["a", None, "c"]
    for path in (
        write(pa.table({"text": texts, "label": [0, 1, 1]}), tmp_path / "x.parquet"),
        write_lines(tmp_path / "x.jsonl", {"text": texts, "label": [0, 1, 1]}),
    ):
        found = open_data(str(path))
        assert found.content == ("a", "c") and found.ids.tolist() == ["x/00000", "x/00002"]
        assert [(each.path, each.reason) for each in found.left_out] == [("x/00001", "no text")]


def test_splits(tmp_path: Path) -> None:
    for ending in ("csv", "jsonl", "parquet"):
        home = tmp_path / ending
        home.mkdir()
        write_any(home / f"train.{ending}", {"text": ["a", "b"], "label": ["x", "y"]})
        write_any(home / f"validation.{ending}", {"text": ["c"], "label": ["y"]})
        train, test = open_data(str(home)), open_data(f"{home}:val")
        assert train.class_names == test.class_names == ("x", "y") and test.labels.tolist() == [1]
        assert train.validation == f"{home}:val" and test.validation is None
        assert train.ids.tolist() == ["train/00000", "train/00001"]
        write_any(home / f"validation.{ending}", {"text": ["c"], "label": ["z"]})
        assert open_data(f"{home}:validation").class_names == ("x", "y", "z")
        assert "got the class 'z' from" in refused(f"{home}:val", like=train)
    assert "a test split in" in refused(f"{tmp_path / 'csv' / 'train.csv'}:test")


def test_a_folder_that_save_to_disk_wrote(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    features = {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["n", "p"])}
    data = datasets.Dataset.from_dict(
        {"text": LINES, "label": LABELS}, features=datasets.Features(features)
    )
    data.shuffle(seed=1).save_to_disk(tmp_path / "disk")
    found = open_data(str(tmp_path / "disk"))
    assert found.content == tuple(data.shuffle(seed=1)["text"][:]) and found.class_names == (
        "n",
        "p",
    )


def document(root: Path, name: str, content: bytes = b"hello") -> Path:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(content)
    return root


def test_folders_of_documents(tmp_path: Path) -> None:
    root = tmp_path / "mails"
    document(root, "ham/1.txt", "grüß\r\ngott".encode())
    document(root, "ham/deep/2.TXT")
    document(root, "spam/1.txt", b"\0\1")
    document(root, "spam/2.txt", b"buy")
    document(root, "spam/3.eml")
    (root / "spam" / "4.txt").symlink_to("/etc/passwd")
    found = open_data(str(root))
    assert found.content == ("grüß\r\ngott", "hello", "buy") and found.labels.tolist() == [0, 0, 1]
    assert found.ids.tolist() == ["ham/1.txt", "ham/deep/2.TXT", "spam/2.txt"]
    assert {each.path: each.reason for each in found.left_out} == {
        "spam/1.txt": "bytes that are no text",
        "spam/3.eml": "its name does not end like that of a text",
        "spam/4.txt": "a symbolic link to /etc/passwd, which was not named with follow_links=",
    }
    (root / "spam" / "2.txt").unlink()
    assert open_data(str(root)).class_names == ("ham",)
    assert open_data(str(root)).notes[-1] == "No example that can be used of spam."


def test_documents_in_splits(tmp_path: Path) -> None:
    for name in ("train/a/1.txt", "train/b/1.txt", "test/b/1.txt"):
        document(tmp_path / "set", name)
    train, test = open_data(str(tmp_path / "set")), open_data(f"{tmp_path / 'set'}:test")
    assert train.validation == f"{tmp_path / 'set'}:test" and test.labels.tolist() == [1]
    document(tmp_path / "set", "test/c/1.txt")
    assert open_data(f"{tmp_path / 'set'}:test").class_names == ("a", "b", "c")
    assert "got the class 'c' from" in refused(f"{tmp_path / 'set'}:test", like=train)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", b"", "a row of names in"),
        ("x.csv", b"text,label\n", "none that can be read"),
        ("x.csv", b"text,label\na,1\n" + b"b\n" * 4, "rows of 2 columns in"),
        ("x.csv", b"text,label\na,\0\n", "bytes that are no text"),
        ("x.csv", b"text,text,label\na,b,1\n", "the name text twice"),
        ("x.csv", b"\xef\xbb\xbfwords\na\n", "columns words; pass label_column="),
        ("x.csv", b"label\n1\n", "beside the labels in"),
        ("x.jsonl", b"[1]\n", "int, in line 1"),
        ("x.jsonl", b'{"text": 3, "label": 1}\n', "expected texts in"),
        ("x.jsonl", b'{"text": "a", "label": 1, "id": null}\n', "ids of text or integers in"),
        ("x.jsonl", b'{"text": "\\ud800", "label": 1}\n', "text that UTF-8 cannot hold"),
        ("x.jsonl", b'{"text": "a", "label": "\\ud800"}\n', "UTF-8 cannot hold"),
        (
            "x.jsonl",
            b'{"text": "a", "label": 1}\n{"text": "a", "label": "b"}\n',
            "str beside int in 'label', in line 2",
        ),
        ("x.jsonl", b'{"text": "a", "label": ' + b"9" * 30 + b"}\n", "what no column can hold in"),
        ("x.jsonl", b"[" * 100_000, "RecursionError"),
        ("x.json", b'{\n"text": "a",\n"label": 1}\n', "of COCO"),
        ("x.xlsx", b"PK", "save it as CSV"),
        ("x.parquet", b"PAR1PAR1", "a Parquet"),
    ],
)
def test_tables_that_are_none(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert says in refused(tmp_path / name)


ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.tuples(ANY_TEXT, st.integers(0, 3)), min_size=1))
@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_any_text_comes_back(
    ending: str, rows: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    columns = {"text": [row[0] for row in rows], "label": [row[1] for row in rows]}
    path = write_any(tmp_path_factory.mktemp("texts") / f"x.{ending}", columns)
    found = open_data(str(path))
    assert found.content == tuple(columns["text"])
    assert [found.class_names[each] for each in found.labels] == list(map(str, columns["label"]))


def of(texts: tuple[str, ...] = ("a", "b", "c"), **changes: Any) -> Dataset:
    fields = {
        "labels": np.array([0, 1, 1]),
        "ids": np.array(["x", "y", "z"]),
        "class_names": ("no", "yes"),
        "source": "memory",
    }
    return Dataset(TEXTS, texts, **(fields | changes))


def test_taking_and_relabelling() -> None:
    whole = of()
    assert whole.take([2, 0]).content == ("c", "a") and whole.take([2, 0]).ids.tolist() == [
        "z",
        "x",
    ]
    assert whole.take(whole.labels == 1).content == ("b", "c") and len(whole.take([])) == 0
    other = whole.with_labels(np.array([1, 1, 1]))
    assert other.digest != whole.digest and (other.digests == whole.digests).all()
    with pytest.raises(DataError, match="at least one example in each of the 2 classes"):
        other.require_every_class()
    with pytest.raises(DataError, match=r"a mask of shape \(3,\)"):
        whole.take(np.array([True, False]))


@pytest.mark.parametrize(
    "build",
    [
        lambda: of(texts=("a",)),
        lambda: of(texts=("a", "b", b"c")),  # type: ignore[arg-type]
        lambda: of(texts=("a", "b", "\ud800")),
        lambda: of(labels=np.array([0, 1, 2])),
        lambda: of(labels=np.array([0.0, 1.0, 1.0])),
        lambda: of(ids=np.array(["x", "x", "y"])),
        lambda: of(class_names=()),
    ],
)
def test_what_texts_refuse(build: Callable[[], Dataset]) -> None:
    with pytest.raises(DataError):
        build()


def test_parquet_of_other_types(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [1, 2], "label": [0, 1]}), tmp_path / "x.parquet")
    assert "texts in" in refused(tmp_path / "x.parquet")
