"""Folders of images in which one is hostile: it is left out, or does nothing; the others go on."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from corpus.hostile import Hostile

ESCAPES = "<script>alert(1)</script>\x1b]0;owned\x07\x1b[2J"


def good(seed: int = 0, kind: str = "PNG", **options: object) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (10, 10), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def folder_with(name: str, content: bytes | Callable[[Path], object]) -> Callable[[Path], Path]:
    """Two classes of four good images, and one file more in the first."""

    def make(folder: Path) -> Path:
        for row in range(8):
            home = folder / "data" / "ab"[row % 2]
            home.mkdir(parents=True, exist_ok=True)
            (home / f"{row}.png").write_bytes(good(row))
        path = folder / "data" / "a" / name
        path.write_bytes(content) if isinstance(content, bytes) else content(path)
        return folder / "data"

    return make


def chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png(width: int, height: int, *more: bytes) -> bytes:
    """Grey and black, of any size, packed well."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    row = zlib.compress(b"\0" * min((width + 1) * height, 10_000_000))
    rest = (*more, chunk(b"IDAT", row), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(rest)


def text_bomb() -> bytes:
    """A comment of 200 MB in a small file."""
    packer = zlib.compressobj()
    packed = b"".join(packer.compress(b"\0" * 2**20) for _ in range(200)) + packer.flush()
    return png(10, 10, chunk(b"zTXt", b"Comment\0\0" + packed))


def moving(frames: int, size: int) -> bytes:
    stream = io.BytesIO()
    first, *others = [Image.new("P", (size, size), row % 250) for row in range(frames)]
    first.save(stream, "GIF", save_all=True, append_images=others)
    return stream.getvalue()


def gif_of(width: int, height: int) -> bytes:
    content = bytearray(moving(1, 10))
    content[6:10] = struct.pack("<HH", width, height)
    at = content.index(b"\x2c")
    content[at + 5 : at + 9] = struct.pack("<HH", width, height)
    return bytes(content)


def with_exif(text: bytes, kind: str) -> bytes:
    exif = Image.Exif()
    exif[270] = text.decode("latin-1")
    return good(3, kind, exif=exif.tobytes())


def lying_exif() -> bytes:
    """Directories that point at themselves, of lengths that overflow."""
    entry = struct.pack("<HHII", 0x8769, 4, 2**31, 8) * 20
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 20) + entry + struct.pack("<I", 8)
    return good(3, "JPEG", exif=exif)


def tiff_that_points_at_itself() -> bytes:
    entry = struct.pack("<HHII", 0x0100, 4, 1, 60000) + struct.pack("<HHII", 0x0101, 4, 1, 60000)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + entry + struct.pack("<I", 8)


def postscript() -> bytes:
    """Pillow would start Ghostscript for it."""
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(touch) system\n%%EOF\n"


LARGE = "more than 89,478,485 pixels"

CORPUS = [
    Hostile(
        "a PNG of 60,000 x 60,000",
        "data",
        folder_with("x.png", png(60000, 60000)),
        LARGE,
        "left out",
    ),
    Hostile(
        "a PNG of 12,000 x 12,000",
        "data",
        folder_with("x.png", png(12000, 12000)),
        LARGE,
        "left out",
    ),
    Hostile(
        "a PNG of 2**31 x 1", "data", folder_with("x.png", png(2**31 - 1, 1)), "x.png", "left out"
    ),
    Hostile("a PNG of no pixels", "data", folder_with("x.png", png(0, 0)), "x.png", "left out"),
    Hostile("a comment of 200 MB", "data", folder_with("x.png", text_bomb()), "x.png", "left out"),
    Hostile("a PNG cut short", "data", folder_with("x.png", good()[:-30]), "x.png", "left out"),
    Hostile(
        "a JPEG cut short", "data", folder_with("x.jpg", good(1, "JPEG")[:-60]), "x.jpg", "left out"
    ),
    Hostile(
        "a GIF of 65,535 squared",
        "data",
        folder_with("x.gif", gif_of(65535, 65535)),
        LARGE,
        "left out",
    ),
    Hostile("a GIF of 500 frames", "data", folder_with("x.gif", moving(500, 10)), "", "kept"),
    Hostile(
        "a TIFF that points at itself",
        "data",
        folder_with("x.tif", tiff_that_points_at_itself()),
        "x.tif",
        "left out",
    ),
    Hostile(
        "PostScript called PNG", "data", folder_with("x.png", postscript()), "x.png", "left out"
    ),
    Hostile(
        "a web page called PNG", "data", folder_with("x.png", ESCAPES.encode()), "x.png", "left out"
    ),
    Hostile(
        "EXIF that says <script>",
        "data",
        folder_with("x.jpg", with_exif(ESCAPES.encode(), "JPEG")),
        "",
        "kept",
    ),
    Hostile(
        "EXIF of 60 KB",
        "data",
        folder_with("x.jpg", with_exif(b"\x1b" * 60000, "JPEG")),
        "",
        "kept",
    ),
    Hostile("EXIF that points at itself", "data", folder_with("x.jpg", lying_exif()), "", "kept"),
    Hostile(
        "a link to /etc/passwd",
        "data",
        folder_with("x.png", lambda p: p.symlink_to("/etc/passwd")),
        "symbolic link",
        "left out",
    ),
    Hostile(
        "a link to itself",
        "data",
        folder_with("x.png", lambda p: p.symlink_to(p)),
        "symbolic link",
        "left out",
    ),
    Hostile(
        "a pipe called PNG", "data", folder_with("x.png", os.mkfifo), "not a plain file", "left out"
    ),
]
