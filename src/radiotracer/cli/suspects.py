"""What commands that ask a suspect model share: its options, and how it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from radiotracer.provenance.models import Suspect
    from radiotracer.provenance.release import Release

# As in `radiotracer.provenance.models`, which a command's help is not to import.
AccessName = Literal["weights", "scores", "labels"]
OutputsName = Literal["logits", "probabilities", "labels", "losses"]

SuspectModel = Annotated[
    str,
    Parameter(
        help="The model: a run folder, a .safetensors, .pt, .pth or .onnx file, "
        "python:module:function, or an http(s) address."
    ),
]
Architecture = Annotated[
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
    OutputsName | None,
    Parameter(
        name="--outputs",
        help="What the model gives; by default logits, or what a service says of its scores. "
        "Losses are a language model's: minus the log of the probability of a text.",
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
    architecture: str | None = None,
    factory: str | None = None,
    step: int | None = None,
    outputs: OutputsName | None = None,
    headers_from: str | None = None,
) -> Suspect:
    """A suspect that takes the release's examples and knows its classes."""
    from radiotracer.provenance.models import open_suspect

    return open_suspect(
        text,
        like=release.published,
        architecture=architecture,
        factory=factory,
        step=step,
        outputs=outputs,
        headers_from=headers_from,
    )
