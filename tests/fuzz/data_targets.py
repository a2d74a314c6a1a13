"""Readers of examples: arrays, tables, images, and the names that people give them."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from seeds import archive, few, picture, saved
from target import Prepared, Target

from radiotracer.cli.recorded import rows_of
from radiotracer.data import open_data
from radiotracer.data.builtin import BUILT_INS
from radiotracer.data.idx import read_idx
from radiotracer.data.npy import map_npy
from radiotracer.data.opening import only_alarms
from radiotracer.data.pixels import Look, decode, square
from radiotracer.data.survey import survey


def _file(name: str, seeds: Callable[[], tuple[bytes, ...]], read: Callable[[Path], object]):
    """A parser of a file: the file is written anew for each input."""

    def prepare(folder: Path) -> Prepared:
        path = folder / name

        def parse(content: bytes) -> object:
            path.write_bytes(content)
            return read(path)

        return Prepared(seeds(), parse)

    return prepare


def _idx() -> tuple[bytes, ...]:
    images = bytes((0, 0, 8, 3)) + np.array([2, 3, 3], ">u4").tobytes() + bytes(range(18))
    return images, gzip.compress(images, 1)


def _idx_labels() -> tuple[bytes, ...]:
    labels = bytes((0, 0, 8, 1)) + np.array([4], ">u4").tobytes() + bytes((0, 1, 2, 1))
    return labels, gzip.compress(labels, 1)


def _archives() -> tuple[bytes, ...]:
    data = few()
    return (
        archive(images=data.content, labels=data.labels, ids=data.ids, class_names=["a", "b"]),
        archive(x=data.content[..., 0], y=data.labels[:, None].astype(np.uint8)),
        _archive_with_test(),
    )


def _archive_with_test() -> bytes:
    data = few()
    half = {"x_train": data.content, "y_train": data.labels, "class_names": np.array(["a", "b"])}
    return archive(**half, x_test=data.content[:2], y_test=data.labels[:2])


def _arrays() -> tuple[bytes, ...]:
    streams = [io.BytesIO() for _ in range(2)]
    for stream, array in zip(streams, (few().content, few().ids), strict=True):
        np.save(stream, array)
    return tuple(stream.getvalue() for stream in streams)


def _saved(name: str) -> Callable[[Path], Prepared]:
    """A folder that radiotracer wrote, one of whose files is the input."""

    def prepare(folder: Path) -> Prepared:
        saved(folder)
        seed = (folder / name).read_bytes()

        def parse(content: bytes) -> object:
            (folder / name).write_bytes(content)
            found = open_data(str(folder))
            return found.content.sum(), found.ids.tolist()

        return Prepared((seed,), parse)

    return prepare


def _tables(metadata: bool) -> pa.Table:
    images = [picture("PNG"), picture("JPEG"), picture("PNG")]
    table = pa.table(
        {
            "image": [{"bytes": image, "path": None} for image in images] if metadata else images,
            "label": [0, 1, 0] if metadata else ["a", "b", "a"],
            "id": ["x", "y", "z"],
        }
    )
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["a", "b"]}}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    return table.replace_schema_metadata(about) if metadata else table


def _parquet() -> tuple[bytes, ...]:
    streams = [io.BytesIO() for _ in range(2)]
    for stream, metadata in zip(streams, (True, False), strict=True):
        pq.write_table(_tables(metadata), stream, compression="none")
    return tuple(stream.getvalue() for stream in streams)


def _arrow() -> tuple[bytes, ...]:
    found = []
    for make in (pa.ipc.new_file, pa.ipc.new_stream):
        stream, table = io.BytesIO(), _tables(metadata=True)
        with make(stream, table.schema) as writer:
            writer.write_table(table)
        found.append(stream.getvalue())
    return tuple(found)


def _pictures() -> tuple[bytes, ...]:
    kinds = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM", "TIFF")
    more = (("PNG", "RGBA"), ("PNG", "P"), ("JPEG", "CMYK"), ("TIFF", "F"), ("PNG", "I;16"))
    grey = [picture(kind) for kind in kinds]
    return (*grey, *(picture(kind, mode) for kind, mode in more if mode != "I;16"))


def _prepare_pictures(_: Path) -> Prepared:
    def parse(content: bytes) -> object:
        with only_alarms():
            small, own = Look(True, square(8)), Look(False)
            return survey([content]), decode(content, small), decode(content, own)

    return Prepared(_pictures(), parse)


def _prepare_names(folder: Path) -> Prepared:
    """Lines ``CLASS/IMAGE`` or ``SHARD``: a folder of files so called, each with one image."""
    image = picture("PNG")

    def parse(content: bytes) -> object:
        root = folder / "root"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        for line in content.split(b"\n")[:8]:
            parts = [part for part in line.split(b"/") if part not in (b"", b".", b"..")]
            if parts and all(len(part) < 200 and b"\0" not in part for part in parts[:3]):
                path = Path(os.fsdecode(os.path.join(bytes(root), *parts[:3])))  # noqa: PTH118
                _write(path, image)
        return open_data(str(root)).class_names

    return Prepared(
        (b"a/x.png\nb/y.png", b"train/a/x.png\ntest/a/y.png", b"train/a/x.jpg\nval/a/y.gif"), parse
    )


def _write(path: Path, content: bytes) -> None:
    """Names that this file system does not take, or of files as of folders, are passed over."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError:
        return


