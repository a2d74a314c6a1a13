"""Encoded images are opened by few decoders; what none of them reads is named in plain words."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator

from PIL import Image, UnidentifiedImageError

from radiotracer.data.encoded import Whole, head, opened

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "PPM", "TIFF", "AVIF")
"""The decoders of Pillow that may run: each one less is one less that a hostile file can reach."""

SUFFIXES = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".jfif", ".webp", ".avif", ".bmp", ".gif", ".pgm", ".ppm"),
        *(".tif", ".tiff", ".heic", ".heif", ".jp2", ".j2k"),
    )
)
"""File names that are taken for images, whatever their case; some are left out with a reason."""

_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_JPEG_2000 = (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")


class NotReadError(Exception):
    """An image that is left out, and why, as people read it."""


class _Quiet:
    """Filters of warnings belong to the process: set by who comes first, reset by who goes last."""

    guard = threading.Lock()
    inside = 0
    before = warnings.catch_warnings()


@contextlib.contextmanager
def only_alarms() -> Iterator[None]:
    """A file decides what Pillow warns about; only its alarm about huge images matters here.

    Several threads may be within.
    """
    with _Quiet.guard:
        if not _Quiet.inside:
            _Quiet.before = warnings.catch_warnings()
            _Quiet.before.__enter__()
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
        _Quiet.inside += 1
    try:
        yield
    finally:
        with _Quiet.guard:
            _Quiet.inside -= 1
            if not _Quiet.inside:
                _Quiet.before.__exit__(None, None, None)


def open_image(file: Whole) -> Image.Image:
    """An image whose header is read; within `only_alarms`.

    Raises:
        NotReadError: It has too many pixels, or is of a kind that is not read.
        Exception: Whatever Pillow's decoders raise of a damaged file.
    """
    try:
        try:
            return Image.open(opened(file), formats=FORMATS)
        except UnidentifiedImageError:
            return _other(file)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise NotReadError(
            f"more than {Image.MAX_IMAGE_PIXELS or 0:,} pixels: save it smaller"
        ) from error


def _other(file: Whole) -> Image.Image:
    """An image of a kind that takes another package, or the reason why it is left out."""
    first = head(file, 12)
    if first.startswith(_JPEG_2000):
        raise NotReadError("a JPEG 2000 image, which is not read: save it as PNG or JPEG")
    if first[4:8] != b"ftyp" or first[8:12] not in _HEIC:
        raise NotReadError("no image of a kind that is read")
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise NotReadError("a HEIC image: pip install radiotracer[heic]") from error
    register_heif_opener()
    return Image.open(opened(file), formats=("HEIF",))
