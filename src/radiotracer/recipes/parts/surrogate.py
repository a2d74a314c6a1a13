"""The network that an attacker crafts with: a private copy, so that the caller's own stays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import nn

from radiotracer.data import Dataset, Images
from radiotracer.errors import InputError, NotFiniteError
from radiotracer.gradients import (
    PENULTIMATE,
    Objective,
    Representation,
    frozen_copy,
    inputs_for,
    represent,
    require_linear_head,
)

LOOK_BATCH = 256


@contextlib.contextmanager
def surrogate(
    model: nn.Module,
    examples: Dataset,
    *,
    seed: int,
    with_head: bool = False,
    layers: Sequence[str] = (),
) -> Iterator[Objective]:
    """As `frozen_copy`, of a network that fits the examples' classes.

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
    with frozen_copy(model, examples.content, seed=seed, layers=layers) as network:
        shape = tuple(network.model(inputs_for(network, examples.content[:1])).shape)
        if shape != (1, len(examples.class_names)):
            raise InputError(
                expected=f"a network with one output for each of {len(examples.class_names)} "
                "classes",
                came=f"outputs of shape {shape} for one image",
                do="pass the network that these data were made for",
            )
        if with_head:
            require_linear_head(network)
        yield network


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
