"""Forward-mode rules for convolution, batch and group normalisation, and embeddings.

The first two are linear in their input and in their parameters, so the tangent of the output is the
operation itself, applied twice:

    convolution   dy = conv(dx, w) + conv(x, dw) + db
    batch norm    dy = dx / sqrt(v + eps) * w  +  ((x - m) / sqrt(v + eps) * dw + db)

PyTorch's own rules give the same numbers, but spell batch normalisation out in about ten
element-wise passes over the activations, and convolve a tangent of zeros where the input has none
(the network's first layer). With z the group's normalised input and r one over its deviation,

    group norm    dy = r (dx - mean(dx) - z mean(z dx)) * w  +  (z * dw + db)

which PyTorch refuses for inputs whose channels come last. The last rule is for a table with a
padding row. Training leaves that row as it is, because its gradient is zero by decree; forward mode
knows nothing of that, and would let it move.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

Operation = Callable[..., Tensor]


class ForwardRules(TorchFunctionMode):
    """Within the context, these operations use these rules, whoever calls them."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Called by torch for every operation in the context."""
        rule = _RULES.get(func, func)
        return rule(*args, **kwargs or {})


def _conv(
    operation: Operation,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *more: Any,
    **options: Any,
) -> Tensor:
    def convolve(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return operation(values, weight, bias, *more, **options)

    output: Tensor = _Conv.apply(input, weight, bias, convolve)  # type: ignore[no-untyped-call]
    return output


def _batch_norm(  # noqa: PLR0917
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if training or running_mean is None or weight is None:
        return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    output: Tensor = _BatchNorm.apply(  # type: ignore[no-untyped-call]
        input, weight, bias, running_mean, running_var, eps
    )
    return output


def _group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    output: Tensor = _GroupNorm.apply(  # type: ignore[no-untyped-call]
        input, weight, bias, num_groups, eps
    )
    return output


def _embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, *more: Any, **options: Any
) -> Tensor:
    found = F.embedding(input, weight, padding_idx, *more, **options)
    if padding_idx is None:
        return found
    fixed = unpack_dual(found).primal
    return torch.where(input.eq(padding_idx % len(weight)).unsqueeze(-1), fixed, found)


_RULES: dict[Callable[..., Any], Operation] = {
    **{each: partial(_conv, each) for each in (torch.conv1d, torch.conv2d, torch.conv3d)},
    F.batch_norm: _batch_norm,
    F.group_norm: _group_norm,
    F.embedding: _embedding,
}


class _Conv(torch.autograd.Function):
    """Forward mode only: reverse mode goes through the operation itself."""

    @staticmethod
    def forward(inputs: Tensor, weight: Tensor, bias: Tensor | None, convolve: Operation) -> Tensor:
        return convolve(inputs, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        values, weight, _, ctx.convolve = inputs
        ctx.save_for_forward(values, weight)
        ctx.set_materialize_grads(False)

    @staticmethod
    def jvp(
        ctx: Any, d_inputs: Tensor | None, d_weight: Tensor | None, d_bias: Tensor | None, _: Any
    ) -> Tensor:
        inputs, weight = ctx.saved_tensors

        def by_parameters(values: Tensor) -> Tensor:
            slope = torch.zeros_like(weight) if d_weight is None else d_weight
            tangent: Tensor = ctx.convolve(values, slope, d_bias)
            return tangent

        if d_inputs is None:
            return by_parameters(inputs)
        total: Tensor = ctx.convolve(d_inputs, weight, None)
        if d_weight is not None or d_bias is not None:
            _add_in_parts(total, inputs, by_parameters)
        return total


class _BatchNorm(torch.autograd.Function):
    """Forward mode only: reverse mode goes through the operation itself."""

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


class _GroupNorm(torch.autograd.Function):
    """Forward mode only: reverse mode goes through the operation itself."""

    @staticmethod
    def forward(
        inputs: Tensor, weight: Tensor | None, bias: Tensor | None, groups: int, eps: float
    ) -> Tensor:
        return F.group_norm(inputs, groups, weight, bias, eps)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        values, weight, _, ctx.groups, ctx.eps = inputs
        ctx.save_for_forward(values, weight)
        ctx.set_materialize_grads(False)

    @staticmethod
    def jvp(
        ctx: Any, d_inputs: Tensor | None, d_weight: Tensor | None, d_bias: Tensor | None, *_: Any
    ) -> Tensor:
        inputs, weight = ctx.saved_tensors

        def grouped(tensor: Tensor) -> Tensor:
            return tensor.unflatten(1, (ctx.groups, -1))

        def by_channel(vector: Tensor) -> Tensor:
            return vector.view(-1, *(1,) * (inputs.dim() - 2))

        within = tuple(range(2, inputs.dim() + 1))
        variance, mean = torch.var_mean(grouped(inputs), within, correction=0, keepdim=True)
        scale = (variance + ctx.eps).rsqrt()
        normal = (grouped(inputs) - mean) * scale
        total = torch.zeros_like(inputs)
        if d_inputs is not None:
            moved = grouped(d_inputs)
            turned = normal * (normal * moved).mean(within, keepdim=True)
            slope = ((moved - moved.mean(within, keepdim=True) - turned) * scale).flatten(1, 2)
            total += slope if weight is None else slope * by_channel(weight)
        if d_weight is not None:
            total += normal.flatten(1, 2) * by_channel(d_weight)
        return total if d_bias is None else total + by_channel(d_bias)


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
