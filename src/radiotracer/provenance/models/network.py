"""Suspects whose weights are at hand: a recorded run, or a state dict and the network it is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radiotracer.data.modalities.images import to_inputs
from radiotracer.errors import InputError
from radiotracer.files import sha256_file
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.models.answers import checked
from radiotracer.provenance.models.named import named_function, said
from radiotracer.provenance.models.protocol import Access, Images, Labels, Outputs, Scores
from radiotracer.provenance.models.state_dicts import read_state_dict
from radiotracer.runs import ModelSpec, Run, put_weights
from radiotracer.runs.weights import require_finite_weights

Build = Callable[[ModelSpec], nn.Module]
"""Makes a reference network from its description."""


@dataclass(frozen=True, eq=False, kw_only=True)
class NetworkSuspect(Answering):
    """A suspect whose weights can be looked at, not only asked.

    Args:
        module: The network. It belongs to the suspect and is in evaluation mode.
    """

    module: nn.Module = field(repr=False)

    @property
    def access(self) -> frozenset[Access]:
        """Everything."""
        return frozenset(("weights", "scores", "labels"))

    def network(self) -> nn.Module:
        """The network in evaluation mode."""
        return self.module


def network_suspect(
    module: nn.Module,
    name: str,
    identity: Mapping[str, str],
    *,
    classes: int | None = None,
    outputs: Outputs = "logits",
) -> NetworkSuspect:
    """A network with its weights.

    Args:
        module: Takes float32 images in [0, 1], (n, channels, height, width), gives (n, columns). It
            is put into evaluation mode and belongs to the suspect from now on.
        name: A short text for people.
        identity: For the evidence.
        classes: The least number of columns; None: any.
        outputs: ``"logits"`` or ``"probabilities"``.

    Raises:
        InputError: It is announced to give labels.
    """
    if outputs == "labels":
        raise InputError(
            expected="a network that gives logits or probabilities",
            came='outputs="labels"',
            do="open it as python:module:function if it gives labels",
        )
    module.eval()

    def ask(images: Images) -> Scores | Labels:
        raw = _forward(module, images, name)
        return checked(raw, outputs=outputs, n=len(images), classes=classes, who=name)

    return NetworkSuspect(ask=ask, name=name, identity=identity, classes=classes, module=module)


def run_suspect(
    folder: Path,
    build: Build,
    *,
    factory: str | None = None,
    step: int | None = None,
    channels: int | None = None,
    classes: int | None = None,
    outputs: Outputs = "logits",
) -> NetworkSuspect:
    """A recorded run at one of its checkpoints.

    Args:
        folder: What `record` wrote. A training that did not end may be audited too.
        build: Makes the reference network that the run names.
        factory: ``module:function`` that makes another network.
        step: Which checkpoint, by its optimiser step; None: the last.
        channels: How many channels the images have; None: not checked.
        classes: The least number of columns; None: any.
        outputs: What the network gives.

    Raises:
        RunError: There is no such run or checkpoint, or its bytes or shapes are others.
        InputError: The network cannot be made.
        NotFiniteError: A weight is NaN or infinite.
    """
    run = Run.open(folder, allow_interrupted=True)
    steps = {checkpoint.step: checkpoint for checkpoint in run.checkpoints}
    if step is not None and step not in steps:
        raise InputError(
            expected=f"a step with a checkpoint in {folder}, one of {_listed(list(steps))}",
            came=str(step),
            do="choose one of these",
        )
    own = run.info.model.options.get("channels")
    if channels is not None and own not in (None, channels):
        raise InputError(
            expected=f"a run on images of {channels} channels in {folder}",
            came=f"one on images of {own}",
            do="pass the images and the model that belong together",
        )
    checkpoint = run.checkpoints[-1] if step is None else steps[step]
    network = make_network(run.info.model, build, factory)
    put_weights(network, run.weights(checkpoint))
    identity = {
        "kind": "run",
        "path": str(folder.resolve()),
        "checkpoint": checkpoint.file,
        "sha256": checkpoint.sha256,
        "run_sha256": sha256_file(folder / "run.json"),
        "network": factory or run.info.model.model_dump_json(),
        "outputs": outputs,
    }
    name = f"{folder.resolve().name} at step {checkpoint.step}"
    return network_suspect(network, name, identity, classes=classes, outputs=outputs)


def weights_suspect(
    path: Path,
    build: Build,
    *,
    model: ModelSpec | None = None,
    factory: str | None = None,
    classes: int | None = None,
    outputs: Outputs = "logits",
) -> NetworkSuspect:
    """A state dict, and the network that it is for: either `model` or `factory`.

    Args:
        path: A ``.safetensors``, ``.pt`` or ``.pth`` file.
        build: Makes the reference network `model`.
        model: Describes a reference network.
        factory: ``module:function`` that makes another network.
        classes: The least number of columns; None: any.
        outputs: What the network gives.

    Raises:
        InputError: The file cannot be used, or the network cannot be made.
        RunError: A tensor is missing, unknown, or of another shape.
        NotFiniteError: A weight is NaN or infinite.
    """
    network = make_network(model, build, factory)
    state, digest = read_state_dict(path)
    for name, own in network.state_dict().items():
        given = state.get(name)
        if given is not None and given.is_floating_point() != own.is_floating_point():
            raise InputError(
                expected=f"{name} of {own.dtype} in {path}",
                came=str(given.dtype),
                do="pass the network that was trained",
            )
    put_weights(network, state)
    # Only now: a few bytes can say that they are a tensor of any shape; the network's are known.
    loaded = dict(network.state_dict())
    require_finite_weights(loaded, where=str(path), do="ask for the file that was in use")
    identity = {
        "kind": path.suffix.lower().removeprefix("."),
        "path": str(path.resolve()),
        "sha256": digest,
        "network": factory or (model.model_dump_json() if model else ""),
        "outputs": outputs,
    }
    return network_suspect(network, path.name, identity, classes=classes, outputs=outputs)


def make_network(spec: ModelSpec | None, build: Build, factory: str | None) -> nn.Module:
    """A network with fresh weights, to be overwritten; torch's random state is as it was.

    Raises:
        InputError: Neither a description nor a factory, or the network cannot be made.
    """
    with torch.random.fork_rng(devices=[]):
        if factory is None and spec is None:
            raise InputError(
                expected="the network that the weights are for",
                came="the weights alone",
                do="pass --model NAME for a reference network, or --factory module:function",
            )
        if factory is None and spec is not None:
            return build(spec)
        function = named_function(factory or "", "--factory")
        try:
            network = function()
        except Exception as error:  # the user's code
            raise InputError(
                expected="a --factory that makes a network",
                came=f"{factory!r}: {said(error)}",
                do="make it work without arguments",
            ) from error
    if not isinstance(network, nn.Module):
        raise InputError(
            expected="a --factory that returns a torch.nn.Module",
            came=type(network).__name__,
            do="return the network",
        )
    return network


def _forward(module: nn.Module, images: Images, name: str) -> NDArray[np.float64]:
    inputs = to_inputs(images)
    try:
        with torch.no_grad():
            outputs = module(inputs)
    except Exception as error:  # anybody's network, on images that it was not made for
        raise InputError(
            expected=f"{name} to take float32 images of shape {tuple(inputs.shape)}",
            came=said(error),
            do="pass the network and the images that belong together",
        ) from error
    if not isinstance(outputs, Tensor):
        raise InputError(
            expected=f"one tensor from {name}",
            came=f"a {type(outputs).__name__}",
            do="pass a --factory whose network returns its logits alone",
        )
    return np.asarray(outputs.double().numpy())


def _listed(steps: list[int]) -> str:
    shown = ", ".join(str(step) for step in steps[:10])
    return f"{shown} and {len(steps) - 10} more" if len(steps) > 10 else shown
