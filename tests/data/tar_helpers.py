"""Archives of small images, member by member."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

from arrow_helpers import PIXELS, png

NAMES = ["cat", "dog"]


def sample(row: int, label: bytes | None = None, **more: bytes) -> dict[str, bytes]:
    """The members of one example."""
    found = {f"{row:04d}.png": png(PIXELS[row % 9])}
    if label is not None:
        found[f"{row:04d}.cls"] = label
    return found | {f"{row:04d}.{ending}": content for ending, content in more.items()}


def described(row: int, **fields: Any) -> dict[str, bytes]:
    return sample(row, json=json.dumps(fields).encode())


def tar(
    path: Path, members: dict[str, bytes], *, kind: int = tarfile.PAX_FORMAT, more: Any = ()
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=kind) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in more:
            archive.addfile(info)
    return path


def of(rows: range, label: str = "{}") -> dict[str, bytes]:
    """Examples whose labels are their rows, modulo two."""
    whole: dict[str, bytes] = {}
    for row in rows:
        whole |= sample(row, label.format(row % 2).encode())
    return whole
