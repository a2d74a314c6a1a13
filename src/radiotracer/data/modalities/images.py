"""Images: uint8 pixels, one size and number of channels for a whole data set."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.blocks import drop_pages, stretches
from radiotracer.data.modality import MODALITIES, Images, Labelled, Preview, Rows
from radiotracer.data.npy import map_npy, write_npy
from radiotracer.errors import DataError
from radiotracer.files import atomic_file

if TYPE_CHECKING:
    from torch import Tensor

    from radiotracer.data.dataset import Dataset

FILE = "images.npy"
"""Where `save` puts the pixels."""


class ImageModality:
    """Content: `Images`, in memory or as a read-only memory map, read as it is looked at."""

    name = "images"
    noun = "image"
    task: str | None = "image-classification"

    def require(self, content: Images, source: str) -> None:
        """Raise `DataError` unless these are 8-bit images, grey or RGB."""
        is_array = isinstance(content, np.ndarray)
        if (
            not is_array
            or content.dtype != np.uint8
            or content.ndim != 4
            or content.shape[3] not in (1, 3)
        ):
            what = f"{content.dtype} of shape {content.shape}" if is_array else "no array"
            raise DataError(
                expected="uint8 images of shape (n, height, width, 1 or 3)",
                came=f"{what} from {source}",
                do="convert the images to 8-bit grey or RGB",
            )

    def length(self, content: Images) -> int:
        """How many images."""
        return len(content)

    def take(self, content: Images, rows: NDArray[np.int64]) -> Images:
        """The images at `rows`."""
        return content[rows]

    def put(self, content: Images, rows: NDArray[np.int64], new: Images) -> Images:
        """A copy with other images at `rows`."""
        changed = content.copy()
        changed[rows] = new
        return changed

    def hashes(self, content: Images) -> Iterator[bytes]:
        """SHA-256 of each image's shape and pixels, a stretch of them at a time."""
        header = np.array(content.shape[1:], dtype=">u4").tobytes()
        for rows in stretches(content):
            for image in content[rows]:
                yield hashlib.sha256(header + image.tobytes()).digest()
            drop_pages(content[rows])

    def inputs(self, content: Images, rows: Rows) -> Tensor:
        """float32 in [0, 1], shape (n, channels, height, width), channels last in memory."""
        found = to_inputs(content[rows])
        if isinstance(rows, slice):
            drop_pages(content[rows])
        return found

    def shape(self, content: Images) -> dict[str, int | str]:
        """Channels, height and width."""
        _, height, width, channels = content.shape
        return {"channels": channels, "height": height, "width": width}

    def show(self, content: Images, row: int) -> Preview:
        """The pixels themselves."""
        return Preview(picture=content[row])

    def to_json(self, content: Images, rows: Rows) -> list[str]:
        """Each as PNG, which loses nothing, in base64."""
        return [_png(image) for image in content[rows]]

    def save(self, data: Labelled, folder: Path) -> None:
        """Write the pixels into one file, which `load` maps."""
        with atomic_file(folder / FILE) as temporary:
            write_npy(temporary, data.content)

    def load(self, folder: Path) -> Images:
        """The pixels as a read-only memory map."""
        return map_npy(folder / FILE)


IMAGES = MODALITIES.register(ImageModality())


def to_inputs(images: NDArray[np.uint8]) -> Tensor:
    """uint8 images (n, height, width, channels) to float32 in [0, 1], (n, channels, height, width).

    The memory layout stays channels-last, which is what CPU convolutions are fastest with.
    """
    import torch

    # torch takes no array that it may not write to, as a memory map is: such a one is copied.
    ours = np.require(images, requirements=("C", "W"))
    return torch.from_numpy(ours).permute(0, 3, 1, 2).float() / 255.0


def require_images(data: Dataset, what: str) -> Images:
    """The pixels of a data set of images.

    Args:
        data: Any data set.
        what: Who asks, for the message: ``"the design carriers"``.

    Raises:
        DataError: Its examples are something else.
    """
    if data.modality.name != IMAGES.name:
        raise DataError(
            expected=f"images for {what}",
            came=f"{data.modality.name} from {data.source}",
            do="pass images",
        )
    content: Images = data.content
    return content


def _png(image: Images) -> str:
    """An image (height, width, 1 or 3) as PNG in base64."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode("ascii")
