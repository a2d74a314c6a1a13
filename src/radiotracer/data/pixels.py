"""Encoded images, from a file or from bytes, as arrays: as people see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from radiotracer.data.encoded import Box, Crop, Encoded, whole, without_place
from radiotracer.data.flat import flat, inside, is_grey
from radiotracer.data.in_order import Hold, unbounded
from radiotracer.data.levels import BAND, DEEP, Ranges
from radiotracer.data.modality import Images
from radiotracer.data.opening import NotReadError, open_image
from radiotracer.data.upright import Upright, tiff_orientation, turned, upright
from radiotracer.errors import DataError

LARGEST_SIDE = 4096
"""The largest `image_size`: beyond it a typing error would fill the memory."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels of one image, and what was done to them.

    Args:
        pixels: Shape (height, width, 1 or 3).
        turned: As its EXIF orientation says.
        clear: It was transparent somewhere, and laid on white.
        deep: It has grey pixels of more than 8 bits.
        cut: It has 16 bits per colour, of which the upper 8 were kept.
    """

    pixels: Images
    turned: bool = False
    clear: bool = False
    deep: bool = False
    cut: bool = False


Fit = Callable[[int, int], tuple[int, int]]
"""From a picture's width and height to those that it is resized to; alike with them swapped."""


@dataclass(frozen=True)
class Look:
    """How images are decoded.

    Args:
        colour: Three channels, not one; None: three where the image has colour.
        fit: What they are resized to (Lanczos); None: they stay as they are.
        ranges: What deep images are scaled by; where there is none, each by its own.
    """

    colour: bool | None
    fit: Fit | None = None
    ranges: Ranges = field(default_factory=Ranges)


def require_image_size(image_size: int | None) -> None:
    """Raise `DataError` unless it is None or a height and width that images can be resized to."""
    if image_size is not None and not 1 <= image_size <= LARGEST_SIDE:
        raise DataError(
            expected=f"an image size from 1 to {LARGEST_SIDE}",
            came=str(image_size),
            do="pass image_size=32",
        )


def square(image_size: int | None) -> Fit | None:
    """Every image in this height and width, or, for None, as it is."""
    return None if image_size is None else lambda *_: (image_size, image_size)


def decode(encoded: Encoded, look: Look) -> Images | str:
    """Pixels of shape (height, width, 1 or 3), or why there are none.

    Args:
        encoded: Where the image lies, or its bytes, or a box of it.
        look: How.
    """
    found = next(pictures([encoded], look))
    return found if isinstance(found, str) else found.pixels


def pictures(
    parts: Sequence[Encoded], look: Look, hold: Hold = unbounded
) -> Iterator[Picture | str]:
    """Pictures of one image, which is decoded once, or why there are none.

    Args:
        parts: The image, or boxes of it, one or more.
        look: How.
        hold: Holds its pixels as they are decoded.
    """
    done = 0
    file = whole(parts[0])
    try:
        with open_image(file) as image:
            before, cut = tiff_orientation(image), _is_cut(image)
            if look.fit is not None and not any(isinstance(each, Crop) for each in parts):
                # JPEG files are decoded at an eighth, quarter or half of their size where that is
                # still twice what is wanted: that saves most of the work.
                width, height = look.fit(*image.size)
                image.draft(None, (2 * width, 2 * height))
            with hold(image.width * image.height):
                image.load()
                seen = upright(image, before)
                for each in parts:
                    box = _box(each, seen)
                    if isinstance(box, str):
                        yield box
                    else:
                        found = _picture(image, box, seen, look, last=len(parts) == 1)
                        yield replace(found, cut=True) if cut else found
                    done += 1
    except MemoryError:
        raise
    # Pillow's decoders raise whatever a damaged file drives them to.
    except Exception as error:
        why = str(error)
        if not isinstance(error, NotReadError):
            why = f"{type(error).__name__}: {without_place(why, file)}"
        for _ in parts[done:]:
            yield why


def _box(each: Encoded, seen: Upright) -> Box | str:
    """What is to be cut out of the pixels, or why nothing is."""
    if not isinstance(each, Crop):
        return 0, 0, *seen.pixels
    if each.size not in (None, seen.seen, seen.stored):
        stored = f", or {_size(seen.stored)} as it is stored" if seen.stored != seen.seen else ""
        return f"annotated as {_size(each.size)} pixels, it has {_size(seen.seen)}{stored}"
    box = seen.from_stored(each.box) if each.size not in (None, seen.seen) else each.box
    return inside(seen.in_pixels(box), seen.pixels) or "its box lies outside of the image"


def _picture(image: Image.Image, box: Box, seen: Upright, look: Look, *, last: bool) -> Picture:
    colour = not is_grey(image) if look.colour is None else look.colour
    width, height = box[2] - box[0], box[3] - box[1]
    target = (width, height) if look.fit is None else look.fit(width, height)
    shrink = 1
    if width * height > BAND:
        # Of huge images as little as of photographs that JPEG's decoder makes small.
        shrink = max(1, min(width // (2 * target[0]), height // (2 * target[1])))
    deep = image.mode in DEEP
    part, clear = flat(image, box, "RGB" if colour else "L", look.ranges, shrink)
    if last and part is not image:
        image.close()  # its memory may be needed for the array
    if part.size != target:
        part = part.resize(target, Image.Resampling.LANCZOS)
    pixels = np.array(turned(part, seen.turn), dtype=np.uint8)
    return Picture(
        pixels if pixels.ndim == 3 else pixels[..., np.newaxis],
        turned=seen.orientation != 1,
        clear=clear,
        deep=deep,
    )


def _is_cut(image: Image.Image) -> bool:
    """Whether Pillow, which has no images of deep colours, will give the upper 8 of 16 bits."""
    tiles = getattr(image, "tile", None) or [()]
    return image.mode not in DEEP and ";16" in str(tiles[0][3:])


def _size(size: tuple[int, int] | None) -> str:
    return "x".join(map(str, size or ()))
