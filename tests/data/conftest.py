"""Small data on disk, and a cache of its own for each test: nothing here needs a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_helpers import Draw
from PIL import Image


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Draw an image file below tmp_path/tree: draw("cat/1.png", mode="RGB", value=7)."""

    def make(name: str, *, mode: str = "L", size: tuple[int, int] = (6, 4), value: int = 7) -> Path:
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if mode == "I;16":
            Image.fromarray(np.full(size[::-1], value, dtype=np.uint16)).save(path)
        else:
            fill = value if mode in ("L", "1", "P") else (value,) * len(mode)
            Image.new(mode, size, fill).save(path)
        return path

    return make


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "cache"
    monkeypatch.setenv("RADIOTRACER_CACHE", str(cache))
    return cache
