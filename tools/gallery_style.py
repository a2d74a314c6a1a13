"""What the gallery's pictures have in common: colours, sheets of images, and how they are saved."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

PICTURES = Path(__file__).parent.parent / "docs" / "img"
RED, BLUE, GREEN, GREY = "#a3333d", "#1f5fae", "#3f7d4c", "#8a8a8a"

mpl.rcParams.update({"font.size": 9, "axes.titlesize": 9.5, "svg.hashsalt": "gallery"})


def grid(rows: int, columns: int, *, width: float, height: float) -> tuple[Figure, NDArray[Axes]]:
    """Axes for images, without ticks and frames."""
    figure, axes = plt.subplots(rows, columns, figsize=(width, height), squeeze=False)
    for each in axes.flat:
        each.set(xticks=[], yticks=[])
        each.spines[:].set_visible(False)
    return figure, axes


def show(axes: Axes, image: NDArray[np.uint8], *, frame: str | None = None) -> None:
    """One grey image, shape (h, w, 1), with a frame in a colour."""
    axes.imshow(image[:, :, 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    if frame is not None:
        axes.spines[:].set(visible=True, color=frame, linewidth=2)


def save(figure: Figure, name: str) -> None:
    """As a PNG of 128 colours."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=150)
    plt.close(figure)
    target = PICTURES / name
    with Image.open(drawn) as image:
        few = image.convert("RGB").quantize(128, dither=Image.Dither.NONE)
        few.save(target, optimize=True)
    print(f"{target}: {target.stat().st_size:,} bytes")
