"""How many bits numbers have: of sums everywhere, and of forward passes on request.

In mixed precision the network's matrix products and convolutions are made with fewer bits
(`torch.autocast`); weights, losses, gradients of weights and sums keep theirs. There is no float16:
without scaling the loss its small gradients vanish.
"""

from __future__ import annotations

import contextlib
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from radiotracer.errors import InputError
from radiotracer.gradients.devices import device_of

Precision = Literal["float32", "bfloat16"]
"""Of forward passes: ``"float32"`` leaves a network as it is, ``"bfloat16"`` is mixed."""

WHOLE: Precision = "float32"

_WITHOUT_DOUBLE = ("mps",)


def widest(device: torch.device) -> torch.dtype:
    """What sums are made in on a device: float64, or float32 where it has no float64."""
    return torch.float32 if device.type in _WITHOUT_DOUBLE else torch.float64


def wide(tensor: Tensor) -> Tensor:
    """The same numbers in the `widest` type of their device."""
    return tensor.to(widest(tensor.device))


def rounding(value: Tensor) -> float:
    """Relative rounding error of operations on such a tensor; 0.0 of whole numbers."""
    if not value.is_floating_point():
        return 0.0
    exact = torch.finfo(value.dtype).eps
    # Convolutions on a GPU may round single precision to TF32's ten bits.
    return max(exact, 2.0**-10) if value.is_cuda and value.dtype == torch.float32 else exact


def casting(device: torch.device, precision: Precision) -> contextlib.AbstractContextManager[None]:
    """A context for forward passes on a device."""
    if precision == WHOLE:
        return contextlib.nullcontext()
    return torch.autocast(device.type, getattr(torch, precision))


def require_precision(model: nn.Module, precision: str) -> None:
    """Raise `InputError` unless a network's forward passes can be of this precision."""
    if precision not in get_args(Precision):
        raise InputError(
            expected=f"precision= {' or '.join(get_args(Precision))}",
            came=repr(precision),
            do="choose one of them",
        )
    if precision == WHOLE:
        return
    device = device_of(model)
    if not torch.amp.is_autocast_available(device.type):
        raise InputError(
            expected=f"a device with mixed precision for precision={precision!r}",
            came=str(device),
            do=f"pass precision={WHOLE!r}",
        )
    other = next((p.dtype for p in model.parameters() if p.dtype != torch.float32), None)
    if other is not None:
        raise InputError(
            expected=f"a network of float32 weights for precision={precision!r}",
            came=f"one with {str(other).removeprefix('torch.')}",
            do=f"pass precision={WHOLE!r}, which leaves it as it is",
        )
