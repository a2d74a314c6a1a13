"""Nearest flips: labels change to the wrong class that a network finds likeliest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiotracer.recipes.parts.options import RUN, SHARE
from radiotracer.recipes.parts.recipe import ONLY_IMAGES, RECIPES, Recipe

if TYPE_CHECKING:
    from torch import nn

    from radiotracer.data import Dataset
    from radiotracer.recipes.parts.manifest import Manifest

NAME = "nearest-flip"


def nearest_flip(
    examples: Dataset, model: nn.Module, *, share: float, seed: int
) -> tuple[Dataset, Manifest]:
    """Give a random part of the examples the wrong label that a model finds most likely.

    These are the mistakes that a tired labeller makes, and the corruption in the TracIn paper's
    mislabelling experiment (Pruthi et al. 2020, section 4.1: the highest-scoring incorrect label).

    Args:
        examples: At least two classes.
        model: Takes floats in [0, 1], shape (n, c, h, w), and gives logits; left as it was found.
        share: Share of all examples, in (0, 1); the count is rounded to the nearest.
        seed: Everything random follows from it.

    Raises:
        InputError: As for `random_flip`, or the model does not fit the examples.
        NotFiniteError: The model gives NaN or infinity.
    """
    import numpy as np
    import torch

    from radiotracer.recipes.parts.choosing import choose, generator_of, require_two_classes
    from radiotracer.recipes.parts.surrogate import look, surrogate
    from radiotracer.recipes.parts.tampered import tampered

    require_two_classes(examples)
    rows = choose(np.arange(len(examples)), share, generator_of(seed))
    with surrogate(model, examples, seed=seed) as network:
        scores = look(network, examples.content[rows]).outputs
    own = torch.from_numpy(examples.labels[rows])[:, None]
    labels = scores.scatter(1, own, -torch.inf).argmax(dim=1).numpy()
    return tampered(examples, rows, NAME, labels=labels)


RECIPES.register(Recipe(NAME, nearest_flip, (SHARE, RUN), ONLY_IMAGES))
