"""How fast folders of images are read, beside a plain loop over Pillow in as many threads.

    python -m bench reading [--photos FOLDER] [--examples 50000] [--large 2000] [--rounds 3]

The loop opens every file, converts it to RGB and makes an array of it, as the image folders of
training libraries do; where images are resized it resizes them to the same size. It is given one
thread, or as many as we use, whichever is faster. They take turns in one process, so that other
work on the machine meets both; the median of the rounds counts. Without `photos` small JPEG files
of 32 pixels are made; the large ones are always made, of 12 megapixels each.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.keeping import write_json
from bench.tables import table
from radiotracer.data.decoding import decode_all
from radiotracer.data.opening import SUFFIXES
from radiotracer.data.survey import survey
from radiotracer.errors import InputError

LARGE = (4000, 3000)
SMALL = (32, 32)
IMAGE_SIZE = 96


def main(
    *,
    photos: Path | None = None,
    examples: int = 50_000,
    large: int = 2_000,
    rounds: int = 3,
    out: Path | None = None,
) -> None:
    """Print the table.

    Args:
        photos: A folder of small images, at any depth.
        examples: How many of them, at most; or how many are made.
        large: How many images of 12 megapixels are made; 0 leaves them out.
        rounds: How often each way reads them.
        out: A JSON file for the numbers.
    """
    rows, kept = [], {}
    with tempfile.TemporaryDirectory() as folder:
        small = _files(photos) if photos else _made(Path(folder) / "small", examples, SMALL)
        cases: list[tuple[str, Sequence[Path], int | None]] = [("small", small[:examples], None)]
        if large:
            cases.append(("large", _made(Path(folder) / "large", large, LARGE), IMAGE_SIZE))
        for name, files, image_size in cases:
            ours, theirs = _measured(files, image_size, rounds)
            kept[name] = {"images": len(files), "ours": ours, "loop": theirs}
            rows.append(
                (
                    f"{name}, {'as they are' if image_size is None else f'to {image_size} pixels'}",
                    f"{len(files):,}",
                    f"{np.median(ours):.1f}",
                    f"{np.median(theirs):.1f}",
                    f"{np.median(ours) / np.median(theirs):.2f}",
                )
            )
    print(table(["images", "n", "ours, s", "loop, s", "ours / loop"], rows))
    write_json(out, kept)


def _measured(
    files: Sequence[Path], image_size: int | None, rounds: int
) -> tuple[list[float], list[float]]:
    def ours() -> None:
        found = survey(files)
        decode_all(files, "photos", survey=found, image_size=image_size)

    def loop(threads: int) -> Callable[[], None]:
        def read() -> None:
            with ThreadPoolExecutor(threads) as pool:
                np.stack(list(pool.map(lambda file: _read(file, image_size), files)))

        return read

    several = min(8, os.cpu_count() or 1)
    seconds: list[list[float]] = [[], [], []]
    for _ in range(rounds):
        for way, times in zip((ours, loop(1), loop(several)), seconds, strict=True):
            began = time.perf_counter()
            way()
            times.append(time.perf_counter() - began)
    return seconds[0], min(seconds[1:], key=lambda times: float(np.median(times)))


def _read(file: Path, image_size: int | None) -> NDArray[np.uint8]:
    with file.open("rb") as stream:
        image = Image.open(stream).convert("RGB")
    if image_size is not None:
        image = image.resize((image_size, image_size), Image.Resampling.LANCZOS)
    return np.asarray(image)


def _files(folder: Path) -> list[Path]:
    found = sorted(each for each in folder.rglob("*") if each.suffix.lower() in SUFFIXES)
    if not found:
        raise InputError(
            expected=f"images in {folder}", came="none", do="pass photos= with another folder"
        )
    return found


def _made(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """JPEG files of smooth noise; beyond a few, the same ones under other names."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    different = min(count, 500 if size == SMALL else 8)
    files = [folder / f"{row:06d}.jpg" for row in range(count)]
    for file in files[:different]:
        rough = generator.integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
        Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC).save(file, quality=90)
    for row, file in enumerate(files[different:]):
        file.hardlink_to(files[row % different])
    return files
