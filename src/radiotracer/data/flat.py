"""A decoded image as 8 bits of grey or colour, however it was stored, a band of it at a time."""

from __future__ import annotations

from PIL import Image

from radiotracer.data.encoded import Box
from radiotracer.data.levels import BAND, DEEP, Ranges, grey, range_of

_GREY = ("1", "L", "LA", "La", *DEEP)
_CLEAR = ("RGBA", "RGBa", "LA", "La", "PA")
_WHITE: dict[str, int | tuple[int, ...]] = {"L": 255, "RGB": (255, 255, 255)}


def is_grey(image: Image.Image) -> bool:
    """Whether an image, whose header is enough, has no colour; a palette is taken for colour."""
    return image.mode in _GREY


def may_be_clear(image: Image.Image) -> bool:
    """Whether its pixels can be transparent."""
    return image.mode in _CLEAR or "transparency" in image.info


def flat(
    image: Image.Image, box: Box, mode: str, ranges: Ranges, shrink: int = 1
) -> tuple[Image.Image, bool]:
    """A box of an image in 8 bits, on white where it is transparent, and whether it was anywhere.

    Args:
        image: Loaded.
        box: Inside of it, and not empty.
        mode: L or RGB.
        ranges: What deep images are scaled by.
        shrink: Take the mean of so many pixels, in both directions.
    """
    left, top, right, bottom = box
    if image.mode == mode and not may_be_clear(image):
        part = image if box == (0, 0, *image.size) else image.crop(box)
        return (part if shrink == 1 else part.reduce(shrink)), False
    if image.mode in DEEP:
        common, own = ranges.of(image), range_of(image)
        if common is None or own.is_black_in(common):
            ranges = Ranges(integers=own, floats=own)
    rows = max(1, BAND // max(1, right - left) // shrink) * shrink
    if rows >= bottom - top:
        return _band(image.crop(box), mode, ranges, shrink)
    size = -(-(right - left) // shrink), -(-(bottom - top) // shrink)
    whole, clear = Image.new(mode, size), False
    for start in range(top, bottom, rows):
        band = image.crop((left, start, right, min(start + rows, bottom)))
        part, shows = _band(band, mode, ranges, shrink)
        whole.paste(part, (0, (start - top) // shrink))
        clear |= shows
    return whole, clear


def _band(image: Image.Image, mode: str, ranges: Ranges, shrink: int) -> tuple[Image.Image, bool]:
    clear = False
    if (values := ranges.of(image)) is not None and image.mode in DEEP:
        image = grey(image, values)
    elif may_be_clear(image):
        image, clear = _on_white(image, mode)
    if image.mode != mode:
        image = image.convert(mode)
    return (image if shrink == 1 else image.reduce(shrink)), clear


def _on_white(image: Image.Image, mode: str) -> tuple[Image.Image, bool]:
    seen = image.convert("LA" if image.mode == "La" else "RGBA").convert("RGBA")
    alpha = seen.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return seen, False
    ground = Image.new(mode, image.size, _WHITE[mode])
    ground.paste(seen.convert(mode), (0, 0), alpha)
    return ground, True


def inside(box: Box, size: tuple[int, int]) -> Box | None:
    """What of a box lies in a picture of this size; None where nothing does."""
    left, top = max(box[0], 0), max(box[1], 0)
    right, bottom = min(box[2], size[0]), min(box[3], size[1])
    return (left, top, right, bottom) if left < right and top < bottom else None
