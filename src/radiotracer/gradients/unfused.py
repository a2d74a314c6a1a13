"""Kernels that can be differentiated in every mode, in place of torch's fused ones.

Fused kernels are fast, but have a rule for one ordinary backward pass at most:

    scaled_dot_product_attention    flash and memory-efficient kernels
    nn.MultiheadAttention,          their fast path in evaluation mode
    nn.TransformerEncoderLayer
    nn.LSTM, nn.GRU, nn.RNN         oneDNN's kernels (CPU) and cuDNN's (GPU)

Each has a plain counterpart in torch that computes the same from operations with all rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from radiotracer.gradients.checkpointing import without_recomputation


@contextmanager
def unfused(model: nn.Module) -> Iterator[None]:
    """Within the context torch takes plain kernels; its settings are put back as they were.

    Only for a private copy of a network: recurrent layers get hooks, which are removed again.
    """
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH), _plain_recurrence(model), without_recomputation():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)


@contextmanager
def _plain_recurrence(model: nn.Module) -> Iterator[None]:
    layers = [module for module in model.modules() if isinstance(module, nn.RNNBase)]
    if not layers:
        yield
        return
    libraries: tuple[Any, Any] = (torch.backends.mkldnn, torch.backends.cudnn)
    found = [library.enabled for library in libraries]

    # Only while such a layer runs: convolutions are much slower without these libraries. Not their
    # `flags` context, which sets several other things to its own defaults too, and warns.
    def switch_off(*_: object) -> None:
        for library in libraries:
            library.enabled = False

    def put_back(*_: object) -> None:
        for library, enabled in zip(libraries, found, strict=True):
            library.enabled = enabled

    hooks = []
    for layer in layers:
        hooks.append(layer.register_forward_pre_hook(switch_off))
        hooks.append(layer.register_forward_hook(put_back))
    try:
        yield
    finally:
        put_back()
        for hook in hooks:
            hook.remove()
