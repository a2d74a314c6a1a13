"""Many encoded images as one array: in memory, or straight into a file."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radiotracer.data.encoded import Box, Crop, Encoded, whole
from radiotracer.data.in_order import Hold, in_order
from radiotracer.data.modality import Images
from radiotracer.data.npy import NpyWriter, map_npy
from radiotracer.data.opening import only_alarms
from radiotracer.data.pixels import Look, Picture, pictures, square
from radiotracer.data.survey import Survey, side_within
from radiotracer.errors import DataError

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many examples are done, and how many there are."""


@dataclass(frozen=True)
class Decoding:
    """Where pixels go as images are decoded.

    Args:
        file: An ``.npy`` file to make, of which the decoded array is a memory map; None is memory.
        progress: Told how many images are decoded.
        most: Where no `image_size` is given: height and width that images of several sizes, or of
            a larger one, are resized to (`side_within`); less where they would fill the memory
            (`MOST_BYTES`). None leaves images as they are, and refuses several sizes.
    """

    file: Path | None = None
    progress: Progress = lambda *_: None
    most: int | None = None

    def side(self, images: Sequence[Encoded | None], image_size: int | None) -> int | None:
        """What images are resized to."""
        if image_size is not None or self.most is None:
            return image_size
        fits = int((MOST_BYTES / 3 / max(1, len(images))) ** 0.5)
        return side_within(images, max(LEAST_SIDE, min(self.most, fits)))


MOST_BYTES = 1 << 31
"""Memory for the pixels of images that nobody asked a size for."""

LEAST_SIDE = 64
"""Of these, however many there are."""

HANDFUL = 16
"""Images that a thread decodes in a row: small ones take less time than handing them over."""

MOST_OF_BOXES = 1 << 25
"""Pixels of boxes that are cut out of one decoding of an image; those beyond take another one."""

MOST_HELD = 1 << 28
"""Bytes of originals that are kept in memory, where they are not in files."""

_Task = list[Encoded | None]

IN_MEMORY = Decoding()
"""Where data go unless they are stored."""


@dataclass(frozen=True)
class Decoded:
    """What was read of some images.

    Args:
        images: Those that could be read, shape (n - left out, height, width, channels).
        left_out: By row, why the others could not.
        originals: Where those that could be read lie; None where they would fill the memory.
        notes: What was done to them, a sentence each.
    """

    images: Images
    left_out: Mapping[int, str]
    originals: Sequence[Encoded] | None = None
    notes: tuple[str, ...] = ()


def decode_all(
    images: Sequence[Encoded | None],
    root: Path | str,
    *,
    survey: Survey,
    image_size: int | None,
    decoding: Decoding = IN_MEMORY,
) -> Decoded:
    """Decode images of one size. Where none can be read, the array has no rows, nothing is written.

    Args:
        images: n of them; None where there is none. Boxes of one image that stand one after the
            other take one decoding of it.
        root: Where they come from, for errors.
        survey: What the images of all splits have in common.
        image_size: Resize to this height and width.
        decoding: Where the pixels go.

    Raises:
        DataError: Images of several sizes without `image_size`.
        OSError: The disk refused.
    """
    image_size = decoding.side(images, image_size)
    look = Look(survey.colour, square(image_size), survey.ranges)
    bad: dict[int, str] = {}
    sizes: Counter[tuple[int, ...]] = Counter()
    done: Counter[str] = Counter()

    def readable() -> Generator[Images]:
        """Images, until there are two sizes: then none is of use, and sizes are only counted."""
        found = in_order(
            lambda task, hold: _pictures(task, look, hold), _tasks(images, image_size), _size_of
        )
        with contextlib.closing(found):
            for row, each in enumerate(found):
                if isinstance(each, str):
                    bad[row] = each
                else:
                    sizes[each.pixels.shape[:2]] += 1
                    done.update(name for name in (*_NOTES, "deep") if getattr(each, name))
                    if len(sizes) == 1:
                        yield each.pixels
                decoding.progress("images decoded", row + 1, len(images))

    with only_alarms(), contextlib.closing(readable()) as found:
        if decoding.file is None:
            pixels = _in_memory(found, len(images))
        else:
            pixels = _in(decoding.file, found)
    _require_one_size(sizes, root)
    kept = [each for row, each in enumerate(images) if row not in bad and each is not None]
    return Decoded(pixels, bad, _originals(kept), _notes(done, survey))


_NOTES = {
    "turned": ("", "turned as their EXIF orientation says"),
    "clear": (" with transparency", "laid on white"),
    "cut": (" of 16 bits per colour", "reduced to the upper 8"),
}
"""What may be done to a picture, by the field that says so: of which kind it is, and what."""


def _notes(done: Counter[str], survey: Survey) -> tuple[str, ...]:
    words = [
        f"{done[name]:,} {'image' if done[name] == 1 else 'images'}{kind} "
        f"{'was' if done[name] == 1 else 'were'} {what}"
        for name, (kind, what) in _NOTES.items()
        if done[name]
    ]
    return (*(survey.ranges.words if done["deep"] else ()), *words)


def _originals(kept: Sequence[Encoded]) -> Sequence[Encoded] | None:
    """Where they lie, unless that is in memory and much."""
    held = {
        id(file): len(file) for file in map(whole, kept) if isinstance(file, bytes | memoryview)
    }
    return kept if sum(held.values()) <= MOST_HELD else None


def _tasks(images: Sequence[Encoded | None], image_size: int | None) -> list[_Task]:
    """Images by the handful; the boxes of one image together, unless they are too large."""
    tasks: list[_Task] = []
    room = 0
    for each in images:
        if isinstance(each, Crop):
            last = tasks[-1][-1] if tasks else None
            together = isinstance(last, Crop) and last.image == each.image
            takes, most = (image_size**2 if image_size else _area(each.box)), MOST_OF_BOXES
        else:
            together = bool(tasks) and not isinstance(tasks[-1][-1], Crop)
            takes, most = 1, HANDFUL
        if not together or room < takes:
            tasks.append([])
            room = most
        tasks[-1].append(each)
        room -= takes
    return tasks


def _area(box: Box) -> int:
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])


def _pictures(task: _Task, look: Look, hold: Hold) -> Iterator[Picture | str]:
    boxes = [each for each in task if isinstance(each, Crop)]
    if boxes:
        yield from pictures(boxes, look, hold)
        return
    for each in task:
        if each is None:
            yield "there are no bytes of it in the file"
        else:
            yield from pictures([each], look, hold)


def _size_of(found: Picture | str) -> int:
    return 0 if isinstance(found, str) else found.pixels.size // found.pixels.shape[2]


def _in_memory(images: Iterator[Images], most: int) -> Images:
    first = next(images, None)
    if first is None:
        return np.empty((0, 1, 1, 1), dtype=np.uint8)
    try:
        found = np.empty((most, *first.shape), dtype=np.uint8)  # no memory until it is written to
    except MemoryError:
        # Mostly they are of several sizes, or cannot be read: then few are kept, and that is told.
        return np.stack([first, *images])
    found[0] = first
    kept = 1
    for each in images:
        found[kept] = each
        kept += 1
    return found[:kept]


def _in(file: Path, images: Iterator[Images]) -> Images:
    first = next(images, None)
    if first is None:
        return _in_memory(images, 0)
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
