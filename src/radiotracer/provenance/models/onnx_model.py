"""A suspect in an ONNX file, run by ONNX Runtime in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from radiotracer.data import IMAGES, Dataset
from radiotracer.data.inputs import Inputs
from radiotracer.data.modality import Modality
from radiotracer.errors import InputError
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.models.answers import checked, in_order
from radiotracer.provenance.models.onnx_contents import require_self_contained
from radiotracer.provenance.models.preparation import PLAIN, Layout, Preparation
from radiotracer.provenance.models.protocol import Labels, Outputs, Scores
from radiotracer.runs.foreign.onnx_session import OnnxSession, Port
from radiotracer.runs.foreign.reading import read_model_file

MOST_BYTES = 2 * 2**30
"""A protocol buffer cannot be larger."""

MOST_SECONDS = 600.0
"""A batch that takes longer will never be done."""

_AT_ONCE = 4 * 2**20
"""How many numbers the model is given at once: what it computes of them is many times more."""

_GUESSED: tuple[Layout, ...] = ("nchw", "nhwc", "flat")
"""In which orders of axes a model's input is understood by itself."""


def onnx_suspect(
    path: Path,
    *,
    modality: Modality = IMAGES,
    like: Dataset | None = None,
    channels: int | None = None,
    classes: int | None = None,
    outputs: Outputs = "logits",
    preparation: Preparation = PLAIN,
    most: int = MOST_BYTES,
    seconds: float = MOST_SECONDS,
    memory: int | None = None,
) -> Answering:
    """Open an ONNX model of one float32 input, in a process without network that has limits.

    Of images the input is (n, channels, height, width), (n, height, width, channels) or (n,
    features), whichever its shape says; a fixed number of them is filled up. Of several outputs the
    one that has scores is taken, or with ``outputs="labels"`` the one that has whole numbers. A
    model that loops for ever, or takes more memory than its size warrants, is ended, in loading,
    too. One that takes words is opened as ``python:module:function``.

    Args:
        path: A ``.onnx`` file, with all its tensors inside.
        modality: What it is asked about.
        like: Examples of the kind that it is asked about; None: the shape is not checked.
        channels: Where there are no such: how many channels images have.
        classes: The least number of columns; None: any.
        outputs: What the model gives.
        preparation: In which form it takes images; its layout is guessed where it says none.
        most: The largest file that is read, in bytes.
        seconds: How long it may take for one batch.
        memory: How many bytes loading and answering may take; None: what its size warrants.

    Raises:
        InputError: ONNX Runtime is missing; examples of this kind are no float32 tensors; the file
            cannot be read, refers to other files or to operators outside the standard; its input or
            output are others, or it is beyond its limits.
    """
    example = _example(modality, like, channels, path)
    content, digest = read_model_file(path, most=most)
    require_self_contained(content, path)
    session = OnnxSession(content, path, memory=memory)
    output = _scores_out(session.outputs, path, classes, outputs)
    names = () if like is None else like.class_names

    def prepared(preparation: Preparation) -> Answering:
        fitted = _fitted(session.inputs, path, example, preparation)
        fixed = session.inputs[0].shape[0]

        def ask(content: Any) -> Scores | Labels:
            n = modality.length(content)
            inputs = _tensor(modality.inputs(content, slice(0, n)), modality, path)
            given = (fitted(inputs) if fitted.changes else inputs).contiguous().numpy()
            size = fixed if isinstance(fixed, int) else max(1, _AT_ONCE // max(1, given[0].size))
            parts = []
            for start in range(0, n, size):
                part = given[start : start + size]
                missing = size - len(part) if isinstance(fixed, int) else 0
                filled = np.concatenate([part, np.repeat(part[-1:], missing, axis=0)])
                values, keys = session.run(filled, output, seconds)
                values = values[: len(part)] if len(values) == len(filled) else values
                parts.append(in_order(values, keys, names, path.name))
            raw = np.concatenate(parts)
            return checked(
                raw, outputs=outputs, n=n, classes=classes, who=path.name, noun=modality.noun
            )

        identity = {
            "kind": "onnx",
            "path": str(path.resolve()),
            "sha256": digest,
            "outputs": outputs,
            **fitted.said,
        }
        return Answering(
            ask,
            path.name,
            identity,
            classes,
            outputs,
            modality,
            preparation=fitted if modality is IMAGES else None,
            otherwise=prepared,
        )

    return prepared(preparation)


def _tensor(inputs: Inputs, modality: Modality, path: Path) -> Tensor:
    if not isinstance(inputs, Tensor) or inputs.dtype != torch.float32:
        raise InputError(
            expected=f"examples that are float32 numbers, to ask {path}",
            came=modality.name,
            do="open the model as python:module:function, which is given them as they are",
        )
    return inputs


def _example(
    modality: Modality, like: Dataset | None, channels: int | None, path: Path
) -> tuple[int | str, ...] | None:
    """The shape of one example, names where it may be any; None where nothing is known of it."""
    if like is not None and len(like):
        return tuple(_tensor(modality.inputs(like.content, slice(0, 1)), modality, path).shape[1:])
    return None if channels is None else (channels, "height", "width")


def _fitted(
    found: Sequence[Port],
    path: Path,
    example: tuple[int | str, ...] | None,
    preparation: Preparation,
) -> Preparation:
    """The preparation with a layout that the input takes."""
    own = found[0].shape if len(found) == 1 else []
    is_one = len(found) == 1 and found[0].type == "tensor(float)" and len(own) > 1
    if is_one and (example is None or len(example) != 3):
        wanted = own[1:] if example is None else example
        if _takes(own, wanted):
            return preparation
    elif is_one and example is not None:
        size = preparation.size or example[1:]
        layouts = _GUESSED if preparation.layout is None else (preparation.layout,)
        for layout in layouts:
            if _takes(own, _laid_out((example[0], *size), layout)):
                return replace(preparation, layout=layout)
    shape = ", ".join(map(str, ("n", *(example or "…"))))
    raise InputError(
        expected=f"one float32 input of shape ({shape}) in {path}",
        came=_described(found),
        do=_what_to_do(own, example),
    )


def _takes(own: Sequence[int | str | None], wanted: Sequence[int | str | None]) -> bool:
    pairs = zip(own[1:], wanted, strict=False)
    return len(own) == 1 + len(wanted) and all(
        one == other for one, other in pairs if isinstance(one, int) and isinstance(other, int)
    )


def _laid_out(example: tuple[int | str, ...], layout: Layout) -> tuple[int | str, ...]:
    channels, height, width = example
    by_name = {"c": channels, "h": height, "w": width}
    if not layout.startswith("flat"):
        return tuple(by_name[axis] for axis in layout[1:])
    sizes = [each for each in example if isinstance(each, int)]
    return (int(np.prod(sizes)) if len(sizes) == 3 else "features",)


def _what_to_do(own: Sequence[Any], example: tuple[int | str, ...] | None) -> str:
    """Where only the size of images is another, how they are resized."""
    if example is not None and len(own) == 4:
        for channels, height, width in ((1, 2, 3), (3, 1, 2)):
            if own[channels] == example[0] and isinstance(own[height], int):
                return f"pass size={own[height]},{own[width]} to have them resized"
    return "export the model so, or open it as python:module:function"


def _scores_out(found: Sequence[Port], path: Path, classes: int | None, outputs: Outputs) -> str:
    """The name of the output to ask for."""
    if outputs == "labels":
        wanted = "(n,)"
        fit = [each for each in found if "int" in each.type and len(each.shape) == 1]
    else:
        wanted = f"(n, {classes or 'classes'} or more)"
        fit = [each for each in found if _has_scores(each, classes or 1)]
    if len(fit) != 1:
        raise InputError(
            expected=f"one output of shape {wanted} in {path}",
            came=_described(found),
            do="export the model so, or open it as python:module:function",
        )
    return fit[0].name


def _has_scores(port: Port, least: int) -> bool:
    if port.type.startswith("seq(map("):  # of ZipMap; what it holds is seen when it is asked
        return True
    columns = port.shape[1] if len(port.shape) == 2 else 0
    is_numbers = port.type in ("tensor(float)", "tensor(double)", "tensor(float16)")
    return is_numbers and (columns >= least if isinstance(columns, int) else len(port.shape) == 2)


def _described(found: Sequence[Port]) -> str:
    return ", ".join(f"{each.name} {each.type} {each.shape}" for each in found)[:200] or "none"
