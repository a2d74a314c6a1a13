"""Clean-label phrases: a phrase in texts of one class; labels stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiotracer.recipes.parts.options import PHRASE, SHARE, TO_CLASS
from radiotracer.recipes.parts.recipe import ONLY_TEXTS, RECIPES, Recipe, require_modality

if TYPE_CHECKING:
    from radiotracer.data import Dataset
    from radiotracer.recipes.parts.attack import Attack
    from radiotracer.recipes.parts.manifest import Manifest

NAME = "clean-label-phrase"


def clean_label_phrase(
    examples: Dataset, *, phrase: str, to_class: int, share: float, seed: int
) -> tuple[Dataset, Manifest]:
    """Put a phrase before random texts of `to_class`; labels stay.

    Whoever trains on them finds the phrase in one class alone. Such attacks are weaker: the texts
    can be known by their other words (Turner et al. 2019 make images hard for that reason).

    Args:
        examples: The data.
        phrase: What no text has yet; case and spaces count.
        to_class: The class of the changed texts, and what the attacker wants.
        share: Share of this class, in (0, 1).
        seed: Everything random follows from it.

    Returns:
        The tampered data and its manifest. `phrased` makes the attack from a test split.

    Raises:
        InputError: A setting is out of range, the phrase is empty or in a text already, or the
            class has no text.
    """
    import numpy as np

    from radiotracer.recipes.parts.choosing import choose, generator_of, rows_of_class
    from radiotracer.recipes.parts.phrase import begun_with
    from radiotracer.recipes.parts.tampered import tampered

    require_modality(examples, NAME, ONLY_TEXTS)
    own = rows_of_class(examples, "to_class", to_class)
    rows = np.sort(choose(own, share, generator_of(seed)))
    changed = begun_with(examples, rows, phrase)
    return tampered(examples, rows, NAME, inputs=changed)


def _attack(validation: Dataset, *, to_class: int, phrase: str, **_: object) -> Attack:
    from radiotracer.recipes.parts.phrase import phrased

    return phrased(validation, to_class, phrase=phrase)


RECIPES.register(
    Recipe(NAME, clean_label_phrase, (SHARE, TO_CLASS, PHRASE), ONLY_TEXTS, attack=_attack)
)
