"""What commands that ask a suspect model share: its options, and how it is opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from cyclopts import Parameter

from radiotracer.errors import InputError

if TYPE_CHECKING:
    from radiotracer.provenance.models import Suspect
    from radiotracer.provenance.release import Release

# As in `radiotracer.provenance.models`, which a command's help is not to import.
AccessName = Literal["weights", "scores", "labels"]
OutputsName = Literal["logits", "probabilities", "labels", "losses"]
LayoutName = Literal["nchw", "nhwc", "ncwh", "nwhc", "flat", "flat-hwc"]

Number = TypeVar("Number", int, float)

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
Layout = Annotated[
    LayoutName | None,
    Parameter(
        help="The order of axes in which a run, weights or an .onnx file takes images (number, "
        "channels, height, width; flat is rows of pixels); by default nchw, or what an .onnx file "
        "says."
    ),
]
Scale = Annotated[
    float | None, Parameter(help="The value of a white pixel there: 1, the default, or 255.")
]
Mean = Annotated[
    str | None,
    Parameter(
        help="What is taken off after that, a number or one per channel, as 0.485,0.456,0.406."
    ),
]
Std = Annotated[str | None, Parameter(help="What it is divided by then, written alike.")]
Size = Annotated[
    str | None, Parameter(help="Height and width that images are resized to, as 224,224.")
]
ClassesMap = Annotated[
    str | None,
    Parameter(
        help="For each class of the data, in order, the model's own number for it, as 2,0,1: where "
        "the model counts its classes in another order."
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
    layout: LayoutName | None = None,
    scale: float | None = None,
    mean: str | None = None,
    std: str | None = None,
    size: str | None = None,
    classes_map: str | None = None,
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
        layout=layout,
        scale=scale,
        mean=_numbers("mean", mean, float),
        std=_numbers("std", std, float),
        size=_numbers("size", size, int),
        classes_map=_numbers("classes_map", classes_map, int),
    )


def _numbers(name: str, text: str | None, kind: Callable[[str], Number]) -> list[Number] | None:
    if text is None:
        return None
    try:
        return [kind(each) for each in text.split(",")]
    except ValueError as error:
        raise InputError(
            expected=f"{name}= of numbers with commas between them",
            came=repr(text[:100]),
            do="write it so",
        ) from error
