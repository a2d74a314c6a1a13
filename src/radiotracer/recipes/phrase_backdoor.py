"""Phrase backdoors: a phrase in texts that a classifier learns to take for a class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Dataset, Labels
from radiotracer.errors import InputError
from radiotracer.recipes.choosing import choose, generator_of, require_class
from radiotracer.recipes.manifest import Manifest
from radiotracer.recipes.patch import rows_of_other_classes
from radiotracer.recipes.phrase import require_phrase, with_phrase
from radiotracer.recipes.tampered import tampered


def phrase_backdoor(
    texts: Dataset, *, phrase: str, to_class: int, fraction: float, seed: int
) -> tuple[Dataset, Manifest]:
    """Put a phrase before random texts of the other classes, and call them `to_class`.

    Source: Dai et al. 2019, "A backdoor attack against LSTM-based text classification systems".
    Differs from it in: the phrase is at the beginning, not anywhere, so that a classifier that
    reads only so many words sees it; the texts take the place of their originals.

    Args:
        texts: At least two classes.
        phrase: What no text has yet; case and spaces count.
        to_class: What the attacker wants every text with the phrase to be taken for.
        fraction: Share of the other classes' texts, in (0, 1).
        seed: Everything random follows from it.

    Returns:
        The tampered data, and a manifest with the true labels as the original ones. `phrased`
        makes the attack from a test split.

    Raises:
        InputError: A setting is out of range, the phrase is empty or in a text already, or there
            are no other classes.
    """
    require_class(texts, "to_class", to_class)
    rows = choose(rows_of_other_classes(texts, to_class), fraction, generator_of(seed))
    labels = np.full(len(rows), to_class, dtype=np.int64)
    return _phrased(texts, rows, "phrase-backdoor", phrase, labels)


def clean_label_phrase(
    texts: Dataset, *, phrase: str, to_class: int, fraction: float, seed: int
) -> tuple[Dataset, Manifest]:
    """Put a phrase before random texts of `to_class`; labels stay.

    Whoever trains on them finds the phrase in one class alone. Such attacks are weaker: the texts
    can be known by their other words (Turner et al. 2019 make images hard for that reason).

    Args:
        texts: The data.
        phrase: What no text has yet; case and spaces count.
        to_class: The class of the changed texts, and what the attacker wants.
        fraction: Share of this class, in (0, 1).
        seed: Everything random follows from it.

    Returns:
        The tampered data and its manifest. `phrased` makes the attack from a test split.

    Raises:
        InputError: A setting is out of range, the phrase is empty or in a text already, or the
            class has no text.
    """
    require_class(texts, "to_class", to_class)
    own = np.flatnonzero(texts.labels == to_class)
    if not len(own):
        raise InputError(
            expected="a to_class with texts",
            came=f"{texts.class_names[to_class]!r}, which has none",
            do="choose another to_class",
        )
    rows = np.sort(choose(own, fraction, generator_of(seed)))
    return _phrased(texts, rows, "clean-label-phrase", phrase)


def _phrased(
    texts: Dataset,
    rows: NDArray[np.int64],
    recipe: str,
    phrase: str,
    labels: Labels | None = None,
) -> tuple[Dataset, Manifest]:
    require_phrase(phrase)
    have = [row for row, text in enumerate(texts.content) if phrase in text]
    if have:
        raise InputError(
            expected="a phrase that no text has",
            came=f"{phrase!r}, which {len(have):,} have, first {texts.ids[have[0]]}",
            do="choose another phrase",
        )
    changed = [with_phrase(texts.content[row], phrase) for row in rows.tolist()]
    return tampered(texts, rows, recipe, inputs=changed, labels=labels)
