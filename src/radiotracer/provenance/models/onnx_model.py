"""A suspect in an ONNX file, run by ONNX Runtime on the CPU."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radiotracer.data import IMAGES, Dataset
from radiotracer.data.inputs import Inputs
from radiotracer.data.modality import Modality
from radiotracer.errors import InputError
from radiotracer.named import said
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.models.answers import checked
from radiotracer.provenance.models.onnx_contents import require_self_contained
from radiotracer.provenance.models.protocol import Labels, Outputs, Scores
from radiotracer.runs.foreign.reading import read_model_file

MOST_BYTES = 2 * 2**30
"""A protocol buffer cannot be larger."""

MOST_SECONDS = 600.0
"""A batch that takes longer will never be done."""


def onnx_suspect(
    path: Path,
    *,
    modality: Modality = IMAGES,
    like: Dataset | None = None,
    channels: int | None = None,
    classes: int | None = None,
    outputs: Outputs = "logits",
    most: int = MOST_BYTES,
    seconds: float = MOST_SECONDS,
) -> Answering:
    """Open an ONNX model that takes what networks are given here, if that is one float32 tensor.

    Of images that is (n, channels, height, width) in [0, 1]. Models that scale their inputs
    otherwise, or take words, are opened as ``python:module:function``. A model that
    loops for ever is stopped; one may still ask for much memory: audit one that you do not trust in
    a limited process.

    Args:
        path: A ``.onnx`` file, with all its tensors inside.
        modality: What it is asked about.
        like: Examples of the kind that it is asked about; None: the shape is not checked.
        channels: Where there are no such: how many channels images have.
        classes: The least number of columns; None: any.
        outputs: What the model gives.
        most: The largest file that is read, in bytes.
        seconds: How long it may take for one batch.

    Raises:
        InputError: ONNX Runtime is missing; examples of this kind are no float32 tensors; the file
            cannot be read, refers to other files or to operators outside the standard; or its input
            or output are others.
    """
    shape = _shape(modality, like, channels, path)
    runtime = _runtime()
    content, digest = read_model_file(path, most=most)
    require_self_contained(content, path)
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised; nothing is printed beside it
    options.intra_op_num_threads = torch.get_num_threads()
    # Bytes in the runtime's own format would be taken too, and were not looked through above.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own error classes are not public
        raise InputError(
            expected=f"an ONNX model in {path}",
            came=said(error),
            do="fetch or export it again",
        ) from error
    one_by_one = _require_examples_in(session, path, shape)
    _require_answers_out(session, path, classes, outputs)

    def ask(content: Any) -> Scores | Labels:
        n = modality.length(content)
        inputs = _numbers(modality.inputs(content, slice(0, n)), modality, path)
        size = 1 if one_by_one else n
        raw = np.concatenate(
            [
                _forward(runtime, session, inputs[start : start + size], path.name, seconds)
                for start in range(0, n, size)
            ]
        )
        return checked(
            raw, outputs=outputs, n=n, classes=classes, who=path.name, noun=modality.noun
        )

    identity = {
        "kind": "onnx",
        "path": str(path.resolve()),
        "sha256": digest,
        "outputs": outputs,
    }
    return Answering(ask, path.name, identity, classes, outputs, modality)


def _numbers(inputs: Inputs, modality: Modality, path: Path) -> NDArray[np.float32]:
    if not isinstance(inputs, Tensor) or inputs.dtype != torch.float32:
        raise InputError(
            expected=f"examples that are float32 numbers, to ask {path}",
            came=modality.name,
            do="open the model as python:module:function, which is given them as they are",
        )
    return np.ascontiguousarray(inputs.numpy())


def _shape(
    modality: Modality, like: Dataset | None, channels: int | None, path: Path
) -> tuple[int | str, ...] | None:
    """The shape of one example, names where it may be any; None where nothing is known of it."""
    if like is not None and len(like):
        return _numbers(modality.inputs(like.content, slice(0, 1)), modality, path).shape[1:]
    return None if channels is None else (channels, "height", "width")


def _forward(
    runtime: Any, session: Any, inputs: NDArray[np.float32], name: str, seconds: float
) -> NDArray[Any]:
    options = runtime.RunOptions()
    options.log_severity_level = 4
    # The runtime looks at this before every operator, those inside of loops too.
    timer = threading.Timer(seconds, setattr, (options, "terminate", True))
    timer.daemon = True
    timer.start()
    try:
        (outputs,) = session.run(None, {session.get_inputs()[0].name: inputs}, options)
    except Exception as error:  # the runtime's own error classes are not public
        if options.terminate:
            raise InputError(
                expected=f"an answer from {name} within {seconds:g} seconds",
                came="none in time",
                do="ask the owner for a model without endless loops",
            ) from error
        raise InputError(
            expected=f"{name} to take float32 of shape {inputs.shape}",
            came=said(error),
            do="pass the model and the examples that belong together",
        ) from error
    finally:
        timer.cancel()
    return np.asarray(outputs)


def _require_examples_in(session: Any, path: Path, wanted: tuple[int | str, ...] | None) -> bool:
    """Whether the input takes one example only."""
    inputs = session.get_inputs()
    shape = inputs[0].shape if len(inputs) == 1 else []
    fits = len(shape) > 1 if wanted is None else len(shape) == 1 + len(wanted)
    for own, size in zip(shape[1:], wanted or (), strict=False):
        both_fixed = isinstance(own, int) and isinstance(size, int)
        fits = fits and (own == size or not both_fixed)
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or not fits:
        raise InputError(
            expected=f"one float32 input of shape ({', '.join(map(str, ('n', *(wanted or '…'))))}) "
            f"in {path}",
            came=_described(inputs),
            do="export the model so, or open it as python:module:function",
        )
    if isinstance(shape[0], int) and shape[0] != 1:
        raise InputError(
            expected=f"any batch size, or 1, in {path}",
            came=f"a fixed batch of {shape[0]}",
            do="export the model with a dynamic first axis",
        )
    return bool(shape[0] == 1)


def _require_answers_out(session: Any, path: Path, classes: int | None, outputs: Outputs) -> None:
    found = session.get_outputs()
    shape = found[0].shape if len(found) == 1 else []
    if outputs == "labels":
        fits = len(shape) == 1
        wanted = "(n,)"
    else:
        enough = len(shape) == 2 and (not isinstance(shape[1], int) or shape[1] >= (classes or 1))
        fits, wanted = enough, f"(n, {classes or 'classes'} or more)"
    if len(found) != 1 or not found[0].type.startswith("tensor(") or not fits:
        raise InputError(
            expected=f"one output of shape {wanted} in {path}",
            came=_described(found),
            do="export the model so, or open it as python:module:function",
        )


def _described(found: list[Any]) -> str:
    return ", ".join(f"{each.name} {each.type} {each.shape}" for each in found)[:200] or "none"


def _runtime() -> Any:
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise InputError(
            expected="ONNX Runtime, to open .onnx files",
            came="none",
            do='pip install "radiotracer[onnx]"',
        ) from error
