"""The network that an attacker crafts with: a private copy, so that the caller's own stays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from radiotracer.data import Examples, Images
from radiotracer.data.tensors import to_inputs
from radiotracer.errors import InputError, NotFiniteError
from radiotracer.gradients import PENULTIMATE, Objective, Representation, represent
from radiotracer.runs.random_state import random_state_kept

LOOK_BATCH = 256


@contextlib.contextmanager
def surrogate(
    model: nn.Module,
    examples: Examples,
    *,
    seed: int,
    with_head: bool = False,
    layers: Sequence[str] = (),
) -> Iterator[Objective]:
    """A frozen copy of `model` in evaluation mode, differentiable in its inputs.

    Random states are put back at the end; a network that draws numbers even in evaluation mode
    draws them by `seed`.

    Args:
        model: Takes floats in [0, 1], shape (n, c, h, w), and gives logits (n, classes).
        examples: What it will be shown; at least one.
        seed: At least 0.
        with_head: Whether the last linear layer's inputs are needed.
        layers: Shell-style patterns of the parameters to trace; empty means every one.

    Raises:
        InputError: The network does not fit the examples, has no parameters or none that a pattern
            matches, has no last linear layer where one is needed, or its batch normalisation keeps
            no running statistics.
    """
    # The caller may be in inference mode, where nothing can be differentiated.
    with random_state_kept(), torch.inference_mode(False), torch.enable_grad():
        torch.default_generator.manual_seed(seed % 2**63)
        try:
            device = next((weights.device for weights in model.parameters()), None)
            example = to_inputs(examples.images[:1]).to(device)
            network = Objective.of(model, example=example, layers=layers)
            shape = tuple(network.model(example).shape)
        except (RuntimeError, ValueError, TypeError) as error:
            raise InputError(
                expected=f"a network that takes images of shape {examples.images.shape[1:]}",
                came=f"one that fails: {str(error).splitlines()[0]}",
                do="pass the network that these data were made for",
            ) from error
        if shape != (1, len(examples.class_names)):
            raise InputError(
                expected=f"a network with one output for each of {len(examples.class_names)} "
                "classes",
                came=f"outputs of shape {shape} for one image",
                do="pass the network that these data were made for",
            )
        if with_head and network.head is None:
            raise InputError(
                expected="a network whose output is that of a linear layer",
                came="one without such a head",
                do="end the network with torch.nn.Linear",
            )
        yield network


def inputs_for(network: Objective, images: Images) -> Tensor:
    """uint8 images (n, h, w, c) as the network takes them, (n, c, h, w), where its weights are."""
    return to_inputs(images).to(next(network.model.parameters()).device)


def features_of(network: Objective, inputs: Tensor) -> Tensor:
    """What the last linear layer is given, shape (n, d), differentiable in the inputs."""
    shown = represent(network.model, inputs, (PENULTIMATE,), head=network.head)
    return shown.layers[PENULTIMATE]


def look(network: Objective, images: Images) -> Representation:
    """Logits, and penultimate features where there is a head, of n uint8 images, on the processor.

    Raises:
        NotFiniteError: A logit is NaN or infinite.
    """
    layers = (PENULTIMATE,) if network.head else ()
    with torch.no_grad():
        parts = [
            represent(
                network.model,
                inputs_for(network, images[start : start + LOOK_BATCH]),
                layers,
                head=network.head,
            )
            for start in range(0, len(images), LOOK_BATCH)
        ]
    outputs = torch.cat([part.outputs for part in parts]).cpu()
    if not torch.isfinite(outputs).all():
        raise NotFiniteError(
            expected="a network that gives finite outputs",
            came="NaN or infinity",
            do="check its weights",
        )
    kept = {name: torch.cat([part.layers[name] for part in parts]).cpu() for name in layers}
    return Representation(outputs, kept)
