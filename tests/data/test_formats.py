"""Every form of data: opened from text and from a path, written back, and others beside them."""

from __future__ import annotations

import csv
import importlib.metadata
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_helpers import Draw
from format_makers import MAKE, npz, text_file

from radiotracer.data import FORMATS, TEXTS, Dataset, Format, format_of, open_data, store_data
from radiotracer.data.format import CannotWriteError, Options, Place, Written, in_order
from radiotracer.errors import DataError
from radiotracer.registry import Registry


def test_the_battery_knows_every_format() -> None:
    assert set(FORMATS) == {*MAKE, "built-in"}
    assert next(each.name for each in in_order()) == "built-in"
    assert [each.name for each in in_order()][-1] == "image-folder"
    assert len({each.order for each in in_order()}) == len(FORMATS)


@pytest.mark.parametrize("name", list(MAKE))
def test_opened_from_text_and_from_a_path(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = MAKE[name](tmp_path)
    form = format_of(path)
    assert form is FORMATS[name]
    found = open_data(path)
    assert found.digest == open_data(str(path)).digest
    monkeypatch.chdir(path.parent)
    relative = open_data(path.name)
    assert relative.source == found.source == str(path) and relative.digest == found.digest
    if name == "idx":
        assert open_data(f"{path}:test").source == f"{path}:test"
    else:
        with pytest.raises(DataError, match="a test split in") as caught:
            open_data(f"{path}:test")
        assert "\n" not in str(caught.value)
    if name != "saved-folder":
        stored = store_data(path, str(tmp_path / "out"))
        assert stored.digest == found.digest and stored.modality is found.modality


@pytest.mark.parametrize("name", list(MAKE))
def test_written_back(name: str, tmp_path: Path) -> None:
    before = open_data(MAKE[name](tmp_path))
    labels = before.labels.copy()
    labels[1] = 1 - labels[1] if labels[1] < 2 else 0
    after = before.with_labels(labels).take(np.arange(len(before)) != 0)
    (tmp_path / "back").mkdir()
    try:
        made = FORMATS[name].write(before, after, tmp_path / "back")
    except CannotWriteError as error:
        assert name in ("coco", "idx", "webdataset") and str(error)
        return
    again = open_data(tmp_path / "back" / made.name)

    def rows(data: Dataset, names: Any) -> set[tuple[str, str, str]]:
        ids = [names.get(each, each) for each in data.ids.tolist()]
        classes = [data.class_names[label] for label in data.labels.tolist()]
        return set(zip(ids, data.digests.tolist(), classes, strict=True))

    assert rows(again, {}) == rows(after, made.renamed)


def test_a_csv_keeps_its_other_columns(tmp_path: Path) -> None:
    path = text_file(tmp_path / "m.csv", 'when,text,label\nmon,"a, b",x\ntue,c,y\nwed,d,x\n')
    before = open_data(path)
    after = before.with_labels(np.array([1, 1, 0])).take([0, 2])
    (tmp_path / "out").mkdir()
    made = FORMATS["text-tables"].write(before, after, tmp_path / "out")
    with (tmp_path / "out" / "m.csv").open(newline="") as stream:
        assert list(csv.reader(stream)) == [
            ["id", "when", "text", "label"],
            ["m/00000", "mon", "a, b", "y"],
            ["m/00002", "wed", "d", "x"],
        ]
    assert made.name == "m.csv" and "A column id was added" in made.note


def test_parquet_keeps_names_and_other_splits(tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    meta = {"info": {"features": {"label": {"names": ["n", "p"], "_type": "ClassLabel"}}}}
    whole = pa.table(
        {"id": ["a", "b", "c"], "text": ["x", "y", "z"], "label": [0, 1, 1], "o": [1, 2, 3]}
    )
    whole = whole.replace_schema_metadata({"huggingface": json.dumps(meta)})
    pq.write_table(whole, root / "train.parquet")
    pq.write_table(whole, root / "test.parquet")
    before = open_data(root)
    after = before.with_labels(np.array([1, 1, 0])).take([0, 2])
    (tmp_path / "out").mkdir()
    FORMATS["text-tables"].write(before, after, tmp_path / "out")
    found = pq.read_table(tmp_path / "out" / "train.parquet")
    assert found.to_pydict() == {"id": ["a", "c"], "text": ["x", "z"], "label": [1, 0], "o": [1, 3]}
    assert open_data(tmp_path / "out").class_names == ("n", "p")
    kept = (tmp_path / "out" / "test.parquet").read_bytes()
    assert kept == (root / "test.parquet").read_bytes()


def test_vectors(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float64).reshape(3, 2)
    np.savez(tmp_path / "a.npz", x_train=values, y_train=[0, 1, 1], x_test=values[:1], y_test=[1])
    train, test = open_data(tmp_path / "a.npz"), open_data(f"{tmp_path / 'a.npz'}:test")
    assert train.modality.name == "vectors" and train.content.dtype == np.float32
    assert train.validation == f"{tmp_path / 'a.npz'}:test" and test.content.tolist() == [[0, 1]]
    (tmp_path / "npy").mkdir()
    np.save(tmp_path / "npy" / "x.npy", values)
    np.save(tmp_path / "npy" / "y.npy", [0, 1, 1])
    for place in ("npy", "npy/x.npy"):
        assert open_data(tmp_path / place).digests.tolist() == train.digests.tolist()
    np.savez(tmp_path / "b.npz", x=np.array([[1e300, 0.0]]), y=[0])
    with pytest.raises(DataError, match="beyond float32"):
        open_data(tmp_path / "b.npz")
    np.save(tmp_path / "npy" / "y.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="an array of numbers or text in"):
        open_data(tmp_path / "npy")


def test_more_documents_than_images(draw: Draw, tmp_path: Path) -> None:
    draw("a/1.png")
    draw("a/2.png")
    root = tmp_path / "tree"
    text_file(root / "a" / "1.txt", "about 1.png")
    text_file(root / "a" / "2.txt", "about 2.png")
    assert open_data(root).modality.name == "images"
    text_file(root / "a" / "3.txt", "more")
    assert open_data(root).modality.name == "texts"


def test_options_that_a_format_does_not_take(tmp_path: Path) -> None:
    path = npz(tmp_path)
    for option in ({"image_size": 3}, {"text_column": "x"}, {"label_column": "y"}):
        (name,) = option
        with pytest.raises(
            DataError, match=f"expected data that {name}= changes .* got {name}=.* leave"
        ):
            open_data(path, **option)  # type: ignore[arg-type]


def test_hugging_face_in_memory(tmp_path: Path) -> None:
    hf = pytest.importorskip("datasets")
    texts = hf.Dataset.from_dict({"text": ["a", "b"], "label": ["x", "y"]})
    assert open_data(texts).content == ("a", "b") and open_data(texts).modality is TEXTS
    rows = hf.DatasetDict(
        {
            "train": hf.Dataset.from_dict({"age": [1, 3], "town": ["r", "s"], "y": [0, 1]}),
            "test": hf.Dataset.from_dict({"age": [5], "town": ["s"], "y": [1]}),
        }
    )
    found = open_data(rows, label_column="y")
    assert found.modality.name == "tables" and found.ids.tolist() == ["train/00000", "train/00001"]
    assert found.content.columns[0].mean == 2.0


class Lines(Format):
    """One example per line: the label, a blank, the text."""

    name = "lines"
    words = "a .lines file"
    order = 50

    def matches(self, place: Place, options: Options) -> bool:
        return place.path.suffix == ".lines"

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        pairs = [line.split(" ", 1) for line in place.path.read_text().splitlines()]
        labels = np.array([int(label) for label, _ in pairs])
        ids = np.array([str(row) for row in range(len(pairs))])
        texts = tuple(text for _, text in pairs)
        return Dataset(TEXTS, texts, labels, ids, ("0", "1"), str(place.path))

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        raise CannotWriteError("nobody wrote that")


def test_a_format_is_one_object(tmp_path: Path) -> None:
    path = text_file(tmp_path / "x.lines", "0 hello\n1 world\n")
    with pytest.raises(DataError, match=r"got the file .*x\.lines; save it as CSV"):
        open_data(path)
    FORMATS.register(Lines())
    try:
        assert open_data(path).content == ("hello", "world")
        assert store_data(path, tmp_path / "out").digest == open_data(path).digest
    finally:
        FORMATS.unregister("lines")


def test_a_plug_in_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named where something is missing, and everything else works."""
    entry = importlib.metadata.EntryPoint("odd", "no_such_module:Odd", "radiotracer.formats")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [entry])
    fresh: Registry[Format] = Registry("data format", home=FORMATS.home, group=FORMATS.group)
    fresh._things.update(FORMATS)
    monkeypatch.setattr("radiotracer.data.format.FORMATS", fresh)
    monkeypatch.setattr("radiotracer.data.sources.FORMATS", fresh)
    with pytest.raises(
        DataError, match=r"formats that do not load: odd: no_such_module:Odd, which"
    ):
        open_data("nowhere")
    assert fresh["arrays"] is FORMATS["arrays"] and "odd" in fresh.failures
