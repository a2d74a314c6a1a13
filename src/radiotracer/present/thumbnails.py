"""Images become small PNG data URIs: small ones exactly, large ones reduced."""

from __future__ import annotations

import base64
import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LARGEST_SIDE = 96
"""Pixels. Larger images are reduced to this; smaller ones are kept, and CSS enlarges them."""


def png_uri(image: NDArray[np.uint8], side: int = LARGEST_SIDE) -> str:
    """A uint8 image as a PNG data URI whose longer side has at most `side` pixels.

    Equal pixels give equal bytes with one version of Pillow. An image that is not larger is stored
    losslessly as it is.

    Args:
        image: Shape (height, width, 1) for grey or (height, width, 3) for RGB.
        side: At least 1.

    Raises:
        ValueError: The array has another shape or type.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in {1, 3}:
        raise ValueError(f"expected uint8 (height, width, 1 or 3), got {image.dtype} {image.shape}")
    if 0 in image.shape:
        raise ValueError(f"expected at least one pixel, got {image.shape}")
    picture = Image.fromarray(
        np.ascontiguousarray(image[:, :, 0] if image.shape[2] == 1 else image)
    )
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def png_size(uri: str) -> tuple[int, int]:
    """Width and height of a PNG data URI, read from its header: pages reserve the space with it."""
    head = base64.b64decode(uri.partition(",")[2][:32])
    if head[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("expected a PNG data URI")
    width, height = struct.unpack(">II", head[16:24])
    return int(width), int(height)
