"""Patch backdoors: a mark in a corner that a network learns to take for a class."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from radiotracer.data import Dataset, Images
from radiotracer.errors import InputError
from radiotracer.gradients import Batch, Objective, inputs_for
from radiotracer.recipes.choosing import choose, generator_of, require_between, require_class
from radiotracer.recipes.manifest import Manifest
from radiotracer.recipes.patch import Corner, rows_of_other_classes, stamped
from radiotracer.recipes.pixels import Box, to_pixels
from radiotracer.recipes.surrogate import surrogate
from radiotracer.recipes.tampered import tampered

BATCH = 256


def patch_backdoor(
    examples: Dataset,
    *,
    to_class: int,
    fraction: float,
    seed: int,
    size: int = 3,
    corner: Corner = "bottom-right",
    value: int = 255,
) -> tuple[Dataset, Manifest]:
    """Put a patch on random examples of the other classes, and call them `to_class`.

    Source: Gu et al. 2017, "BadNets", the single-target attack. Differs from it in: the patched
    examples take the place of their originals, they are not added to them.

    Args:
        examples: At least two classes.
        to_class: What the attacker wants every image with the patch to be taken for.
        fraction: Share of the other classes' examples, in (0, 1).
        seed: Everything random follows from it.
        size: Side of the square in pixels.
        corner: Where it sits.
        value: Its brightness, 0 to 255.

    Returns:
        The tampered data, and a manifest with the true labels as the original ones. `triggered`
        makes the attack from a test split.

    Raises:
        InputError: A setting is out of range, or there are no other classes.
    """
    require_class(examples, "to_class", to_class)
    rows = choose(rows_of_other_classes(examples, to_class), fraction, generator_of(seed))
    labels = np.full(len(rows), to_class, dtype=np.int64)
    patched = stamped(examples.content[rows], size=size, corner=corner, value=value)
    return tampered(examples, rows, "patch-backdoor", inputs=patched, labels=labels)


def clean_label_backdoor(
    examples: Dataset,
    model: nn.Module,
    *,
    to_class: int,
    fraction: float,
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
        fraction: Share of this class, in (0, 1).
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
    require_class(examples, "to_class", to_class)
    require_between("steps", steps, 1, np.inf)
    own = np.flatnonzero(examples.labels == to_class)
    if not len(own):
        raise InputError(
            expected="a to_class with examples",
            came=f"{examples.class_names[to_class]!r}, which has none",
            do="choose another to_class",
        )
    generator = generator_of(seed)
    rows = np.sort(choose(own, fraction, generator))
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
    return tampered(examples, rows, "clean-label-backdoor", inputs=patched)


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
    device = inputs_for(network, images[:1]).device
    box = Box.around(images, epsilon, device)
    labels = torch.full((len(images),), label, device=device)
    inputs: Tensor = box.anywhere(draws)
    # Two and a half times from one side to the middle: far enough to cross the box (Madry et al.).
    stride = 2.5 * epsilon / steps
    for _ in range(steps):
        leaf = inputs.detach().requires_grad_()
        losses = network.evaluate(Batch(leaf, labels)).losses
        (gradient,) = torch.autograd.grad(losses.sum(), leaf)
        inputs = box.clamp(leaf.detach() + stride * gradient.sign())
    return to_pixels(inputs)
