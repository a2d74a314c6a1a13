"""A frozen network by ONNX Runtime, where it is installed: less work for the same numbers.

Depthwise convolutions, of which small networks consist, take torch long on a processor. What both
give is the same but for rounding, so that features are kept under one name whichever it was.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

Run = Callable[[Tensor], Tensor]
"""From inputs, shape (n, ...), to outputs, shape (n, d), for any n."""


def quickest(network: nn.Module, example: Tensor) -> Run:
    """The network as a function: by ONNX Runtime on one core where that can be, else by torch.

    Args:
        network: In evaluation mode.
        example: Inputs that it takes.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        return network
    stream = io.BytesIO()
    # Not every torch and not every network can be exported; then torch itself does the work.
    try:
        with warnings.catch_warnings(), _silent():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network,
                (example,),
                stream,  # type: ignore[arg-type]  # the exporter for TorchScript takes a stream
                dynamo=False,
                input_names=["inputs"],
                output_names=["outputs"],
                dynamic_axes={"inputs": {0: "n"}, "outputs": {0: "n"}},
            )
        return _by_runtime(stream.getvalue())
    except Exception:
        return network


def _by_runtime(model: bytes) -> Run:
    onnxruntime: Any = importlib.import_module("onnxruntime")

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(inputs: Tensor) -> Tensor:
        (outputs,) = session.run(None, {"inputs": inputs.contiguous().numpy()})
        return torch.from_numpy(outputs)

    return run


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """The exporter says much to nobody."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
