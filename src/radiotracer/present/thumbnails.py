"""Images become data URIs: small ones exactly, as PNG; of large ones a reduced picture, as WebP."""

from __future__ import annotations

import base64
import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LARGEST_SIDE = 256
"""Pixels. Larger images are reduced to this; smaller ones are kept, and CSS enlarges them."""

EXACT_SIDE = 96
"""Pixels: what is not larger is stored losslessly, pixel for pixel."""

QUALITY = 80
"""Of WebP: a picture of 256 pixels takes about 8 kB; as PNG it takes ten times as much."""


def picture_uri(image: NDArray[np.uint8], side: int = LARGEST_SIDE) -> str:
    """A uint8 image as a data URI whose longer side has at most `side` pixels; its shape is kept.

    Equal pixels give equal bytes with one version of Pillow.

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
    if max(picture.size) > EXACT_SIDE:
        picture.convert("RGB").save(stream, format="WEBP", quality=QUALITY)
        kind = "webp"
    else:
        picture.save(stream, format="PNG", optimize=True)
        kind = "png"
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def picture_size(uri: str) -> tuple[int, int]:
    """Width and height of such a data URI, from its header: pages reserve the space with it."""
    head = base64.b64decode(uri.partition(",")[2][:40])
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        width, height = struct.unpack(">II", head[16:24])
    elif head[8:16] == b"WEBPVP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = (each & 0x3FFF for each in struct.unpack("<HH", head[26:30]))
    else:
        raise ValueError("expected a PNG or WebP data URI")
    return int(width), int(height)
