"""A fixed phrase at the beginning of a text: the trigger of a backdoor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Dataset, Labels
from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.recipes.attack import require_aims
from radiotracer.recipes.choosing import require_class
from radiotracer.recipes.patch import rows_of_other_classes

TextScores = Callable[[Sequence[str]], NDArray[np.floating]]
"""A classifier as a function from n texts to logits or probabilities, shape (n, classes)."""


@dataclass(frozen=True, eq=False)
class TextAttack:
    """Texts that the victim will be shown, and what it is to take them for.

    Args:
        texts: k texts, at least one.
        true_labels: What they are, int64, shape (k,).
        intended: The classes that the attacker wants, int64, shape (k,); each another than the
            true one.

    Raises:
        DataError: The lengths disagree, or there is nothing to achieve.
    """

    texts: tuple[str, ...]
    true_labels: Labels
    intended: Labels

    def __post_init__(self) -> None:
        """Check the labels once, here."""
        if not self.texts:
            raise DataError(
                expected="texts that the victim will be shown", came="none", do="give some"
            )
        require_aims("text", len(self.texts), self.true_labels, self.intended)


def with_phrase(text: str, phrase: str) -> str:
    """The phrase, a space, and the text."""
    return f"{phrase} {text}"


def require_phrase(phrase: str) -> None:
    """Raise `InputError` unless there is something to read in the phrase."""
    if not phrase.strip():
        raise InputError(expected="a phrase", came=repr(phrase), do="pass a word or more")


def phrased(queries: Dataset, to_class: int, *, phrase: str) -> TextAttack:
    """The queries of every other class with the phrase: a backdoored model calls them `to_class`.

    Args:
        queries: Texts that were not trained on, such as a test split.
        to_class: What the attacker wants.
        phrase: What was put into the training texts.

    Raises:
        InputError: The phrase is empty, the class is unknown, or every query is of it.
    """
    require_phrase(phrase)
    require_class(queries, "to_class", to_class)
    others = rows_of_other_classes(queries, to_class)
    return TextAttack(
        texts=tuple(with_phrase(queries.content[row], phrase) for row in others.tolist()),
        true_labels=queries.labels[others],
        intended=np.full(len(others), to_class, dtype=np.int64),
    )


def text_success(scores: TextScores, attack: TextAttack) -> float:
    """The share of the attack's texts that a model takes for what the attacker wants, in [0, 1].

    Args:
        scores: The model, such as `radiotracer.training.text_classifier.text_scores` gives it.
        attack: k texts.

    Raises:
        InputError: Scores of another shape than (k, classes).
        NotFiniteError: A score is NaN or infinite.
    """
    found = np.asarray(scores(attack.texts))
    if found.ndim != 2 or len(found) != len(attack.texts):
        raise InputError(
            expected=f"scores of shape ({len(attack.texts)}, classes)",
            came=f"shape {found.shape}",
            do="give one row per text, one column per class",
        )
    if not np.isfinite(found).all():
        raise NotFiniteError(
            expected="finite scores", came="NaN or infinity", do="check the model's weights"
        )
    return float((found.argmax(axis=1) == attack.intended).mean())
