"""Cases: every form of data, as it should be."""

from __future__ import annotations

import gzip
import io
import itertools
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from data_helpers import write_idx_folder
from door_arrays import arrays
from door_cases import (
    REVIEWS,
    Case,
    alone,
    both,
    columns,
    pictures,
    png,
    put,
    write_columns,
    written,
)
from PIL import Image
from tar_helpers import tar

TWO = {"cat": 2, "dog": 1}
TREE = ("cat/1.png", "cat/2.png", "dog/1.png")
ROWS = 4
PAIR = {"bad": 2, "good": 2}


def _splits() -> list[Case]:
    found = []
    names = itertools.product(
        ("train", "training", "Train", "TRAINING"),
        ("val", "valid", "validation", "dev", "Val", "test", "testing", "eval", "TEST"),
    )
    for train, other in names:
        role = "test" if other.lower() in ("test", "testing", "eval") else "val"
        tree = (*(f"{train}/{each}" for each in TREE), f"{other}/dog/9.png")
        found.append(Case(f"split-folders-{train}-{other}", pictures(*tree), TWO, validation=role))
    tree = tuple(f"{split}/{each}" for split in ("training", "Valid", "testing") for each in TREE)
    for asked, validation in (
        ("train", "val"),
        ("val", None),
        ("validation", None),
        ("eval", None),
    ):
        found.append(
            Case(f"three-splits-{asked}", pictures(*tree), TWO, split=asked, validation=validation)
        )
    return found


def _delimited() -> list[Case]:
    """Texts in any encoding, with any separator."""
    notes = {",": (), ";": ("divided by semicolons",), "\t": ("divided by tabs",)}
    notes["|"] = ("divided by bars",)
    found = []
    for separator, said in notes.items():
        content = REVIEWS.replace(",", separator)
        name = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}[separator]
        found.append(Case(f"csv-{name}", alone("x.csv", content), PAIR, notes=said, kind="texts"))
    found.append(Case("tsv", alone("x.tsv", REVIEWS.replace(",", "\t")), PAIR, kind="texts"))
    accents = REVIEWS.replace("fine", "schön")
    for encoding, said in (
        ("utf-8", ()),
        ("utf-8-sig", ()),
        ("utf-16", ("read as UTF-16",)),
        ("cp1252", ("read as Windows-1252",)),
    ):
        content = accents.encode(encoding)
        found.append(
            Case(f"csv-{encoding}", alone("x.csv", content), PAIR, notes=said, kind="texts")
        )
    return found


def _typed() -> list[Case]:
    """Texts, images and rows in files that know types."""
    texts = ["so good it hurts", "so bad it hurts", "good and long day", "bad and long day"]
    labels = ["good", "bad"] * 2
    found = []
    for ending in ("jsonl", "json", "parquet", "arrow", "feather"):
        name = f"x.{ending}"
        found.append(
            Case(f"texts-{ending}", columns(name, text=texts, label=labels), PAIR, kind="texts")
        )
        found.append(
            Case(
                f"rows-{ending}",
                columns(name, height=[1.0, 2.5, 3.0, 4.0], label=labels),
                PAIR,
                kind="tables",
            )
        )
    images = [png(str(row)) for row in range(ROWS)]
    struct = [{"bytes": each, "path": None} for each in images]
    for ending in ("parquet", "arrow", "feather"):
        for kind, items in (("bytes", images), ("struct", struct)):
            make = columns(f"x.{ending}", image=items, label=labels)
            found.append(Case(f"images-{kind}-{ending}", make, PAIR))
    found.append(
        Case(
            "images-under-another-name",
            columns("x.parquet", scan=images, label=labels),
            PAIR,
            notes=("Images are taken from 'scan'",),
        )
    )
    found.append(
        Case(
            "labels-under-another-name",
            columns("x.parquet", image=images, category=labels),
            PAIR,
            notes=("Labels are taken from the column 'category'",),
        )
    )
    listed = ["a/0.png", "a/1.png", "a/2.png", "a/3.png"]
    for ending in ("parquet", "jsonl", "json", "feather"):
        make = both(pictures(*listed), columns(f"x.{ending}", file_name=listed, label=labels))
        found.append(Case(f"paths-{ending}", make, PAIR))
    return found


def _hugging_face(root: Path) -> None:
    texts = ["one good text", "one bad text", "two good texts", "two bad texts"]
    feature = {"label": {"names": ["bad", "good"], "_type": "ClassLabel"}}
    meta = {"huggingface": json.dumps({"info": {"features": feature}})}
    table = pa.table({"text": texts, "label": [1, 0, 1, 0]}).replace_schema_metadata(meta)
    for split in ("train", "validation", "test"):
        write_columns(root / "data" / f"{split}-00000-of-00001.parquet", table)


def _metadata(ending: str, *splits: str) -> Any:
    def make(root: Path) -> None:
        for split in splits:
            rows = [{"file_name": f"{row}.png", "label": "ab"[row % 2]} for row in range(ROWS)]
            for row in range(ROWS):
                put(root, f"{split}{row}.png", png(f"{split}{row}"))
            text = "".join(json.dumps(row) + "\n" for row in rows)
            if ending == "csv":
                text = "file_name,label\n" + "".join(
                    f"{row['file_name']},{row['label']}\n" for row in rows
                )
            put(root, f"{split}metadata.{ending}", text)

    return make


