"""Which examples are tampered with: shares, counts, classes and seeds, checked in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiotracer.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from radiotracer.data import Dataset


def generator_of(seed: int) -> np.random.Generator:
    """What draws everything random; `InputError` when the seed is negative."""
    import numpy as np

    if seed < 0:
        raise InputError(expected="seed= of at least 0", came=str(seed), do="pass, say, seed=0")
    return np.random.default_rng(seed)


def require_share(share: float) -> None:
    """Raise `InputError` unless `share` lies in (0, 1)."""
    if not 0.0 < share < 1.0:
        raise InputError(expected="share= in (0, 1)", came=f"{share:g}", do="pass, say, share=0.1")


def require_between(option: str, value: float, low: float, high: float) -> None:
    """Raise `InputError` unless the option lies in [low, high]."""
    if not low <= value <= high:
        raise InputError(
            expected=f"{option}= from {low:.3g} to {high:.3g}", came=f"{value:g}", do="change it"
        )


def require_class(examples: Dataset, option: str, label: int) -> None:
    """Raise `InputError` unless `label` is a class of the data."""
    if not 0 <= label < len(examples.class_names):
        raise InputError(
            expected=f"{option}= from 0 to {len(examples.class_names) - 1}",
            came=str(label),
            do="choose a class of the data",
        )


def require_two_classes(examples: Dataset) -> int:
    """How many classes there are; `InputError` when it is one."""
    classes = len(examples.class_names)
    if classes < 2:
        raise InputError(expected="two classes or more", came="one", do="choose other data")
    return classes


def rows_of_class(examples: Dataset, option: str, label: int) -> NDArray[np.int64]:
    """Rows of a class of the data; `InputError` when there is no such class, or none is of it."""
    import numpy as np

    require_class(examples, option, label)
    rows = np.flatnonzero(examples.labels == label)
    if not len(rows):
        raise InputError(
            expected=f"{option}= with examples",
            came=f"{examples.class_names[label]!r}, which has none",
            do=f"choose another {option}=",
        )
    return rows


def rows_of_other_classes(examples: Dataset, to_class: int) -> NDArray[np.int64]:
    """Rows of other classes than `to_class`; `InputError` when it is unknown, or all are of it."""
    import numpy as np

    require_class(examples, "to_class", to_class)
    rows = np.flatnonzero(examples.labels != to_class)
    if not len(rows):
        raise InputError(
            expected=f"examples of other classes than {examples.class_names[to_class]!r}",
            came="none",
            do="choose another to_class= or other data",
        )
    return rows


def choose(
    rows: NDArray[np.int64], share: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    """A random share of the rows, without repetition; the count is rounded to the nearest.

    Raises:
        InputError: The share is outside (0, 1), or too small for a single row.
    """
    require_share(share)
    count = round(share * len(rows))
    if count == 0:
        raise InputError(
            expected=f"share= that changes at least one of {len(rows)} examples",
            came=f"{share:g}",
            do="pass a larger share=",
        )
    return generator.choice(rows, size=count, replace=False)
