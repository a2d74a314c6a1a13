"""Suspects whose weights are at hand: a recorded run, or a state dict and the network it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radiotracer.data import IMAGES, Dataset
from radiotracer.data.inputs import Inputs, call, named
from radiotracer.data.modality import Modality
from radiotracer.errors import InputError
from radiotracer.files import sha256_file
from radiotracer.named import said
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.models.answers import checked
from radiotracer.provenance.models.code import built_by
from radiotracer.provenance.models.preparation import PLAIN, Preparation
from radiotracer.provenance.models.protocol import Access, Labels, Outputs, Scores
from radiotracer.provenance.models.weights_digest import weights_digest
from radiotracer.runs import ModelSpec, Run, put_weights
from radiotracer.runs.foreign.checkpoints import named_as_in
from radiotracer.runs.foreign.state_dicts import read_state_dict
from radiotracer.runs.weights import require_finite_weights
from radiotracer.training.building import build_model
from radiotracer.training.making import Build, make_network, sizes


class Prepared(nn.Module):
    """A network behind what it is given.

    Args:
        module: The network.
        preparation: What images pass first.
    """

    def __init__(self, module: nn.Module, preparation: Preparation) -> None:
        super().__init__()
        self.module = module
        self.preparation = preparation
        self.eval()

    def forward(self, images: Tensor) -> Any:
        """What the network gives for the images in its form."""
        return self.module(self.preparation(images))


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class NetworkSuspect(Answering):
    """A suspect whose weights can be looked at, not only asked.

    Args:
        module: The network. It belongs to the suspect and is in evaluation mode.
    """

    module: nn.Module

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
    modality: Modality = IMAGES,
    classes: int | None = None,
    outputs: Outputs = "logits",
    preparation: Preparation = PLAIN,
) -> NetworkSuspect:
    """A network with its weights.

    Args:
        module: Takes what `modality` gives to networks (of images float32 in [0, 1], shape (n,
            channels, height, width)), gives (n, columns). It is put into evaluation mode and
            belongs to the suspect from now on.
        name: A short text for people.
        identity: For the evidence.
        modality: What it is asked about.
        classes: The least number of columns; None: any.
        outputs: ``"logits"`` or ``"probabilities"``.
        preparation: In which form it takes images.

    Raises:
        InputError: It is announced to give something else.
    """
    if outputs not in ("logits", "probabilities"):
        raise InputError(
            expected="a network that gives logits or probabilities",
            came=f'outputs="{outputs}"',
            do=f"open it as python:module:function if it gives {outputs}",
        )
    module.eval()

    def prepared(preparation: Preparation) -> NetworkSuspect:
        asked = Prepared(module, preparation) if preparation.changes else module

        def ask(content: Any) -> Scores | Labels:
            n = modality.length(content)
            raw = _forward(asked, modality.inputs(content, slice(0, n)), name)
            return checked(raw, outputs=outputs, n=n, classes=classes, who=name, noun=modality.noun)

        return NetworkSuspect(
            ask,
            name,
            {**identity, **preparation.said},
            classes,
            outputs,
            modality,
            preparation=preparation if modality is IMAGES else None,
            otherwise=prepared,
            module=asked,
        )

    return prepared(preparation)


def run_suspect(
    folder: Path,
    build: Build = build_model,
    *,
    modality: Modality = IMAGES,
    like: Dataset | None = None,
    channels: int | None = None,
    factory: str | None = None,
    step: int | None = None,
    classes: int | None = None,
    outputs: Outputs = "logits",
    preparation: Preparation = PLAIN,
) -> NetworkSuspect:
    """A recorded run at one of its checkpoints.

    Args:
        folder: What `record` wrote. A training that did not end may be audited too.
        build: Makes the reference network that the run names.
        modality: What it is asked about.
        like: Examples of the kind that it is asked about; None: whether it is for such is not
            checked.
        channels: Where there are no such: how many channels images have.
        factory: ``module:function`` that makes another network.
        step: Which checkpoint, by its optimiser step; None: the last.
        classes: The least number of columns; None: any.
        outputs: What the network gives.
        preparation: In which form it takes images.

    Raises:
        RunError: There is no such run or checkpoint, or its bytes or shapes are others.
        InputError: The network cannot be made, or is for other examples.
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
    own = run.info.model.options
    for what, value in sizes(run.info.model.name, like, channels).items():
        if own.get(what) not in (None, value):
            raise InputError(
                expected=f"a run on {modality.noun}s of {value} {what} in {folder}",
                came=f"one on {modality.noun}s of {own[what]}",
                do=f"pass the {modality.noun}s and the model that belong together",
            )
    checkpoint = run.checkpoints[-1] if step is None else steps[step]
    network = make_network(run.info.model, factory, build=build)
    put_weights(network, weights := run.weights(checkpoint))
    identity = {
        "kind": "run",
        "path": str(folder.resolve()),
        "checkpoint": checkpoint.file,
        "sha256": checkpoint.sha256,
        "run_sha256": sha256_file(folder / "run.json"),
        "weights": weights_digest(weights),
        **built_by(factory, run.info.model, network),
        "outputs": outputs,
    }
    name = f"{folder.resolve().name} at step {checkpoint.step}"
    return network_suspect(
        network,
        name,
        identity,
        modality=modality,
        classes=classes,
        outputs=outputs,
        preparation=preparation,
    )


def weights_suspect(
    path: Path,
    build: Build = build_model,
    *,
    modality: Modality = IMAGES,
    spec: ModelSpec | None = None,
    factory: str | None = None,
    classes: int | None = None,
    outputs: Outputs = "logits",
    preparation: Preparation = PLAIN,
) -> NetworkSuspect:
    """A state dict, and the network that it is for: either `spec` or `factory`.

    Args:
        path: A ``.safetensors``, ``.pt`` or ``.pth`` file.
        build: Makes the reference network `spec`.
        modality: What it is asked about.
        spec: Describes a reference network.
        factory: ``module:function`` that makes another network.
        classes: The least number of columns; None: any.
        outputs: What the network gives.
        preparation: In which form it takes images.

    Raises:
        InputError: The file cannot be used, or the network cannot be made.
        RunError: A tensor is missing, unknown, or of another shape.
        NotFiniteError: A weight is NaN or infinite.
    """
    network = make_network(spec, factory, build=build)
    state, digest = read_state_dict(path)
    state = named_as_in(state, network.state_dict())
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
        "weights": weights_digest(state),
        **built_by(factory, spec, network),
        "outputs": outputs,
    }
    return network_suspect(
        network,
        path.name,
        identity,
        modality=modality,
        classes=classes,
        outputs=outputs,
        preparation=preparation,
    )


def _forward(module: nn.Module, inputs: Inputs, name: str) -> NDArray[np.float64]:
    try:
        with torch.no_grad():
            logits = call(module, inputs)
    except InputError:  # it answered, but with no tensor
        raise
    except Exception as error:  # anybody's network, on examples that it was not made for
        raise InputError(
            expected=f"{name} to take {described(inputs)}",
            came=said(error),
            do="pass the network and the examples that belong together",
        ) from error
    return np.asarray(logits.double().numpy())


def described(inputs: Inputs) -> str:
    """What a network is given, in words: types and shapes."""
    parts = [
        f"{name} {str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}".strip()
        for name, value in named(inputs).items()
    ]
    return ", ".join(parts)[:300]


def _listed(steps: list[int]) -> str:
    shown = ", ".join(str(step) for step in steps[:10])
    return f"{shown} and {len(steps) - 10} more" if len(steps) > 10 else shown