def _kaggle(root: Path) -> None:
    for row in range(ROWS):
        put(root, f"train/p{row}.jpg", png(f"p{row}"))
    put(root, "test/q1.jpg", png("q1"))
    put(root, "train.csv", "id,label\n" + "".join(f"p{row},{'ab'[row % 2]}\n" for row in range(4)))
    put(root, "test.csv", "id\nq1\n")


def _archive(kind: str) -> Any:
    def make(root: Path) -> Path:
        members: dict[str, bytes] = {}
        for row in range(ROWS):
            members[f"{row:04d}.png"] = png(str(row))
            if kind == "json":
                members[f"{row:04d}.json"] = json.dumps({"label": "ab"[row % 2]}).encode()
            else:
                members[f"{row:04d}.cls"] = (b"01" if kind == "number" else b"ab")[
                    row % 2 : row % 2 + 1
                ]
        return tar(root / "x.tar", members)

    return make


def _coco(*splits: str, name: str = "_annotations.coco.json", images: str = "") -> Any:
    def make(root: Path) -> None:
        for split in splits:
            listed = [{"id": row, "file_name": f"{row}.png"} for row in range(ROWS)]
            marks = [
                {"id": row, "image_id": row, "category_id": row % 2, "bbox": [0, 0, 2, 2]}
                for row in range(ROWS)
            ]
            names = [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]
            for row in range(ROWS):
                put(root, f"{split}{images}{row}.png", png(f"{split}{row}"))
            found = {"images": listed, "annotations": marks, "categories": names}
            put(root, split + name, json.dumps(found))

    return make


def _turned(root: Path) -> None:
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (6, 4)).save(stream, "JPEG", exif=exif)
    put(root, "a/1.jpg", stream.getvalue())
    Image.new("L", (4, 6)).save(root / "a/2.png")


def _idx(packed: bool) -> Any:
    def make(root: Path) -> None:
        write_idx_folder(root)
        for path in list(root.iterdir()) if packed else ():
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()

    return make


def _saved(root: Path) -> Path:
    from radiotracer.data import store_data

    pictures(*(f"from/{each}" for each in TREE))(root)
    store_data(root / "from", root / "stored")
    return root / "stored"


AB = {"a": 2, "b": 2}
IDX = {"0": 3, "1": 2, "2": 2}
FORMS = (
    Case("class-folders", pictures(*TREE), TWO),
    Case(
        "class-folders-of-texts",
        written({"a/1.txt": "x", "b/1.TXT": "y"}),
        {"a": 1, "b": 1},
        kind="texts",
    ),
    Case(
        "texts-in-splits",
        written({"train/a/1.txt": "x", "dev/a/1.txt": "y"}),
        {"a": 1},
        validation="val",
        kind="texts",
    ),
    Case(
        "numeric-folders",
        pictures(*(f"{n}/1.png" for n in range(12))),
        {str(n): 1 for n in range(12)},
    ),
    *_splits(),
    *_delimited(),
    *_typed(),
    Case(
        "csv-files-of-splits",
        written({"train.csv": REVIEWS, "reviews_test.csv": REVIEWS}),
        PAIR,
        validation="test",
        kind="texts",
    ),
    Case("hugging-face-folder", _hugging_face, PAIR, validation="val", kind="texts"),
    Case("metadata-csv", _metadata("csv", ""), AB),
    Case("metadata-jsonl", _metadata("jsonl", ""), AB),
    Case("metadata-csv-in-splits", _metadata("csv", "train/", "test/"), AB, validation="test"),
    Case(
        "metadata-jsonl-in-splits",
        _metadata("jsonl", "train/", "validation/"),
        AB,
        validation="val",
    ),
    Case(
        "kaggle",
        _kaggle,
        AB,
        notes=(
            "The table test.csv has no column label and is not used",
            "Images are taken from 'id'",
            "Not named in the table: 1 image beside it",
        ),
    ),
    Case("webdataset-number", _archive("number"), {"0": 2, "1": 2}),
    Case("webdataset-name", _archive("name"), AB),
    Case("webdataset-json", _archive("json"), AB),
    Case("coco-folder", _coco("", name="annotations.json", images="images/"), AB),
    Case("coco-beside", _coco(""), AB),
    Case("coco-file", both(_coco(""), lambda root: root / "_annotations.coco.json"), AB),
    Case("coco-boxes", _coco(""), AB, split="boxes", options={"image_size": 4}),
    Case("coco-roboflow", _coco("train/", "valid/", "test/"), AB, validation="val"),
    Case("coco-roboflow-test", _coco("train/", "valid/", "test/"), AB, split="test"),
    Case("exif", _turned, {"a": 2}, notes=("1 image was turned as",)),
    Case("idx", _idx(False), IDX, validation="test"),
    Case("idx-packed", _idx(True), IDX, split="test"),
    Case("saved-folder", _saved, TWO),
    *arrays(),
)
