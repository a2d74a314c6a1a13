"""How a network's tensors lie in memory: kernels round differently for another layout.

`load_state_dict` copies values and keeps the layout that it finds, so that a replay has to lay out
its network as the recorded one was (``channels_last``, say) before it loads the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from radiotracer.errors import RunError


def uncommon_strides(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Strides of each tensor of the state that is dense but not laid out row by row, by name."""
    return {
        name: tuple(tensor.stride())
        for name, tensor in model.state_dict().items()
        if tensor.stride() != _row_by_row(tensor) and _is_dense(tensor.shape, tensor.stride())
    }


def lay_out(model: nn.Module, strides: Mapping[str, tuple[int, ...]]) -> None:
    """Give each tensor of the state its recorded strides; the others lie row by row.

    The values are lost: load weights afterwards.

    Raises:
        RunError: Strides do not fit their tensor; nothing has changed then.
    """
    recorded = model.state_dict().keys()
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for name, tensor in tensors.items():
        if name in strides and not _is_dense(tensor.shape, strides[name]):
            raise RunError(
                expected=f"strides that fit {name} of shape {tuple(tensor.shape)}",
                came=str(strides[name])[:100],
                do="record the run again",
            )
    for name, tensor in tensors.items():
        if name in recorded:
            tensor.data = torch.empty_strided(
                tensor.shape,
                strides.get(name, _row_by_row(tensor)),
                dtype=tensor.dtype,
                device=tensor.device,
            )


def _row_by_row(tensor: Tensor) -> tuple[int, ...]:
    return tuple(torch.empty(tensor.shape, device="meta").stride())


def _is_dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether the elements fill one block of memory: no gaps, and none there twice."""
    if len(shape) != len(strides) or min(strides, default=0) < 0:
        return False
    expected = 1
    for stride, size in sorted(zip(strides, shape, strict=True)):
        if size > 1:
            if stride != expected:
                return False
            expected *= size
    return True
