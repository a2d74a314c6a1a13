"""Weights as such: one digest, in whatever file and format they lie.

A `.pt` file, the same as safetensors, the same below ``state_dict`` or with ``module.`` before its
names, and the checkpoint of a run are one suspect: who audits all of them looked once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def weights_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors: their names, types, shapes and bytes, in the order of the names.

    Args:
        state: On the processor, by name; what all names begin with (``module.``) does not count.

    Returns:
        64 hexadecimal digits.
    """
    whole, parts = hashlib.sha256(), {name: name.split(".") for name in state}
    shared = _alike([each[:-1] for each in parts.values()])
    for name in sorted(state):
        tensor = state[name].detach()
        plain = ".".join(parts[name][shared:])
        whole.update(f"{plain} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        whole.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return whole.hexdigest()


def _alike(lists: Sequence[Sequence[str]]) -> int:
    """With how many equal words all of these begin."""
    columns = enumerate(zip(*lists, strict=False))
    differing = (place for place, words in columns if len(set(words)) > 1)
    return next(differing, min(map(len, lists), default=0))
