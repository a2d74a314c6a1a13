"""A private copy of somebody's network to look at images with, and to optimise images through."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from radiotracer.data import Images
from radiotracer.data.modalities.images import to_inputs
from radiotracer.errors import InputError
from radiotracer.gradients.objective import Objective
from radiotracer.gradients.representations import PENULTIMATE, represent
from radiotracer.runs.random_state import random_state_kept


@contextlib.contextmanager
def frozen_copy(
    model: nn.Module,
    images: Images,
    *,
    seed: int,
    layers: Sequence[str] = (),
    head: str | None = None,
    memory_format: torch.memory_format = torch.preserve_format,
) -> Iterator[Objective]:
    """A frozen copy of `model` in evaluation mode, differentiable in its inputs.

    Random states are put back at the end; a network that draws numbers even in evaluation mode
    draws them by `seed`.

    Args:
        model: Takes floats in [0, 1], shape (n, c, h, w), and gives logits (n, classes).
        images: What it will be shown, uint8, shape (n, h, w, c); at least one.
        seed: At least 0.
        layers: Shell-style patterns of the parameters to trace; empty means every one.
        head: The last linear layer by name; None finds it, where there is one.
        memory_format: How convolutions should lay out their weights.

    Raises:
        InputError: The network does not take the images, has no parameters or none that a pattern
            matches, or its batch normalisation keeps no running statistics.
    """
    if seed < 0:
        raise InputError(expected="a seed of at least 0", came=str(seed), do="pass, say, 0")
    # The caller may be in inference mode, where nothing can be differentiated.
    with random_state_kept(), torch.inference_mode(False), torch.enable_grad():
        torch.default_generator.manual_seed(seed % 2**63)
        try:
            device = next((weights.device for weights in model.parameters()), None)
            example = to_inputs(images[:1]).to(device)
            network = Objective.of(
                model, example=example, layers=layers, memory_format=memory_format
            )
            network.model(example)
        except (RuntimeError, ValueError, TypeError) as error:
            raise InputError(
                expected=f"a network that takes images of shape {images.shape[1:]}",
                came=f"one that fails: {str(error).splitlines()[0]}",
                do="pass the network that these images were made for",
            ) from error
        yield network if head is None else dataclasses.replace(network, head=head)


def require_linear_head(network: Objective) -> nn.Linear:
    """The last linear layer; `InputError` where there is none, or another kind has that name."""
    layer = dict(network.model.named_modules()).get(network.head or "")
    if not isinstance(layer, nn.Linear):
        named = "" if network.head is None else f" named {network.head}"
        raise InputError(
            expected="a network whose output is that of a linear layer",
            came=f"one without such a head{named}",
            do="end the network with torch.nn.Linear",
        )
    return layer


def inputs_for(network: Objective, images: Images) -> Tensor:
    """uint8 images (n, h, w, c) as the network takes them, (n, c, h, w), where its weights are."""
    return to_inputs(images).to(next(network.model.parameters()).device)


def penultimate(network: Objective, inputs: Tensor) -> Tensor:
    """What the last linear layer is given, shape (n, d), differentiable in the inputs."""
    return represent(network.model, inputs, (PENULTIMATE,), head=network.head).layers[PENULTIMATE]
