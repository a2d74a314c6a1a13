"""Clean-label backdoors: a patch on images that were made hard; labels stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiotracer.recipes.parts.options import EPSILON, RUN, SHARE, TO_CLASS
from radiotracer.recipes.parts.recipe import ONLY_IMAGES, RECIPES, Recipe

if TYPE_CHECKING:
    import torch
    from torch import nn

    from radiotracer.data import Dataset, Images
    from radiotracer.gradients import Objective
    from radiotracer.recipes.parts.attack import Attack
    from radiotracer.recipes.parts.manifest import Manifest
    from radiotracer.recipes.parts.patch import Corner

NAME = "clean-label-backdoor"

BATCH = 256


def clean_label_backdoor(
    examples: Dataset,
    model: nn.Module,
    *,
    to_class: int,
    share: float,
    seed: int,
    epsilon: float = 0.3,
    steps: int = 40,
    size: int = 3,
    corner: Corner = "bottom-right",
    value: int = 255,
) -> tuple[Dataset, Manifest]:
    """Make examples of `to_class` hard to recognise, and put a patch on them; labels stay.

    Whoever trains on them finds the patch the easiest thing to know the class by. The images are
    made hard by projected gradient ascent on the model's loss, within `epsilon`.

    Source: Turner et al. 2019, "Label-Consistent Backdoor Attacks", section 4.2. Differs from it
    in: the model need not be trained adversarially; one corner, not four.

    Args:
        examples: The data.
        model: Trained on like data. Takes floats in [0, 1], shape (n, c, h, w), and gives logits;
            left as it was found, like all random states.
        to_class: The class of the changed examples, and what the attacker wants.
        share: Share of this class, in (0, 1).
        seed: Everything random follows from it.
        epsilon: L-infinity bound outside of the patch, in [1/255, 1].
        steps: Of gradient ascent, at least 1.
        size: Side of the square in pixels.
        corner: Where it sits.
        value: Its brightness, 0 to 255.

    Returns:
        The tampered data and its manifest. `triggered` makes the attack from a test split.

    Raises:
        InputError: A setting is out of range, the class has no example, or the model does not fit.
    """
    import numpy as np
    import torch

    from radiotracer.recipes.parts.choosing import (
        choose,
        generator_of,
        require_between,
        rows_of_class,
    )
    from radiotracer.recipes.parts.patch import stamped
    from radiotracer.recipes.parts.surrogate import surrogate
    from radiotracer.recipes.parts.tampered import tampered

    own = rows_of_class(examples, "to_class", to_class)
    require_between("steps", steps, 1, np.inf)
    generator = generator_of(seed)
    rows = np.sort(choose(own, share, generator))
    draws = torch.Generator().manual_seed(int(generator.integers(2**63)))
    with surrogate(model, examples, seed=seed) as network:
        hard = [
            _made_hard(
                network,
                examples.content[rows[first : first + BATCH]],
                to_class,
                epsilon=epsilon,
                steps=steps,
                draws=draws,
            )
            for first in range(0, len(rows), BATCH)
        ]
    patched = stamped(np.concatenate(hard), size=size, corner=corner, value=value)
    return tampered(examples, rows, NAME, inputs=patched)


def _made_hard(
    network: Objective,
    images: Images,
    label: int,
    *,
    epsilon: float,
    steps: int,
    draws: torch.Generator,
) -> Images:
    """The images within `epsilon` that the network is most wrong about, by projected ascent."""
    import torch

    from radiotracer.gradients import Batch, inputs_for
    from radiotracer.recipes.parts.pixels import Box, to_pixels

    device = inputs_for(network, images[:1]).device
    box = Box.around(images, epsilon, device)
    labels = torch.full((len(images),), label, device=device)
    inputs = box.anywhere(draws)
    # Two and a half times from one side to the middle: far enough to cross the box (Madry et al.).
    stride = 2.5 * epsilon / steps
    for _ in range(steps):
        leaf = inputs.detach().requires_grad_()
        losses = network.evaluate(Batch(leaf, labels)).losses
        (gradient,) = torch.autograd.grad(losses.sum(), leaf)
        inputs = box.clamp(leaf.detach() + stride * gradient.sign())
    return to_pixels(inputs)


def _attack(validation: Dataset, *, to_class: int, **_: object) -> Attack:
    from radiotracer.recipes.parts.patch import triggered

    return triggered(validation, to_class)


RECIPES.register(
    Recipe(NAME, clean_label_backdoor, (SHARE, TO_CLASS, RUN, EPSILON), ONLY_IMAGES, attack=_attack)
)
