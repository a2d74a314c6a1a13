"""Examples of any kind as pages show them: a thumbnail, a few lines of text, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Dataset, Preview
from radiotracer.data.examples import Examples
from radiotracer.data.inputs import named
from radiotracer.gradients import Data
from radiotracer.legible import beginning
from radiotracer.present.thumbnails import LARGEST_SIDE, picture_uri
from radiotracer.runs import take_rows


@dataclass(frozen=True)
class Room:
    """How much of an example a page has room for.

    Args:
        side: Pixels of a picture's longer side, at most.
        characters: Of a text, at most.
        lines: Of a text, at most.
    """

    side: int = LARGEST_SIDE
    characters: int = 600
    lines: int = 12


ROOMY = Room()
"""For an example that stands alone."""


class Seen(TypedDict):
    """The fields of an example that can be seen: a data URI, a text, a file's path, or None."""

    thumbnail: str | None
    text: str | None
    path: str | None


def preview(data: Data, row: int, side: int | None = None) -> Preview:
    """Row `row` of the data as people see it.

    A `Dataset` knows that itself, and takes the original where it has one (its longer side of at
    most `side` pixels). Of other data whose items have named texts, which networks are not shown,
    it is the first of these. An input of shape (1 or 3, height, width) becomes a picture, stretched
    to 0..255, a row of whole numbers (tokens) those numbers, and any other input a picture that is
    a pixel high. Of several tensors by name it is the first one.
    """
    if isinstance(data, Dataset):
        return data.show(row, side)
    written = data.written(row) if isinstance(data, Examples) else None
    if written is not None:
        return Preview(text=written)
    inputs, _ = take_rows(data, [row])
    first = next(iter(named(inputs).values()))[0]
    if first.dim() == 1 and not first.is_floating_point():
        return Preview(text=" ".join(map(str, first.tolist())))
    values: NDArray[np.float64] = first.detach().cpu().double().numpy()
    low, high = values.min(), values.max()
    stretched: NDArray[np.uint8] = np.round(
        255 * (values - low) / (high - low if high > low else 1)
    ).astype(np.uint8)
    if stretched.ndim == 3 and stretched.shape[0] in (1, 3):
        return Preview(picture=np.ascontiguousarray(stretched.transpose(1, 2, 0)))
    return Preview(picture=stretched.reshape(1, -1, 1))


def seen(data: Data, row: int, room: Room = ROOMY) -> Seen:
    """Row `row` of the data, small enough for a page."""
    shown = preview(data, row, room.side)
    return Seen(
        thumbnail=None if shown.picture is None else picture_uri(shown.picture, room.side),
        text=None
        if shown.text is None
        else beginning(shown.text, characters=room.characters, lines=room.lines),
        path=shown.path,
    )


def nouns_of(data: Data) -> tuple[str, str]:
    """What one example is called, and several: ``("image", "images")``."""
    if isinstance(data, Dataset):
        return data.modality.noun, f"{data.modality.noun}s"
    return "example", "examples"
