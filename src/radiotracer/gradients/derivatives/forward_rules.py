"""Forward-mode rules for convolution, batch normalisation in evaluation mode, and embeddings.

The first two are linear in their input and in their parameters, so the tangent of the output is the
layer itself, applied twice:

    convolution   dy = conv(dx, w) + conv(x, dw) + db
    batch norm    dy = dx / sqrt(v + eps) * w  +  ((x - m) / sqrt(v + eps) * dw + db)

PyTorch's own rules give the same numbers, but spell batch normalisation out in about ten
element-wise passes over the activations, and convolve a tangent of zeros where the input has none
(the network's first layer).

The third rule is for a table with a padding row. Training leaves that row as it is, because its
gradient is zero by decree; forward mode knows nothing of that, and would let it move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.forward_ad import unpack_dual
from torch.nn import functional as F


@contextmanager
def forward_rules(model: nn.Module) -> Iterator[None]:
    """Within the context, the library's own layers of these kinds use these rules.

    Only for a private copy of a network: the layers' ``forward`` is replaced and put back. A
    subclass of a layer may compute something else, so it keeps PyTorch's rule.
    """
    replaced = []
    for module in model.modules():
        forward: Any = None
        if type(module) in (nn.Conv1d, nn.Conv2d, nn.Conv3d):
            forward = _ConvForward(module)
        elif type(module) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d) and (
            not module.training and module.running_mean is not None and module.affine
        ):
            forward = _BatchNormForward(module)
        elif type(module) is nn.Embedding and module.padding_idx is not None:
            # With `max_norm` a forward pass changes the weights.
            forward = None if module.max_norm is not None else _EmbeddingForward(module)
        # Somebody may have put a forward of their own in its place.
        if forward is not None and "forward" not in vars(module):
            module.forward = forward
            replaced.append(module)
    try:
        yield
    finally:
        for module in replaced:
            del module.forward


class _ConvForward:
    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def __call__(self, inputs: Tensor) -> Tensor:
        output: Tensor = _Conv.apply(  # type: ignore[no-untyped-call]
            inputs, self.layer.weight, self.layer.bias, self.layer
        )
        return output


class _BatchNormForward:
    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def __call__(self, inputs: Tensor) -> Tensor:
        layer = self.layer
        output: Tensor = _BatchNorm.apply(  # type: ignore[no-untyped-call]
            inputs, layer.weight, layer.bias, layer.running_mean, layer.running_var, layer.eps
        )
        return output


class _EmbeddingForward:
    def __init__(self, layer: nn.Embedding) -> None:
        self.layer = layer

    def __call__(self, inputs: Tensor) -> Tensor:
        weight, padding = self.layer.weight, self.layer.padding_idx
        assert padding is not None  # noqa: S101
        fixed = F.embedding(inputs, unpack_dual(weight).primal)
        return torch.where(inputs.eq(padding).unsqueeze(-1), fixed, F.embedding(inputs, weight))


class _Conv(torch.autograd.Function):
    """Forward mode only: reverse mode goes through the layer itself."""

    @staticmethod
    def forward(inputs: Tensor, weight: Tensor, bias: Tensor | None, layer: Any) -> Tensor:
        output: Tensor = layer._conv_forward(inputs, weight, bias)
        return output

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        values, weight, _, ctx.layer = inputs
        ctx.save_for_forward(values, weight)
        ctx.set_materialize_grads(False)

    @staticmethod
    def jvp(
        ctx: Any, d_inputs: Tensor | None, d_weight: Tensor | None, d_bias: Tensor | None, _: Any
    ) -> Tensor:
        inputs, weight = ctx.saved_tensors

        def by_parameters(values: Tensor) -> Tensor:
            slope = torch.zeros_like(weight) if d_weight is None else d_weight
            tangent: Tensor = ctx.layer._conv_forward(values, slope, d_bias)
            return tangent

        if d_inputs is None:
            return by_parameters(inputs)
        total: Tensor = ctx.layer._conv_forward(d_inputs, weight, None)
        if d_weight is not None or d_bias is not None:
            _add_in_parts(total, inputs, by_parameters)
        return total


class _BatchNorm(torch.autograd.Function):
    """Forward mode only: reverse mode goes through the layer itself."""

    @staticmethod
    def forward(  # noqa: PLR0917
        inputs: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float
    ) -> Tensor:
        return F.batch_norm(inputs, mean, variance, weight, bias, eps=eps)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        values, weight, _, mean, variance, ctx.eps = inputs
        ctx.save_for_forward(values, weight, mean, variance)
        ctx.set_materialize_grads(False)

    @staticmethod
    def jvp(
        ctx: Any, d_inputs: Tensor | None, d_weight: Tensor | None, d_bias: Tensor | None, *_: Any
    ) -> Tensor:
        inputs, weight, mean, variance = ctx.saved_tensors

        def by_parameters(values: Tensor) -> Tensor:
            slope = torch.zeros_like(weight) if d_weight is None else d_weight
            return F.batch_norm(values, mean, variance, slope, d_bias, eps=ctx.eps)

        if d_inputs is None:
            return by_parameters(inputs)
        zero = torch.zeros_like(mean)
        total = F.batch_norm(d_inputs, zero, variance, weight, None, eps=ctx.eps)
        if d_weight is not None or d_bias is not None:
            _add_in_parts(total, inputs, by_parameters)
        return total


_LARGE = 2**20
"""Numbers in a layer's input from which on a second term beside the first is worth avoiding."""


def _add_in_parts(total: Tensor, inputs: Tensor, term: Callable[[Tensor], Tensor]) -> None:
    """Add ``term(inputs)`` to `total` in place; for large inputs a quarter of the batch at a time.

    So the two terms of a large tangent never lie in memory side by side as a whole.
    """
    # An input of another length than its output has no batch axis.
    parts = 4 if inputs.numel() >= _LARGE and len(total) == len(inputs) else 1
    for here, values in zip(total.chunk(parts), inputs.chunk(parts), strict=True):
        here.add_(term(values))
