"""Zip files that lie about what is in them, and arrays that lie about themselves."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from corpus.hostile import CANARY, Hostile


def member(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


LABELS = member(np.arange(4) % 2)
IMAGES = member(np.zeros((4, 6, 6), dtype=np.uint8))


def claiming(shape: str, descr: str = "'|u1'", *, version: bytes = b"\x01\x00") -> bytes:
    """The header of an array of any shape, and four numbers."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + b"\0" * 4


def archive(name: str = "data.npz", **members: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as stream:
            for each, content in members.items():
                stream.writestr(each, content)
        return folder / name

    return make


def images(content: bytes) -> Callable[[Path], Path]:
    return archive(**{"images.npy": content, "labels.npy": LABELS})


def slipping(folder: Path) -> Path:
    """Members that would lie outside, were they unpacked."""
    names = [f"../{CANARY}", str(folder / CANARY), f"..\\{CANARY}"]
    return archive(**dict.fromkeys(names, b"x"), **{"labels.npy": LABELS})(folder)


def torch_slipping(folder: Path) -> Path:
    """A torch file whose records have such names."""
    return archive(
        "suspect.pt", **{f"../../{CANARY}": b"x", f"{folder}/{CANARY}": b"x", "x/data.pkl": b"}."}
    )(folder)


def patched(path: Path, before: bytes, after: bytes) -> Path:
    content = path.read_bytes()
    assert before in content
    path.write_bytes(content.replace(before, after))
    return path


def wrong_checksum(folder: Path) -> Path:
    path = folder / "data.npz"
    with zipfile.ZipFile(path, "w") as stream:
        stream.writestr("images.npy", IMAGES)
        stream.writestr("labels.npy", LABELS)
    return patched(path, IMAGES[-40:], b"\x07" * 40)


def encrypted(folder: Path) -> Path:
    path = images(IMAGES)(folder)
    content = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(signature) + at] |= 1
    path.write_bytes(content)
    return path


def same_bytes(folder: Path) -> Path:
    """A torch file that names one stretch of bytes a hundred times."""
    path = folder / "suspect.pt"
    with zipfile.ZipFile(path, "w") as stream:
        stream.writestr("x/data/0", b"\0" * 100_000)
        stream.filelist *= 100
    return path


PLAIN = "an archive of plain arrays"

CORPUS = [
    Hostile("members outside of the folder", "data", slipping),
    Hostile("torch records outside of the folder", "suspect", torch_slipping, "uncompressed"),
    Hostile(
        "a torch file of packed zeros",
        "suspect",
        archive("suspect.pt", **{"x/data.pkl": b"}.", "x/data/0": b"\0" * 20_000_000}),
        "uncompressed state dict",
    ),
    Hostile("a torch file that counts bytes twice", "suspect", same_bytes, "uncompressed"),
    Hostile("images of 10**15 bytes", "data", images(claiming("(10**5, 10**5, 10**5)")), PLAIN),
    Hostile("an overflowing shape", "data", images(claiming(f"({2**40}, {2**40}, 2)")), PLAIN),
    Hostile("images that are not there", "data", images(claiming(f"({2**50}, 4, 4)")), PLAIN),
    Hostile("a negative shape", "data", images(claiming("(-4, 6, 6)")), ""),
    Hostile("a header that is a program", "data", images(claiming("__import__('os')")), PLAIN),
    Hostile("a type of objects", "data", images(claiming("(4,)", "'|O'")), PLAIN),
    Hostile("10,000 brackets", "data", images(claiming("(" * 10_000)), PLAIN),
    Hostile("a later version", "data", images(claiming("(4,)", version=b"\x09\x00")), PLAIN),
    Hostile("a wrong checksum", "data", wrong_checksum, PLAIN),
    Hostile("a password", "data", encrypted, PLAIN),
    Hostile("an archive in the archive", "data", archive(**{"images.npz": IMAGES}), "images"),
]
