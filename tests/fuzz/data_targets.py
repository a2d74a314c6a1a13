"""Readers of examples: arrays, tables, images, and the names that people give them."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
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
from radiotracer.data.pixels import decode, has_colour, only_alarms


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
        archive(images=data.images, labels=data.labels, ids=data.ids, class_names=["a", "b"]),
        archive(x=data.images[..., 0], y=data.labels[:, None].astype(np.uint8)),
        _archive_with_test(),
    )


def _archive_with_test() -> bytes:
    data = few()
    half = {"x_train": data.images, "y_train": data.labels, "class_names": np.array(["a", "b"])}
    return archive(**half, x_test=data.images[:2], y_test=data.labels[:2])


def _arrays() -> tuple[bytes, ...]:
    streams = [io.BytesIO() for _ in range(2)]
    for stream, array in zip(streams, (few().images, few().ids), strict=True):
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
            return found.images.sum(), found.ids.tolist()

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
            return has_colour(content), decode(content, True, 8), decode(content, False, None)

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
    Target("pictures", _prepare_pictures, 500),
    Target("file-names", _prepare_names, 200),
    Target("data-arguments", _prepare_arguments, 500),
)