def _prepare_arguments(folder: Path) -> Prepared:
    """Texts after ``radiotracer scan``: of paths only such as stay inside the folder."""
    (folder / "x.npz").write_bytes(_archives()[2])
    (folder / "plain").mkdir()
    saved(folder / "plain")
    at = f"{folder}/"

    def parse(content: bytes) -> object:
        text = os.fsdecode(content[:200])  # the shell's argument, not the longest of file names
        source, rows = rows_of("--query", text)
        base = source.removesuffix(":train").removesuffix(":test")
        if base in BUILT_INS or "/.." in f"/{source}" or "\0" in source:
            return None
        return open_data(at + source.lstrip("/")).ids, rows

    return Prepared((b"x.npz:test#1,2", b"x.npz", b"plain", b"x.npz:train"), parse)


def _shards() -> tuple[bytes, ...]:
    """Archives in the three forms of tar, one with a name longer than a header holds."""
    found = []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        stream = io.BytesIO()
        long = "" if form == tarfile.USTAR_FORMAT else "ö" * 120
        with tarfile.open(fileobj=stream, mode="w", format=form, bufsize=512) as archive:
            for row in range(3):
                about = json.dumps({"label": row % 2}).encode()
                members = {
                    "png": picture("PNG"),
                    ("json" if row else "cls"): about if row else b"1",
                }
                for ending, content in members.items():
                    info = tarfile.TarInfo(f"{long}{row}.{ending}")
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
        found.append(stream.getvalue().rstrip(b"\0") + b"\0" * 1536)
    return tuple(each + b"\0" * (-len(each) % 512) for each in found)


def _prepare_annotations(folder: Path) -> Prepared:
    """COCO's JSON beside two photographs, whole and cut out."""
    (folder / "images").mkdir()
    for name in ("0.png", "1.png"):
        (folder / "images" / name).write_bytes(picture("PNG"))
    box = {"category_id": 3, "bbox": [1, 1, 3.5, 2], "iscrowd": 0}
    whole = {
        "images": [{"id": row, "file_name": f"{row}.png"} for row in range(2)],
        "annotations": [{"id": row, "image_id": row, **box} for row in range(2)],
        "categories": [{"id": 3, "name": "a"}, {"id": 4, "name": "b"}],
    }

    def parse(content: bytes) -> object:
        (folder / "annotations.json").write_bytes(content)
        return open_data(str(folder)), open_data(f"{folder}:boxes", image_size=4)

    return Prepared((json.dumps(whole).encode(),), parse)


