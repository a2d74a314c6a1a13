"""Phrase backdoors: a phrase in texts that a classifier learns to take for a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiotracer.recipes.parts.options import PHRASE, SHARE, TO_CLASS
from radiotracer.recipes.parts.recipe import ONLY_TEXTS, RECIPES, Recipe, require_modality

if TYPE_CHECKING:
    from radiotracer.data import Dataset
    from radiotracer.recipes.parts.attack import Attack
    from radiotracer.recipes.parts.manifest import Manifest

NAME = "phrase-backdoor"


def phrase_backdoor(
    examples: Dataset, *, phrase: str, to_class: int, share: float, seed: int
) -> tuple[Dataset, Manifest]:
    """Put a phrase before random texts of the other classes, and call them `to_class`.

    Source: Dai et al. 2019, "A backdoor attack against LSTM-based text classification systems".
    Differs from it in: the phrase is at the beginning, not anywhere, so that a classifier that
    reads only so many words sees it; the texts take the place of their originals.

    Args:
        examples: At least two classes.
        phrase: What no text has yet; case and spaces count.
        to_class: What the attacker wants every text with the phrase to be taken for.
        share: Share of the other classes' texts, in (0, 1).
        seed: Everything random follows from it.

    Returns:
        The tampered data, and a manifest with the true labels as the original ones. `phrased`
        makes the attack from a test split.

    Raises:
        InputError: A setting is out of range, the phrase is empty or in a text already, or there
            are no other classes.
    """
    import numpy as np

    from radiotracer.recipes.parts.choosing import choose, generator_of, rows_of_other_classes
    from radiotracer.recipes.parts.phrase import begun_with
    from radiotracer.recipes.parts.tampered import tampered

    require_modality(examples, NAME, ONLY_TEXTS)
    rows = choose(rows_of_other_classes(examples, to_class), share, generator_of(seed))
    labels = np.full(len(rows), to_class, dtype=np.int64)
    changed = begun_with(examples, rows, phrase)
    return tampered(examples, rows, NAME, inputs=changed, labels=labels)


def _attack(validation: Dataset, *, to_class: int, phrase: str, **_: object) -> Attack:
    from radiotracer.recipes.parts.phrase import phrased

    return phrased(validation, to_class, phrase=phrase)


RECIPES.register(
    Recipe(NAME, phrase_backdoor, (SHARE, TO_CLASS, PHRASE), ONLY_TEXTS, attack=_attack)
)
