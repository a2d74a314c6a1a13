"""A fixed phrase at the beginning of a text: the trigger of a backdoor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Dataset
from radiotracer.errors import InputError
from radiotracer.recipes.parts.attack import Attack, triggered_by
from radiotracer.recipes.parts.choosing import rows_of_other_classes


def require_phrase(phrase: str) -> None:
    """Raise `InputError` unless there is something to read in the phrase."""
    if not phrase.strip():
        raise InputError(
            expected="phrase= with something to read", came=repr(phrase), do="pass a word or more"
        )


def begun_with(
    texts: Dataset, rows: NDArray[np.int64], phrase: str, *, new: bool = True
) -> tuple[str, ...]:
    """The texts at `rows` with the phrase before them.

    Args:
        texts: n texts.
        rows: k row numbers.
        phrase: Case and spaces count.
        new: Whether no text may have the phrase yet.

    Raises:
        InputError: The phrase is empty, or in a text already.
    """
    require_phrase(phrase)
    have = [row for row, text in enumerate(texts.content) if phrase in text] if new else []
    if have:
        raise InputError(
            expected="phrase= that no text has",
            came=f"{phrase!r}, which {len(have):,} have, first {texts.ids[have[0]]}",
            do="choose another phrase=",
        )
    return tuple(f"{phrase} {texts.content[row]}" for row in rows.tolist())


def phrased(queries: Dataset, to_class: int, *, phrase: str) -> Attack:
    """The texts of every other class with the phrase: a backdoored model calls them `to_class`.

    Args:
        queries: Texts that were not trained on, such as a test split.
        to_class: What the attacker wants.
        phrase: What was put into the training texts.

    Raises:
        InputError: The phrase is empty, the class is unknown, or every text is of it.
    """
    rows = rows_of_other_classes(queries, to_class)
    return triggered_by(queries, rows, begun_with(queries, rows, phrase, new=False), to_class)
