"""Parquet and Arrow files of images and labels: round trips and layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from arrow_helpers import LABELS, NAMES, PIXELS, named, png, refused, table, write
from PIL import Image

from radiotracer.data import open_data, save_examples


@pytest.mark.parametrize("ending", ["parquet", "arrow", "feather"])
@pytest.mark.parametrize("form", ["struct", "binary", "large"])
@pytest.mark.parametrize(("image", "label"), [("image", "label"), ("img", "fine_label")])
def test_round_trip(ending: str, form: str, image: str, label: str, tmp_path: Path) -> None:
    whole = table(image=image, label=label, form=form, coarse_label=[0] * 9)
    found = open_data(str(write(whole, tmp_path / f"mine.{ending}")))
    np.testing.assert_array_equal(found.content, PIXELS)
    assert found.labels.tolist() == LABELS and found.class_names == ("0", "1", "2")
    assert found.ids[[0, 8]].tolist() == ["mine/00000", "mine/00008"]
    assert found.validation is None and found.left_out == ()
    assert open_data(found.source).digest == found.digest


def test_the_file_format_of_arrow_too(tmp_path: Path) -> None:
    whole = table()
    path = str(tmp_path / "a.arrow")
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, whole.schema) as stream:
        stream.write_table(whole)
    np.testing.assert_array_equal(open_data(str(tmp_path / "a.arrow")).content, PIXELS)


def test_names_of_classes(tmp_path: Path) -> None:
    # Hugging Face's metadata, in their order and with a class that no example has.
    found = open_data(str(write(named(table(), ["z", "y", "x", "w"]), tmp_path / "a.parquet")))
    assert found.class_names == ("z", "y", "x") and found.labels.tolist() == LABELS
    assert found.notes == ("1 of 4 classes have no example: w.",)
    texts = [["dog", "cat"][i % 2] for i in range(9)]
    for labels in (texts, pa.array(texts).dictionary_encode(), pa.array(texts, pa.large_string())):
        found = open_data(str(write(table(labels=labels), tmp_path / "b.parquet")))
        assert found.class_names == ("cat", "dog")
        assert found.labels.tolist() == [1, 0, 1, 0, 1, 0, 1, 0, 1]


def test_columns_by_their_types(tmp_path: Path) -> None:
    whole = named(table(label="digit"), label="digit")
    assert open_data(str(write(whole, tmp_path / "a.parquet"))).class_names == tuple(NAMES)


@pytest.mark.parametrize("ids", [[f"photo {i}" for i in range(9)], list(range(100, 109))])
def test_ids_of_ones_own(ids: list[Any], tmp_path: Path) -> None:
    found = open_data(str(write(table(id=ids), tmp_path / "a.parquet")))
    assert found.ids.tolist() == [str(each) for each in ids]


def shards(root: Path, layout: str) -> Path:
    """Six training examples in two files and three held out, as Hugging Face lays them out."""
    whole = named(table())
    parts = {"train": [whole.slice(0, 2), whole.slice(2, 4)], "test": [whole.slice(6)]}
    held = "validation" if layout == "validation" else "test"
    for split, tables in parts.items():
        word = held if split == "test" else split
        for number, part in enumerate(tables):
            name = f"{word}-{number:05d}-of-{len(tables):05d}.parquet"
            if layout == "saved":
                name = f"{word}/data-{number:05d}-of-{len(tables):05d}.arrow"
                write(part, root / name)
                (root / word / "state.json").write_text("{}")
            elif layout == "converted":
                write(part, root / word / f"{number:04d}.parquet")
            else:
                write(part, root / ("data" if layout == "data" else "") / name)
    (root / "README.md").write_text("hello")
    (root / ".cache").mkdir()
    return root


@pytest.mark.parametrize("layout", ["flat", "data", "validation", "saved", "converted"])
def test_layouts(layout: str, tmp_path: Path) -> None:
    root = shards(tmp_path / "set", layout)
    held = "val" if layout == "validation" else "test"
    train, test = open_data(str(root)), open_data(f"{root}:{held}")
    np.testing.assert_array_equal(train.content, PIXELS[:6])
    np.testing.assert_array_equal(test.content, PIXELS[6:])
    assert train.labels.tolist() == LABELS[:6] and test.labels.tolist() == LABELS[6:]
    assert train.class_names == test.class_names == tuple(NAMES)
    assert train.validation == f"{root}:{held}" and test.validation is None
    assert open_data(f"{root}:train").digest == train.digest
    assert open_data(train.validation).digest == open_data(test.source).digest == test.digest
    if layout == "data":
        assert train.ids[2] == "data/train-00001-of-00002/00000"


def test_one_split_only(tmp_path: Path) -> None:
    write(table(), tmp_path / "set" / "some-00000-of-00001.parquet")
    assert len(open_data(str(tmp_path / "set"))) == 9
    assert "leave out :test" in refused(f"{tmp_path / 'set'}:test")
    path = write(table(), tmp_path / "train.parquet")
    assert "leave out :train" in refused(f"{path}:train")


def test_other_splits_are_named(tmp_path: Path) -> None:
    root = shards(tmp_path / "set", "flat")
    write(table(), root / "extra-00000-of-00001.parquet")
    found = open_data(str(root))
    assert len(found) == 6
    assert [(each.path, each.reason) for each in found.left_out] == [
        ("extra-00000-of-00001", "of no split, beside files that are of one")
    ]


def test_a_missing_shard(tmp_path: Path) -> None:
    root = shards(tmp_path / "set", "flat")
    (root / "train-00000-of-00002.parquet").unlink()
    assert "1 of them, without number 00000" in refused(root)


def test_a_folder_of_classes_stays_one(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "tree" / name).mkdir(parents=True)
        Image.fromarray(PIXELS[0]).save(tmp_path / "tree" / name / "1.png")
    write(table(), tmp_path / "tree" / "metadata.parquet")
    assert open_data(str(tmp_path / "tree")).class_names == ("cat", "dog")
    split = tmp_path / "splits"
    for word in ("train", "test"):
        (split / word / "kind").mkdir(parents=True)
        write(table(), split / word / "metadata.parquet")
        Image.fromarray(PIXELS[0]).save(split / word / "kind" / "1.png")
    assert open_data(str(split)).class_names == ("kind",)


def test_a_saved_folder_with_tables_stays_one(tmp_path: Path) -> None:
    found = open_data(str(write(table(), tmp_path / "a.parquet")))
    (tmp_path / "saved").mkdir()
    save_examples(found, tmp_path / "saved")
    write(table(3), tmp_path / "saved" / "manifest.parquet")
    assert open_data(str(tmp_path / "saved")).digest == found.digest


def test_colour_is_agreed_between_the_splits(tmp_path: Path) -> None:
    write(table(grey=True), tmp_path / "set" / "train.parquet")
    write(table(2, grey=True), tmp_path / "set" / "test.parquet")
    assert open_data(str(tmp_path / "set")).content.shape == (9, 5, 4, 1)
    write(table(2), tmp_path / "set" / "test.parquet")
    assert open_data(str(tmp_path / "set")).content.shape == (9, 5, 4, 3)


def test_several_sizes_need_a_size(tmp_path: Path) -> None:
    whole = table(3, form="binary").set_column(
        0, "image", pa.array([png(PIXELS[0]), png(PIXELS[1][:3]), png(PIXELS[2])])
    )
    path = write(whole, tmp_path / "a.parquet")
    text = refused(path)
    assert "2 sizes: 5x4 (2 images), 3x4 (1 images)" in text and "image_size=N" in text
    assert open_data(str(path), image_size=6).content.shape == (3, 6, 6, 3)
    assert "from 1 to 4096" in refused(path, image_size=5000)


@pytest.mark.parametrize(
    "metadata", ["[]", '{"info": 3}', '{"info": {"features": []}}', '{"info": {"features": {}}}']
)
def test_metadata_without_types(metadata: str, tmp_path: Path) -> None:
    whole = table().replace_schema_metadata({b"huggingface": metadata.encode()})
    assert open_data(str(write(whole, tmp_path / "a.parquet"))).class_names == ("0", "1", "2")


def test_shards_that_disagree(tmp_path: Path) -> None:
    write(named(table()), tmp_path / "set" / "train-0.parquet")
    write(named(table(), ["a", "b", "c"]), tmp_path / "set" / "train-1.parquet")
    assert "agree on the classes; got other names" in refused(tmp_path / "set")
    write(table(labels=["a"] * 9), tmp_path / "set" / "train-1.parquet")
    write(table(), tmp_path / "set" / "train-0.parquet")
    assert "numbers in some and texts in others" in refused(tmp_path / "set")


def test_a_class_of_the_test_split_alone(tmp_path: Path) -> None:
    write(table(labels=list("ababababa")), tmp_path / "set" / "train.parquet")
    write(table(2, labels=["b", "c"]), tmp_path / "set" / "test.parquet")
    assert len(open_data(str(tmp_path / "set"))) == 9
    train, test = open_data(str(tmp_path / "set")), open_data(f"{tmp_path / 'set'}:test")
    assert train.class_names == ("a", "b") and test.class_names == ("a", "b", "c")
    assert "got the class 'c' from" in refused(f"{tmp_path / 'set'}:test", like=train)


def test_hugging_face_writes_what_is_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=NAMES)}
    )
    given = {"image": [Image.fromarray(each) for each in PIXELS], "label": LABELS}
    whole = datasets.Dataset.from_dict(given, features=features)
    whole.to_parquet(tmp_path / "a.parquet")
    whole.save_to_disk(tmp_path / "disk", num_shards=2)
    both = datasets.DatasetDict({"train": whole, "test": whole.select([4, 2])})
    both.save_to_disk(tmp_path / "both")
    for name in ("a.parquet", "disk", "both"):
        found = open_data(str(tmp_path / name))
        np.testing.assert_array_equal(found.content, PIXELS)
        assert found.labels.tolist() == LABELS and found.class_names == tuple(NAMES)
    assert open_data(f"{tmp_path / 'both'}:test").labels.tolist() == [1, 2]


def test_image_size_in_words(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=PIXELS, labels=LABELS)
    said = refused(tmp_path / "a.npz", image_size=8)
    assert "data that image_size= changes (image-tables, " in said
