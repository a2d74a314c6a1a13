"""Encoded images: a file, a stretch of one, bytes in memory, or a box of one of these."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from radiotracer.errors import DataError

LARGEST = 1 << 28
"""Bytes that one encoded image may have; what says that it has more is not read."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a file, read when it is looked at.

    Args:
        file: Where it lies.
        start: Its first byte.
        size: How many bytes it has.
    """

    file: Path
    start: int
    size: int

    def read(self) -> bytes:
        """Its bytes.

        Raises:
            OSError: The file cannot be read, or ends before it.
        """
        with self.file.open("rb") as stream:
            stream.seek(self.start)
            content = stream.read(self.size)
        if len(content) != self.size:
            raise OSError("the file ends before its end")
        return content


Box = tuple[int, int, int, int]
"""Left, top, and the first pixels to the right and below that are outside."""

Whole = Path | bytes | memoryview | Part
"""An encoded image; in memory it may be somebody else's, which is then not copied."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A box of an image.

    Args:
        image: The image.
        box: Left, top, right and bottom in pixels, from the upper left corner; right and bottom
            are the first pixels outside. What lies outside of the image is cut off.
        size: Width and height of the picture that the box was drawn on: the image as it is seen,
            or as it is stored where its EXIF orientation turns it; None: as it is seen.
    """

    image: Whole
    box: Box
    size: tuple[int, int] | None = None


Encoded = Whole | Crop
"""What `radiotracer.data.pixels.decode` takes."""


def whole(image: Encoded) -> Whole:
    """The image that a box is of, or the image itself."""
    return image.image if isinstance(image, Crop) else image


def place_of(image: Encoded) -> str | None:
    """The file in which it lies, for people; None where it is in memory."""
    file = whole(image)
    if isinstance(file, Part):
        file = file.file
    return str(file) if isinstance(file, Path) else None


def head(image: Whole, size: int) -> bytes:
    """Its first bytes, at most `size` of them.

    Raises:
        OSError: The file cannot be read.
    """
    if isinstance(image, Path):
        with image.open("rb", buffering=0) as stream:
            return stream.read(size)
    if isinstance(image, Part):
        return Part(image.file, image.start, min(size, image.size)).read()
    return bytes(image[:size])


def opened(image: Whole) -> Path | BytesIO:
    """What Pillow opens."""
    if isinstance(image, Path):
        return image
    return BytesIO(image.read() if isinstance(image, Part) else image)


def without_place(text: str, image: Whole) -> str:
    """Neither the folder, which is private, nor an address in memory, which is never the same."""
    if isinstance(image, Path):
        return text.replace(str(image), image.name)
    return re.sub(r"<_io\.BytesIO[^>]*>", "its bytes", text)


def read_limited(path: Path, most: int, what: str) -> bytes:
    """The content of a file that may have `most` bytes.

    Args:
        path: The file.
        most: Bytes; a file with more is not read.
        what: What it should be, for the error.

    Raises:
        DataError: It cannot be read, or is larger.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(most + 1)
    except OSError as error:
        raise DataError(
            expected=f"to read {path}",
            came=error.strerror or str(error),
            do="check the path and its permissions",
        ) from error
    if len(content) > most:
        raise DataError(
            expected=f"{what} of at most {most:,} bytes in {path}",
            came="more",
            do="divide it",
        )
    return content
