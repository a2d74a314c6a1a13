"""Every form of data: opened from text and from a path, written back, and others beside them."""

from __future__ import annotations

import csv
import importlib.metadata
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from arrow_helpers import table as image_table
from arrow_helpers import write
from data_helpers import Draw, write_idx_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tar_helpers import tar

from radiotracer.data import FORMATS, TEXTS, Dataset, Format, format_of, open_data, store_data
from radiotracer.data.format import CannotWriteError, Options, Place, Written, in_order
from radiotracer.data.table import Table
from radiotracer.errors import DataError
from radiotracer.registry import Registry


def text_file(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def documents(root: Path) -> Path:
    for name in ("a/1.txt", "a/2.txt", "b/1.txt"):
        text_file(root / "docs" / name, name)
    return root / "docs"


def pictures(root: Path) -> Path:
    from PIL import Image

    for name in ("a/1.png", "a/2.png", "b/1.png"):
        (root / "pics" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (3, 2), len(name)).save(root / "pics" / name)
    return root / "pics"


def npz(root: Path) -> Path:
    np.savez(root / "v.npz", x=np.eye(3, dtype=np.float32), y=[0, 1, 0])
    return root / "v.npz"


def coco(root: Path) -> Path:
    pictures(root / "of")
    listed = [{"id": i, "file_name": f"{i}.png"} for i in range(2)]
    (root / "photos").mkdir()
    for i in range(2):
        content = (root / "of/pics/a/1.png").read_bytes()
        (root / f"photos/{i}.png").write_bytes(content)
    marks = [{"id": i, "image_id": i, "category_id": i, "bbox": [0, 0, 2, 2]} for i in range(2)]
    names = [{"id": i, "name": "xy"[i]} for i in range(2)]
    found = {"images": listed, "annotations": marks, "categories": names}
    text_file(root / "photos" / "annotations.json", json.dumps(found))
    return root / "photos"


def saved(root: Path) -> Path:
    store_data(npz(root), root / "stored")
    return root / "stored"


def archived(root: Path) -> Path:
    png = (pictures(root) / "a" / "1.png").read_bytes()
    return tar(root / "x.tar", {"1.png": png, "1.cls": b"0", "2.png": png, "2.cls": b"1"})


def listed(root: Path) -> Path:
    pictures(root)
    return text_file(root / "list.csv", "file,label\npics/a/1.png,x\na/2.png,y\nb/1,x\n")


MAKE: dict[str, Callable[[Path], Path]] = {
    "arrays": npz,
    "coco": coco,
    "document-folder": documents,
    "idx": lambda root: write_idx_folder(root / "idx"),
    "image-folder": pictures,
    "image-lists": listed,
    "image-tables": lambda root: write(image_table(), root / "i.parquet"),
    "row-tables": lambda root: text_file(root / "r.csv", "x,label\n1,a\n2,b\n"),
    "saved-folder": saved,
    "text-tables": lambda root: text_file(root / "t.tsv", "text\tlabel\nhi\ta\nho\tb\n"),
    "webdataset": archived,
}


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
