"""Gradient matching: poisons that train a network as the attacker's own target would."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.data import Examples, Images
from radiotracer.errors import InputError
from radiotracer.gradients import Batch, Objective
from radiotracer.recipes.aim import Aim
from radiotracer.recipes.attack import Crafted
from radiotracer.recipes.choosing import generator_of, require_between
from radiotracer.recipes.pixels import Box, descend, to_pixels
from radiotracer.recipes.surrogate import inputs_for, surrogate


def gradient_matching(
    examples: Examples,
    model: nn.Module,
    target: Images,
    target_label: int,
    *,
    base: int,
    count: int,
    seed: int,
    steps: int = 100,
    restarts: int = 2,
    epsilon: float = 0.1,
    shift: int = 0,
    least_cosine: float = 0.1,
) -> Crafted:
    """Change images of the base class so that learning them is learning the target as that class.

    Minimises ``1 - cos(g_t, mean_i g_i)`` over all poisons x_i at once, where g_t is the gradient
    of the loss of (target, base class) and g_i that of (x_i, base class), with respect to every
    parameter of a network trained on the data before. It is meant for networks that
    are trained from scratch on the result; whether it works there is for `success` to say.

    Source: Geiping et al. 2021, "Witches' Brew", equation 3 and algorithm 1. Differs from it in:
    the step falls linearly, not in stages; the restart is chosen by the cosine of the rounded
    images; shifts by whole pixels, with the border repeated, are the only augmentation; the bound
    is 0.1, not 16/255: on grey images of 28 x 28 pixels the paper's leaves less to work with. All
    poisons are in memory at once, with a graph for two backward passes.

    Args:
        examples: The data; at least two classes.
        model: Trained on `examples`. Takes floats in [0, 1], shape (n, c, h, w), and gives logits;
            left as it was found, like all random states.
        target: uint8, shape (h, w, c): what the victim will be shown. Best not one of `examples`.
        target_label: The class that it shows.
        base: The class that it is to be taken for; images of this class become the poisons.
        count: How many to make, of images drawn at random.
        seed: Everything random follows from it.
        steps: For each restart, at least 1.
        restarts: At least 1; the best is kept.
        epsilon: L-infinity bound around the base images, in [1/255, 1].
        shift: Poisons are moved by up to so many pixels in each step, as a victim may do.
        least_cosine: The attack has failed below, in [-1, 1].

    Returns:
        The data with poisons; `distances` is ``1 - cos`` of the stored images, shape (1,).

    Raises:
        InputError: A setting is out of range, the target or the classes cannot be used, the network
            takes the target for the base class already, or the cosine is too low.
    """
    for option, value, low in (("steps", steps, 1), ("restarts", restarts, 1), ("shift", shift, 0)):
        require_between(option, value, low, np.inf)
    require_between("least_cosine", least_cosine, -1, 1)
    generator = generator_of(seed)
    aim = Aim.at(examples, target, target_label, base=base, count=count)
    rows = np.sort(generator.choice(aim.candidates, size=count, replace=False))
    draws = torch.Generator().manual_seed(int(generator.integers(2**63)))
    with surrogate(model, examples, seed=seed) as network:
        aim.require_unmet(network)
        target_inputs = inputs_for(network, aim.target)
        box = Box.around(examples.images[rows], epsilon, target_inputs.device)
        wanted = [part.detach() for part in _gradient(network, target_inputs, base)]

        def cosine(images: Tensor) -> Tensor:
            return _cosine(wanted, _gradient(network, images, base))

        def loss(images: Tensor) -> Tensor:
            return 1 - cosine(shifted(images, shift, draws))

        best, poisons = -np.inf, examples.images[rows]
        for _ in range(restarts):
            start = box.anywhere(draws)
            moved = descend(start, box, loss, steps=steps, rate=epsilon / 10, signed=True)
            pixels = to_pixels(moved)
            reached = cosine(inputs_for(network, pixels)).item()
            if reached > best:
                best, poisons = reached, pixels
    if not best >= least_cosine:
        raise InputError(
            expected=f"a cosine between the gradients of at least {least_cosine:g}",
            came=f"{best:.3g} at best",
            do="allow more steps, restarts, poisons or a larger epsilon",
        )
    return aim.crafted("gradient-matching", rows, poisons, np.array([1 - best]))


def shifted(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Each image moved by up to `most` whole pixels each way, its border repeated; differentiable.

    Args:
        images: Shape (n, c, h, w).
        most: 0 leaves them as they are, and draws nothing.
        generator: On the processor.
    """
    if most == 0:
        return images
    n, _, height, width = images.shape
    padded = F.pad(images, (most,) * 4, mode="replicate")
    offsets = torch.randint(2 * most + 1, (2, n, 1), generator=generator)
    down = (offsets[0] + torch.arange(height)).to(images.device)
    right = (offsets[1] + torch.arange(width)).to(images.device)
    each = torch.arange(n, device=images.device)[:, None, None]
    # Indices around a slice put the sliced axis last.
    return padded[each, :, down[:, :, None], right[:, None, :]].permute(0, 3, 1, 2)


def _gradient(network: Objective, images: Tensor, label: int) -> tuple[Tensor, ...]:
    """The gradient of the mean loss of (images, label), differentiable in the images."""
    weights = {name: each.requires_grad_() for name, each in network.parameters().items()}
    labels = torch.full((len(images),), label, device=images.device)
    losses = network.evaluate(Batch(images, labels), weights).losses
    return torch.autograd.grad(
        losses.mean(), tuple(weights.values()), create_graph=True, materialize_grads=True
    )


def _cosine(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    inner = torch.stack([(a * b).sum() for a, b in zip(left, right, strict=True)]).sum()
    norms = [torch.stack([a.square().sum() for a in side]).sum().sqrt() for side in (left, right)]
    return inner / (norms[0] * norms[1])
