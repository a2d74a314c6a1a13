"""Targeted flips: labels of one class change to another class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiotracer.errors import InputError
from radiotracer.recipes.parts.options import FROM_CLASS, SHARE, TO_CLASS
from radiotracer.recipes.parts.recipe import RECIPES, Recipe

if TYPE_CHECKING:
    from radiotracer.data import Dataset
    from radiotracer.recipes.parts.manifest import Manifest

NAME = "targeted-flip"


def targeted_flip(
    examples: Dataset, *, share: float, seed: int, from_class: int, to_class: int
) -> tuple[Dataset, Manifest]:
    """Relabel a random part of one class as another class.

    Args:
        examples: The data.
        share: Share of from_class, in (0, 1); the count is rounded to the nearest.
        seed: Everything random follows from it.
        from_class: Class number whose labels change.
        to_class: Class number that they change to.

    Raises:
        InputError: The share is outside (0, 1) or too small to change anything; the classes
            are the same, unknown, or from_class has no example.
    """
    import numpy as np

    from radiotracer.recipes.parts.choosing import (
        choose,
        generator_of,
        require_class,
        rows_of_class,
    )
    from radiotracer.recipes.parts.tampered import tampered

    candidates = rows_of_class(examples, "from_class", from_class)
    require_class(examples, "to_class", to_class)
    if from_class == to_class:
        raise InputError(
            expected="two different classes",
            came=f"{examples.class_names[from_class]!r} for both",
            do="choose another to_class=",
        )
    rows = choose(candidates, share, generator_of(seed))
    labels = np.full(len(rows), to_class, dtype=np.int64)
    return tampered(examples, rows, NAME, labels=labels)


RECIPES.register(Recipe(NAME, targeted_flip, (SHARE, FROM_CLASS, TO_CLASS)))
