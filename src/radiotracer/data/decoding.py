"""Many encoded images as one array: in memory, or straight into a file."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radiotracer.data.encoded import Encoded
from radiotracer.data.modalities.images import Images
from radiotracer.data.npy import NpyWriter, map_npy
from radiotracer.data.pixels import decode, has_colour, in_threads, only_alarms
from radiotracer.errors import DataError

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many examples are done, and how many there are."""


@dataclass(frozen=True)
class Decoding:
    """Where pixels go as images are decoded.

    Args:
        file: An ``.npy`` file to make, of which the decoded array is a memory map; None is memory.
        progress: Told how many images are decoded.
    """

    file: Path | None = None
    progress: Progress = lambda *_: None


IN_MEMORY = Decoding()
"""Where data go unless they are stored."""


def any_colour(images: Sequence[Encoded | None]) -> bool:
    """Whether one of the images is more than grey."""
    with only_alarms():
        return any(in_threads(lambda each: each is not None and has_colour(each), images))


def decode_all(
    images: Sequence[Encoded | None],
    root: Path | str,
    *,
    colour: bool,
    image_size: int | None,
    decoding: Decoding = IN_MEMORY,
) -> tuple[Images, Mapping[int, str]]:
    """Decode images of one size.

    Args:
        images: n of them; None where there is none.
        root: Where they come from, for errors.
        colour: Three channels, not one.
        image_size: Resize to this height and width.
        decoding: Where the pixels go.

    Returns:
        Those that could be read, shape (n - left out, height, width, channels), and by row why the
        others could not. Where none could, the array has no rows and nothing is written.

    Raises:
        DataError: Images of several sizes without `image_size`.
        OSError: The disk refused.
    """
    bad: dict[int, str] = {}
    sizes: Counter[tuple[int, ...]] = Counter()

    def readable() -> Generator[Images]:
        """Images, until there are two sizes: then none is of use, and sizes are only counted."""
        decoded = in_threads(lambda each: _decoded(each, colour, image_size), images)
        for row, each in enumerate(decoded):
            if isinstance(each, str):
                bad[row] = each
            else:
                sizes[each.shape[:2]] += 1
                if len(sizes) == 1:
                    yield each
            decoding.progress("images decoded", row + 1, len(images))

    with only_alarms(), contextlib.closing(readable()) as found:
        pixels = _in_memory(found) if decoding.file is None else _in(decoding.file, found)
    _require_one_size(sizes, root)
    return pixels, bad


def _decoded(image: Encoded | None, colour: bool, image_size: int | None) -> Images | str:
    if image is None:
        return "there are no bytes of it in the file"
    return decode(image, colour, image_size)


def _in_memory(images: Iterator[Images]) -> Images:
    kept = list(images)
    return np.stack(kept) if kept else np.empty((0, 1, 1, 1), dtype=np.uint8)


def _in(file: Path, images: Iterator[Images]) -> Images:
    first = next(images, None)
    if first is None:
        return _in_memory(images)
    with NpyWriter(file, first.dtype, first.shape) as writer:
        writer.append(first[np.newaxis])
        for each in images:
            writer.append(each[np.newaxis])
    return map_npy(file)


def _require_one_size(sizes: Counter[tuple[int, ...]], root: Path | str) -> None:
    if len(sizes) > 1:
        listed = ", ".join(f"{h}x{w} ({n} images)" for (h, w), n in sizes.most_common(5))
        raise DataError(
            expected=f"images of one size in {root}",
            came=f"{len(sizes)} sizes: {listed}{' and others' * (len(sizes) > 5)}",
            do="pass image_size=N to resize all of them to N x N",
        )
