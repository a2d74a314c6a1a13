"""Cases: NumPy's arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from door_cases import Case


def _npz(**arrays: Any) -> Any:
    def make(root: Path) -> Path:
        np.savez(root / "a.npz", **arrays)
        return root / "a.npz"

    return make


def arrays() -> list[Case]:
    pixels = np.arange(4 * 16, dtype=np.uint8).reshape(4, 4, 4)
    labels = np.array([0, 1, 0, 1])
    two = {"0": 2, "1": 2}
    found = []
    for x, y in (("images", "labels"), ("x", "y"), ("X", "Y"), ("data", "target")):
        found.append(Case(f"npz-{x}-{y}", _npz(**{x: pixels, y: labels}), two))
    for x, y in (("x_{}", "y_{}"), ("{}_images", "{}_labels"), ("X-{}", "y-{}")):
        arrays = {
            form.format(split): values
            for split in ("train", "test")
            for form, values in ((x, pixels), (y, labels))
        }
        found.append(Case(f"npz-{x.format('train')}", _npz(**arrays), two, validation="test"))
    for name, given, counts in (
        ("text", np.array(["p", "q", "p", "q"]), {"p": 2, "q": 2}),
        ("bytes", np.array([b"p", b"q", b"p", b"q"]), {"p": 2, "q": 2}),
        ("bool", labels == 1, {"False": 2, "True": 2}),
        ("float", labels * 1.0, two),
        ("column", labels[:, None], two),
        ("uint8", labels.astype(np.uint8), two),
        ("stars", labels + 4, {"4": 2, "5": 2}),
    ):
        found.append(Case(f"npz-labels-{name}", _npz(images=pixels, labels=given), counts))
    deep = pixels.astype(np.uint16) * 50
    for name, given, said in (
        ("float", pixels / 63.0, ("0 to 1 became 0 to 255",)),
        ("uint16", deep, ("12-bit images",)),
        ("nchw", np.stack([pixels[..., :2]] * 3, axis=1), ("channels come first",)),
        ("rgba", np.stack([pixels] * 4, axis=3), ("transparent images were laid on white",)),
    ):
        notes = tuple(
            each[0].upper() + each[1:] if name in ("nchw", "rgba") else each for each in said
        )
        found.append(
            Case(f"npz-images-{name}", _npz(images=given, labels=labels), two, notes=notes)
        )
    vectors = pixels.reshape(4, 16).astype(np.float32)
    found.append(Case("npz-vectors", _npz(x=vectors, y=labels), two, kind="vectors"))

    def folder(root: Path) -> None:
        np.save(root / "x.npy", vectors)
        np.save(root / "y.npy", labels)

    found.append(Case("npy-folder", folder, two, kind="vectors"))
    return found