def _prepare_state(folder: Path) -> Prepared:
    """The file that save_to_disk puts beside its tables."""
    (folder / "data.arrow").write_bytes(_arrow()[1])
    sink = io.BytesIO()
    indices = pa.table({"indices": [2, 0]})
    with pa.ipc.new_stream(sink, indices.schema) as writer:
        writer.write_table(indices)
    (folder / "indices.arrow").write_bytes(sink.getvalue())
    state = {"_data_files": [{"filename": "data.arrow"}]}
    shuffled = state | {"_indices_data_files": [{"filename": "indices.arrow"}]}

    def parse(content: bytes) -> object:
        (folder / "state.json").write_bytes(content)
        return open_data(str(folder)).ids

    return Prepared(tuple(json.dumps(each).encode() for each in (state, shuffled)), parse)


def _texts() -> tuple[bytes, ...]:
    return (
        b'text,label,id\n"a, b",1,x\n"c\n""d""",0,y\n',
        "\ufefftext,label\r\nKäse,spam\r\nx,ham\r\n".encode(),
    )


def _lines() -> tuple[bytes, ...]:
    rows = ({"text": "Käse", "label": 1, "id": 7}, {"text": None, "label": 0, "id": "x"})
    lines = b"\n".join(json.dumps(row).encode() for row in rows)
    return lines, b'{"content": "a", "labels": "spam"}\n'


def _text_table() -> tuple[bytes, ...]:
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": ["a", None, "c"], "label": ["x", "y", "x"]}), stream)
    return (stream.getvalue(),)


def _rows() -> tuple[bytes, ...]:
    return (b"age,town,label\n31,Rom,1\n,Bern,0\n", b"id,x,label\na,1e3,u\nb,-.5,v\n")


def _row_lines() -> tuple[bytes, ...]:
    return (
        b'{"age": 31, "town": null, "label": "u"}\n{"age": 1.5, "town": "Rom", "label": "v"}\n',
    )


def _row_table() -> tuple[bytes, ...]:
    stream = io.BytesIO()
    pq.write_table(pa.table({"x": [1.5, None], "c": ["a", "b"], "label": [0, 1]}), stream)
    return (stream.getvalue(),)


def _vectors() -> tuple[bytes, ...]:
    stream = io.BytesIO()
    np.savez(stream, x=np.eye(2, dtype=np.float32), y=np.array([0, 1]))
    return (stream.getvalue(),)


TARGETS = (
    Target("idx-images", _file("x", _idx, lambda path: read_idx(path, dimensions=3)), 2000),
    Target("idx-labels", _file("x", _idx_labels, lambda path: read_idx(path, dimensions=1)), 2000),
    Target("npy", _file("x.npy", _arrays, map_npy), 2000),
    Target("npz", _file("x.npz", _archives, lambda path: open_data(str(path))), 500),
    Target(
        "npz-test",
        _file("x.npz", lambda: (_archive_with_test(),), lambda path: open_data(f"{path}:test")),
        500,
    ),
    *(
        Target(f"saved-{name.partition('.')[0]}", _saved(name), 300)
        for name in ("data.json", "images.npy", "ids.npy", "examples.npz")
    ),
    Target("parquet", _file("x.parquet", _parquet, lambda path: open_data(str(path))), 150),
    Target("arrow", _file("x.arrow", _arrow, lambda path: open_data(str(path))), 150),
    Target("webdataset", _file("x.tar", _shards, lambda path: open_data(str(path))), 100),
    Target("coco", _prepare_annotations, 80),
    Target("hugging-face-state", _prepare_state, 150),
    *(
        Target(
            f"texts-{ending}", _file(f"x.{ending}", seeds, lambda path: open_data(str(path))), 500
        )
        for ending, seeds in (("csv", _texts), ("jsonl", _lines), ("parquet", _text_table))
    ),
    Target("rows-csv", _file("x.csv", _rows, open_data), 300),
    Target("rows-jsonl", _file("x.jsonl", _row_lines, open_data), 300),
    Target("rows-parquet", _file("x.parquet", _row_table, open_data), 150),
    Target("vectors", _file("x.npz", _vectors, open_data), 300),
    Target("pictures", _prepare_pictures, 500),
    Target("file-names", _prepare_names, 200),
    Target("data-arguments", _prepare_arguments, 500),
)
