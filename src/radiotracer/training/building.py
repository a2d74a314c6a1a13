"""Reference networks, built for a data set or as a run says that they were."""

from __future__ import annotations

import copy

import torch
from torch import nn

from radiotracer.data import Dataset
from radiotracer.errors import InputError
from radiotracer.runs import ModelSpec
from radiotracer.runs.schema import Scalar
from radiotracer.training.network import NETWORKS


def spec_for(data: Dataset, architecture: str, width: int | None = None) -> ModelSpec:
    """Which network fits a data set.

    Args:
        data: What it is for.
        architecture: A reference network.
        width: Of the network; None is its own default.

    Raises:
        InputError: The name is not a reference network, or it is for other kinds of examples.
    """
    network = NETWORKS[architecture]
    network.require_takes(data)
    options: dict[str, Scalar] = {**network.sizes(data), "classes": len(data.class_names)}
    if width is not None:
        options["width"] = width
    return ModelSpec(name=architecture, options=options)


def build_model(spec: ModelSpec) -> nn.Module:
    """Make the network that `spec` names, with fresh weights drawn from torch's global generator.

    Raises:
        InputError: The name is not a reference network, or the options do not fit it.
    """
    if spec.name not in NETWORKS and spec.name not in NETWORKS.failures:
        raise InputError(
            expected=f"a reference network ({', '.join(sorted(NETWORKS))})",
            came=repr(spec.name),
            do="pass factory='module:function' to build a network of your own",
        )
    build = NETWORKS[spec.name].build
    try:
        return build(**spec.options)
    except (TypeError, ValueError, ArithmeticError, MemoryError, RuntimeError) as error:
        raise InputError(
            expected=f"options that {spec.name} takes",
            came=f"{spec.options}"[:200],
            do=(str(error) or type(error).__name__).partition("\n")[0][:200],
        ) from error


def pretrained(spec: ModelSpec) -> nn.Module:
    """A network with its packaged weights, and a head drawn from torch's global generator.

    Raises:
        InputError: A network that has none, or the package with them is not installed.
        DataError: The weights are not those that were released.
    """
    if not NETWORKS[spec.name].packaged:
        raise InputError(
            expected=f"a network with packaged weights ({', '.join(with_packaged_weights())})",
            came=repr(spec.name),
            do="check the spelling",
        )
    model = build_model(spec)
    model.put_packaged_weights()  # type: ignore[operator]
    return model


def with_packaged_weights() -> list[str]:
    """The names of the networks that begin with weights of a package, sorted."""
    return sorted(each.name for each in NETWORKS.values() if each.packaged)


def with_fresh_head(model: nn.Module, seed: int) -> nn.Module:
    """A copy of a reference network under a last layer that was never trained.

    Args:
        model: Has its last linear layer as ``head``; left as it is.
        seed: The new layer is drawn by it; torch's global random state is left as it was.
    """
    fresh = copy.deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh.get_submodule("head").reset_parameters()  # type: ignore[operator]
    return fresh
