"""What commands that ask a suspect model share: its options, and how it is opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from radiotracer.errors import InputError
from radiotracer.provenance.models import Outputs, Suspect, open_suspect
from radiotracer.provenance.release import Release
from radiotracer.runs import Run
from radiotracer.training.networks import build_model

Model = Annotated[
    str | None,
    Parameter(
        help="Of a .safetensors, .pt or .pth file: the reference network that it is for, with "
        "its options, such as resnet18,width=16."
    ),
]
SuspectFactory = Annotated[
    str | None,
    Parameter(
        help="module:function that builds the network of a run or of weights. This code is "
        "executed."
    ),
]
Step = Annotated[
    int | None, Parameter(help="Of a run: the checkpoint after so many steps; default the last.")
]
GivenOutputs = Annotated[
    Outputs | None,
    Parameter(
        name="--outputs",
        help="What the model gives; by default logits, or what a service says of its scores.",
    ),
]
HeadersFrom = Annotated[
    str | None,
    Parameter(
        help="Of an http(s) address: the environment variable with its headers, one Name: value "
        "in a line. They are never shown or written."
    ),
]


def open_for(
    release: Release,
    text: str,
    *,
    model: str | None = None,
    factory: str | None = None,
    step: int | None = None,
    outputs: Outputs | None = None,
    headers_from: str | None = None,
) -> Suspect:
    """A suspect that takes the release's images and knows its classes."""
    protocol = release.protocol
    return open_suspect(
        text,
        channels=protocol.image_shape[2],
        classes=len(protocol.class_names),
        build=build_model,
        model=model,
        factory=factory,
        step=step,
        outputs=outputs,
        headers_from=headers_from,
    )


def reopened(release: Release, identity: Mapping[str, str]) -> Suspect:
    """The suspect that evidence names, from where it was.

    Raises:
        InputError: It is of another kind than a run or weights, or no longer there.
    """
    kind, path = identity.get("kind"), identity.get("path", "")
    model, factory = _network(identity.get("network", ""))
    outputs: Outputs = "probabilities" if identity.get("outputs") == "probabilities" else "logits"
    if kind == "run":
        run = Run.open(Path(path), allow_interrupted=True)
        file = identity.get("checkpoint")
        step = next((each.step for each in run.checkpoints if each.file == file), None)
        return open_for(release, path, factory=factory, step=step, outputs=outputs)
    if kind in ("safetensors", "pt", "pth"):
        return open_for(release, path, model=model, factory=factory, outputs=outputs)
    raise InputError(
        expected="evidence about a run or a file of weights",
        came=f"a suspect of kind {kind!r}",
        do="pass it with --suspect",
    )


def _network(text: str) -> tuple[str | None, str | None]:
    """The model option or the factory by which an identity names a network."""
    try:
        held = json.loads(text)
        pairs = [f"{name}={value}" for name, value in held["options"].items()]
        return ",".join([held["name"], *pairs]), None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, text or None
