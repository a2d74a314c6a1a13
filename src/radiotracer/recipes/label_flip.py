"""Label flipping: the images stay, some labels change. A flip is never a no-op."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Examples
from radiotracer.errors import InputError
from radiotracer.recipes.manifest import Manifest


def random_flip(examples: Examples, *, fraction: float, seed: int) -> tuple[Examples, Manifest]:
    """Give a random part of the examples another label, uniform over the other classes.

    Args:
        examples: At least two classes.
        fraction: Share of all examples, in (0, 1); the count is rounded to the nearest.
        seed: Everything random follows from it.

    Raises:
        InputError: The fraction is outside (0, 1) or too small to change anything, or there is
            one class only.
    """
    classes = len(examples.class_names)
    if classes < 2:
        raise InputError(expected="two classes or more", came="one", do="choose other data")
    generator = _generator(seed)
    rows = _choose(np.arange(len(examples)), fraction, generator)
    labels = examples.labels.copy()
    # A shift by 1 to classes - 1 can never lead back to the same label.
    labels[rows] = (labels[rows] + generator.integers(1, classes, size=len(rows))) % classes
    return _flipped(examples, labels, "random-flip")


def targeted_flip(
    examples: Examples, *, fraction: float, seed: int, source: int, target: int
) -> tuple[Examples, Manifest]:
    """Relabel a random part of one class as another class.

    Args:
        examples: The data.
        fraction: Share of the source class, in (0, 1); the count is rounded to the nearest.
        seed: Everything random follows from it.
        source: Class number whose labels change.
        target: Class number that they change to.

    Raises:
        InputError: The fraction is outside (0, 1) or too small to change anything; the classes
            are the same, unknown, or the source class has no example.
    """
    for option, label in (("--from-class", source), ("--to-class", target)):
        if not 0 <= label < len(examples.class_names):
            raise InputError(
                expected=f"{option} from 0 to {len(examples.class_names) - 1}",
                came=str(label),
                do="choose a class of the data",
            )
    if source == target:
        raise InputError(
            expected="two different classes",
            came=f"{examples.class_names[source]!r} for both",
            do="choose another --to-class",
        )
    candidates = np.flatnonzero(examples.labels == source)
    if not len(candidates):
        raise InputError(
            expected="a --from-class with examples",
            came=f"{examples.class_names[source]!r}, which has none",
            do="choose another --from-class",
        )
    rows = _choose(candidates, fraction, _generator(seed))
    labels = examples.labels.copy()
    labels[rows] = target
    return _flipped(examples, labels, "targeted-flip")


def require_fraction(fraction: float) -> None:
    """Raise `InputError` unless `fraction` lies in (0, 1)."""
    if not 0.0 < fraction < 1.0:
        raise InputError(
            expected="a fraction in (0, 1)", came=f"{fraction:g}", do="pass, say, --fraction 0.1"
        )


def _generator(seed: int) -> np.random.Generator:
    if seed < 0:
        raise InputError(expected="a seed of at least 0", came=str(seed), do="pass, say, --seed 0")
    return np.random.default_rng(seed)


def _choose(
    rows: NDArray[np.int64], fraction: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    require_fraction(fraction)
    count = round(fraction * len(rows))
    if count == 0:
        raise InputError(
            expected=f"a fraction that changes at least one of {len(rows)} examples",
            came=f"{fraction:g}",
            do="pass a larger --fraction",
        )
    return generator.choice(rows, size=count, replace=False)


def _flipped(
    examples: Examples, labels: NDArray[np.int64], recipe: str
) -> tuple[Examples, Manifest]:
    manifest = Manifest(
        ids=examples.ids,
        original_labels=examples.labels,
        labels=labels,
        recipe=recipe,
        is_tampered=labels != examples.labels,
    )
    return examples.with_labels(labels), manifest
