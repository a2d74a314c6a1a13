"""Pictures as they are seen: turned as their EXIF orientation says, and boxes of them with them."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import TiffImageFile

from radiotracer.data.encoded import Box

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = frozenset((5, 6, 7, 8))
_BACK = {6: 8, 8: 6}
_SAID_IN = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")


@dataclass(frozen=True, slots=True)
class Upright:
    """How the pixels that were decoded of an image, the stored ones and the seen ones differ.

    Args:
        pixels: Width and height of what was decoded.
        orientation: How what is stored is to be turned, 1 (not at all) to 8.
        turn: How what was decoded is to be turned: 1 where the decoder did it.
    """

    pixels: tuple[int, int]
    orientation: int = 1
    turn: int = 1

    @property
    def seen(self) -> tuple[int, int]:
        """Width and height of the picture as it is seen."""
        return turned_size(self.pixels, self.turn)

    @property
    def stored(self) -> tuple[int, int]:
        """Width and height of the picture as it is stored."""
        return turned_size(self.seen, self.orientation)

    def from_stored(self, box: Box) -> Box:
        """Where a box of the stored picture is seen."""
        return turned_box(box, self.stored, self.orientation)

    def in_pixels(self, box: Box) -> Box:
        """Where a box that is seen lies in what was decoded."""
        return turned_box(box, self.seen, _BACK.get(self.turn, self.turn))


def upright(image: Image.Image, before: int | None) -> Upright:
    """How an image that is loaded is seen (PNG says it behind the pixels).

    Args:
        image: The image.
        before: Its `tiff_orientation` when it was opened.
    """
    if before is not None:
        return Upright(image.size, before)
    if not any(each in image.info for each in _SAID_IN):
        return Upright(image.size)
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF data are no reason to do without the picture
        found = 1
    found = found if found in _TURNS else 1
    return Upright(image.size, found, found)


def tiff_orientation(image: Image.Image) -> int | None:
    """How a TIFF image is stored, which Pillow turns while it loads it; None of any other."""
    if not isinstance(image, TiffImageFile):
        return None
    found = image.tag_v2.get(ExifTags.Base.Orientation, 1)
    return found if found in _TURNS else 1


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """The picture as it is seen."""
    return image if orientation == 1 else image.transpose(_TURNS[orientation])


def turned_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height of the picture as it is seen."""
    return size[::-1] if orientation in _SIDEWAYS else size


def turned_box(box: Box, size: tuple[int, int], orientation: int) -> Box:
    """Where a box of a picture of this width and height lies once the picture is turned."""
    left, top, right, bottom = box
    if orientation in (2, 3):
        left, right = size[0] - right, size[0] - left
    if orientation in (3, 4):
        top, bottom = size[1] - bottom, size[1] - top
    if orientation in (6, 7):
        top, bottom = size[1] - bottom, size[1] - top
    if orientation in (7, 8):
        left, right = size[0] - right, size[0] - left
    if orientation in _SIDEWAYS:
        return top, left, bottom, right
    return left, top, right, bottom
