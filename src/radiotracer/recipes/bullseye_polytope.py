"""Bullseye polytope: poisons whose middle, in feature space, is the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiotracer.recipes.parts.options import BASE_CLASS, COUNT, EPSILON, RUN, TARGET
from radiotracer.recipes.parts.recipe import ONLY_IMAGES, RECIPES, Recipe

if TYPE_CHECKING:
    from torch import Tensor, nn

    from radiotracer.data import Dataset
    from radiotracer.recipes.parts.attack import Crafted

NAME = "bullseye-polytope"

RATE = 0.04


def bullseye_polytope(
    examples: Dataset,
    model: nn.Module,
    *,
    target: Dataset,
    base_class: int,
    count: int,
    seed: int,
    steps: int = 200,
    epsilon: float | None = 0.2,
    tolerance: float = 0.15,
) -> Crafted:
    """Move images of the base class together, until the mean of their features is the target's.

    Minimises ``||f(t) - mean_i f(x_i)||^2 / ||f(t)||^2`` over all poisons x_i at once, where f are
    the penultimate features and t is the target. A last layer that gives every poison the base
    class gives it to their mean as well. No single poison has to collide with the target.

    Source: Aghakhani et al. 2021, "Bullseye Polytope", equation 2. Differs from it in: one
    surrogate network without dropout, not several; bases are the nearest of their class; 200 steps
    that fall to nothing, not 4,000; and the poisons count only when the mean of their rounded
    images lies within `tolerance`, all or none. The bound is twice the paper's 0.1: grey images of
    28 x 28 pixels have a quarter of the numbers that colour images of 32 x 32 have, and much of
    them is background at the end of the scale, where a bound has one side only.

    Args:
        examples: The data; at least two classes.
        model: Takes floats in [0, 1], shape (n, c, h, w), and gives logits by a last linear layer;
            left as it was found, like all random states.
        target: One example: what the victim will be shown. Best not one of `examples`.
        base_class: The class that it is to be taken for; images of this class become the poisons.
        count: How many to make.
        seed: For networks that draw numbers even in evaluation mode; nothing else is random here.
        steps: At least 1.
        epsilon: L-infinity bound around the base images, in [1/255, 1]; None is no bound.
        tolerance: Largest relative distance of the mean, above 0.

    Returns:
        The data with poisons; `distances` is the mean's, shape (1,).

    Raises:
        InputError: A setting is out of range, the target or the classes cannot be used, the network
            has no head or takes the target for the base class already, or the mean did not come
            near enough.
    """
    import numpy as np
    import torch

    from radiotracer.gradients import inputs_for, penultimate
    from radiotracer.recipes.parts.aim import Aim, out_of_reach, relative_distance
    from radiotracer.recipes.parts.choosing import generator_of, require_between
    from radiotracer.recipes.parts.pixels import Box, descend, to_pixels
    from radiotracer.recipes.parts.surrogate import surrogate

    generator_of(seed)
    require_between("steps", steps, 1, np.inf)
    aim = Aim.at(examples, target, base_class=base_class, count=count, recipe=NAME)
    with surrogate(model, examples, seed=seed, with_head=True) as network:
        aim.require_unmet(network)
        rows = aim.nearest(network)
        with torch.no_grad():
            goal = penultimate(network, inputs_for(network, aim.target.content))

        def distance(images: Tensor) -> Tensor:
            middle = penultimate(network, images).mean(dim=0, keepdim=True)
            return relative_distance(middle, goal)[0]

        start = inputs_for(network, examples.content[rows])
        box = Box.around(examples.content[rows], epsilon, start.device)
        moved = descend(start, box, lambda x: distance(x).square(), steps=steps, rate=RATE)
        poisons = to_pixels(moved)
        with torch.no_grad():
            reached = float(distance(inputs_for(network, poisons)))
    if not reached <= tolerance:
        raise out_of_reach("the relative feature distance of the poisons' mean", reached, tolerance)
    return aim.crafted(NAME, rows, poisons, np.array([reached]))


RECIPES.register(
    Recipe(NAME, bullseye_polytope, (RUN, TARGET, BASE_CLASS, COUNT, EPSILON), ONLY_IMAGES)
)
