"""A small example of every form of data, by the form's name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from arrow_helpers import table as image_table
from arrow_helpers import write
from data_helpers import write_idx_folder
from tar_helpers import tar

from radiotracer.data import store_data


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
