"""What the images of a data set, of all its splits, have in common: colour, and ranges of values.

Both take no more than a look at headers, and only until it is known; deep images alone are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from radiotracer.data.encoded import Crop, Encoded, Whole, head, whole
from radiotracer.data.flat import is_grey
from radiotracer.data.in_order import Hold, in_order
from radiotracer.data.levels import DEEP, Range, Ranges, joined, range_of
from radiotracer.data.opening import only_alarms, open_image

NEVER_DEEP = frozenset((".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".avif", ".heic"))
"""Endings of files that hold 8 bits once they are decoded: not opened where colour is known.

One that is misnamed is scaled by its own range."""

TASK = 64
"""Images that a thread looks at in a row."""


@dataclass(frozen=True)
class Survey:
    """What was found.

    Args:
        colour: Whether an image is more than grey: then all get three channels.
        ranges: What deep images (16 bits, floats) are scaled by.
    """

    colour: bool
    ranges: Ranges = field(default_factory=Ranges)


def survey(images: Sequence[Encoded | None]) -> Survey:
    """Look at the images of all splits: a network takes one number of channels, and one scale."""
    files = _files(images)
    colour = False
    deep: list[Whole] = []
    with only_alarms():
        start, long = 0, TASK
        while start < len(files):
            stretch = [each for each in files[start : start + long] if _counts(each, colour)]
            tasks = [stretch[at : at + TASK] for at in range(0, len(stretch), TASK)]
            start, long = start + long, 2 * long  # the first images mostly say what all are
            kinds = in_order(lambda task, _: map(_kind, task), tasks, lambda _: 0)
            for file, (has_colour, is_deep) in zip(stretch, kinds, strict=True):
                colour |= has_colour
                if is_deep:
                    deep.append(file)
        found = in_order(_range, deep, lambda _: 0)
        return Survey(colour, joined(each for each in found if each is not None))


def side_within(images: Sequence[Encoded | None], most: int) -> int:
    """The side that images are brought to so that none is larger, or enlarged for nothing.

    Square images of one size, at most `most`, stay as they are, by their headers; all others, and
    boxes, become squares of `most`.

    Args:
        images: Those of one split.
        most: Height and width in pixels.
    """
    side: int | None = None
    with only_alarms():
        for each in images:
            if each is None:
                continue
            if isinstance(each, Crop):
                return most
            try:
                with open_image(each) as image:
                    width, height = image.size
            except Exception:  # decoding it tells why
                width = height = side or 1
            if width != height or width > most or side not in (None, width):
                return most
            side = width if width > 1 else side
    return side or most


def _files(images: Sequence[Encoded | None]) -> list[Whole]:
    """Every image once, however many boxes of it there are, one after the other."""
    files: list[Whole] = []
    last: Whole | None = None
    for each in images:
        if each is None or (isinstance(each, Crop) and each.image == last):
            continue
        last = whole(each)
        files.append(last)
    return files


def _counts(file: Whole, colour: bool) -> bool:
    return not (colour and isinstance(file, Path) and file.suffix.lower() in NEVER_DEEP)


def _kind(file: Whole) -> tuple[bool, bool]:
    """Whether an image has colour, and whether it is deep; neither of what is no image."""
    try:
        first = head(file, 26)
        if first.startswith(b"\x89PNG\r\n\x1a\n") and first[12:16] == b"IHDR":
            depth, kind = first[24:26]
            return kind not in (0, 4), kind == 0 and depth == 16
        with open_image(file) as image:
            return not is_grey(image), image.mode in DEEP
    except Exception:
        return False, False  # decoding it, if it is in this split, tells why


def _range(file: Whole, hold: Hold) -> Iterator[Range | None]:
    try:
        with open_image(file) as image, hold(image.width * image.height):
            image.load()
            yield range_of(image)
    except Exception:
        yield None
