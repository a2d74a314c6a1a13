"""Networks with fresh weights: reference networks, or what a function of the user's makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn

from radiotracer.data import Dataset
from radiotracer.errors import InputError
from radiotracer.named import named_function, said
from radiotracer.runs import ModelSpec
from radiotracer.runs.schema import Scalar
from radiotracer.training.building import build_model
from radiotracer.training.network import NETWORKS

Build = Callable[[ModelSpec], nn.Module]
"""Makes a reference network from its description."""


def make_network(
    spec: ModelSpec | None, factory: str | None = None, *, build: Build = build_model
) -> nn.Module:
    """A network with fresh weights, to be overwritten; torch's random state is as it was.

    Args:
        spec: A reference network.
        factory: ``module:function`` that makes another one, without arguments. It is run.
        build: Makes reference networks.

    Raises:
        InputError: Neither a description nor a factory, or the network cannot be made.
    """
    with torch.random.fork_rng(devices=[]):
        if factory is None and spec is None:
            raise InputError(
                expected="the network that the weights are for",
                came="the weights alone",
                do="pass architecture= for a reference network, or factory= module:function",
            )
        if factory is None and spec is not None:
            return build(spec)
        function = named_function(factory or "", "factory=")
        try:
            network = function()
        except Exception as error:  # the user's code
            raise InputError(
                expected="a factory= that makes a network",
                came=f"{factory!r}: {said(error)}",
                do="make it work without arguments",
            ) from error
    if not isinstance(network, nn.Module):
        raise InputError(
            expected="a factory= that returns a torch.nn.Module",
            came=type(network).__name__,
            do="return the network",
        )
    return network


def sizes(name: str, like: Dataset | None, channels: int | None) -> Mapping[str, Scalar]:
    """What a reference network is built for besides its classes, as its own keywords.

    Args:
        name: The network; what is no reference network is built for nothing that is known.
        like: Examples of the kind that it is asked about.
        channels: Where there are none: how many channels images have.

    Raises:
        InputError: It is for other kinds of examples.
    """
    network = NETWORKS.get(name)
    if network is not None and like is not None:
        network.require_takes(like)
        return network.sizes(like)
    return {} if network is None or channels is None else {"channels": channels}


def reference_spec(
    text: str,
    *,
    like: Dataset | None = None,
    channels: int | None = None,
    classes: int | None = None,
) -> ModelSpec:
    """A reference network for some data, e.g. ``"small-cnn"`` or ``"resnet18,width=16"``.

    Args:
        text: Its name and its own options.
        like: Examples of the kind that it takes.
        channels: Where there are none: how many channels images have.
        classes: How many classes; None where `text` says it.

    Raises:
        InputError: It is written otherwise, or the number of classes is not known.
    """
    name, *pairs = text.split(",")
    options: dict[str, Scalar] = dict(sizes(name, like, channels))
    if classes is not None:
        options["classes"] = classes
    for pair in pairs:
        key, _, value = pair.partition("=")
        if not (key.isidentifier() and value.isascii() and value.isdigit() and len(value) < 10):
            raise InputError(
                expected="a reference network and its options, such as resnet18,width=16",
                came=repr(text),
                do="write it so",
            )
        options[key] = int(value)
    if "classes" not in options:
        raise InputError(
            expected=f"the number of classes of {name}",
            came="none",
            do=f"write {name},classes=10 or as many as it has",
        )
    return ModelSpec(name=name, options=options)
