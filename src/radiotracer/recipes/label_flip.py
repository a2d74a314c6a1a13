"""Label flipping: images or texts stay, some labels change. A flip is never a no-op."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from radiotracer.data import Dataset
from radiotracer.errors import InputError
from radiotracer.recipes.choosing import choose, generator_of, require_class
from radiotracer.recipes.manifest import Manifest
from radiotracer.recipes.surrogate import look, surrogate
from radiotracer.recipes.tampered import tampered


def random_flip(examples: Dataset, *, fraction: float, seed: int) -> tuple[Dataset, Manifest]:
    """Give a random part of the examples another label, uniform over the other classes.

    Args:
        examples: At least two classes.
        fraction: Share of all examples, in (0, 1); the count is rounded to the nearest.
        seed: Everything random follows from it.

    Raises:
        InputError: The fraction is outside (0, 1) or too small to change anything, or there is
            one class only.
    """
    classes = _require_two_classes(examples)
    generator = generator_of(seed)
    rows = choose(np.arange(len(examples)), fraction, generator)
    # A shift by 1 to classes - 1 can never lead back to the same label.
    shifts = generator.integers(1, classes, size=len(rows))
    labels = (examples.labels[rows] + shifts) % classes
    return tampered(examples, rows, "random-flip", labels=labels)


def targeted_flip(
    examples: Dataset, *, fraction: float, seed: int, source: int, target: int
) -> tuple[Dataset, Manifest]:
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
        require_class(examples, option, label)
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
    rows = choose(candidates, fraction, generator_of(seed))
    labels = np.full(len(rows), target, dtype=np.int64)
    return tampered(examples, rows, "targeted-flip", labels=labels)


def nearest_flip(
    examples: Dataset, model: nn.Module, *, fraction: float, seed: int
) -> tuple[Dataset, Manifest]:
    """Give a random part of the examples the wrong label that a model finds most likely.

    These are the mistakes that a tired labeller makes, and the corruption in the TracIn paper's
    mislabelling experiment (Pruthi et al. 2020, section 4.1: the highest-scoring incorrect label).

    Args:
        examples: At least two classes.
        model: Takes floats in [0, 1], shape (n, c, h, w), and gives logits; left as it was found.
        fraction: Share of all examples, in (0, 1); the count is rounded to the nearest.
        seed: Everything random follows from it.

    Raises:
        InputError: As for `random_flip`, or the model does not fit the examples.
        NotFiniteError: The model gives NaN or infinity.
    """
    _require_two_classes(examples)
    rows = choose(np.arange(len(examples)), fraction, generator_of(seed))
    with surrogate(model, examples, seed=seed) as network:
        scores = look(network, examples.content[rows]).outputs
    own = torch.from_numpy(examples.labels[rows])[:, None]
    labels = scores.scatter(1, own, -torch.inf).argmax(dim=1).numpy()
    return tampered(examples, rows, "nearest-flip", labels=labels)


def confusion_flip(
    examples: Dataset, confusion: NDArray[np.floating | np.integer], *, fraction: float, seed: int
) -> tuple[Dataset, Manifest]:
    """Mislabel a random part of the examples in the way that a confusion matrix says.

    Class-conditional noise (Natarajan et al. 2013; Patrini et al. 2017). Differs from them in:
    the share of wrong labels is `fraction` in every class alike; the matrix only says which wrong
    label is drawn, so that its diagonal counts for nothing and no flip is a no-op.

    Args:
        examples: At least two classes.
        confusion: Counts or shares, not negative, shape (classes, classes): how often an example
            of the row's class is taken for the column's class.
        fraction: Share of all examples, in (0, 1); the count is rounded to the nearest.
        seed: Everything random follows from it.

    Raises:
        InputError: As for `random_flip`; or the matrix has another shape, holds negative or
            infinite numbers, or names no wrong class for a class that has examples.
    """
    classes = _require_two_classes(examples)
    wrong = np.array(confusion, dtype=np.float64)
    if wrong.shape != (classes, classes):
        raise InputError(
            expected=f"a confusion matrix of shape ({classes}, {classes})",
            came=f"shape {wrong.shape}",
            do="give one row and one column per class",
        )
    np.fill_diagonal(wrong, 0.0)
    bounds = wrong.cumsum(axis=1)
    if (wrong < 0).any() or not np.isfinite(bounds).all():
        raise InputError(
            expected="a confusion matrix of finite numbers that are not negative",
            came="others",
            do="give counts or shares",
        )
    present = np.unique(examples.labels)
    unknown = present[bounds[present, -1] == 0]
    if len(unknown):
        raise InputError(
            expected="a wrong class for every class that has examples",
            came=f"only zeros beside the diagonal for {examples.class_names[unknown[0]]!r}",
            do="add to that row of the confusion matrix",
        )
    generator = generator_of(seed)
    rows = choose(np.arange(len(examples)), fraction, generator)
    bounds = bounds[examples.labels[rows]]
    # The draw falls below its class's bound and not below the one before: a class without a share,
    # such as the example's own, has both the same and is never drawn.
    draws = generator.random((len(rows), 1))
    labels = (draws >= bounds / bounds[:, -1:]).sum(axis=1)
    return tampered(examples, rows, "confusion-flip", labels=labels)


def _require_two_classes(examples: Dataset) -> int:
    """How many classes there are."""
    classes = len(examples.class_names)
    if classes < 2:
        raise InputError(expected="two classes or more", came="one", do="choose other data")
    return classes
