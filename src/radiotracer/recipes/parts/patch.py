"""A small square in a corner: the trigger of a backdoor."""

from __future__ import annotations

from typing import Literal, get_args

from radiotracer.data import Dataset, Images
from radiotracer.errors import InputError
from radiotracer.recipes.parts.attack import Attack, triggered_by
from radiotracer.recipes.parts.choosing import require_between, rows_of_other_classes

Corner = Literal["top-left", "top-right", "bottom-left", "bottom-right"]


def stamped(images: Images, *, size: int, corner: Corner, value: int) -> Images:
    """Copies of the images with the patch on them.

    Args:
        images: uint8, shape (n, h, w, c).
        size: Side of the square in pixels, from 1 to the images' shorter side.
        corner: Where it sits.
        value: Its brightness in every channel, 0 to 255.

    Raises:
        InputError: A setting is out of range.
    """
    height, width = images.shape[1:3]
    require_between("size", size, 1, min(height, width))
    require_between("value", value, 0, 255)
    if corner not in get_args(Corner):
        raise InputError(
            expected=f"a corner among {', '.join(get_args(Corner))}",
            came=repr(corner),
            do="choose one of them",
        )
    top = 0 if corner.startswith("top") else height - size
    left = 0 if corner.endswith("left") else width - size
    result = images.copy()
    result[:, top : top + size, left : left + size] = value
    return result


def triggered(
    queries: Dataset,
    to_class: int,
    *,
    size: int = 3,
    corner: Corner = "bottom-right",
    value: int = 255,
) -> Attack:
    """The images of every other class with the patch: a backdoored network calls them `to_class`.

    Args:
        queries: Images that were not trained on, such as a test split.
        to_class: What the attacker wants.
        size: Side of the square in pixels.
        corner: Where it sits.
        value: Its brightness, 0 to 255.

    Raises:
        InputError: A setting is out of range, or every image is of `to_class`.
    """
    others = rows_of_other_classes(queries, to_class)
    patched = stamped(queries.content[others], size=size, corner=corner, value=value)
    return triggered_by(queries, others, patched, to_class)
