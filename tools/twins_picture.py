"""Draw docs/img/twins.png: hard images, and the twins that are published in their place.

    python tools/twins_picture.py

Trains a small network on Fashion-MNIST (a minute), chooses images as `radiotracer mark` does, and
makes twins within several radii. Each row says its radius and its mean PSNR.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from radiotracer.data import Dataset, open_data
from radiotracer.provenance import Key
from radiotracer.provenance.choosing import choose_rows
from radiotracer.provenance.design import Candidates
from radiotracer.provenance.designs._twins.marking import plant_twins
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.training.loop import TrainConfig, train

RADII = (3, 6, 10, 16)
SHOWN, SIZE, GAP, MARGIN = 10, 84, 4, 150
TARGET = Path(__file__).parent.parent / "docs" / "img" / "twins.png"


def main() -> None:
    """Write the picture and print each row's PSNR."""
    data = open_data("fashion-mnist")
    data = data.take(np.sort(np.random.default_rng(0).choice(len(data), 10_000, replace=False)))
    key = Key(bytes(32))
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainConfig(
            architecture="resnet18", width=16, epochs=4, learning_rate=0.1, seed=1000
        )
        model = train(data, settings, Path(folder) / "run")[1]
    every = Candidates(np.ones(len(data), dtype=bool), 0.01, per_class=True)
    rows = choose_rows(data, every, "hardest", key, models=[model])
    chosen = data.take(_one_of_each(data, rows))
    lines = [("as they were", chosen.content)]
    for radius in RADII:
        planted = plant_twins(chosen, key, [model], TwinConfig(radius=radius))
        psnr = float(planted.columns["psnr"].mean())
        print(f"radius {radius}: {psnr:.1f} dB")
        lines.append((f"radius {radius}\n{psnr:.1f} dB", planted.content))
    _drawn(lines).save(TARGET, optimize=True)


def _one_of_each(data: Dataset, rows: np.ndarray) -> np.ndarray:
    """The first chosen image of every class."""
    _, first = np.unique(data.labels[rows], return_index=True)
    return np.asarray(rows[first])


def _drawn(lines: list[tuple[str, np.ndarray]]) -> Image.Image:
    """Rows of images with their captions."""
    step = SIZE + GAP
    sheet = Image.new("L", (MARGIN + SHOWN * step, len(lines) * step + GAP), 255)
    draw = ImageDraw.Draw(sheet)
    for y, (caption, images) in enumerate(lines):
        top = GAP + y * step
        draw.multiline_text((GAP, top + SIZE // 3), caption, fill=0, font_size=15)
        for x, image in enumerate(images[:SHOWN]):
            shown = Image.fromarray(image[:, :, 0]).resize((SIZE, SIZE), Image.Resampling.NEAREST)
            sheet.paste(shown, (MARGIN + x * step, top))
    return sheet


if __name__ == "__main__":
    main()
