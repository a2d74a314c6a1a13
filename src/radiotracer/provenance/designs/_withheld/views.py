"""Views of an example: the same thing as a model may have seen it in its training.

A model that was trained with crops and flips has seldom seen an example as it lies in the release.
What it says of several versions, averaged, tells more of whether it learned the example. Which
versions these are is fixed here, in order, and an audit takes the first so many; none of it hangs
on a coin, and both examples of a pair are asked about in the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from radiotracer.data import Images
from radiotracer.data.modality import Modality

View = Callable[[Any], Any]
"""From n examples to n versions of them."""

SHIFTS = (
    *((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)),
    *((1, 1), (-1, -1), (1, -1), (-1, 1)),
    *((0, 2), (0, -2), (2, 0), (-2, 0)),
)
"""Pixels down and right; what comes into the picture repeats its border."""


def views_of(modality: Modality, most: int) -> list[View]:
    """The first views of examples of a kind; of a kind without any, the examples as they are."""
    return _VIEWS.get(modality.name, [_as_it_is])[:most]


def _as_it_is(content: Any) -> Any:
    return content


def _moved(down: int, right: int, mirrored: bool) -> View:
    def view(images: Images) -> Images:
        seen = images[:, :, ::-1] if mirrored else images
        most = max(abs(down), abs(right))
        around = [(0, 0), (most, most), (most, most), (0, 0)]
        padded = np.pad(seen, around, mode="edge") if most else seen
        height, width = images.shape[1:3]
        rows, columns = slice(most - down, most - down + height), most - right
        return np.ascontiguousarray(padded[:, rows, columns : columns + width])

    return view


def _of_images() -> Iterator[View]:
    for down, right in SHIFTS:
        for mirrored in (False, True):
            yield _moved(down, right, mirrored)


def _part(first: int, last: int) -> View:
    """Quarters `first` to `last` of the words; of a text of less than four words all."""

    def view(texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_between(text, first, last) for text in texts)

    return view


def _between(text: str, first: int, last: int) -> str:
    words = text.split()
    if len(words) < 4:
        return text
    return " ".join(words[first * len(words) // 4 : last * len(words) // 4])


_VIEWS: Mapping[str, list[View]] = {
    "images": list(_of_images()),
    "texts": [_as_it_is, _part(0, 2), _part(2, 4), _part(1, 3)],
}
