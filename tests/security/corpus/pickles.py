"""Pickles that run code when they are opened by anything but care."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from corpus.hostile import CANARY, Hostile


class Calls:
    """Unpickled, it is a call."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


def touch(folder: Path) -> Calls:
    return Calls(Path.touch, folder / CANARY)


def by_system(folder: Path) -> Calls:
    return Calls(os.system, f"touch '{folder / CANARY}'")


def by_exec(folder: Path) -> Calls:
    return Calls(builtins.exec, f"open({str(folder / CANARY)!r}, 'w')")


def by_eval(folder: Path) -> Calls:
    return Calls(builtins.eval, f"open({str(folder / CANARY)!r}, 'w')")


def by_popen(folder: Path) -> Calls:
    return Calls(os.popen, f"touch '{folder / CANARY}'")


def by_torch_load(folder: Path) -> Calls:
    """A function of torch itself, that would open another file without care."""
    torch.save(touch(folder), folder / "second.bin")
    return Calls(torch.load, str(folder / "second.bin"))


def saved(name: str, held: Callable[[Path], object], **options: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        torch.save(held(folder), folder / name, **options)
        return folder / name

    return make


def by_hand(pickled: Callable[[Path], bytes]) -> Callable[[Path], Path]:
    """The zip file that ``torch.save`` writes, around any pickle."""

    def make(folder: Path) -> Path:
        with zipfile.ZipFile(folder / "suspect.pt", "w") as archive:
            archive.writestr("x/data.pkl", pickled(folder))
            archive.writestr("x/version", b"3\n")
            archive.writestr("x/byteorder", b"little")
        return folder / "suspect.pt"

    return make


def old_tar(folder: Path) -> Path:
    """The format of torch before 0.1.10."""
    with tarfile.open(folder / "suspect.pth", "w") as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            content = pickle.dumps(touch(folder), protocol=2)
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return folder / "suspect.pth"


def bare(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(pickle.dumps(by_system(folder)))
        return folder / name

    return make


def objects_in_npz(folder: Path) -> Path:
    images = np.empty(4, dtype=object)
    images[:] = [touch(folder)] * 4
    np.savez(folder / "data.npz", images=images, labels=np.arange(4) % 2, allow_pickle=True)
    return folder / "data.npz"


def objects_in_ids(folder: Path) -> Path:
    ids = np.array([by_system(folder)] * 4, dtype=object)
    images = np.zeros((4, 6, 6), dtype=np.uint8)
    np.savez(folder / "data.npz", images=images, labels=np.arange(4) % 2, ids=ids)
    return folder / "data.npz"


def object_array(folder: Path) -> Path:
    np.save(folder / "data.npy", np.array([touch(folder)], dtype=object), allow_pickle=True)
    return (folder / "data.npy").rename(folder / "data.npz")


def pickles_in_parquet(folder: Path) -> Path:
    """Bytes of a pickle where an image should be."""
    content = [pickle.dumps(touch(folder))] * 6
    pq.write_table(pa.table({"image": content, "label": [0, 1] * 3}), folder / "data.parquet")
    return folder / "data.parquet"


CODE, ARCHIVE = "which may run code", "torch 1.6 or newer"

CORPUS = [
    Hostile("Path.touch alone", "suspect", saved("suspect.pt", touch), CODE),
    Hostile("os.system in a dict", "suspect", saved("s.pt", lambda f: {"a": by_system(f)}), CODE),
    Hostile(
        "os.popen in a list", "suspect", saved("s.pth", lambda f: {"a": [[by_popen(f)]]}), CODE
    ),
    Hostile(
        "exec in an OrderedDict",
        "suspect",
        saved("s.pt", lambda f: OrderedDict(w=torch.zeros(2), z=by_exec(f))),
        CODE,
    ),
    Hostile("eval as a key", "suspect", saved("s.pt", lambda f: {(by_eval(f),): 1}), CODE),
    Hostile("torch.load of a second file", "suspect", saved("s.pt", by_torch_load), CODE),
    Hostile(
        "protocol 4, which hides what it names",
        "suspect",
        by_hand(lambda f: pickle.dumps({"a": by_exec(f)}, protocol=4)),
        CODE,
    ),
    Hostile(
        "a tensor's own state",
        "suspect",
        by_hand(
            lambda f: b"ctorch._utils\n_rebuild_tensor_v2\n(tRcposix\nsystem\n(X\x04\0\0\0truetR."
        ),
        CODE,
    ),
    Hostile(
        "the format before zip files",
        "suspect",
        saved("s.pt", touch, _use_new_zipfile_serialization=False),
        ARCHIVE,
    ),
    Hostile("the tar format", "suspect", old_tar, ARCHIVE),
    Hostile("a bare pickle", "suspect", bare("suspect.pth"), ARCHIVE),
    Hostile("a pickle called safetensors", "suspect", bare("s.safetensors"), "safetensors"),
    Hostile("a torch file called safetensors", "suspect", saved("s.safetensors", touch), "Error"),
    Hostile("a pickle called onnx", "suspect", bare("suspect.onnx"), "an ONNX model"),
    Hostile("a pickle called npz", "data", bare("data.npz"), "not a zip file"),
    Hostile("a pickle called parquet", "data", bare("data.parquet"), "a Parquet"),
    Hostile("an object array called npz", "data", object_array, "not a zip file"),
    Hostile("images that are objects", "data", objects_in_npz, "could run code"),
    Hostile("ids that are objects", "data", objects_in_ids, "could run code"),
    Hostile("pickles for images", "data", pickles_in_parquet, "none that can be read"),
]
