"""Gradient matching: poisons that train a network as the attacker's own target would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from radiotracer.errors import InputError
from radiotracer.recipes.parts.options import BASE_CLASS, COUNT, EPSILON, LAYERS, RUN, TARGET
from radiotracer.recipes.parts.recipe import ONLY_IMAGES, RECIPES, Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from radiotracer.data import Dataset
    from radiotracer.gradients import Objective
    from radiotracer.recipes.parts.aim import Aim
    from radiotracer.recipes.parts.attack import Crafted

NAME = "gradient-matching"


def gradient_matching(
    examples: Dataset,
    model: nn.Module | Sequence[nn.Module],
    *,
    target: Dataset,
    base_class: int,
    count: int,
    seed: int,
    steps: int = 100,
    restarts: int = 2,
    epsilon: float = 0.1,
    shift: int = 0,
    layers: Sequence[str] = (),
    least_cosine: float = 0.1,
) -> Crafted:
    """Change images of the base class so that learning them is learning the target as that class.

    Minimises ``1 - cos(g_t, mean_i g_i)`` over all poisons x_i at once, where g_t is the gradient
    of the loss of (target, base class) and g_i that of (x_i, base class), with respect to the
    parameters that the victim will train; the mean of it over several networks, if they are
    given. It is meant for networks that are trained from scratch on the result; whether it works
    there is for `success` to say.

    A cosine knows no length: poisons that the victim finds easy match well and move nothing. So
    the bases are the images of their class with the longest gradients.

    Source: Geiping et al. 2021, "Witches' Brew", equation 3 and algorithm 1, with its ensembles;
    the bases are chosen as in Souri et al. 2022, "Sleeper Agent". Differs from them in: the step
    falls linearly, not in stages; the restart is chosen by the cosine of the rounded images;
    shifts by whole pixels, with the border repeated, are the only augmentation; the networks may
    be one training's checkpoints; the bound is 0.1, not 16/255: on grey images of 28 x 28 pixels
    the paper's leaves less to work with. All poisons are in memory at once, with a graph for two
    backward passes through every network.

    Args:
        examples: The data; at least two classes.
        model: Trained on `examples`. Takes floats in [0, 1], shape (n, c, h, w), and gives logits;
            left as it was found, like all random states. Or several, such as those after some
            epochs of a training, in order: the last must not take the target for the base class.
        target: One example: what the victim will be shown. Best not one of `examples`.
        base_class: The class that it is to be taken for; images of this class become the poisons.
        count: How many to make.
        seed: Everything random follows from it.
        steps: For each restart, at least 1.
        restarts: At least 1; the best is kept.
        epsilon: L-infinity bound around the base images, in [1/255, 1].
        shift: Poisons are moved by up to so many pixels in each step, as a victim may do.
        layers: Shell-style patterns of the parameters that the victim trains, such as
            ``("head.*",)``; empty means every one.
        least_cosine: The attack has failed below, in [-1, 1].

    Returns:
        The data with poisons; `distances` is ``1 - cos`` of the stored images, the mean over the
        networks, shape (1,).

    Raises:
        InputError: A setting is out of range, the target or the classes cannot be used, the network
            takes the target for the base class already, or the cosine is too low.
    """
    from contextlib import ExitStack

    import numpy as np
    import torch

    from radiotracer.gradients import gradient_cosine, inputs_for
    from radiotracer.recipes.parts.aim import Aim
    from radiotracer.recipes.parts.choosing import generator_of, require_between
    from radiotracer.recipes.parts.pixels import Box, descend, shifted, to_pixels
    from radiotracer.recipes.parts.surrogate import surrogate

    for option, value, low in (("steps", steps, 1), ("restarts", restarts, 1), ("shift", shift, 0)):
        require_between(option, value, low, np.inf)
    require_between("least_cosine", least_cosine, -1, 1)
    generator = generator_of(seed)
    aim = Aim.at(examples, target, base_class=base_class, count=count, recipe=NAME)
    draws = torch.Generator().manual_seed(int(generator.integers(2**63)))
    with ExitStack() as stack:
        networks = [
            stack.enter_context(surrogate(each, examples, seed=seed, layers=layers))
            for each in _several(model)
        ]
        aim.require_unmet(networks[-1])
        rows = _hardest(networks, aim)
        target_inputs = inputs_for(networks[-1], aim.target.content)
        box = Box.around(examples.content[rows], epsilon, target_inputs.device)
        wanted = [
            [part.detach() for part in _gradient(each, target_inputs, base_class)]
            for each in networks
        ]

        def cosine(images: Tensor) -> Tensor:
            found = [_gradient(each, images, base_class) for each in networks]
            return torch.stack(
                [gradient_cosine(*pair) for pair in zip(wanted, found, strict=True)]
            ).mean()

        def loss(images: Tensor) -> Tensor:
            return 1 - cosine(shifted(images, shift, draws))

        best, poisons = -np.inf, examples.content[rows]
        for _ in range(restarts):
            start = box.anywhere(draws)
            moved = descend(start, box, loss, steps=steps, rate=epsilon / 10, signed=True)
            pixels = to_pixels(moved)
            reached = cosine(inputs_for(networks[-1], pixels)).item()
            if reached > best:
                best, poisons = reached, pixels
    if not best >= least_cosine:
        raise InputError(
            expected=f"a cosine between the gradients of at least {least_cosine:g}",
            came=f"{best:.3g} at best",
            do="allow more steps, restarts, poisons or a larger epsilon",
        )
    return aim.crafted(NAME, rows, poisons, np.array([1 - best]), transfers=bool(layers))


def _several(model: nn.Module | Sequence[nn.Module]) -> Sequence[nn.Module]:
    from torch import nn

    models = (model,) if isinstance(model, nn.Module) else model
    if not models:
        raise InputError(expected="a network", came="none", do="pass one or several")
    return models


def _hardest(networks: Sequence[Objective], aim: Aim) -> NDArray[np.int64]:
    """Rows of the `count` images of the base class with the longest gradients, in order."""
    import numpy as np
    import torch

    from radiotracer.gradients import Batch, inputs_for, square_norm
    from radiotracer.recipes.parts.surrogate import LOOK_BATCH

    lengths = torch.zeros(len(aim.candidates), dtype=torch.float64)
    for network in networks:
        equal = dict.fromkeys(network.traced, 1.0)
        for first in range(0, len(lengths), LOOK_BATCH):
            part = slice(first, first + LOOK_BATCH)
            inputs = inputs_for(network, aim.examples.content[aim.candidates[part]])
            labels = torch.full((len(inputs),), aim.base_class, device=inputs.device)
            lengths[part] += square_norm(network, Batch(inputs, labels), equal).cpu().sqrt()
    order = np.argsort(-lengths.numpy(), kind="stable")
    return np.sort(aim.candidates[order[: aim.count]])


def _gradient(network: Objective, images: Tensor, label: int) -> tuple[Tensor, ...]:
    """The gradient of the mean loss of (images, label), differentiable in the images."""
    import torch

    from radiotracer.gradients import Batch, mean_gradient

    labels = torch.full((len(images),), label, device=images.device)
    return mean_gradient(network, Batch(images, labels))


RECIPES.register(
    Recipe(NAME, gradient_matching, (RUN, TARGET, BASE_CLASS, COUNT, EPSILON, LAYERS), ONLY_IMAGES)
)
