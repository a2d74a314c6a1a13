"""Patch backdoors: a mark in a corner that a network learns to take for a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiotracer.recipes.parts.options import SHARE, TO_CLASS
from radiotracer.recipes.parts.recipe import ONLY_IMAGES, RECIPES, Recipe, require_modality

if TYPE_CHECKING:
    from radiotracer.data import Dataset
    from radiotracer.recipes.parts.attack import Attack
    from radiotracer.recipes.parts.manifest import Manifest
    from radiotracer.recipes.parts.patch import Corner

NAME = "patch-backdoor"


def patch_backdoor(
    examples: Dataset,
    *,
    to_class: int,
    share: float,
    seed: int,
    size: int = 3,
    corner: Corner = "bottom-right",
    value: int = 255,
) -> tuple[Dataset, Manifest]:
    """Put a patch on random examples of the other classes, and call them `to_class`.

    Source: Gu et al. 2017, "BadNets", the single-target attack. Differs from it in: the patched
    examples take the place of their originals, they are not added to them.

    Args:
        examples: At least two classes.
        to_class: What the attacker wants every image with the patch to be taken for.
        share: Share of the other classes' examples, in (0, 1).
        seed: Everything random follows from it.
        size: Side of the square in pixels.
        corner: Where it sits.
        value: Its brightness, 0 to 255.

    Returns:
        The tampered data, and a manifest with the true labels as the original ones. `triggered`
        makes the attack from a test split.

    Raises:
        InputError: A setting is out of range, or there are no other classes.
    """
    import numpy as np

    from radiotracer.recipes.parts.choosing import choose, generator_of, rows_of_other_classes
    from radiotracer.recipes.parts.patch import stamped
    from radiotracer.recipes.parts.tampered import tampered

    require_modality(examples, NAME, ONLY_IMAGES)
    rows = choose(rows_of_other_classes(examples, to_class), share, generator_of(seed))
    labels = np.full(len(rows), to_class, dtype=np.int64)
    patched = stamped(examples.content[rows], size=size, corner=corner, value=value)
    return tampered(examples, rows, NAME, inputs=patched, labels=labels)


def _attack(validation: Dataset, *, to_class: int, **_: object) -> Attack:
    from radiotracer.recipes.parts.patch import triggered

    return triggered(validation, to_class)


RECIPES.register(Recipe(NAME, patch_backdoor, (SHARE, TO_CLASS), ONLY_IMAGES, attack=_attack))
