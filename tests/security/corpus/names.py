"""Names of files, classes and examples that command a terminal, a page or a reader's eye.

They are data: nothing is refused that can be kept, and nothing of it is obeyed.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from corpus.hostile import Hostile

HOSTILE_NAMES = {
    "a script": "<script>alert(1)</script>",
    "an attribute": "\" onerror='alert(1)' x=\"",
    "a terminal's title": "\x1b]0;owned\x07",
    "a terminal's C1 bytes": "\x9b2J\x9b31m",
    "line breaks": "a\nradiotracer: all is well\r\n",
    "right to left": "gnp.\u202egpj.exe",
    "look-alikes": "\u0430\u0440\u0440le\u200b\u2066",
    "markup of rich": "[red][link=file:///etc/passwd]x[/]",
    "a formula": "=cmd|' /C calc'!A0",
}
LETTERS = np.arange(8) % 2


def picture(row: int) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(row).integers(0, 255, (10, 10), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def as_file(text: str) -> bytes:
    """Without the slash, which no name of a file has."""
    return text.replace("/", "\u2215").encode()


def folders(*names: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        for row in range(8):
            home = os.path.join(os.fsencode(folder / "data"), names[row % 2])  # noqa: PTH118
            os.makedirs(home, exist_ok=True)  # noqa: PTH103
            for name in (b"%d.png" % row, *((b"broken.png",) if row < 2 else ())):
                with open(os.path.join(home, name), "wb") as stream:  # noqa: PTH118, PTH123
                    stream.write(b"none" if name == b"broken.png" else picture(row))
        return folder / "data"

    return make


def classes(*names: str) -> Callable[[Path], Path]:
    """An archive whose classes are called so."""

    def make(folder: Path) -> Path:
        images = np.random.default_rng(0).integers(0, 255, (8, 6, 6), dtype=np.uint8)
        np.savez(folder / "data.npz", images=images, labels=LETTERS, class_names=np.array(names))
        return folder / "data.npz"

    return make


def examples(ids: list[str]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        images = np.random.default_rng(0).integers(0, 255, (8, 6, 6), dtype=np.uint8)
        np.savez(folder / "data.npz", images=images, labels=LETTERS, ids=np.array(ids))
        return folder / "data.npz"

    return make


ODD = HOSTILE_NAMES.values()

CORPUS = [
    *(
        Hostile(f"a folder called {what}", "data", folders(as_file(text), b"b"), "", "left out")
        for what, text in HOSTILE_NAMES.items()
    ),
    Hostile("a folder that is not UTF-8", "data", folders(b"\xff\xfe\x9b", b"b"), "", "left out"),
    *(
        Hostile(f"a class called {what}", "data", classes(text, "b"), "", "kept")
        for what, text in HOSTILE_NAMES.items()
    ),
    Hostile("a class of a million letters", "data", classes("a" * 10**6, "b"), "", "kept"),
    Hostile("two classes of one name", "data", classes("a", "a"), "", "kept"),
    Hostile("a class with NUL inside", "data", classes("a\0b", "b"), "class names"),
    Hostile("a class of half a character", "data", classes("\ud800", "b"), "UTF-8"),
    Hostile(
        "examples of all these names",
        "data",
        examples([f"{row}{text}" for row, text in enumerate(ODD) if row < 8]),
        "",
        "kept",
    ),
    Hostile("two examples of one id", "data", examples(["a"] * 8), "a"),
    Hostile("ids of half a character", "data", examples([f"{r}\udc80" for r in range(8)]), "UTF-8"),
]
