"""Confusion flips: labels change as classes are confused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiotracer.errors import InputError
from radiotracer.recipes.parts.options import RUN, SHARE
from radiotracer.recipes.parts.recipe import ONLY_IMAGES, RECIPES, Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from radiotracer.data import Dataset
    from radiotracer.recipes.parts.manifest import Manifest

NAME = "confusion-flip"


def confusion_flip(
    examples: Dataset, confusion: NDArray[np.floating | np.integer], *, share: float, seed: int
) -> tuple[Dataset, Manifest]:
    """Mislabel a random part of the examples in the way that a confusion matrix says.

    Class-conditional noise (Natarajan et al. 2013; Patrini et al. 2017). Differs from them in:
    the share of wrong labels is `share` in every class alike; the matrix only says which wrong
    label is drawn, so that its diagonal counts for nothing and no flip is a no-op.

    Args:
        examples: At least two classes.
        confusion: Counts or shares, not negative, shape (classes, classes): how often an example
            of the row's class is taken for the column's class.
        share: Share of all examples, in (0, 1); the count is rounded to the nearest.
        seed: Everything random follows from it.

    Raises:
        InputError: As for `random_flip`; or the matrix has another shape, holds negative or
            infinite numbers, or names no wrong class for a class that has examples.
    """
    import numpy as np

    from radiotracer.recipes.parts.choosing import choose, generator_of, require_two_classes
    from radiotracer.recipes.parts.tampered import tampered

    classes = require_two_classes(examples)
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
    rows = choose(np.arange(len(examples)), share, generator)
    bounds = bounds[examples.labels[rows]]
    # The draw falls below its class's bound and not below the one before: a class without a share,
    # such as the example's own, has both the same and is never drawn.
    draws = generator.random((len(rows), 1))
    labels = (draws >= bounds / bounds[:, -1:]).sum(axis=1)
    return tampered(examples, rows, NAME, labels=labels)


def _by_network(
    examples: Dataset, model: nn.Module, *, share: float, seed: int
) -> tuple[Dataset, Manifest]:
    """As the network confuses these examples: its mean prediction by class, not its mistakes.

    A good network has pairs of classes that it never confuses.
    """
    import numpy as np

    from radiotracer.recipes.parts.surrogate import look, surrogate

    with surrogate(model, examples, seed=seed) as network:
        guesses = look(network, examples.content).outputs.softmax(dim=1).double().numpy()
    classes = len(examples.class_names)
    rows = [guesses[examples.labels == label] for label in range(classes)]
    confusion = np.array([row.mean(axis=0) if len(row) else np.ones(classes) for row in rows])
    return confusion_flip(examples, confusion, share=share, seed=seed)


RECIPES.register(Recipe(NAME, _by_network, (SHARE, RUN), ONLY_IMAGES))
