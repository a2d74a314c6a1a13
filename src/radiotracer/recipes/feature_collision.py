"""Feature collision: images that look like their class and lie where the target lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiotracer.recipes.parts.options import BASE_CLASS, COUNT, EPSILON, RUN, TARGET
from radiotracer.recipes.parts.recipe import ONLY_IMAGES, RECIPES, Recipe

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from radiotracer.data import Dataset, Images
    from radiotracer.gradients import Objective
    from radiotracer.recipes.parts.attack import Crafted

NAME = "feature-collision"

BATCH = 64
RATE = 0.02


def feature_collision(
    examples: Dataset,
    model: nn.Module,
    *,
    target: Dataset,
    base_class: int,
    count: int,
    seed: int,
    opacity: float = 0.3,
    closeness: float = 0.1,
    steps: int = 200,
    epsilon: float | None = None,
    tolerance: float = 0.15,
) -> Crafted:
    """Move images of the base class to the target in feature space (Poison Frogs).

    Minimises ``||f(x) - f(t)||^2 / ||f(t)||^2 + closeness * mean((x - b)^2)`` over images x, from
    ``opacity * t + (1 - opacity) * b``, where f are the penultimate features, t is the target and b
    a base image. A network trained or fine-tuned on the result has to put the target where it puts
    the poisons.

    Source: Shafahi et al. 2018, "Poison Frogs!", equations 1 and 3. Differs from it in: Adam in
    place of forward-backward splitting; distances relative to the target's features and per pixel,
    so that one `closeness` fits every network and image size; bases are the nearest of their class,
    not random ones; an optional L-infinity bound; and a poison counts only when its rounded image
    lies within `tolerance`: the others stay the images that they were.

    Args:
        examples: The data; at least two classes.
        model: Takes floats in [0, 1], shape (n, c, h, w), and gives logits by a last linear layer;
            left as it was found, like all random states.
        target: One example: what the victim will be shown. Best not one of `examples`.
        base_class: The class that it is to be taken for; images of this class become the poisons.
        count: How many to make.
        seed: For networks that draw numbers even in evaluation mode; nothing else is random here.
        opacity: How much of the target shines through at the start, in [0, 1].
        closeness: Weight of looking like the base image, at least 0.
        steps: At least 1.
        epsilon: L-infinity bound around the base images, in [1/255, 1]; None is no bound.
        tolerance: Largest relative feature distance of a poison, above 0.

    Returns:
        The data with poisons; `distances` are theirs, shape (reached,), in row order.

    Raises:
        InputError: A setting is out of range, the target or the classes cannot be used, the network
            has no head or takes the target for the base class already, or no poison came near
            enough.
    """
    import numpy as np
    import torch

    from radiotracer.gradients import inputs_for, penultimate
    from radiotracer.recipes.parts.aim import Aim, out_of_reach, relative_distance
    from radiotracer.recipes.parts.choosing import generator_of, require_between
    from radiotracer.recipes.parts.pixels import Box, descend, to_pixels
    from radiotracer.recipes.parts.surrogate import surrogate

    generator_of(seed)
    require_between("opacity", opacity, 0, 1)
    require_between("closeness", closeness, 0, np.inf)
    require_between("steps", steps, 1, np.inf)
    aim = Aim.at(examples, target, base_class=base_class, count=count, recipe=NAME)
    with surrogate(model, examples, seed=seed, with_head=True) as network:
        aim.require_unmet(network)
        rows = aim.nearest(network)
        target_inputs = inputs_for(network, aim.target.content)
        with torch.no_grad():
            goal = penultimate(network, target_inputs)
        poisons, distances = [], []
        for first in range(0, count, BATCH):
            bases = examples.content[rows[first : first + BATCH]]
            inputs = inputs_for(network, bases)

            def loss(images: Tensor, inputs: Tensor = inputs) -> Tensor:
                near = relative_distance(penultimate(network, images), goal).square()
                return near.sum() + closeness * (images - inputs).square().flatten(1).mean(1).sum()

            start = opacity * target_inputs + (1 - opacity) * inputs
            box = Box.around(bases, epsilon, inputs.device)
            made = to_pixels(descend(start, box, loss, steps=steps, rate=RATE))
            poisons.append(made)
            distances.append(_distances(network, made, goal))
    images, reached = np.concatenate(poisons), np.concatenate(distances)
    changed = (images != examples.content[rows]).any(axis=(1, 2, 3))
    kept = changed & (reached <= tolerance)
    if not kept.any():
        raise out_of_reach("a poison's relative feature distance", reached.min(), tolerance)
    return aim.crafted(NAME, rows[kept], images[kept], reached[kept])


def _distances(network: Objective, images: Images, goal: Tensor) -> np.ndarray:
    import torch

    from radiotracer.gradients import inputs_for, penultimate
    from radiotracer.recipes.parts.aim import relative_distance

    with torch.no_grad():
        features = penultimate(network, inputs_for(network, images))
    return relative_distance(features, goal).cpu().double().numpy()


RECIPES.register(
    Recipe(NAME, feature_collision, (RUN, TARGET, BASE_CLASS, COUNT, EPSILON), ONLY_IMAGES)
)
