"""What the tape needs to know about torch's operations, and how it reaches into their calls."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

import torch
from torch import Tensor
from torch.overrides import resolve_name


class Way(Enum):
    """Where the example axis is in an operation that uses a parameter."""

    FIRST = "first axis, one entry per example"
    GROUPED = "first axis, the entries of each example together"
    SECOND = "second axis"
    FOLDED = "first axis, examples innermost"
    COPIES = "none: each example is given its own copy of the parameter"
    GROUPED_COPIES = "none: each example is given copies, those of each together"
    SECOND_COPIES = "none: each example is given its own copy, along the second axis"
    FOLDED_COPIES = "none: each example is given copies, examples innermost"
    DERIVED = "none: the result is a function of parameters alone, and is watched in their place"


@dataclass(frozen=True)
class Step:
    """How one use of a parameter is treated: the operation's name, and where its examples are."""

    operation: str
    way: Way


class Tap(torch.autograd.Function):
    """Identity whose backward pass tells what gradient came by."""

    @staticmethod
    def forward(
        ctx: Any, output: Tensor, anchor: Tensor, arrive: Callable[[Tensor], None]
    ) -> Tensor:
        """Hand on the very same tensor."""
        ctx.arrive = arrive
        # As if changed in place: later operations may then really change it in place.
        ctx.mark_dirty(output)
        return output

    @staticmethod
    def backward(ctx: Any, errors: Tensor) -> tuple[Tensor, None, None]:
        """Tell, once, and forget the operation's data: the graph lives longer than its use."""
        arrive, ctx.arrive = ctx.arrive, None
        arrive(errors)
        return errors, None, None


def tapped(
    output: Tensor, anchor: Tensor, arrive: Callable[[Tensor], None], inputs: Sequence[Tensor]
) -> Tensor:
    """An operation's output with a `Tap` on it.

    torch's linear layer returns a view of a matrix product. Changing a view in place makes the
    backward pass copy it several times, so the product itself is tapped.

    Args:
        output: Fresh from the operation.
        anchor: Makes the backward pass reach the tap.
        arrive: Told the gradient, of the output's shape.
        inputs: What the operation was given; of these the output may be a view too.
    """
    whole = output._base
    if (
        whole is None
        or whole.numel() != output.numel()
        or not (whole.is_contiguous() and output.is_contiguous())
        or any(each is whole or each._base is whole for each in inputs)
    ):
        return cast(Tensor, Tap.apply(output, anchor, arrive))  # type: ignore[no-untyped-call]
    shape = output.shape

    def reshaped(errors: Tensor) -> None:
        arrive(errors.reshape(shape))

    changed: Tensor = Tap.apply(whole, anchor, reshaped)  # type: ignore[no-untyped-call]
    return changed.view(shape)


def ways_along(shape: Sequence[int], examples: int, *, probing: bool) -> list[Way]:
    """Where data of a shape may have the example axis; the likeliest first."""
    if not shape:
        return []
    k, rest = divmod(shape[0], examples)
    found = [Way.FIRST] if shape[0] == examples else []
    # With one entry per example these are no different, and a probe could not tell them apart.
    folds = rest == 0 and (k > 1 or not probing)
    if folds:
        found.append(Way.GROUPED)
    if len(shape) > 1 and shape[1] == examples:
        found.append(Way.SECOND)
    if folds:
        found.append(Way.FOLDED)
    return found


def split(tensor: Tensor, way: Way, examples: int) -> Tensor:
    """Put the example axis first and several uses per example second: shape (n, k, ...)."""
    if way is Way.SECOND:
        return tensor.transpose(0, 1)
    k, rest = len(tensor) // examples, tensor.shape[1:]
    if way is Way.FOLDED:
        return tensor.reshape(k, examples, *rest).transpose(0, 1)
    return tensor.reshape(examples, k, *rest)


def is_transposed(result: Any, matrix: Tensor) -> bool:
    """Whether a result of an operation is the same matrix, read the other way round."""
    return (
        isinstance(result, Tensor)
        and matrix.dim() == result.dim() == 2
        and result.data_ptr() == matrix.data_ptr()
        and result.shape == matrix.shape[::-1]
        and result.stride() == matrix.stride()[::-1]
    )


def leaves_reached(losses: Tensor) -> set[int]:
    """Identities of the tensors whose gradients a backward pass from here would compute."""
    found: set[int] = set()
    seen = {losses.grad_fn}
    todo = [losses.grad_fn]
    if losses.is_leaf and losses.requires_grad:
        found.add(id(losses))
    while todo:
        node = todo.pop()
        if node is None:
            continue
        if hasattr(node, "variable"):
            found.add(id(node.variable))
        for before, _ in node.next_functions:
            if before not in seen:
                seen.add(before)
                todo.append(before)
    return found


def tensors(value: Any) -> list[Tensor]:
    """Those among an operation's arguments or results."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return []
    found: list[Tensor] = []
    for each in value:
        # Most arguments are tensors or plain numbers.
        if isinstance(each, Tensor):
            found.append(each)
        elif isinstance(each, list | tuple | dict):
            found += tensors(each)
    return found


def swapped(value: Any, swap: Mapping[int, Tensor]) -> Any:
    """Arguments or results with some tensors, by identity, replaced."""
    if isinstance(value, Tensor):
        return swap.get(id(value), value)
    if type(value) in (list, tuple):
        return type(value)(swapped(each, swap) for each in value)
    if isinstance(value, dict):
        return {key: swapped(each, swap) for key, each in value.items()}
    return value


def precise(tensor: Tensor) -> Tensor:
    """Half-precision factors are multiplied and summed in single precision."""
    half = tensor.is_floating_point() and tensor.element_size() < 4
    return tensor.float() if half else tensor


@functools.cache
def name_of(func: Callable[..., Any]) -> str:
    """As `torch.overrides` has it: ``torch.conv2d``."""
    return str(resolve_name(func) or getattr(func, "__name__", repr(func)))


def is_in_place(func: Callable[..., Any]) -> bool:
    """Whether an operation changes its first argument, and returns it."""
    name = getattr(func, "__name__", "")
    return name.startswith("__i") or (name.endswith("_") and not name.endswith("__"))
