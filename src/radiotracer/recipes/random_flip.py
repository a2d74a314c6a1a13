"""Random flips: labels change to any other class, uniformly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiotracer.recipes.parts.options import SHARE
from radiotracer.recipes.parts.recipe import RECIPES, Recipe

if TYPE_CHECKING:
    from radiotracer.data import Dataset
    from radiotracer.recipes.parts.manifest import Manifest

NAME = "random-flip"


def random_flip(examples: Dataset, *, share: float, seed: int) -> tuple[Dataset, Manifest]:
    """Give a random part of the examples another label, uniform over the other classes.

    Args:
        examples: At least two classes.
        share: Share of all examples, in (0, 1); the count is rounded to the nearest.
        seed: Everything random follows from it.

    Raises:
        InputError: The share is outside (0, 1) or too small to change anything, or there is
            one class only.
    """
    import numpy as np

    from radiotracer.recipes.parts.choosing import choose, generator_of, require_two_classes
    from radiotracer.recipes.parts.tampered import tampered

    classes = require_two_classes(examples)
    generator = generator_of(seed)
    rows = choose(np.arange(len(examples)), share, generator)
    # A shift by 1 to classes - 1 can never lead back to the same label.
    shifts = generator.integers(1, classes, size=len(rows))
    labels = (examples.labels[rows] + shifts) % classes
    return tampered(examples, rows, NAME, labels=labels)


RECIPES.register(Recipe(NAME, random_flip, (SHARE,)))
